//! Steps, one after the other, until the first one fails.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

use crate::tally::Tally;

pub(crate) type Error = Box<dyn std::error::Error>;
pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

/// Where things are, and how many tests ran so far.
pub(crate) struct Chores {
    root: PathBuf,
    tally: Tally,
}

impl Chores {
    pub(crate) fn new() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.parent().expect("this package is a folder of the repository");
        Self { root: root.to_owned(), tally: Tally::default() }
    }

    /// Does one thing under a heading, and tells how long it took.
    pub(crate) fn step(&mut self, title: &str, body: impl FnOnce(&mut Self) -> Result) -> Result {
        println!("\n=== {title}");
        let (start, before) = (Instant::now(), self.tally);
        body(self).map_err(|error| format!("{title}: {error}"))?;
        let tests = self.tally.passed - before.passed;
        let tests = if tests == 0 { String::new() } else { format!("{tests} tests in ") };
        println!("=== {title}: {tests}{:.1} s", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Runs a command, which must succeed.
    pub(crate) fn run(&self, command: &mut Command) -> Result {
        announce(command);
        let status = command.status().map_err(|error| unstartable(command, &error))?;
        succeeded(command, status)
    }

    /// Runs a command that runs tests. It must succeed, and its summary must tell of some tests that passed.
    pub(crate) fn run_tests(&mut self, command: &mut Command) -> Result {
        announce(command);
        let (reader, writer) = io::pipe()?;
        // Python's runner writes its summary to standard error.
        command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn().map_err(|error| unstartable(command, &error))?;
        // The ends for writing that `command` still holds would keep the pipe open for ever.
        command.stdout(Stdio::null()).stderr(Stdio::null());

        let mut tally = Tally::default();
        for line in BufReader::new(reader).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.read(&line);
        }
        let status = child.wait()?;
        self.tally += tally;
        succeeded(command, status)?;
        if tally.passed == 0 || tally.failed > 0 {
            let Tally { passed, failed } = tally;
            return Err(format!("`{}`: {passed} tests passed, {failed} failed", text(command)).into());
        }
        Ok(())
    }

    /// Prints how it went. The last line has the number of tests, if there were any.
    pub(crate) fn finish(self, outcome: Result) -> ExitCode {
        let Tally { passed, failed } = self.tally;
        println!();
        if let Err(error) = outcome {
            eprintln!("error: {error}");
            if failed > 0 {
                println!("{passed} passed, {failed} failed");
            }
            return ExitCode::FAILURE;
        }
        if passed > 0 {
            println!("{passed} passed, {failed} failed");
        }
        ExitCode::SUCCESS
    }

    /// A path of the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo, at the repository's root. By its name, since only rustup's proxy understands `+nightly`.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        self.program("cargo", arguments)
    }

    /// A program, started at the repository's root.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// Where Cargo puts what this program and everything else is built into.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        Ok(self.built("")?.parent().ok_or("the folder of builds has no parent")?.to_owned())
    }

    /// Something that Cargo built beside this program.
    pub(crate) fn built(&self, name: &str) -> Result<PathBuf> {
        let this = env::current_exe()?;
        Ok(this.parent().ok_or("this program is in no folder")?.join(name))
    }
}

fn announce(command: &Command) {
    println!("$ {}", text(command));
}

/// The command as one would type it, without the program's folder; of many arguments the first.
fn text(command: &Command) -> String {
    const MOST: usize = 8;
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = [program].into_iter().chain(command.get_args()).take(MOST).map(OsStr::to_string_lossy);
    let more = if command.get_args().len() < MOST { "" } else { " …" };
    words.collect::<Vec<_>>().join(" ") + more
}

fn unstartable(command: &Command, error: &io::Error) -> Error {
    format!("`{}` cannot be started: {error}", text(command)).into()
}

fn succeeded(command: &Command, status: ExitStatus) -> Result {
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", text(command)).into()) }
}
