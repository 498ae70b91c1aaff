//! Against what stands for Redis.

mod commands;
mod server;
mod subscriber;

use server::Server;
