//! Emitting from programs that serve nothing.

mod emitter;
mod selection;

pub(crate) use emitter::Format;
pub use emitter::RedisEmitter;
