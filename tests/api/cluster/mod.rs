//! Several servers in one process that share their namespaces.

mod answers;
mod broadcasts;
mod dynamic;
mod failures;
mod programs;
mod remote;
mod support;
