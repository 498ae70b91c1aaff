//! What a test asks of the server under test.

use std::time::Duration;

/// The options of one server.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where the server answers, without a trailing slash.
    pub(crate) path: &'static str,
    /// The transports it accepts.
    pub(crate) transports: &'static [&'static str],
    /// Whether clients of Engine.IO 3 are served.
    pub(crate) allow_eio3: bool,
    /// Whether handshakes are let in; `false` refuses each one with `Forbidden`.
    pub(crate) allow_request: bool,
    /// Whether the polling handshake sets the cookie `io`.
    pub(crate) cookie: bool,
    /// Whether the files of the client package in `tests/protocol/client-package` are served.
    pub(crate) serve_client: bool,
    /// The largest request body and WebSocket message, in bytes.
    pub(crate) max_payload: usize,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    /// How long a probe may take.
    pub(crate) upgrade_timeout: Duration,
    /// How long a client may stay without joining a namespace.
    pub(crate) connect_timeout: Duration,
}

impl Options {
    /// Pings every 300 ms and gives up 200 ms later, as the official suites do.
    pub(crate) fn quick_heartbeat() -> Self {
        Options {
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_millis(200),
            ..Options::default()
        }
    }
}

impl Default for Options {
    /// Socket.IO's defaults, with old clients let in: no timer of theirs fires within a test.
    fn default() -> Self {
        Options {
            path: "/socket.io",
            transports: &["polling", "websocket"],
            allow_eio3: true,
            allow_request: true,
            cookie: false,
            serve_client: false,
            max_payload: 1_000_000,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
        }
    }
}
