//! Measures what has a bound, and fails with all that is beyond it.

use std::path::{Path, PathBuf};

use super::baseline::{self, Baseline, Verdict};
use super::instructions::Count;
use super::syscalls;
use crate::chores::{Chores, Result};
use crate::tools;

/// Compares every figure with its bound.
pub(crate) fn test(chores: &mut Chores) -> Result {
    if !can_measure() {
        return Ok(());
    }
    let program = server(chores)?;
    let mut failures = Vec::new();
    chores.step("system calls", |chores| {
        let strace = tools::strace(chores)?;
        if let Some(error) = syscalls::is_forbidden(chores, &strace)? {
            println!("left out: nothing can be traced here ({error})");
            return Ok(());
        }
        syscalls::test(chores, &strace, &program, &mut failures)
    })?;
    chores.step("instructions", |chores| {
        let (baseline, machine) = (Baseline::load(chores)?, baseline::machine(chores)?);
        for (name, measured) in measure(chores, &program)? {
            match baseline.judge(&name, measured, &machine) {
                Verdict::Held(line) => println!("{line}"),
                Verdict::Failed(line) => {
                    println!("{line}");
                    failures.push(line);
                }
            }
        }
        Ok(())
    })?;
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n  ").into()) }
}

/// Makes today's figures the baseline.
pub(crate) fn write(chores: &mut Chores) -> Result {
    if !can_measure() {
        return Ok(());
    }
    let program = server(chores)?;
    chores.step("instructions", |chores| {
        let (figures, machine) = (measure(chores, &program)?, baseline::machine(chores)?);
        figures.iter().for_each(|(name, measured)| println!("{name} = {measured}"));
        Baseline { machine, figures }.save(chores)?;
        println!("written into {}", baseline::FILE);
        Ok(())
    })
}

/// Builds the server, by the profile that says most about what users get.
fn server(chores: &mut Chores) -> Result<PathBuf> {
    chores.step("server to measure", |chores| {
        let package = ["build", "--package", "tower-socketio-bench", "--profile", "bench", "--bin", "serve"];
        chores.run(&mut chores.cargo(&package))
    })?;
    // This profile's folder is that of release.
    Ok(chores.target()?.join("release/serve"))
}

fn measure(chores: &Chores, program: &Path) -> Result<Vec<(String, u64)>> {
    let valgrind = tools::valgrind(chores)?;
    Count { chores, valgrind: &valgrind, program }.all()
}

fn can_measure() -> bool {
    if !cfg!(target_os = "linux") {
        println!("costs are left out: they are measured on Linux only");
    }
    cfg!(target_os = "linux")
}
