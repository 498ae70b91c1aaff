//! Handlers by names that are defined, replaced and removed while clients call them.

mod registry;
mod source;
mod table;

pub use table::Methods;
