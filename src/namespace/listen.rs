use std::sync::PoisonError;

use tower_socketio_proto::socketio::is_reserved;

use crate::handler::{Arguments, Handler, bind};
use crate::hub::{ConfigError, IntoReply, Listener, PacketRequest, Socket, next_number};

/// A listener that was added while serving, to be removed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandlerId(pub(crate) u64);

/// Listeners of one socket alone; they are called after those of its namespace, and cost nothing where there are none.
impl Socket {
    /// Listens to an event of this socket.
    ///
    /// # Errors
    ///
    /// [`ConfigError::ReservedEvent`] if Socket.IO keeps the name for itself.
    pub fn on<T>(
        &self,
        event: &str,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Result<HandlerId, ConfigError>
    where
        T: Arguments<PacketRequest, ()> + Send + 'static,
    {
        self.listen(event, false, handler)
    }

    /// Listens to the next event of this name of this socket.
    ///
    /// # Errors
    ///
    /// [`ConfigError::ReservedEvent`] if Socket.IO keeps the name for itself.
    pub fn once<T>(
        &self,
        event: &str,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Result<HandlerId, ConfigError>
    where
        T: Arguments<PacketRequest, ()> + Send + 'static,
    {
        self.listen(event, true, handler)
    }

    /// Removes a listener; `false` if there is none of this id any more.
    pub fn off(&self, id: HandlerId) -> bool {
        let Some(listeners) = self.listeners() else { return false };
        let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let before = listeners.len();
        listeners.retain(|listener| listener.id != id.0);
        listeners.len() < before
    }

    fn listen<T>(
        &self,
        event: &str,
        once: bool,
        handler: impl Handler<T, Output: IntoReply, Future: Send>,
    ) -> Result<HandlerId, ConfigError>
    where
        T: Arguments<PacketRequest, ()> + Send + 'static,
    {
        if is_reserved(event) || self.space().doors().reserves(event) {
            return Err(ConfigError::ReservedEvent(event.to_owned()));
        }
        let id = next_number();
        let endpoint = bind(handler)(&());
        let listener = Listener { id, event: event.into(), once, endpoint };
        self.add_listener(listener);
        Ok(HandlerId(id))
    }
}
