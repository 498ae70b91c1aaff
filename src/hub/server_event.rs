use std::sync::Arc;

use tower_socketio_proto::socketio::Arguments;

use super::{Broadcast, Occasion, SocketIo, Space};

/// An event that the program of another node emitted to the programs of this namespace, with
/// [`Broadcast::server_side_emit`].
#[derive(Clone, Debug)]
pub struct ServerEvent {
    io: SocketIo,
    space: Arc<Space>,
    arguments: Arguments,
}

impl ServerEvent {
    pub(super) fn new(io: SocketIo, space: Arc<Space>, arguments: Arguments) -> Self {
        Self { io, space, arguments }
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        self.arguments.name()
    }

    /// The event's arguments, as they came.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        self.space.name()
    }
}

impl Occasion for ServerEvent {
    fn io(&self) -> &SocketIo {
        &self.io
    }

    fn everybody(&self) -> Broadcast {
        Broadcast::of(&self.io, self.space.clone())
    }
}
