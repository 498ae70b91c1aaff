use tower_socketio::{ConnectRequest, FromContext, Namespace, WireError};

struct Token;

impl<S: Sync> FromContext<ConnectRequest, S> for Token {
    type Rejection = WireError;

    async fn from_context(_: &mut ConnectRequest, _: &S) -> Result<Self, WireError> {
        Ok(Self)
    }
}

fn main() {
    let _: Namespace = Namespace::new().on_connect(async |_: Token| {}).on("e", async |_: Token| {});
}
