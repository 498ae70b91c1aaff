//! Joins Socket.IO servers through Postgres.

mod adapter;
mod bus;
mod channel;
mod deliver;
mod emitter;
mod error;
mod link;
mod listener;
mod note;
mod publisher;
mod selection;
mod server;
mod subscriptions;
mod table;
#[cfg(feature = "tls")]
mod tls;

pub use adapter::PostgresAdapter;
pub use emitter::PostgresEmitter;
pub use error::{EmitError, PostgresError};
pub use tokio_postgres;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
