//! What can be told without running the tests.

use crate::chores::{Chores, Result};
use crate::tools;

/// What others build with.
const PUBLISHED: [&str; 5] = [
    "tower-socketio",
    "tower-socketio-adapter",
    "tower-socketio-postgres",
    "tower-socketio-proto",
    "tower-socketio-redis",
];

pub(crate) fn all(chores: &mut Chores) -> Result {
    chores.step("format", |chores| {
        chores.run(&mut chores.cargo(&["fmt", "--all", "--check"]))?;
        chores.run(&mut chores.cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
    })?;
    chores.step("lints", |chores| {
        let lints = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
        chores.run(&mut chores.cargo(&lints))
    })?;
    chores.step("each crate alone", |chores| {
        // Among the others it has features that it may forget to ask for.
        for package in PUBLISHED {
            let lints = ["clippy", "--package", package, "--no-default-features", "--", "-D", "warnings"];
            chores.run(&mut chores.cargo(&lints))?;
        }
        let mut package = chores.cargo(&["package", "--no-verify", "--allow-dirty", "--quiet"]);
        chores.run(package.args(PUBLISHED.iter().flat_map(|package| ["--package", package])))
    })?;
    chores.step("documentation", |chores| {
        let mut doc = chores.cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
        chores.run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    chores.step("oldest compiler", |chores| {
        let toolchain = concat!("+", env!("CARGO_PKG_RUST_VERSION"));
        if !tools::has_toolchain(chores, toolchain) {
            println!("left out: `rustup toolchain install {}` is needed", &toolchain[1..]);
            return Ok(());
        }
        chores.run(&mut chores.cargo(&[toolchain, "check", "--workspace", "--all-features"]))
    })?;
    chores.step("licences, bans and sources", |chores| {
        if tools::find("cargo-deny").is_none() {
            println!("left out: `cargo install cargo-deny --locked` is needed");
            return Ok(());
        }
        let deny = ["deny", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
        chores.run(&mut chores.cargo(&deny))
    })
}
