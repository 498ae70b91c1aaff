//! The command line.

use std::path::PathBuf;

type Error = Box<dyn std::error::Error>;

/// What is to be measured, and how thoroughly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// How many times each scenario is run on each server (default: 3); some are run less often.
    pub rounds: usize,
    /// The scenarios' names (default: all).
    pub only: Option<Vec<String>>,
    /// Where the results go (default: `docs/performance/results.json`).
    pub out: PathBuf,
    /// Whether everything is made so small that the figures mean nothing (default: no).
    pub quick: bool,
    /// What was typed.
    pub command: String,
}

impl Arguments {
    /// Reads a command line.
    ///
    /// # Errors
    ///
    /// If something in it is not understood.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Self, Error> {
        const USAGE: &str = "usage: [--rounds N] [--only SCENARIO,…] [--out FILE] [--quick]";
        let out = "docs/performance/results.json".into();
        let mut arguments =
            Self { rounds: 3, only: None, out, quick: false, command: "cargo xtask bench".into() };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(USAGE);
            match &*word {
                "--quick" => arguments.quick = true,
                "--out" => arguments.out = value()?.into(),
                "--rounds" => arguments.rounds = value()?.parse()?,
                "--only" => arguments.only = Some(value()?.split(',').map(str::to_owned).collect()),
                _ => return Err(USAGE.into()),
            }
        }
        if arguments.rounds != 3 {
            arguments.command += &format!(" --rounds {}", arguments.rounds);
        }
        if arguments.quick {
            arguments.command += " --quick";
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Error> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_is_needed() {
        let arguments = parse("").unwrap();
        assert_eq!((arguments.rounds, arguments.only, arguments.quick), (3, None, false));
        assert_eq!(arguments.command, "cargo xtask bench");
    }

    #[test]
    fn what_is_said_counts() {
        let arguments = parse("--rounds 5 --only echo,ack --out x.json --quick").unwrap();
        assert_eq!(arguments.only.unwrap(), ["echo", "ack"]);
        assert_eq!(arguments.command, "cargo xtask bench --rounds 5 --quick");
        assert_eq!((arguments.rounds, arguments.out), (5, PathBuf::from("x.json")));
    }

    #[test]
    fn mistakes_are_errors() {
        for line in ["--rounds", "--rounds many", "--loud", "echo"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
