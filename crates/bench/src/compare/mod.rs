//! Servers in turn under the same load, and what came out: a table, and a file of results.

mod arguments;
mod machine;
mod measure;
mod plan;
mod results;
mod server;
mod table;

pub use arguments::Arguments;
pub use measure::run;
pub use plan::plan;
pub use results::{Machine, Point, Results, Scenario, Series};
