use serde_json::json;
use tower_socketio::{DisconnectReason, Namespace, Sent, Socket};

use crate::broadcasts::rooms;

/// Everybody in `/watch` is told of the sockets of this namespace that go.
pub(crate) fn watched() -> Namespace {
    Namespace::new().on_disconnecting(leaving).on_disconnect(left)
}

async fn leaving(socket: Socket, reason: DisconnectReason) -> Sent {
    let (namespace, rooms) = (socket.namespace(), rooms(&socket));
    let news =
        json!({ "id": socket.id(), "ns": namespace.name(), "reason": reason.as_str(), "rooms": rooms });
    socket.io().of("/watch").emit("leaving", news)
}

async fn left(socket: Socket, reason: DisconnectReason) -> Sent {
    let news = json!({ "id": socket.id(), "ns": socket.namespace().name(), "reason": reason.as_str() });
    socket.io().of("/watch").emit("left", news)
}
