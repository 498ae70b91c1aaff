use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tower_socketio::{
    Ack, AckSender, Any, Args, Data, Extension, HandlerId, Namespace, Sent, Socket, WireError,
};

use crate::namespaces::Handshake;
use crate::tap;

const ASK_TIMEOUT: Duration = Duration::from_millis(300);
const LATER: Duration = Duration::from_millis(200);

/// Any number of arguments of any kind.
pub(crate) type Everything = Args<Vec<Any>>;

/// The events of section 3 of the contract that are between one client and the server.
pub(crate) fn events() -> Namespace {
    Namespace::new()
        .on("echo", echo)
        .on("message", message)
        .on("ack", async |all: Everything| Ack(all))
        .on("later", later)
        .on("double", async |Data(n): Data<u32>| Ack(u64::from(n) * 2))
        .on("upload", upload)
        .on("fail", async |Data(message): Data<String>| Err::<(), _>(WireError::new(message)))
        .on("panic", panics)
        .on("ask", ask)
        .on("burst", burst)
        .on("volatile", volatile)
        .on("kick", kick)
        .on("listen", listen)
        .on("unlisten", unlisten)
        .on("handshake", async |Extension(handshake): Extension<Handshake>| Ack(handshake))
        .on("recovered", async |socket: Socket| Ack(socket.recovered()))
}

async fn echo(socket: Socket, all: Everything) -> Sent {
    socket.emit("echo", tap::out(&socket, "echo", all))
}

async fn message(socket: Socket, all: Everything) -> Sent {
    socket.send(tap::out(&socket, "message", all))
}

async fn later(ack: AckSender, Data(value): Data<Any>) {
    tokio::spawn(async move {
        tokio::time::sleep(LATER).await;
        ack.send(value)
    });
}

#[derive(Deserialize)]
struct File {
    name: String,
    bytes: Bytes,
}

#[derive(Serialize)]
struct Stored {
    name: String,
    bytes: Bytes,
    size: usize,
}

async fn upload(Data(File { name, bytes }): Data<File>) -> Ack<Stored> {
    let size = bytes.len();
    Ack(Stored { name, bytes, size })
}

async fn panics() {
    panic!("the client asked for it");
}

async fn ask(
    socket: Socket,
    Data(event): Data<String>,
    Args(mut all): Everything,
) -> Result<Ack<Everything>, WireError> {
    let question = tap::out(&socket, &event, Args(all.split_off(1)));
    let answer = socket.timeout(ASK_TIMEOUT).emit_with_ack(&event, question).await?;
    Ok(Ack(answer))
}

async fn burst(socket: Socket, Data(n): Data<u32>) {
    for i in 0..n {
        socket.emit("number", tap::out(&socket, "number", (i,)));
    }
}

async fn volatile(socket: Socket) {
    socket.emit("tick", tap::out(&socket, "tick", ("regular",)));
    socket.volatile().emit("tick", tap::out(&socket, "tick", ("volatile",)));
}

async fn kick(socket: Socket, Data(close): Data<bool>) {
    if close { socket.disconnect_transport() } else { socket.disconnect() }
}

/// The listeners that a socket was given, by event.
#[derive(Clone, Default)]
struct Added(Vec<(String, HandlerId)>);

async fn listen(socket: Socket, Data((event, once)): Data<(String, bool)>) -> Result<(), WireError> {
    let heard = async || Ack("heard");
    let id = if once { socket.once(&event, heard)? } else { socket.on(&event, heard)? };
    let Added(mut added) = socket.extensions().remove().unwrap_or_default();
    added.push((event, id));
    socket.extensions().insert(Added(added));
    Ok(())
}

async fn unlisten(socket: Socket, Data(event): Data<String>) {
    let Added(mut added) = socket.extensions().remove().unwrap_or_default();
    for (_, id) in added.extract_if(.., |(of, _)| *of == event) {
        socket.off(id);
    }
    socket.extensions().insert(Added(added));
}
