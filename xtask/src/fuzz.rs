//! Fuzzing: every target for a while, beginning with its seeds.

use std::fs;

use crate::chores::{Chores, Result};
use crate::tools;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seconds: u32,
    target: Option<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        let (seconds, rest) = match words {
            [first, rest @ ..] if first.starts_with(|c: char| c.is_ascii_digit()) => {
                (first.parse().ok()?, rest)
            }
            rest => (60, rest),
        };
        let target = match rest {
            [] => None,
            [name] if !name.starts_with('-') => Some((*name).to_owned()),
            _ => return None,
        };
        Some(Self { seconds, target })
    }
}

pub(crate) fn run(chores: &mut Chores, options: &Options) -> Result {
    chores.step("fuzzer", install)?;
    let targets = match &options.target {
        Some(target) => vec![target.clone()],
        None => targets(chores)?,
    };
    for target in &targets {
        chores.step(&format!("fuzz {target}"), |chores| fuzz(chores, target, options.seconds))?;
    }
    Ok(())
}

/// Finds the compiler's nightly and cargo-fuzz, which it installs if need be.
fn install(chores: &mut Chores) -> Result {
    let nightly =
        chores.cargo(&["+nightly", "--version"]).output().is_ok_and(|output| output.status.success());
    if !nightly {
        return Err("fuzzing needs the nightly compiler: `rustup toolchain install nightly`".into());
    }
    if tools::find("cargo-fuzz").is_none() {
        chores.run(&mut chores.cargo(&["install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}

/// The names of the targets, in alphabetical order.
fn targets(chores: &Chores) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(chores.path("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    Ok(targets)
}

fn fuzz(chores: &Chores, target: &str, seconds: u32) -> Result {
    // libFuzzer adds what it finds to the first folder and only reads the second.
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    fs::create_dir_all(chores.path(&corpus))?;
    let limit = format!("-max_total_time={seconds}");
    let mut command = chores.cargo(&["+nightly", "fuzz", "run", target, &corpus]);
    if chores.path(&seeds).is_dir() {
        command.arg(&seeds);
    }
    chores.run(command.args(["--", &limit]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Option<(u32, Option<String>)> {
        Options::parse(words).map(|Options { seconds, target }| (seconds, target))
    }

    #[test]
    fn seconds_and_target_may_both_be_left_out() {
        assert_eq!(parse(&[]), Some((60, None)));
        assert_eq!(parse(&["5"]), Some((5, None)));
        assert_eq!(parse(&["packet"]), Some((60, Some("packet".into()))));
        assert_eq!(parse(&["5", "packet"]), Some((5, Some("packet".into()))));
    }

    #[test]
    fn anything_else_is_refused() {
        for words in [&["5s"][..], &["packet", "5"], &["--help"], &["5", "packet", "more"]] {
            assert_eq!(parse(words), None, "{words:?}");
        }
    }
}
