//! Rooms in memory.
//!
//! A member is a seat in a slab, a room is a sorted list of seats. A fan-out copies the members' handles under a read
//! lock and delivers without it, so that joins never wait for a delivery and a delivery may join.

mod adapter;
mod indices;
mod lists;
mod picked;
mod slab;
mod table;

pub use adapter::LocalAdapter;
