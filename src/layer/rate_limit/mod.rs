//! Limits on how often clients may do something: of events, of bytes, of CONNECTs.
//!
//! A limit is a bucket that holds `burst` and is filled again with `n` per period; what finds too little in it is
//! refused, dropped, made to wait, or costs the client its connection.
//!
//! ```
//! use std::time::Duration;
//!
//! use tower_socketio::{Beyond, Handler, Namespace, RateLimitLayer, SocketIo};
//!
//! const SECOND: Duration = Duration::from_secs(1);
//! const MINUTE: Duration = Duration::from_secs(60);
//!
//! async fn report() {}
//!
//! let namespace = Namespace::new()
//!     // Ten attempts to enter in a minute from each address.
//!     .connect_layer(RateLimitLayer::per_address(10, MINUTE))
//!     // 50 events in a second by each socket; who sends more waits.
//!     .packet_layer(RateLimitLayer::per_socket(50, SECOND).beyond(Beyond::Wait))
//!     // One report in a minute by each user, from however many devices.
//!     .on("report", report.layer(RateLimitLayer::per_user(1, MINUTE)));
//! let io = SocketIo::builder()
//!     .packet_layer(RateLimitLayer::per_socket(1 << 20, SECOND).bytes().burst(4 << 20))
//!     .namespace("/", namespace)
//!     .build()?;
//! # Ok::<(), tower_socketio::ConfigError>(())
//! ```
//!
//! # Whose limit
//!
//! Clones of a layer share their counters, and so do the namespaces and sockets it is put around. Who is not known is
//! counted by himself: a socket without a user, an address that the server does not know, a key that is `None`. Around
//! events that is a counter of the socket, around CONNECTs one of the connection. An address is
//! [`client_ip`](crate::Conn::client_ip), of IPv6 its /64; behind a proxy it needs
//! [`trust_proxies`](crate::Builder::trust_proxies).
//!
//! The memory of the counters is bounded by those that are not full: full ones are forgotten.
//!
//! # Across nodes
//!
//! Counters are in the memory of one node. A [`RateStore`](crate::RateStore) of your own replaces it.

mod future;
mod key;
mod layer;
mod limit;
mod memory;
mod service;
mod store;

pub use future::ResponseFuture;
pub use key::{By, Whose};
pub use layer::{Beyond, RateLimitLayer};
pub use service::RateLimit;
pub use store::{Rate, RateStore, Taken};
