use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tower_socketio_adapter::{IntoRooms, Message, MessageKind, Room};
use tower_socketio_proto::socketio::Encoded;

use crate::channel::Channel;
use crate::error::{EmitError, PostgresError};
use crate::note::{Limits, Note};
use crate::publisher::Publisher;
use crate::selection::Selection;
use crate::{PostgresAdapter, selection};

/// Emits to the clients of a cluster from a program that serves none.
///
/// Servers on tower-socketio hear it, and Node's with `@socket.io/postgres-adapter`, also those that do not hear
/// `@socket.io/postgres-emitter`. Clones share one connection, which is made anew when it is lost. Whoever chooses
/// recipients gets another emitter, so one can be kept and used again.
///
/// All it does resolves when Postgres has it, and says nothing of who gets it. If Postgres hangs that fails after four
/// times the [`probe_interval`](PostgresAdapter::probe_interval) at the latest.
///
/// ```no_run
/// use tower_socketio_postgres::PostgresEmitter;
///
/// # async fn work() -> Result<(), Box<dyn std::error::Error>> {
/// let emitter = PostgresEmitter::connect("postgres://chat:secret@localhost/chat").await?;
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
pub struct PostgresEmitter {
    publisher: Arc<Publisher>,
    prefix: Arc<str>,
    limits: Limits,
    namespace: Arc<str>,
    selection: Selection,
}

/// Who sends it: no node.
const EMITTER: &str = "emitter";

impl PostgresEmitter {
    pub(crate) fn new(publisher: Arc<Publisher>, prefix: Arc<str>, limits: Limits) -> Self {
        Self { publisher, prefix, limits, namespace: "/".into(), selection: Selection::default() }
    }

    /// Connects to the database that this connection string names, with all options at their defaults;
    /// [`PostgresAdapter::emitter`] has others.
    ///
    /// # Errors
    ///
    /// If the string is not valid, the database cannot be reached, or the table for attachments cannot be made.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(connection: impl AsRef<str>) -> Result<Self, PostgresError> {
        PostgresAdapter::new(connection).emitter().await
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
        self.selecting(|selection| rooms.into_rooms(&mut selection.rooms))
    }

    /// Leaves out the sockets in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Self {
        self.selecting(|selection| rooms.into_rooms(&mut selection.except))
    }

    /// Lets events be lost for clients that are not ready for them.
    pub fn volatile(&self) -> Self {
        self.selecting(|selection| selection.volatile = true)
    }

    /// Whether events are compressed (default: `true`).
    pub fn compress(&self, compress: bool) -> Self {
        self.selecting(|selection| selection.compress = Some(compress))
    }

    /// Emits an event; `data` is as for a server's `emit`: a tuple is the list of arguments, bytes are attachments.
    ///
    /// # Errors
    ///
    /// If the event cannot be encoded, Postgres cannot be reached, or it does not take the message.
    pub async fn emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Encoded { json, attachments } = Encoded::event(event, &data)?;
        let data = selection::broadcast(&json, &self.namespace, &self.selection);
        self.publish(MessageKind::Broadcast, data, attachments).await
    }

    /// Lets the chosen sockets join rooms.
    ///
    /// # Errors
    ///
    /// If Postgres cannot be reached, or does not take the message.
    pub async fn join(&self, rooms: impl IntoRooms) -> Result<(), EmitError> {
        let data = selection::rooms(&self.selection, &list(rooms));
        self.publish(MessageKind::SocketsJoin, data, Vec::new()).await
    }

    /// Lets the chosen sockets leave rooms.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn leave(&self, rooms: impl IntoRooms) -> Result<(), EmitError> {
        let data = selection::rooms(&self.selection, &list(rooms));
        self.publish(MessageKind::SocketsLeave, data, Vec::new()).await
    }

    /// Disconnects the chosen sockets; with `close` their whole connection ends.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn disconnect(&self, close: bool) -> Result<(), EmitError> {
        let data = selection::disconnect(&self.selection, close);
        self.publish(MessageKind::DisconnectSockets, data, Vec::new()).await
    }

    /// Emits an event to the programs of all servers that have the namespace, whoever is chosen. They cannot answer.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit).
    pub async fn server_side_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Encoded { json, attachments } = Encoded::event(event, &data)?;
        self.publish(MessageKind::ServerSideEmit, selection::event(&json), attachments).await
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
    ) -> Result<(), EmitError> {
        let namespace = Some(self.namespace.clone());
        let message = Message::new(kind, namespace, EMITTER.into(), data, attachments);
        let channel = Channel::new(&self.prefix, &self.namespace);
        let note = Note::new(&message, channel, self.limits);
        let mut results = self.publisher.publish(vec![note]).await;
        Ok(results.pop().unwrap_or(Ok(()))?)
    }
}

fn list(rooms: impl IntoRooms) -> Vec<Room> {
    let mut list = Vec::new();
    rooms.into_rooms(&mut list);
    list
}
