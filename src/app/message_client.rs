use std::sync::Arc;

use axum_core::extract::FromRef;
use serde::Serialize;
use tower_socketio_adapter::Room;

use super::IntoUsers;
use crate::hub::{Broadcast, Sent, SocketIo};

/// Sends messages to users, wherever in a program there is something to tell: from REST handlers, say.
///
/// A user is who [`Socket::set_user`](crate::Socket::set_user), or a layer that authenticates, says a socket is of. All
/// sockets of a user are reached: those of each device, in every namespace unless
/// [`in_namespace`](Self::in_namespace) picks one, and those on the other nodes of a cluster. Sockets without a user are
/// reached by nothing here, and no string that a client chooses puts it among a user's sockets.
///
/// Making one is cheap, before and after the server runs, and clones are, too. It is axum's `State<MessageClient>`
/// where the state is one, where it has one by `FromRef`, and where it is a [`SocketIo`].
///
/// # Example
///
/// ```
/// use tower_socketio::{MessageClient, Namespace, Socket, SocketIo, TestClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A real program takes the user from a ticket or a token.
/// let enter = async |socket: Socket| socket.set_user("ada");
/// let io = SocketIo::builder().namespace("/", Namespace::new().on_connect(enter)).build()?;
/// let client = MessageClient::new(&io);
///
/// let mut ada = TestClient::new(&io).connect("/").await?;
/// assert_eq!(client.emit_to_users(["ada", "bob"], "news", "hello").reached(), 1);
/// assert_eq!(ada.next::<String>("news").await?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Several processes
///
/// In a [cluster](crate::Builder::adapter) a client on any node reaches the users on all of them. A process that
/// serves nobody, a queue's worker say, is a node, too: it declares the namespaces and never listens. So there is no trait
/// for messages by another carrier. The carrier is the cluster's [`Bus`](crate::adapter::Bus), one for all that a server
/// sends, and this type is the same over each of them.
///
/// A namespace that a pattern brought into being takes part on the nodes where somebody is in it: where nobody is, a
/// message to all namespaces does not know of it.
#[derive(Clone, Debug)]
pub struct MessageClient {
    io: SocketIo,
    namespace: Option<Arc<str>>,
}

impl MessageClient {
    /// A client for all namespaces of this server.
    pub fn new(io: &SocketIo) -> Self {
        Self { io: io.clone(), namespace: None }
    }

    /// A client for this namespace, or for those that came from this pattern; as in [`SocketIo::of`].
    ///
    /// A message to all namespaces costs each of them; where there are many, one that is meant for one of them should say so.
    pub fn in_namespace(&self, namespace: impl Into<Arc<str>>) -> Self {
        Self { io: self.io.clone(), namespace: Some(namespace.into()) }
    }

    /// Emits an event to all sockets of these users: a tuple is the argument list, `()` no argument, anything else one
    /// argument.
    ///
    /// A socket gets it once, also if its user is named twice; users who are not there are no error, and without users
    /// it reaches nobody. The result says how many sockets on this node it [reached](Sent::reached).
    pub fn emit_to_users<Number>(
        &self,
        users: impl IntoUsers<Number>,
        event: &str,
        data: impl Serialize,
    ) -> Sent {
        self.users(users).emit(event, data)
    }

    /// Emits an event to all sockets that have a user, and to no others.
    pub fn emit_to_everyone(&self, event: &str, data: impl Serialize) -> Sent {
        self.namespaces().to(Room::users()).emit(event, data)
    }

    /// Disconnects all sockets of these users: from their namespaces, and with `close` their connections end.
    ///
    /// Clients see `io server disconnect` and do not come back by themselves. It does not keep them from coming back:
    /// take away first what lets them in.
    pub fn disconnect_users<Number>(&self, users: impl IntoUsers<Number>, close: bool) {
        self.users(users).disconnect(close);
    }

    /// The server.
    pub fn io(&self) -> &SocketIo {
        &self.io
    }

    fn namespaces(&self) -> Broadcast {
        match &self.namespace {
            Some(namespace) => self.io.of(namespace),
            None => self.io.everywhere(),
        }
    }

    fn users<Number>(&self, users: impl IntoUsers<Number>) -> Broadcast {
        let mut rooms = Vec::new();
        users.into_users(&mut rooms);
        // A target without rooms is everybody.
        if rooms.is_empty() {
            return self.io.nowhere();
        }
        rooms.sort_unstable();
        rooms.dedup();
        self.namespaces().to(rooms)
    }
}

impl FromRef<SocketIo> for MessageClient {
    fn from_ref(io: &SocketIo) -> Self {
        Self::new(io)
    }
}
