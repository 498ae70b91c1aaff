use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tower_socketio_adapter::{BusError, IntoRooms, Message, MessageKind, To};
use tower_socketio_proto::socketio::Encoded;

use super::selection::Selection;
use crate::connection::{Commands, Job, Plan};
use crate::{ConnectError, EmitError, RedisAdapter, RedisServer};

/// Emits to the clients of a cluster from a program that serves none.
///
/// One that speaks the classic format ([`connect`](Self::connect), [`ClassicAdapter::emitter`](crate::ClassicAdapter::emitter))
/// is heard by this crate's classic adapter and by Node's, like npm's `@socket.io/redis-emitter`; one that speaks the
/// sharded format ([`ShardedAdapter::emitter`](crate::ShardedAdapter::emitter)) by both sharded ones; one that writes to a
/// stream ([`StreamsAdapter::emitter`](crate::StreamsAdapter::emitter)) by both of streams.
///
/// Clones share one connection, which is made anew when it is lost. Whoever chooses recipients gets another emitter, so
/// one can be kept and used again. All it does resolves when Redis has it, and says nothing of who gets it; while Redis is
/// out of reach it fails at once.
///
/// ```no_run
/// use tower_socketio_redis::RedisEmitter;
///
/// # async fn work() -> Result<(), Box<dyn std::error::Error>> {
/// let emitter = RedisEmitter::connect("redis://localhost").await?;
/// emitter.to("lobby").emit("news", ("It rains", 3)).await?;
/// emitter.of("/admin").except("auditors").disconnect(true).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// What is dropped before it resolves may have been published or not.
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisEmitter {
    commands: Arc<Commands>,
    format: Arc<dyn Format>,
    namespace: Arc<str>,
    selection: Selection,
}

/// How messages are written.
pub(crate) trait Format: Debug + Send + Sync + 'static {
    /// Makes the command that publishes a message; `None` if there is nothing to publish.
    fn job(&self, message: &Message, to: To<'_>) -> Result<Option<Job>, BusError>;
}

/// Who sends it: no node.
const EMITTER: &str = "emitter";

impl RedisEmitter {
    /// Connects, to speak the classic format with all options at their defaults.
    ///
    /// # Errors
    ///
    /// If the server is not described as it should be, or cannot be reached.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(server: impl Into<RedisServer>) -> Result<Self, ConnectError> {
        RedisAdapter::classic(server).emitter().await
    }

    pub(crate) async fn new(server: &RedisServer, format: impl Format) -> Result<Self, ConnectError> {
        let plan = Arc::new(Plan::new(server).map_err(ConnectError::Configuration)?);
        let commands = Arc::new(Commands::new(plan));
        commands.ping().await.map_err(ConnectError::Unreachable)?;
        Ok(Self {
            commands,
            format: Arc::new(format),
            namespace: "/".into(),
            selection: Selection::default(),
        })
    }

    /// Chooses a namespace, in which nobody is chosen yet; it is `/` before. A missing `/` is put in front.
    pub fn of(&self, namespace: &str) -> Self {
        let namespace = match namespace.starts_with('/') {
            true => namespace.into(),
            false => format!("/{namespace}").into(),
        };
        Self { namespace, selection: Selection::default(), ..self.clone() }
    }

    /// Chooses the sockets in these rooms, too; without any, all are chosen.
    pub fn to(&self, rooms: impl IntoRooms) -> Self {
        self.selecting(|selection| selection.to(rooms))
    }

    /// Leaves out the sockets in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Self {
        self.selecting(|selection| selection.except(rooms))
    }

    /// Lets events be lost for clients that are not ready for them.
    pub fn volatile(&self) -> Self {
        self.selecting(|selection| selection.volatile = true)
    }

    /// Whether events are compressed (default: yes).
    pub fn compress(&self, compress: bool) -> Self {
        self.selecting(|selection| selection.compress = Some(compress))
    }

    /// Emits an event; `data` is as for a server's `emit`: a tuple is the list of arguments, bytes are attachments.
    ///
    /// # Errors
    ///
    /// If the event cannot be encoded, or Redis cannot be reached or does not take the message.
    pub async fn emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Encoded { json, attachments } = Encoded::event(event, &data)?;
        let data = self.selection.broadcast(&json, &self.namespace);
        self.publish(MessageKind::Broadcast, data, attachments, self.selection.address()).await
    }

    /// Lets the chosen sockets join rooms.
    ///
    /// # Errors
    ///
    /// If Redis cannot be reached, or does not take the message.
    pub async fn join(&self, rooms: impl IntoRooms) -> Result<(), EmitError> {
        self.publish(MessageKind::SocketsJoin, self.selection.rooms(rooms), Vec::new(), To::All).await
    }

    /// Lets the chosen sockets leave rooms.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn leave(&self, rooms: impl IntoRooms) -> Result<(), EmitError> {
        self.publish(MessageKind::SocketsLeave, self.selection.rooms(rooms), Vec::new(), To::All).await
    }

    /// Disconnects the chosen sockets; with `close` their whole connection ends.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn disconnect(&self, close: bool) -> Result<(), EmitError> {
        self.publish(MessageKind::DisconnectSockets, self.selection.disconnect(close), Vec::new(), To::All)
            .await
    }

    /// Emits an event to the programs of all servers that have the namespace, whoever is chosen. They cannot answer.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit).
    pub async fn server_side_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Encoded { json, attachments } = Encoded::event(event, &data)?;
        self.publish(MessageKind::ServerSideEmit, Selection::event(&json), attachments, To::All).await
    }

    fn selecting(&self, choose: impl FnOnce(&mut Selection)) -> Self {
        let mut emitter = self.clone();
        choose(&mut emitter.selection);
        emitter
    }

    async fn publish(
        &self,
        kind: MessageKind,
        data: Bytes,
        attachments: Vec<Bytes>,
        to: To<'_>,
    ) -> Result<(), EmitError> {
        let namespace = Some(self.namespace.clone());
        let message = Message::new(kind, namespace, EMITTER.into(), data, attachments);
        let job = self.format.job(&message, to).map_err(EmitError::from_bus)?;
        if let Some(job) = job {
            self.commands.run(job).await.map_err(EmitError::Unreachable)?;
        }
        Ok(())
    }
}
