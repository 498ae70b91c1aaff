//! Servers in turn under the same load, and what came out: a table, and a file of results.

mod arguments;
mod cluster;
mod engine;
mod machine;
mod measure;
mod plan;
mod postgres;
mod rounds;
mod server;
mod table;

pub use arguments::Arguments;
pub use machine::this_machine;
pub use measure::run;
pub use plan::{Planned, plan};
