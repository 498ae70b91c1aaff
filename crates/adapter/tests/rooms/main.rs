//! What adapters promise, seen from outside.

mod fan_out;
mod model;
mod semantics;
mod support;
mod wrapping;
