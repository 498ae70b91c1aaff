//! A server of its own for programs that have no HTTP stack: it listens, speaks TLS, tells its health and stops in order.
//!
//! ```no_run
//! use tower_socketio::{Ack, Data, Host, HostHandle, Namespace, SocketIo};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let double = async |Data(n): Data<u32>| Ack(n * 2);
//! let io = SocketIo::builder().namespace("/", Namespace::new().on("double", double)).build()?;
//! let code = Host::new(io) // at 0.0.0.0:3001
//!     .on_ready(async |host: HostHandle| println!("{}", host.url().unwrap_or_default()))
//!     .on_exit(async |code| println!("ended with {code}"))
//!     .run()
//!     .await?; // until SIGTERM, SIGINT or SIGHUP
//! std::process::exit(code)
//! # }
//! ```
//!
//! It is a convenience over axum and hyper. A program that has a server puts [`SocketIoLayer`](crate::SocketIoLayer)
//! there; if it wants the hooks and the health routes all the same, its host listens nowhere:
//!
//! ```no_run
//! use axum::Router;
//! use tower_socketio::{Host, Listen, Namespace, SocketIo};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let io = SocketIo::builder().namespace("/", Namespace::new()).build()?;
//! let host = Host::new(io.clone()).listen(Listen::none()).start().await?;
//! let app = Router::new().merge(host.health_routes()).layer(io.layer());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! let stop = async move {
//!     tokio::signal::ctrl_c().await.ok();
//!     host.stop().await; // the sockets and the hooks; the server is axum's
//! };
//! axum::serve(listener, app).with_graceful_shutdown(stop).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # From the start to the end
//!
//! 1. [`HostService::mount`] of each service, then `on_init` of each, awaited, in the order they were added. An error
//!    ends the start, and nothing listens.
//! 2. The host listens; from now on it is ready.
//! 3. `on_ready` of each, while clients are served.
//! 4. A signal or [`HostHandle::shutdown`]: it is ready no longer. [`SocketIo::drain`](crate::SocketIo::drain) tells the
//!    sockets to go, over the time of [`Host::grace`]. Until the last has gone, health probes and requests that poll find
//!    it listening.
//! 5. It closes its port. Requests that are being answered have until the end of `grace`, and a second at least.
//! 6. `on_exit` of each, awaited, with the exit code; then [`Host::run`] and [`HostHandle::wait`] give that code.
//!
//! A signal that comes while it stops ends the waiting: sockets and requests are cut off, and of what is left of
//! `on_exit` each is begun and none awaited.
//!
//! `on_exit` is called exactly once for each that had its `on_init`, also if the start then failed: those in front of
//! the one that failed, or all if the address was taken. The exit code is 0 after a signal, what `shutdown` was
//! given, and 1 where the start failed.
//!
//! # Health
//!
//! | route | 200, otherwise 503 |
//! |---|---|
//! | `/healthy` | until it has ended |
//! | `/live` | from the end of the last `on_init` until it has ended |
//! | `/ready` | the same, but not while it stops |
//!
//! Each is so only while all services say so, too ([`HostService::health`]).
//!
//! # Limits
//!
//! A client has 10 s for the handshake of TLS, of which 1024 go on at once and the oldest makes room for the next; 30 s
//! for its first request; and as long for the head of each request over HTTP/1.1. None of them keeps others from being
//! accepted, and neither does running out of file descriptors: accepting goes on as soon as there are some.

mod builder;
mod error;
mod handle;
mod health;
mod life;
mod listen;
mod server;
mod service;
mod signals;
#[cfg(feature = "tls")]
mod tls;

pub use builder::Host;
pub use error::HostError;
pub use handle::HostHandle;
pub use health::Health;
pub use listen::Listen;
pub use service::HostService;
#[cfg(feature = "tls")]
pub use tls::TlsError;
