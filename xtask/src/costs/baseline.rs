//! The figures that were right when somebody last looked at them, in a file that belongs to the repository.

use std::fmt::Write as _;
use std::fs;

use crate::chores::{Chores, Result};

pub(super) const FILE: &str = "xtask/costs.txt";

/// How many per cent a figure may lie beside its baseline: several times what it varies by from run to run.
const TOLERANCE: f64 = 3.0;
/// How many per cent above it with another compiler, library or processor. These make other code of the same source, which
/// is rarely a tenth better or worse; a cost of another kind, like one more task for each event, is still seen.
const ELSEWHERE: f64 = 15.0;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Baseline {
    /// What made and ran the program that was measured.
    pub(super) machine: String,
    pub(super) figures: Vec<(String, u64)>,
}

/// How a figure compares with its baseline.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Held(String),
    Failed(String),
}

impl Baseline {
    pub(super) fn load(chores: &Chores) -> Result<Self> {
        let text = fs::read_to_string(chores.path(FILE)).map_err(|error| format!("{FILE}: {error}"))?;
        Self::parse(&text)
    }

    pub(super) fn save(&self, chores: &Chores) -> Result {
        Ok(fs::write(chores.path(FILE), self.to_text())?)
    }

    /// Reads `name = value` lines; those that start with `#` are for people.
    fn parse(text: &str) -> Result<Self> {
        let mut baseline = Self::default();
        let lines = (1..).zip(text.lines().map(str::trim));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let wrong = || format!("{FILE}:{number}: `{line}` is no figure");
            let (name, value) = line.split_once('=').ok_or_else(wrong)?;
            match (name.trim(), value.trim()) {
                ("machine", machine) => machine.clone_into(&mut baseline.machine),
                (name, value) => {
                    let value = value.parse().ok().filter(|value| *value > 0).ok_or_else(wrong)?;
                    baseline.figures.push((name.to_owned(), value));
                }
            }
        }
        Ok(baseline)
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "# Instructions in user space for each event, delivery and connection; `cargo xtask costs --write` writes them.\n\
            machine = {}\n",
            self.machine
        );
        for (name, value) in &self.figures {
            writeln!(text, "{name} = {value}").expect("a string takes everything");
        }
        text
    }

    /// Compares a figure that was measured on a machine.
    pub(super) fn judge(&self, name: &str, measured: u64, machine: &str) -> Verdict {
        let title = format!("instructions per {name}: {}", grouped(measured));
        let remedy = format!("write `{name} = {measured}` into {FILE}, as `cargo xtask costs --write` does");
        let Some((_, baseline)) = self.figures.iter().find(|(known, _)| known == name) else {
            return Verdict::Failed(format!("{title}, and no baseline: {remedy}"));
        };
        let percent = (measured as f64 - *baseline as f64) * 100.0 / *baseline as f64;
        let side = if percent < 0.0 { "below" } else { "above" };
        let compared =
            format!("{title}, {:.1} % {side} the baseline of {}", percent.abs(), grouped(*baseline));
        if machine != self.machine {
            let compared = format!("{compared}, which is for {}", self.machine);
            return if percent > ELSEWHERE {
                Verdict::Failed(format!("{compared} (allowed: {ELSEWHERE:.0} %)"))
            } else {
                Verdict::Held(compared)
            };
        }
        if percent > TOLERANCE {
            Verdict::Failed(format!("{compared} (allowed: {TOLERANCE:.0} %)"))
        } else if percent < -TOLERANCE {
            Verdict::Failed(format!("{compared}: {remedy}"))
        } else {
            Verdict::Held(compared)
        }
    }
}

/// What makes and runs a program: other compilers, C libraries and vector units come to other figures.
pub(super) fn machine(chores: &Chores) -> Result<String> {
    let rustc = String::from_utf8(chores.program("rustc", &["-vV"]).output()?.stdout)?;
    // Other C libraries than GNU's have no such variable.
    let library = chores.program("getconf", &["GNU_LIBC_VERSION"]).output();
    let library = library.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    described(&rustc, &library.unwrap_or_default(), &processor)
        .ok_or_else(|| format!("`rustc -vV` printed {rustc:?}").into())
}

fn described(rustc: &str, library: &str, processor: &str) -> Option<String> {
    let field = |name| rustc.lines().find_map(|line| line.strip_prefix(name));
    let (release, host) = (field("release: ")?, field("host: ")?);
    let mut words = vec![format!("rustc {release}"), host.to_owned()];
    words.extend(Some(library.to_owned()).filter(|library| !library.is_empty()));
    words.extend(processor.split_whitespace().any(|word| word == "avx2").then(|| "avx2".to_owned()));
    Some(words.join(", "))
}

