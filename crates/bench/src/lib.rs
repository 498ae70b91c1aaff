//! What the servers under load and the programs that measure them share.

pub mod compare;
pub mod load;
pub mod report;
pub mod results;
mod serve;

pub use serve::{Cluster, Settings, TURNS, serve};
