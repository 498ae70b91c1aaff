//! The load generator: `load SCENARIO --address 127.0.0.1:3000 --pid SERVER --connections N …`.
//!
//! It prints one line of JSON. Without arguments it says which scenarios there are.

use tower_socketio_bench::load::{Options, SCENARIOS, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().len() == 1 {
        for (name, what) in SCENARIOS {
            println!("{name:14} {what}");
        }
        return Ok(());
    }
    let options = Options::parse(std::env::args().skip(1))?;
    println!("{}", run(&options)?);
    Ok(())
}
