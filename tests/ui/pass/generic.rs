//! A library may add handlers to anybody's namespace.

use tower_socketio::{Ack, Context, Extension, FromContext, FromRef, Namespace, Socket, State, WireError};

#[derive(Clone)]
struct Clock;

struct Login(String);

impl<C: Context, S: Sync> FromContext<C, S> for Login {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, state: &S) -> Result<Self, WireError> {
        let Extension(name) = Extension::<String>::from_context(cx, state).await?;
        Ok(Self(name))
    }
}

fn with_clock<S: Clone + Send + Sync + 'static>(namespace: Namespace<S>) -> Namespace<S>
where
    Clock: FromRef<S>,
{
    namespace
        .on("now", async |State(_): State<Clock>| Ack(7))
        .on("who", async |Login(name): Login| Ack(name))
        .on_disconnect(async |_: Login, socket: Socket| drop(socket))
}

fn main() {
    let _: Namespace = with_clock(Namespace::new()).with_state(Clock);
}
