//! A controller in every moment of a socket, for any state that has what it needs.

use std::sync::Arc;

use tower_socketio::{
    Ack, ConnectRequest, Controller, ControllerSet, Data, DisconnectReason, FromRef, Handler, Namespace, Path, Pattern,
    Socket, SocketIo, State, WireError,
};

#[derive(Clone)]
struct Db;

struct Visit {
    room: String,
}

impl<S: Clone + Send + Sync + 'static> Controller<S> for Visit
where
    Db: FromRef<S>,
{
    async fn open(cx: &mut ConnectRequest, state: &S) -> Result<Self, WireError> {
        let State(Db) = cx.extract(state).await?;
        let Path(room) = cx.extract(state).await?;
        Ok(Self { room })
    }

    fn events(on: Namespace<S>) -> Namespace<S> {
        on.on_connect(Self::greet)
            .on_connected(Self::ask)
            .on("say", Self::say)
            .on("also", Self::say.layer(tower::timeout::TimeoutLayer::new(std::time::Duration::from_secs(1))))
            .on_each(["a", "b"], async |_: Arc<Self>, State(Db): State<Db>| {})
            .any(async |_: Arc<Self>| {})
            .fallback(Self::say)
            .on_disconnecting(Self::leave)
            .on_disconnect(Self::leave)
            .on_error(async |_: Option<Arc<Self>>, _: Result<Arc<Self>, WireError>| {})
    }

    fn namespace() -> Pattern {
        "/chat/{room}".into()
    }

    fn name() -> Option<&'static str> {
        Some("chat")
    }
}

impl Visit {
    async fn greet(self: Arc<Self>, socket: Socket) {
        socket.emit("welcome", &self.room);
    }

    async fn ask(self: Arc<Self>, socket: Socket) -> Result<(), WireError> {
        socket.emit_with_ack("question", ()).await.map_err(Into::into)
    }

    async fn say(self: Arc<Self>, text: Option<Data<String>>) -> Result<Ack<String>, WireError> {
        let Data(text) = text.ok_or_else(|| WireError::text("say something"))?;
        Ok(Ack(format!("{}: {text}", self.room)))
    }

    async fn leave(self: Arc<Self>, reason: DisconnectReason) {
        drop((self, reason));
    }
}

fn main() -> Result<(), tower_socketio::ConfigError> {
    let namespace = Namespace::new().controller::<Visit>().with_state(Db);
    let set = ControllerSet::new().add::<Visit>().add_at::<Visit>("/b/{room}").with_state(Db);
    let io = SocketIo::builder().namespace("/a/{room}", namespace).mount(set).build()?;
    io.named("chat").map(|rooms| rooms.emit("news", ()));
    Ok(())
}
