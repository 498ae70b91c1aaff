use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tower_socketio_adapter::{Answers, Flags, Room, Target};
use tower_socketio_proto::socketio::{
    Arguments, EncodeError, Encoded, Kind, Packet, is_reserved, write_event,
};

use crate::hub::{EmitError, Sent, Socket, Space};

/// An emit on its way out: to one socket, or one broadcast to many.
#[derive(Clone)]
pub struct EmitRequest {
    arguments: Arguments,
    destination: Destination,
}

#[derive(Clone)]
pub(crate) enum Destination {
    One { socket: Socket, id: Option<u64>, flags: Flags },
    Many { space: Arc<Space>, target: Target, ask: Option<(u64, Arc<dyn Answers>)> },
}

impl EmitRequest {
    /// From what [`write_event`] wrote.
    pub(crate) fn new(
        json: &[u8],
        attachments: Vec<Bytes>,
        destination: Destination,
    ) -> Result<Self, EmitError> {
        let packet =
            Packet::json(Kind::Event, std::str::from_utf8(json).expect("JSON is UTF-8"), attachments);
        let arguments = Arguments::event(&packet).expect("an event was written, and no reserved one");
        Ok(Self { arguments, destination })
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        self.arguments.name()
    }

    /// Gives the event another name. One that Socket.IO reserves makes the emit fail.
    pub fn set_event(&mut self, name: &str) {
        self.arguments.set_name(name);
    }

    /// The event's arguments, to be read into any type.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// Replaces the event's arguments: a tuple is the list, anything else one argument.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] if the data cannot be serialised; the arguments are then as before.
    pub fn set_data(&mut self, data: impl Serialize) -> Result<(), EmitError> {
        let mut json = Vec::new();
        let attachments = write_event(&mut json, self.event(), &data)?;
        *self = Self::new(&json, attachments, self.destination.clone())?;
        Ok(())
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        match &self.destination {
            Destination::One { socket, .. } => socket.space().name(),
            Destination::Many { space, .. } => space.name(),
        }
    }

    /// The one socket it goes to; `None` for a broadcast.
    pub fn socket(&self) -> Option<&Socket> {
        match &self.destination {
            Destination::One { socket, .. } => Some(socket),
            Destination::Many { .. } => None,
        }
    }

    /// The rooms a broadcast goes to; none means the whole namespace.
    pub fn rooms(&self) -> &[Room] {
        match &self.destination {
            Destination::One { .. } => &[],
            Destination::Many { target, .. } => &target.rooms,
        }
    }

    /// The rooms a broadcast leaves out.
    pub fn except(&self) -> &[Room] {
        match &self.destination {
            Destination::One { .. } => &[],
            Destination::Many { target, .. } => &target.except,
        }
    }

    /// Whether it is dropped where a connection is not ready for it.
    pub fn is_volatile(&self) -> bool {
        match &self.destination {
            Destination::One { flags, .. } => flags.volatile,
            Destination::Many { target, .. } => target.flags.volatile,
        }
    }

    /// Whether answers are waited for.
    pub fn expects_ack(&self) -> bool {
        match &self.destination {
            Destination::One { id, .. } => id.is_some(),
            Destination::Many { ask, .. } => ask.is_some(),
        }
    }

    /// Sends it.
    pub(super) fn deliver(self) -> Sent {
        if is_reserved(self.event()) {
            return Err(EmitError::Encode(EncodeError::ReservedName)).into();
        }
        let Encoded { json, attachments } = match self.arguments.to_encoded() {
            Ok(encoded) => encoded,
            // Nested deeper than can be read again.
            Err(error) => return Err(EmitError::Encode(EncodeError::Custom(error.to_string()))).into(),
        };
        match self.destination {
            Destination::One { socket, id, flags } => {
                socket.deliver_event(&json, attachments, id, flags).into()
            }
            Destination::Many { space, target, ask } => Sent::to(match &ask {
                Some((id, answers)) => space.ask(&json, attachments, &target, (*id, answers)),
                None => space.broadcast(&json, attachments, &target),
            }),
        }
    }
}

/// Sizes only: what is emitted may be secret.
impl fmt::Debug for EmitRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitRequest")
            .field("namespace", &self.namespace())
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}
