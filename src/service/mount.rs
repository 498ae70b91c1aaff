use std::sync::Arc;

use super::doors::TableDoors;
use crate::handler::{Arguments, Handler, bind};
use crate::hub::{Broadcast, Builder, Config, ConfigError, Doors, IntoReply, Mount, PacketRequest, SocketIo};
use crate::namespace::{HandlerId, Namespace, Pattern};

/// A namespace ready to be declared.
pub(crate) fn mount(pattern: Pattern, namespace: Namespace) -> Mount {
    let names = namespace.names().to_vec();
    let doors = |config: &Config| -> Result<Arc<dyn Doors>, ConfigError> {
        Ok(Arc::new(TableDoors::new(namespace.into_table(config)?)))
    };
    Mount { pattern: pattern.check(), names, doors: Box::new(doors) }
}

impl SocketIo {
    /// Declares a namespace, before or while serving.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a malformed name, for one that is taken, also by a namespace that a pattern has brought into
    /// being, and for reserved events.
    pub fn namespace(&self, pattern: impl Into<Pattern>, namespace: Namespace) -> Result<(), ConfigError> {
        self.declare(vec![mount(pattern.into(), namespace)])
    }
}

impl Builder {
    /// Declares a namespace. One with a state got it by [`Namespace::with_state`], so each can have its own.
    ///
    /// "expected `Namespace`, found `Namespace<Db>`" from the compiler means that `.with_state(db)` is missing.
    pub fn namespace(mut self, pattern: impl Into<Pattern>, namespace: Namespace) -> Self {
        self.mounts.push(mount(pattern.into(), namespace));
        self
    }

    /// Checks everything and makes the server.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first option or namespace that does not fit.
    pub fn build(self) -> Result<SocketIo, ConfigError> {
        let Self { mut config, mounts } = self;
        config.check()?;
        let io = SocketIo::with_config(config);
        let config = &io.hub().config;
        let layers = (config.connect_layers.len(), config.packet_layers.len(), config.emit_layers.len());
        if layers != (0, 0, 0) {
            let doors = TableDoors::new(Namespace::new().into_table(config)?);
            io.hub().registry().guard_root(Arc::new(doors));
        }
        io.declare(mounts)?;
        Ok(io)
    }
}

/// The handlers of a namespace, changed while it serves.
impl Broadcast {
    /// Adds a handler to the namespace; it is there for the next event of every socket.
    ///
    /// # Errors
    ///
    /// [`ConfigError::ReservedEvent`], or [`ConfigError::UnknownNamespace`] if none of this name was declared.
    pub fn on<T>(
        &self,
        event: &str,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Result<HandlerId, ConfigError>
    where
        T: Arguments<PacketRequest, ()> + Send + 'static,
    {
        let unknown = || ConfigError::UnknownNamespace(self.name().to_owned());
        let doors = self.io().hub().registry().doors(self.name()).ok_or_else(unknown)?;
        doors.add(event, bind(handler)(&())).map(HandlerId)
    }

    /// Removes a handler that [`on`](Self::on) added; `false` if there is none of this id.
    pub fn off(&self, id: HandlerId) -> bool {
        self.io().hub().registry().doors(self.name()).is_some_and(|doors| doors.remove(id.0))
    }
}
