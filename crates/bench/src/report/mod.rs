//! Draws what was measured, and writes its tables into the page of documentation.
//!
//! A page has blocks, `<!-- bench:NAME -->` to `<!-- end -->`, each on a line of its own. What is between is written by
//! [`write()`] and by nobody else: `machine` says where it was measured, `table` compares the servers in all scenarios
//! without an axis, `overview` is a picture of the same, `cluster` has pictures and tables of all scenarios in which
//! servers are nodes of clusters, and a scenario's name is its picture and table.

mod bars;
mod curves;
mod details;
mod dots;
mod error;
mod figures;
mod marks;
mod page;
mod pictures;
mod scale;
mod svg;
mod tables;
mod write;

pub use error::Error;
pub use write::write;
