//! Ready-made patterns.

mod controllers;
#[cfg(feature = "host")]
pub mod host;
mod message_client;
mod methods;
mod publish_message;
mod publisher;
mod test_client;
mod test_wire;
mod users;

pub use controllers::{Controller, ControllerSet};
pub use message_client::MessageClient;
pub use methods::Methods;
pub use publish_message::{PublishError, PublishMessage, Recipients};
pub use publisher::Publisher;
pub use test_client::{TestClient, TestError};
pub use users::{IntoUsers, UserId};
