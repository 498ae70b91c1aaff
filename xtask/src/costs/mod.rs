//! What an event costs the server in system calls and instructions: figures that hold on a machine of any speed.

mod baseline;
mod client;
mod instructions;
mod server;
mod syscalls;

pub(crate) mod chore;
