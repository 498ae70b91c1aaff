use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_socketio_adapter::Flags;

use super::{AckError, Sent, Socket};

/// An emit to one socket with options.
#[must_use = "options do nothing before an emit"]
pub struct SocketEmit {
    socket: Socket,
    timeout: Option<Duration>,
    flags: Flags,
}

impl SocketEmit {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, timeout: None, flags: Flags::default() }
    }

    /// How long to wait for the answer.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = Some(within);
        self
    }

    /// The packet is dropped if the connection is not ready for it.
    pub fn volatile(mut self) -> Self {
        self.flags.volatile = true;
        self
    }

    /// Whether the transport may compress the packet (default: yes).
    pub fn compress(mut self, on: bool) -> Self {
        self.flags.compress = on;
        self
    }

    /// As [`Socket::emit`].
    pub fn emit(self, event: &str, data: impl Serialize) -> Sent {
        self.socket.emit_with(event, &data, self.flags).into()
    }

    /// As [`Socket::emit_with_ack`].
    ///
    /// # Errors
    ///
    /// As [`Socket::emit_with_ack`].
    pub async fn emit_with_ack<A: DeserializeOwned>(
        self,
        event: &str,
        data: impl Serialize,
    ) -> Result<A, AckError> {
        let within = self.timeout.unwrap_or(self.socket.io().hub().config.ack_timeout);
        let (id, answered) = self.socket.ask(event, &data, self.flags)?;
        drop(data);
        let pending = Pending { socket: &self.socket, id };
        let answer = tokio::time::timeout(within, answered).await;
        drop(pending);
        match answer {
            Ok(Ok(answer)) => Ok(answer.deserialize()?),
            Ok(Err(_)) => Err(AckError::Closed),
            Err(_) => Err(AckError::Timeout { missing: 1 }),
        }
    }
}

/// Removes the question however its future ends.
struct Pending<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.socket.forget(self.id);
    }
}

impl fmt::Debug for SocketEmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketEmit")
            .field("socket", &self.socket)
            .field("timeout", &self.timeout)
            .field("flags", &self.flags)
            .finish()
    }
}
