//! The three tiers of tower layers around connections, events and emits.

mod connect;
mod deduplicate;
mod emit;
mod packet;
mod permits;
mod readiness;
mod reconnect;
mod refusals;
mod secrets;
mod stock;
mod trace;
mod valve;
