//! Let clients authenticate themselves by an event, after they have connected.
//!
//! The client connects, emits `authentication` with its credentials, and hears `authenticated` with `true` or
//! `unauthorized` with `{message}` and a disconnect. Until it is authenticated its other events are refused, no
//! broadcast reaches it, it is in no room, and what is emitted to it waits.
//!
//! ```
//! use tower_socketio::{Ack, Claims, EventAuth, Namespace, Socket, WireError};
//!
//! #[derive(serde::Deserialize)]
//! struct Credentials {
//!     token: String,
//! }
//!
//! #[derive(Clone)]
//! struct User {
//!     name: String,
//! }
//!
//! async fn authenticate(_: Socket, credentials: Credentials) -> Result<Option<User>, WireError> {
//!     Ok((credentials.token == "open sesame").then(|| User { name: "Ali Baba".into() }))
//! }
//!
//! let gate = EventAuth::new(authenticate);
//! let namespace: Namespace =
//!     Namespace::new().event_auth(gate).on("who", async |Claims(user): Claims<User>| Ack(user.name));
//! ```
//!
//! `Some(user)` accepts and becomes the socket's [`Claims<User>`](crate::Claims); `None` and errors refuse, and so do
//! credentials that are missing or of another type.
//!
//! A gate of the builder guards every namespace, also those that are declared later. Hooks can come and go while it
//! serves:
//!
//! ```
//! # use std::time::Duration;
//! # use tower_socketio::{Claims, EventAuth, Namespace, Socket, SocketIo, WireError};
//! # #[derive(Clone)]
//! # struct User { id: String }
//! let gate = EventAuth::new(async |_: Socket, id: String| Ok::<_, WireError>(Some(User { id })))
//!     .timeout(Some(Duration::from_secs(5)))
//!     .max_attempts(3)
//!     .user(|user: &User| user.id.clone());
//! let io = SocketIo::builder().event_auth(gate.clone()).namespace("/", Namespace::new()).build()?;
//! let hook = gate.on_connected(async |socket: Socket, Claims(user): Claims<User>| socket.join(user.id));
//! assert!(gate.remove_on_connected(hook));
//! # Ok::<(), tower_socketio::ConfigError>(())
//! ```

mod door;
mod enter;
mod gate;
mod mount;
mod registry;

pub use gate::{EventAuth, GateScope, HookId};
