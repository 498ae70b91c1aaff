//! Which server the suite runs against.

use std::net::SocketAddr;

use crate::options::Options;
use crate::{reference, server};

/// The server of one test; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    _server: Server,
}

/// Starts our server, or one of the reference implementation where the environment names it.
pub(crate) async fn server(options: Options) -> Running {
    if reference() {
        let running = reference::start(&options);
        Running { address: running.address, _server: Server::Reference { _running: running } }
    } else {
        let running = server::start(options).await;
        Running { address: running.address, _server: Server::Own { _running: running } }
    }
}

/// Whether the suite runs against the reference implementation, so that what we want better than it is let pass.
pub(crate) fn reference() -> bool {
    std::env::var_os(reference::COMMAND).is_some()
}

#[derive(Debug)]
enum Server {
    Own { _running: server::Running },
    Reference { _running: reference::Running },
}
