//! The chores of this project, from one command: `cargo xtask` prints which there are.

mod bench;
mod check;
mod chores;
mod costs;
mod fuzz;
mod packages;
mod tally;
mod test;
mod tools;

use std::process::ExitCode;

use crate::chores::{Chores, Result};

const USAGE: &str = "\
usage: cargo xtask <chore>

  ci                          everything that must hold: the checks, then the tests
  check                       format, lints, documentation, oldest compiler, licences
  test                        all tests
  test rust                   the Rust tests, with all, the default and no features
  test npm                    the npm clients of three major versions
  test proxy                  the same behind nginx, HAProxy and Caddy
  test cluster                nodes of this library and of Node's on Redis and Postgres
  test python                 python-socketio's client
  test browser                the chat, on one node and on two, and the official client in Chromium
  test costs                  system calls and instructions for each event, delivery and connection
  costs --write               makes today's instructions the baseline of that
  fuzz [seconds] [target]     every fuzz target, or one, for 60 seconds each
  bench [--rounds N] [--only SCENARIO,…] [--out FILE] [--quick]
                              this library, its peers and the floor under the same load";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut chores = Chores::new();
    let Some(outcome) = run(&mut chores, &words) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    chores.finish(outcome)
}

/// Runs the chore these words name; `None` if they name none.
fn run(chores: &mut Chores, words: &[&str]) -> Option<Result> {
    Some(match words {
        ["ci"] => check::all(chores).and_then(|()| test::all(chores)),
        ["check"] => check::all(chores),
        ["test"] => test::all(chores),
        ["test", "rust"] => test::rust(chores),
        ["test", "npm"] => test::one(chores, test::npm),
        ["test", "proxy"] => test::one(chores, test::proxy),
        ["test", "cluster"] => test::one(chores, test::cluster),
        ["test", "python"] => test::one(chores, test::python),
        ["test", "browser"] => test::one(chores, test::browser),
        ["test", "costs"] => costs::chore::test(chores),
        ["costs", "--write"] => costs::chore::write(chores),
        ["bench", options @ ..] => bench::run(chores, options),
        ["fuzz", options @ ..] => fuzz::run(chores, &fuzz::Options::parse(options)?),
        _ => return None,
    })
}
