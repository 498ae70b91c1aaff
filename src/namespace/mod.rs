//! What a namespace is made of.

mod builder;
mod declare;
mod listen;
mod outgoing;
mod pattern;
mod table;

pub use builder::Namespace;
pub use listen::HandlerId;
pub use pattern::Pattern;
pub(crate) use table::{Listeners, Shared, Source, Table, unhandled};
