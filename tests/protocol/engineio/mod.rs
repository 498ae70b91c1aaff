//! Engine.IO: handshakes, errors, both transports, the way from one to the other, heartbeats and the end.

mod client_files;
mod closing;
mod errors;
mod frame_errors;
mod frames;
mod handshake;
mod heartbeat;
mod payload_v3;
mod polling;
mod polling_bodies;
mod polling_misuse;
mod routing;
mod upgrade;
mod upgrade_failures;
mod websocket;
