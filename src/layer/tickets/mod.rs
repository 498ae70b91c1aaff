//! Let clients in by one-time tickets, which they get where they are logged in already: from a REST route, say.
//!
//! A [`TicketStore`] makes tickets and takes each back once; [`MemoryTickets`] is one in memory. [`TicketLayer`] stands
//! in front of namespaces: the client gives its ticket as `auth.token` or as `?token=..`, and the user the ticket was
//! made for is the socket's [`Claims`](crate::Claims). One ticket opens a connection, for every namespace of it that has
//! this layer. Whatever is wrong with a ticket, the client reads `INVALID_TOKEN`, and its connection is closed 20 ms
//! later.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use tower_socketio::tickets::{MemoryTickets, TicketLayer, TicketStore};
//! use tower_socketio::{Ack, Claims, Namespace, SocketIo, TestClient};
//!
//! #[derive(Clone)]
//! struct User(String);
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryTickets::<User>::new());
//! let io = SocketIo::builder()
//!     .connect_layer(TicketLayer::new(store.clone()).user(|User(name): &User| name.clone()))
//!     .namespace("/", Namespace::new().on("who", async |Claims(User(name)): Claims<User>| Ack(name)))
//!     .build()?;
//!
//! let ticket = store.create(User("ada".into()), Duration::from_secs(5)).await?;
//! let client = TestClient::new(&io).auth(ticket.as_str()).connect("/").await?;
//! assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "ada");
//! assert!(TestClient::new(&io).auth(ticket.as_str()).connect("/").await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `axum`, `route` is the REST route that hands tickets out; the login layer of the app stands in
//! front of it and leaves the user as an `Extension`:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app() {
//! # use std::{sync::Arc, time::Duration};
//! # use axum::{Extension, Router};
//! # use tower_socketio::tickets::{self, MemoryTickets};
//! # #[derive(Clone)] struct User(String);
//! # let store = Arc::new(MemoryTickets::<User>::new());
//! let app: Router = Router::new()
//!     .route("/user/sockettoken", tickets::route(store, Duration::from_secs(5)))
//!     .layer(Extension(User("whoever is logged in".into())));
//! # }
//! ```
//!
//! # Clients that come again
//!
//! A ticket is spent with its connection, so a client needs a fresh one for each. Those of Socket.IO 3 and 4 take a
//! function, which is called for every connection:
//!
//! ```js
//! const ticket = async () => (await (await fetch("/user/sockettoken")).json()).token;
//! const socket = io({ auth: (give) => ticket().then((token) => give({ token }), () => give({})) });
//! // The server answers a stale ticket with a `connect_error`, after which a client does not try again by itself.
//! socket.on("connect_error", (error) => {
//!   if (error.message === "INVALID_TOKEN") setTimeout(() => socket.connect(), 1000);
//! });
//! ```
//!
//! Those of Socket.IO 1 and 2 send the query that they have at the time, and try again by themselves with the same:
//! fetch a ticket, and only then connect.
//!
//! ```js
//! const socket = io({ autoConnect: false, reconnection: false });
//! const enter = () => ticket().then((token) => {
//!   socket.io.opts.query = socket.query = "token=" + token;
//!   socket.connect();
//! }).catch(again);
//! const again = () => setTimeout(enter, 1000);
//! socket.on("disconnect", again);
//! socket.on("connect_error", again);
//! socket.on("error", again);
//! enter();
//! ```
//!
//! In a query a ticket may be seen by proxies and their logs; in `auth` it is not. [`loggable`] makes a text of it for
//! logs of one's own.

mod layer;
mod memory;
#[cfg(feature = "axum")]
mod route;
mod ticket;

pub use layer::TicketLayer;
pub use memory::{ConsumedTicket, MemoryTickets};
#[cfg(feature = "axum")]
pub use route::route;
pub use ticket::{Ticket, TicketError, digest, loggable};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Makes tickets, and takes each back once.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use tower_socketio::tickets::{Ticket, TicketError, TicketStore, digest};
/// # struct Db;
/// # impl Db {
/// #     async fn insert(&self, _: [u8; 32], _: String, _: Duration) -> Result<(), std::io::Error> { Ok(()) }
/// #     async fn delete(&self, _: [u8; 32]) -> Result<Option<String>, std::io::Error> { Ok(None) }
/// # }
///
/// struct InDatabase(Db);
///
/// impl TicketStore<String> for InDatabase {
///     async fn create(&self, user: String, ttl: Duration) -> Result<Ticket, TicketError> {
///         let ticket = Ticket::random()?;
///         // What is stored opens no door: it is the ticket's digest.
///         self.0.insert(digest(ticket.as_str()), user, ttl).await.map_err(TicketError::store)?;
///         Ok(ticket)
///     }
///
///     async fn consume(&self, token: &str) -> Result<String, TicketError> {
///         // One statement: `DELETE .. WHERE digest = .. AND expires > now() RETURNING user`.
///         self.0.delete(digest(token)).await.map_err(TicketError::store)?.ok_or(TicketError::Invalid)
///     }
/// }
/// ```
pub trait TicketStore<P>: Send + Sync + 'static {
    /// Makes a ticket for this payload that is valid for so long.
    ///
    /// # Errors
    ///
    /// [`TicketError::Store`].
    fn create(&self, payload: P, ttl: Duration) -> impl Future<Output = Result<Ticket, TicketError>> + Send;

    /// Takes a ticket back, and gives its payload: of any number of concurrent calls for one ticket, to exactly one.
    ///
    /// # Errors
    ///
    /// [`TicketError::Invalid`] for what is unknown, used or expired; [`TicketError::Store`] if the store does not know,
    /// and then the ticket must not be spent.
    fn consume(&self, token: &str) -> impl Future<Output = Result<P, TicketError>> + Send;
}

impl<P: Send + 'static, T: TicketStore<P>> TicketStore<P> for Arc<T> {
    async fn create(&self, payload: P, ttl: Duration) -> Result<Ticket, TicketError> {
        T::create(self, payload, ttl).await
    }

    async fn consume(&self, token: &str) -> Result<P, TicketError> {
        T::consume(self, token).await
    }
}
