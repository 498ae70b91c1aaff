//! One of everything: closures and functions, every moment, states and results.

use tower_socketio::{
    Ack, AckSender, Any, Args, Auth, Data, DisconnectReason, Event, Extension, FromRef, Handler, Http, Namespace, Path,
    Room, Socket, SocketIo, State, WireError,
};

#[derive(Clone)]
struct App {
    name: String,
}

impl FromRef<App> for String {
    fn from_ref(app: &App) -> Self {
        app.name.clone()
    }
}

async fn question(
    socket: Socket,
    State(name): State<String>,
    Data((text, times)): Data<(String, Option<u8>)>,
) -> Result<Ack<(String, u8)>, WireError> {
    let answer: u8 = socket.emit_with_ack("really?", &text).await?;
    Ok(Ack((name, answer + times.unwrap_or_default())))
}

async fn eight(
    _: Socket,
    _: SocketIo,
    _: Event,
    _: Args,
    _: Option<Data<u8>>,
    _: Result<Data<u8>, WireError>,
    _: Path<()>,
    _: AckSender,
) {
}

fn main() -> Result<(), tower_socketio::ConfigError> {
    let greeting = "hello".to_owned();
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket, auth: Option<Auth<String>>, Http(_): Http<http::HeaderMap>| {
            socket.join(["a", "b"]);
            auth.map(drop).ok_or_else(|| WireError::new("no auth"))
        })
        .on_connected(async move |socket: Socket| socket.emit("greeting", greeting))
        .on("question", question)
        .on("eight", eight)
        .on("all", async |Args(all): Args<Vec<Any>>| Ack(Args(all)))
        .on("bound", question.with_state(App { name: "own".to_owned() }))
        .any(async |Event(_): Event| {})
        .fallback(async || {})
        .on_disconnecting(async |reason: DisconnectReason| drop(reason.as_str()))
        .on_disconnect(async |State(_): State<App>, _: Option<Extension<u8>>| {})
        .on_error(async |error: WireError| drop(error))
        .with_state(App { name: "app".to_owned() });
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    io.to(vec!["a".to_owned()]).to(Room::user("42")).to(&["b", "c"]).emit("e", (1, "2", [3]));
    Ok(())
}
