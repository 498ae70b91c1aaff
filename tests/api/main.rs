//! The public API as a program uses it, through [`TestClient`](tower_socketio::TestClient) and, where a client has to
//! misbehave, through raw packets over bytes in memory.

mod support;

mod ack_sender;
mod acks;
mod adapter;
mod address;
mod alarms;
mod binary;
mod broadcast_acks;
mod claims;
mod closing;
mod cluster;
mod config;
mod connect;
mod controllers;
mod cors;
mod data;
mod disconnect;
mod event_auth;
mod extract;
mod handshake;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "jwt")]
mod jwt;
mod layers;
mod leaks;
mod lifetime;
mod listeners;
mod live;
mod message_client;
mod methods;
mod options;
mod ordering;
mod panics;
mod parser;
mod patterns;
mod polling;
mod publisher;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod recovery;
mod reply;
mod rooms;
mod sending;
mod size_limit;
mod stack;
mod test_client;
mod threads;
mod tickets;
