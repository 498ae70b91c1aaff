//! What the kernel says about a process: the processor time it used and the memory it has.

use std::fs;
use std::io;
use std::time::Duration;

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    id: u32,
}

impl Process {
    /// The process of this id.
    pub fn new(id: u32) -> Self {
        Self { id }
    }

    /// This process.
    pub fn own() -> Self {
        Self::new(std::process::id())
    }

    /// The processor time of all its threads so far, in the kernel and outside of it.
    ///
    /// It is the scheduler's own account, in nanoseconds (`/proc/PID/task/*/schedstat`), without threads that have
    /// ended. Where the kernel does not keep it, it is that of `/proc/PID/stat`, in steps of 10 ms.
    ///
    /// # Errors
    ///
    /// If there is no such process, or no `/proc`.
    pub fn cpu(self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(self.path("task"))? {
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                return self.ticks();
            };
            nanoseconds += text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        }
        if nanoseconds == 0 { self.ticks() } else { Ok(Duration::from_nanos(nanoseconds)) }
    }

    /// It and the processes that it has started, as they are now.
    pub fn family(self) -> Vec<Self> {
        let mut family = vec![self];
        // The kernel lists what each thread has started.
        for thread in fs::read_dir(self.path("task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|id| id.parse().ok()).map(Self::new));
        }
        family
    }

    /// The memory it has resident, in KiB.
    ///
    /// # Errors
    ///
    /// If there is no such process, or no `/proc`.
    pub fn resident_kib(self) -> io::Result<f64> {
        self.status("VmRSS:")
    }

    /// Of its resident memory that which no file is behind, in KiB: heap and stacks.
    ///
    /// # Errors
    ///
    /// If there is no such process, or no `/proc`.
    pub fn heap_kib(self) -> io::Result<f64> {
        self.status("RssAnon:")
    }

    fn ticks(self) -> io::Result<Duration> {
        const EACH: Duration = Duration::from_millis(10);
        let text = fs::read_to_string(self.path("stat"))?;
        // The name before the last parenthesis may have spaces in it.
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u32 = fields.skip(11).take(2).filter_map(|word| word.parse::<u32>().ok()).sum();
        Ok(EACH * ticks)
    }

    fn status(self, field: &str) -> io::Result<f64> {
        number(&fs::read_to_string(self.path("status"))?, field)
    }

    fn path(self, file: &str) -> String {
        format!("/proc/{}/{file}", self.id)
    }
}

/// The memory that the kernel keeps for its own structures, in KiB: sockets at both ends are among them.
///
/// # Errors
///
/// If there is no `/proc`.
pub(super) fn kernel_kib() -> io::Result<f64> {
    number(&fs::read_to_string("/proc/meminfo")?, "Slab:")
}

/// The number behind a field's name.
fn number(text: &str, field: &str) -> io::Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other(format!("no {field} there")))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_processor_time_and_memory() {
        let own = Process::own();
        let before = own.cpu().unwrap();
        let mut sum = 0_u64;
        while own.cpu().unwrap() < before + Duration::from_millis(10) {
            sum = std::hint::black_box((0..100_000).fold(sum, u64::wrapping_add));
        }
        assert!(own.resident_kib().unwrap() >= own.heap_kib().unwrap());
        assert!(own.heap_kib().unwrap() > 0.0);
        assert!(kernel_kib().unwrap() > 0.0);
    }

    #[test]
    fn a_family_is_a_process_and_its_children() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let family: Vec<_> = Process::own().family().iter().map(|process| process.id).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(family[0], std::process::id());
        assert!(family.contains(&child.id()), "{family:?}");
        assert_eq!(Process::new(u32::MAX).family().len(), 1);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Process::new(u32::MAX).cpu().is_err());
        assert!(Process::new(u32::MAX).resident_kib().is_err());
    }
}
