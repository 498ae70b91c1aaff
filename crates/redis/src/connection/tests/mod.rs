//! Against what stands for Redis.

mod commands;
pub(crate) mod server;
mod subscriber;

use server::Server;
