//! What a server costs without a kernel: whole connections over memory, on one thread. Each figure has the wake of the
//! connection's task in it, as in a real server; `floor` is what that and the measuring alone take.
//!
//! `cargo bench -p tower-socketio-bench --bench server`

mod events;
mod fan_out;
mod wire;

use divan::AllocProfiler;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}
