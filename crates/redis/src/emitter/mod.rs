//! Emitting from programs that serve nothing.

mod redis;
mod selection;

pub(crate) use redis::Format;
pub use redis::RedisEmitter;
