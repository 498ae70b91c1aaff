//! Socket.IO as a tower layer.

mod app;
mod extract;
mod handler;
mod hub;
mod layer;
mod namespace;
mod service;
mod transport;

pub use app::*;
pub use extract::*;
pub use handler::*;
pub use hub::*;
pub use layer::*;
pub use namespace::*;
pub use service::*;
