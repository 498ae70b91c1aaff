//! What many of these tests need.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tower_socketio::{Builder, DisconnectReason, Namespace, SocketIo};

/// What a test returns, so that it may use `?`.
pub(crate) type Test<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Nothing in these tests takes as long as this.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Serves on a free port. The kernel keeps little of what is written, so that a peer that does not read is felt soon.
pub(crate) fn serve(io: &SocketIo) -> SocketAddr {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_send_buffer_size(32 * 1024).expect("a TCP socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener = socket.listen(4096).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = Router::new().fallback(async || "inner").layer(io.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A server with short timeouts.
pub(crate) fn builder() -> Builder {
    SocketIo::builder().write_timeout(ms(600)).close_grace(ms(300))
}

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}: never");
        tokio::time::sleep(ms(5)).await;
    }
}

/// Bounds what must not hang.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LONG, future).await {
        Ok(result) => result,
        Err(_) => panic!("{what}: never"),
    }
}

/// What happened, in order.
#[derive(Clone, Debug)]
pub(crate) struct Log<T: 'static = String>(watch::Sender<Vec<T>>);

impl<T: Clone + std::fmt::Debug + Send + Sync> Log<T> {
    pub(crate) fn new() -> Self {
        Self(watch::channel(Vec::new()).0)
    }

    pub(crate) fn push(&self, entry: T) {
        self.0.send_modify(|log| log.push(entry));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.borrow().clone()
    }

    /// Everything, as soon as there are so many entries.
    pub(crate) async fn reach(&self, entries: usize) -> Vec<T> {
        let mut log = self.0.subscribe();
        let reached = tokio::time::timeout(LONG, log.wait_for(|log| log.len() >= entries)).await;
        match reached {
            Ok(Ok(log)) => log.clone(),
            _ => panic!("{entries} entries were expected: {} came", self.len()),
        }
    }
}

/// A namespace that notes why its sockets left.
pub(crate) fn noting(left: &Log<DisconnectReason>) -> Namespace {
    let left = left.clone();
    Namespace::new().on_disconnect(async move |reason: DisconnectReason| left.push(reason))
}
