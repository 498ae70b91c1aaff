use axum_core::extract::FromRef;
use tower_socketio_proto::socketio::Args;

use super::{PublishError, PublishMessage, Recipients};
use crate::hub::{Broadcast, Sent, SocketIo};

/// Publishes events to a namespace, a room or a socket on the other nodes of a cluster, or on all of them.
///
/// A [`PublishMessage`] says to whom; it is checked before anything is sent. Making a publisher is cheap, and clones are,
/// too. It is axum's `State<Publisher>` where the state is one, where it has one by `FromRef`, and where it is a
/// [`SocketIo`].
///
/// # Example
///
/// A node that emits to its own sockets and tells the others:
///
/// ```
/// use tower_socketio::{Data, Namespace, PublishError, PublishMessage, Publisher, Socket, SocketIo};
///
/// async fn updated(socket: Socket, Data(id): Data<String>) -> Result<(), PublishError> {
///     socket.to("members").local().emit("ArticleUpdated", &id);
///     let message = PublishMessage::new("ArticleUpdated", [id]).namespace("blog").room("members");
///     Publisher::new(socket.io()).publish(&message)?;
///     Ok(())
/// }
///
/// let blog = Namespace::new().on("ArticleUpdated", updated);
/// let io = SocketIo::builder().namespace("/blog", blog).build()?;
/// # Ok::<_, tower_socketio::ConfigError>(())
/// ```
///
/// What is to reach everybody needs no publisher: without `local()` the emit above does.
///
/// # Whoever may publish speaks for the server
///
/// A message names any namespace, room and socket, so a REST route that takes `Json<PublishMessage>` belongs behind a
/// login for services, never in the hands of clients. Even so a room's name is a plain one: it never means a user's room.
/// A socket's id is a room's name, too; a handler that lets its client join rooms of any name lets it hear what is meant
/// for a socket whose id it knows.
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn route() {
/// use axum::extract::State;
/// use axum::routing::post;
/// use axum::{Json, Router};
/// use tower_socketio::{PublishError, PublishMessage, Publisher, SocketIo};
///
/// async fn publish(
///     State(publisher): State<Publisher>,
///     Json(message): Json<PublishMessage>,
/// ) -> Result<Json<usize>, PublishError> {
///     Ok(Json(publisher.publish_all(&message)?.reached()))
/// }
///
/// let io = SocketIo::default();
/// let app: Router = Router::new().route("/publish", post(publish)).with_state(io.clone()).layer(io.layer());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    io: SocketIo,
}

impl Publisher {
    /// A publisher to the nodes of this server's cluster.
    pub fn new(io: &SocketIo) -> Self {
        Self { io: io.clone() }
    }

    /// Publishes to the sockets on all nodes but this one; without a cluster, to nobody.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the message is not valid or names no namespace.
    pub fn publish(&self, message: &PublishMessage) -> Result<Sent, PublishError> {
        self.send(message, Broadcast::elsewhere)
    }

    /// Publishes to the sockets on all nodes, this one included.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn publish_all(&self, message: &PublishMessage) -> Result<Sent, PublishError> {
        self.send(message, |everywhere| everywhere)
    }

    /// The server.
    pub fn io(&self) -> &SocketIo {
        &self.io
    }

    fn send(
        &self,
        message: &PublishMessage,
        reach: impl FnOnce(Broadcast) -> Broadcast,
    ) -> Result<Sent, PublishError> {
        let (recipients, name) = (message.recipients()?, message.full_name());
        let namespace = match (&name, recipients) {
            (None, Recipients::Single(_)) => self.io.everywhere(),
            _ => {
                let name = name.as_deref().unwrap_or("/");
                self.io.known(name).ok_or_else(|| PublishError::UnknownNamespace(name.to_owned()))?
            }
        };
        let to = match recipients {
            Recipients::Everyone => namespace,
            Recipients::Members(room) => namespace.to(room),
            Recipients::Single(socket) => namespace.to(socket),
            Recipients::EveryoneExcept(socket) => namespace.except(socket),
            Recipients::MembersExcept { room, socket } => namespace.to(room).except(socket),
        };
        Ok(reach(to).emit(&message.event, Args(&message.data)))
    }
}

impl FromRef<SocketIo> for Publisher {
    fn from_ref(io: &SocketIo) -> Self {
        Self::new(io)
    }
}
