//! Engine.IO, the lower half of the protocol: packets, polling payloads and the session state machine.
//!
//! Both protocol versions are here, [`Version::V4`] (`EIO=4`, Socket.IO clients 3 and 4) and [`Version::V3`] (`EIO=3`,
//! Socket.IO clients 1 and 2). The codecs are plain functions over bytes. The [`Session`] decides about heartbeats,
//! the upgrade, overlapping requests and closing; it is told what happened and what time it is, and answers what to
//! transmit, what to report and when to be woken.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use tower_socketio_proto::engineio::{Event, Input, Kind, Reason, Session, Timing, Transmit, Transport, Version};
//!
//! let timing = Timing {
//!     ping_interval: Duration::from_secs(25),
//!     ping_timeout: Duration::from_secs(20),
//!     upgrade_timeout: Duration::from_secs(10),
//! };
//! let start = Instant::now();
//! let mut session = Session::new(Version::V4, Transport::WebSocket, &timing, start);
//!
//! // Nothing to do before the first ping is due.
//! let due = session.timeout().unwrap();
//! assert_eq!(due, start + timing.ping_interval);
//! session.handle_timeout(&timing, due);
//! assert_eq!(session.poll_transmit(), Some(Transmit::Ping));
//!
//! // The answer starts the next period, a close packet ends the session.
//! session.handle(Input::Packet { kind: Kind::Pong, data: "" }, &timing, due);
//! assert_eq!(session.timeout(), Some(due + timing.ping_interval));
//! session.handle(Input::Packet { kind: Kind::Close, data: "" }, &timing, due);
//! assert_eq!(session.poll_event(), Some(Event::Closed(Reason::TransportClose)));
//! ```

mod base64;
mod handshake;
mod packet;
mod payload;
mod session;

pub use handshake::Handshake;
pub use packet::{Kind, Packet, PacketError, Version, decode_binary, decode_text};
pub use payload::{ContentType, Item, Limits, PayloadError, decode_payload, encode_payload, encoded_len};
pub use session::{Event, Input, Reason, Refusal, Session, Timing, Transmit, Transport};
