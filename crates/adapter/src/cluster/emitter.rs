use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tower_socketio_proto::socketio::{EncodeError, Encoded};

use super::outbox::Address;
use super::write;
use crate::{Bus, BusError, IntoRooms, Message, MessageKind, Room, Target};

/// Emits to the clients of a cluster from a program that serves none: a worker, a script, a scheduled task.
///
/// It speaks over a [`Bus`] as the cluster's nodes do, and is none of them: nobody waits for it, and it hears nothing. The
/// adapters of an engine make one in the place of a node (their `emitter` instead of `connect`), so that it has the same
/// options as the nodes.
///
/// Cloning is cheap, and clones share the bus with its connections. Whoever chooses recipients gets another emitter, so
/// one can be kept and used again. All it does resolves when the engine has it, and says nothing of who gets it; what fails
/// is not tried again.
///
/// ```
/// use tower_socketio_adapter::{Emitter, LocalBus, Room};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_socketio_adapter::EmitError> {
/// let emitter = Emitter::new(LocalBus::new());
/// emitter.to("lobby").emit("news", ("It rains", 3)).await?;
/// emitter.to(Room::user("42")).join("winners").await?;
/// emitter.of("/admin").except("auditors").disconnect(true).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// What is dropped before it resolves may have been published or not.
#[derive(Clone, Debug)]
#[must_use = "an emitter does nothing before `emit` or another verb"]
pub struct Emitter {
    bus: Arc<dyn Bus>,
    namespace: Arc<str>,
    target: Target,
}

/// Why an emitter did not do what it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event's name is reserved, or its data cannot be serialised.
    #[error("the event cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The engine cannot be reached, or does not take the message.
    #[error("the message was not published")]
    Publish(#[from] BusError),
}

impl Emitter {
    /// Creates an emitter over a bus, for everybody in the namespace `/`.
    pub fn new(bus: impl Bus) -> Self {
        Self { bus: Arc::new(bus), namespace: "/".into(), target: Target::default() }
    }

    /// Chooses a namespace, in which everybody is meant; it is `/` before. A missing `/` is put in front.
    pub fn of(&self, namespace: &str) -> Self {
        let namespace = match namespace.starts_with('/') {
            true => namespace.into(),
            false => format!("/{namespace}").into(),
        };
        Self { bus: self.bus.clone(), namespace, target: Target::default() }
    }

    /// Chooses the sockets in these rooms, too; without any, all are meant.
    pub fn to(&self, rooms: impl IntoRooms) -> Self {
        self.aiming(|target| add(&mut target.rooms, rooms))
    }

    /// Leaves out the sockets in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Self {
        self.aiming(|target| add(&mut target.except, rooms))
    }

    /// Lets events be lost for clients that are not ready for them.
    pub fn volatile(&self) -> Self {
        self.aiming(|target| target.flags.volatile = true)
    }

    /// Whether the transport may compress events (default: yes).
    pub fn compress(&self, on: bool) -> Self {
        self.aiming(|target| target.flags.compress = on)
    }

    /// Emits an event; `data` is as for a server's `emit`: a tuple is the list of arguments, bytes are attachments.
    ///
    /// # Errors
    ///
    /// If the event cannot be encoded, or the engine cannot be reached or does not take the message.
    pub async fn emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Encoded { json, attachments } = Encoded::event(event, &data)?;
        drop(data);
        let data = write::broadcast(&json, &self.target, None);
        self.publish(MessageKind::Broadcast, data, attachments, Address::of(&self.target)).await
    }

    /// Lets the chosen sockets join rooms.
    ///
    /// # Errors
    ///
    /// If the engine cannot be reached, or does not take the message.
    pub async fn join(&self, rooms: impl IntoRooms) -> Result<(), EmitError> {
        let data = write::rooms(&self.target, &list(rooms));
        self.publish(MessageKind::SocketsJoin, data, Vec::new(), Address::All).await
    }

    /// Lets the chosen sockets leave rooms.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn leave(&self, rooms: impl IntoRooms) -> Result<(), EmitError> {
        let data = write::rooms(&self.target, &list(rooms));
        self.publish(MessageKind::SocketsLeave, data, Vec::new(), Address::All).await
    }

    /// Disconnects the chosen sockets from the namespace; with `close` their whole connections end.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    pub async fn disconnect(&self, close: bool) -> Result<(), EmitError> {
        let data = write::disconnect(&self.target, close);
        self.publish(MessageKind::DisconnectSockets, data, Vec::new(), Address::All).await
    }

    /// Emits an event to the programs of all servers that have the namespace, whoever is chosen. They cannot answer.
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit).
    pub async fn server_side_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let Encoded { json, attachments } = Encoded::event(event, &data)?;
        drop(data);
        let data = write::event(&json, None);
        self.publish(MessageKind::ServerSideEmit, data, attachments, Address::All).await
    }

    fn aiming(&self, choose: impl FnOnce(&mut Target)) -> Self {
        let mut emitter = self.clone();
        choose(&mut emitter.target);
        emitter
    }

    async fn publish(
        &self,
        kind: MessageKind,
        data: Bytes,
        attachments: Vec<Bytes>,
        to: Address,
    ) -> Result<(), EmitError> {
        let (namespace, node) = (Some(self.namespace.clone()), Message::EMITTER.into());
        let message = Message::new(kind, namespace, node, data, attachments);
        self.bus.publish(&message, to.as_to()).await?;
        Ok(())
    }
}

/// Adds rooms, each once.
fn add(known: &mut Vec<Room>, rooms: impl IntoRooms) {
    for room in list(rooms) {
        if !known.contains(&room) {
            known.push(room);
        }
    }
}

fn list(rooms: impl IntoRooms) -> Vec<Room> {
    let mut list = Vec::new();
    rooms.into_rooms(&mut list);
    list
}