/// The number with a space before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Verdict, described, grouped};

    const HERE: &str = "rustc 1.95.0, x86_64-unknown-linux-gnu, glibc 2.36, avx2";

    fn baseline() -> Baseline {
        Baseline {
            machine: HERE.to_owned(),
            figures: vec![("echo".to_owned(), 9102), ("ack".to_owned(), 100)],
        }
    }

    fn failed(text: &str) -> Verdict {
        Verdict::Failed(text.to_owned())
    }

    fn held(text: &str) -> Verdict {
        Verdict::Held(text.to_owned())
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = baseline().to_text();
        assert!(text.ends_with(&format!("\nmachine = {HERE}\necho = 9102\nack = 100\n")), "{text}");
        assert_eq!(Baseline::parse(&text).unwrap(), baseline());
    }

    #[test]
    fn a_line_that_is_no_figure_is_named() {
        for line in ["echo", "echo = many", "echo = 0", "echo = -1", "echo ="] {
            let error = Baseline::parse(&format!("# for people\n\n{line}\n")).unwrap_err();
            assert_eq!(error.to_string(), format!("xtask/costs.txt:3: `{line}` is no figure"));
        }
    }

    #[test]
    fn a_figure_near_its_baseline_is_held() {
        let expected = held("instructions per echo: 9 300, 2.2 % above the baseline of 9 102");
        assert_eq!(baseline().judge("echo", 9300, HERE), expected);
        let expected = held("instructions per echo: 8 900, 2.2 % below the baseline of 9 102");
        assert_eq!(baseline().judge("echo", 8900, HERE), expected);
        let expected = held("instructions per ack: 103, 3.0 % above the baseline of 100");
        assert_eq!(baseline().judge("ack", 103, HERE), expected);
    }

    #[test]
    fn a_figure_above_its_baseline_fails_and_says_by_how_much() {
        let expected =
            failed("instructions per echo: 9 400, 3.3 % above the baseline of 9 102 (allowed: 3 %)");
        assert_eq!(baseline().judge("echo", 9400, HERE), expected);
    }

    #[test]
    fn a_figure_below_its_baseline_fails_with_the_line_to_write() {
        let expected = failed(
            "instructions per echo: 7 835, 13.9 % below the baseline of 9 102: write `echo = 7835` into \
            xtask/costs.txt, as `cargo xtask costs --write` does",
        );
        assert_eq!(baseline().judge("echo", 7835, HERE), expected);
    }

    #[test]
    fn another_compiler_has_a_wider_bound_and_only_above() {
        let there = "rustc 1.96.0, x86_64-unknown-linux-gnu, glibc 2.36, avx2";
        let expected = held(&format!(
            "instructions per ack: 115, 15.0 % above the baseline of 100, which is for {HERE}"
        ));
        assert_eq!(baseline().judge("ack", 115, there), expected);
        let expected = failed(&format!(
            "instructions per ack: 116, 16.0 % above the baseline of 100, which is for {HERE} (allowed: 15 %)"
        ));
        assert_eq!(baseline().judge("ack", 116, there), expected);
        let expected =
            held(&format!("instructions per ack: 60, 40.0 % below the baseline of 100, which is for {HERE}"));
        assert_eq!(baseline().judge("ack", 60, there), expected);
    }

    #[test]
    fn a_figure_without_a_baseline_fails_with_the_line_to_write() {
        let expected = failed(
            "instructions per delivery: 2 308, and no baseline: write `delivery = 2308` into xtask/costs.txt, as \
            `cargo xtask costs --write` does",
        );
        assert_eq!(baseline().judge("delivery", 2308, HERE), expected);
    }

    #[test]
    fn a_machine_is_its_compiler_library_and_vector_unit() {
        let rustc = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(described(rustc, "glibc 2.36", "flags : fpu avx avx2 erms").as_deref(), Some(HERE));
        let plain = described(rustc, "", "flags : fpu avx");
        assert_eq!(plain.as_deref(), Some("rustc 1.95.0, x86_64-unknown-linux-gnu"));
        assert_eq!(described("error: no toolchain", "", ""), None);
    }

    #[test]
    fn long_numbers_are_grouped() {
        let grouped = [7, 100, 9102, 86_989, 1_000_000].map(grouped);
        assert_eq!(grouped, ["7", "100", "9 102", "86 989", "1 000 000"]);
    }
}
