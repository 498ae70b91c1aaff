//! The protocol versions and the transports.

/// A version of Engine.IO, and with it the one of Socket.IO on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Engine.IO 3 with Socket.IO 4.
    Three,
    /// Engine.IO 4 with Socket.IO 5.
    Four,
}

impl Version {
    /// The query parameter `EIO`.
    pub(crate) fn eio(self) -> &'static str {
        match self {
            Version::Three => "3",
            Version::Four => "4",
        }
    }

    /// The target of a request to the default path, without a session.
    pub(crate) fn target(self, transport: Transport) -> String {
        format!("/socket.io/?EIO={}&transport={}", self.eio(), transport.name())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Polling,
    WebSocket,
}

impl Transport {
    /// The query parameter `transport`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Polling => "polling",
            Transport::WebSocket => "websocket",
        }
    }
}

/// How a client connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) version: Version,
    pub(crate) transport: Transport,
}

impl Way {
    pub(crate) const POLLING_3: Self = Way { version: Version::Three, transport: Transport::Polling };
    pub(crate) const POLLING_4: Self = Way { version: Version::Four, transport: Transport::Polling };
    pub(crate) const WEBSOCKET_3: Self = Way { version: Version::Three, transport: Transport::WebSocket };
    pub(crate) const WEBSOCKET_4: Self = Way { version: Version::Four, transport: Transport::WebSocket };
}
