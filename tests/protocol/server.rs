//! The server under test.
//!
//! [`start`] listens on a free port of 127.0.0.1 and serves, under [`Options::path`], Socket.IO with the given options.
//! Every request for another path gets `200` with the body `inner` from the service inside. Handlers:
//!
//! | namespace | who gets in |
//! |---|---|
//! | `/`, `/custom` | everybody |
//! | `/slow` | everybody, 100 ms after the CONNECT (a connect layer or an `on_connect` hook that waits) |
//! | `/private` | nobody: refused with the message `Not authorized` and the data `{"code":"E1"}` |
//! | `/closed` | nobody: refused with the message `Closed` and no data |
//! | any other | nobody: `Invalid namespace` |
//!
//! In `/`, `/custom` and `/slow`, the server, on connecting, emits `auth` with the payload of the CONNECT (`{}` if there
//! was none; for Engine.IO 3 the query of the namespace), and handles:
//!
//! | event | what it does |
//! |---|---|
//! | `message` | emits `message-back` with the same arguments, any number, of any kind, binary included |
//! | `message-with-ack` | acknowledges with the same arguments; does nothing where no acknowledgement is asked |
//! | `ask` | emits `question` with the same arguments and asks for an acknowledgement, whose arguments it emits as `answer` |
//! | `id` | acknowledges with the id of the socket |
//! | `leave` | disconnects the socket from its namespace |
//! | `quit` | disconnects the client: all its namespaces, then the transport |

use std::net::SocketAddr;

use crate::options::Options;

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// Starts a server.
pub(crate) async fn start(options: Options) -> Running {
    panic!("no server of our own yet, set PROTOCOL_SERVER_CMD: {options:?}")
}
