use std::time::Duration;

use crate::hub::{ConfigError, FOR_EVER};

/// How connections that were lost are recovered: the options of [`Builder::recovery`](crate::Builder::recovery).
///
/// What is kept is bounded by age, number and bytes, and the memory is given back. A client who is away takes about 850
/// bytes with four rooms and one small value of its [`extensions`](crate::Socket::extensions), and what else these hold; a
/// packet takes its bytes and about 160 more. So 64 MiB, if they are ever full, are some 200 000 packets of 100 bytes.
///
/// ```
/// use std::time::Duration;
/// use tower_socketio::{Namespace, Recovery, Socket, SocketIo, TestClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let chat = Namespace::new().on_connect(async |socket: Socket| {
///     if !socket.recovered() {
///         socket.join("lobby");
///     }
/// });
/// let io = SocketIo::builder()
///     .recovery(Recovery::new().window(Duration::from_secs(60)))
///     .namespace("/", chat)
///     .build()?;
///
/// let mut client = TestClient::new(&io).connect("/").await?;
/// client.lose_connection();
/// io.to("lobby").emit("news", "rain");
/// let mut client = client.connect("/").await?;
/// assert!(client.recovered());
/// assert_eq!(client.next::<String>("news").await?, "rain");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing before a builder has them"]
pub struct Recovery {
    pub(super) window: Duration,
    pub(super) max_packets: usize,
    pub(super) max_bytes: usize,
    pub(super) max_sessions: usize,
    pub(super) skip_middleware: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(120),
            max_packets: 10_000,
            max_bytes: 64 << 20,
            max_sessions: 10_000,
            skip_middleware: false,
        }
    }
}

impl Recovery {
    /// Every option at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a client may be away (default: 2 min), from when the server notices that its connection is lost.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The most packets that are kept for each namespace (default: 10 000); the oldest goes first.
    ///
    /// A client that may have missed a packet which is gone enters anew.
    pub fn max_packets(mut self, number: usize) -> Self {
        self.max_packets = number;
        self
    }

    /// The most bytes that are kept in all (default: 64 MiB): packets of every namespace, of which the oldest goes first,
    /// and clients who are away, without what their data hold.
    ///
    /// Of a single packet that is larger, nothing is kept.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The most clients who are away at a time (default: 10 000); who has been away for the longest is forgotten first.
    pub fn max_sessions(mut self, number: usize) -> Self {
        self.max_sessions = number;
        self
    }

    /// Whether a client that comes back enters without connect layers and hooks of `on_connect` (default: no), as it does
    /// in Node unless one says otherwise.
    ///
    /// Then it is who it was, with its user, claims and all rooms, even if it has lost every right to that meanwhile; and
    /// nobody watches any more over what a layer has watched, the end of a token for example. Only a
    /// [`Controller`](crate::Controller) is opened all the same.
    pub fn skip_middleware(mut self, on: bool) -> Self {
        self.skip_middleware = on;
        self
    }

    pub(super) fn check(&mut self) -> Result<(), ConfigError> {
        self.window = self.window.min(FOR_EVER);
        for (name, is_zero) in [
            ("recovery.window", self.window.is_zero()),
            ("recovery.max_packets", self.max_packets == 0),
            ("recovery.max_bytes", self.max_bytes == 0),
            ("recovery.max_sessions", self.max_sessions == 0),
        ] {
            if is_zero {
                return Err(ConfigError::Zero(name));
            }
        }
        Ok(())
    }
}
