//! System calls of the server, counted in a trace by strace.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::instructions::room;
use super::server::Server;
use crate::chores::{Chores, Result};

/// In the first event that counts, and in the first that does not count any more.
const BEGIN: &str = "begin counting";
const END: &str = "end of counting";

/// How many events of one client are counted, and how many of several.
const EVENTS: usize = 1000;
const ROUNDS: usize = 20;
const CROWD: usize = 100;
/// How many clients hear a broadcast.
const ROOM: usize = 200;

/// How often a system call may come for each operation, in hundredths: what comes once in a while, like a heartbeat or
/// memory for the allocator, does not count.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    Exactly(f64),
    AtMost(f64),
}

/// The system calls that one operation may have, by name. Of all others it has none: no `futex` and no `write` to an
/// eventfd, by which threads wake each other.
type Bounds = [(&'static str, Bound); 3];

const EVENT: Bounds = [
    ("recvfrom", Bound::Exactly(1.0)),
    ("sendto", Bound::Exactly(1.0)),
    // Of several clients that send at once, one tells of many. A worker also looks for news after every 61 turns,
    // of which an event takes two; a client that is quick has its next event found so.
    ("epoll_wait", Bound::AtMost(1.05)),
];
const DELIVERY: Bounds =
    [("recvfrom", Bound::AtMost(0.01)), ("sendto", Bound::Exactly(1.0)), ("epoll_wait", Bound::AtMost(0.03))];

type Work = fn(&Server) -> Result<usize>;

/// What is traced: its name, what it does, which tells how many operations it was, and what they may cost.
const FIGURES: [(&str, Work, Bounds); 4] = [
    ("echo", |server| crowd(server, 1, "42[\"echo\",", "42[\"echo\","), EVENT),
    ("echo to one of 100 clients", |server| crowd(server, CROWD, "42[\"echo\",", "42[\"echo\","), EVENT),
    ("ack", |server| crowd(server, 1, "421[\"ack\",", "431["), EVENT),
    ("delivery", broadcast, DELIVERY),
];

/// How often each system call came.
type Calls = BTreeMap<String, usize>;

/// Traces the server, prints what it does, and adds what it should not do to the failures.
pub(super) fn test(chores: &Chores, strace: &Path, program: &Path, failures: &mut Vec<String>) -> Result {
    for (workers, runtime) in [(1, "one worker"), (0, "current thread")] {
        for (name, work, bounds) in FIGURES {
            let out = chores.target()?.join("strace.out");
            // It would not let itself be ended (`-I`), and shows 32 bytes of what is received (`-s`).
            let mut command = chores.program(strace, &["-f", "-qq", "-I2", "-s", "128", "-o"]);
            command.arg(&out);
            let server = Server::start(command, program, workers)?;
            let operations = work(&server)?;
            server.stop(chores)?;
            let calls = count(&fs::read_to_string(out)?);
            let title = format!("system calls per {name} ({runtime})");
            println!("{title}: {}", listed(&calls, operations));
            failures.extend(excesses(&title, &calls, operations, &bounds));
        }
    }
    Ok(())
}

/// Whether strace may trace at all here; if not, what it says.
pub(super) fn is_forbidden(chores: &Chores, strace: &Path) -> Result<Option<String>> {
    let output = chores.program(strace, &["-f", "-o", "/dev/null", "true"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| said.lines().next().unwrap_or_default().to_owned()))
}

/// Clients that send an event each and wait for its answer, after the first has sent one by itself.
fn crowd(server: &Server, clients: usize, event: &str, answer: &str) -> Result<usize> {
    let mut clients = room(server, clients)?;
    let rounds = if clients.len() == 1 { EVENTS } else { ROUNDS };
    let event = |text| format!("{event}\"{text}\"]");
    let (begin, between, end) = (event(BEGIN), event("0123456789"), event(END));
    // The first makes buffers.
    for text in [&between, &begin] {
        clients[0].send(text)?;
        clients[0].expect(answer)?;
    }
    for _ in 0..rounds {
        clients.iter_mut().try_for_each(|client| client.send(&between))?;
        clients.iter_mut().try_for_each(|client| client.expect(answer))?;
    }
    clients[0].send(&end)?;
    clients[0].expect(answer)?;
    Ok(1 + rounds * clients.len())
}

fn broadcast(server: &Server) -> Result<usize> {
    let mut clients = room(server, ROOM)?;
    let mut broadcast = |text: &str| {
        clients[0].send(&format!("42[\"bcast\",\"{text}\"]"))?;
        clients.iter_mut().try_for_each(|client| client.expect("42[\"bcast\","))
    };
    broadcast("0123456789")?;
    broadcast(BEGIN)?;
    for _ in 1..ROUNDS {
        broadcast("0123456789")?;
    }
    broadcast(END)?;
    Ok(ROUNDS * ROOM)
}

/// Counts the system calls that ended in a trace from the one that received `BEGIN` until that which received `END`.
fn count(trace: &str) -> Calls {
    let lines = trace.lines().skip_while(|line| !line.contains(BEGIN));
    let mut calls = Calls::new();
    for name in lines.take_while(|line| !line.contains(END)).filter_map(ended) {
        // The variants that some architectures have alone.
        let name = if name.starts_with("epoll_pwait") { "epoll_wait" } else { name };
        *calls.entry(name.to_owned()).or_default() += 1;
    }
    calls
}

/// The system call that ended, if a line tells of that and of no beginning, no signal, and no thread's end.
fn ended(line: &str) -> Option<&str> {
    let (_, call) = line.split_once(' ')?;
    let call = call.trim_start();
    if call.ends_with("<unfinished ...>") {
        return None;
    }
    match call.strip_prefix("<... ") {
        Some(rest) => Some(rest.split_once(" resumed>")?.0),
        None => {
            let (name, _) = call.split_once('(')?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            is_name.then_some(name)
        }
    }
}

/// The calls for each operation, the most frequent first, without those that hardly ever come.
fn listed(calls: &Calls, operations: usize) -> String {
    let mut each: Vec<_> = calls.iter().map(|(name, calls)| (hundredths(*calls, operations), name)).collect();
    each.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let listed = each.iter().filter(|(each, _)| *each > 0.0).map(|(each, name)| format!("{each:.2} {name}"));
    listed.collect::<Vec<_>>().join(", ")
}

/// What is not as the bounds say.
fn excesses(title: &str, calls: &Calls, operations: usize, bounds: &Bounds) -> Vec<String> {
    let mut excesses = Vec::new();
    for (name, bound) in bounds {
        let each = hundredths(calls.get(*name).copied().unwrap_or(0), operations);
        match bound {
            Bound::Exactly(right) if each != *right => {
                excesses.push(format!("{title}: {each:.2} {name} instead of {right:.2}"));
            }
            Bound::AtMost(most) if each > *most => {
                excesses.push(format!(
                    "{title}: {each:.2} {name}, {:.2} over the bound of {most:.2}",
                    each - most
                ));
            }
            Bound::Exactly(_) | Bound::AtMost(_) => {}
        }
    }
    for (name, calls) in calls.iter().filter(|(name, _)| bounds.iter().all(|(bounded, _)| bounded != name)) {
        let each = hundredths(*calls, operations);
        if each > 0.0 {
            excesses.push(format!("{title}: {each:.2} {name}, where there should be none"));
        }
    }
    excesses
}

fn hundredths(calls: usize, operations: usize) -> f64 {
    (calls as f64 / operations as f64 * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::{Calls, DELIVERY, EVENT, count, excesses, listed};

    const TRACE: &str = r#"
101 futex(0x7f00, FUTEX_WAIT_BITSET_PRIVATE, 4294967295, NULL, FUTEX_BITSET_MATCH_ANY <unfinished ...>
102 epoll_wait(5, [{events=EPOLLIN, data=0x1}], 1024, -1) = 1
102 recvfrom(9, "\201\230\0\0\0\042[\"echo\",\"0123456789\"]", 65536, 0, NULL, NULL) = 30
102 recvfrom(9,  <unfinished ...>
103 madvise(0x7f00, 8192, MADV_DONTNEED) = 0
102 <... recvfrom resumed>"\201\230\0\0\0\042[\"echo\",\"begin counting\"]", 65536, 0, NULL, NULL) = 34
102 sendto(9, "\201\0\0\0\042[\"echo\",\"begin counting\"]", 28, MSG_NOSIGNAL, NULL, 0) = 28
102 epoll_wait(5,  <unfinished ...>
103 write(6, "\1\0\0\0\0\0\0\0", 8)       = 8
102 <... epoll_wait resumed>[{events=EPOLLIN, data=0x1}], 1024, 24995) = 1
101 <... futex resumed>)                   = 0
101 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---
103 +++ exited with 0 +++
102 recvfrom(9, "\201\230\0\0\0\042[\"echo\",\"0123456789\"]", 65536, 0, NULL, NULL) = 30
102 sendto(9, "\201\0\0\0\042[\"echo\",\"0123456789\"]", 24, MSG_NOSIGNAL, NULL, 0) = 24
102 epoll_pwait(5, [{events=EPOLLIN, data=0x1}], 1024, 24995, NULL, 8) = 1
102 recvfrom(9, "\201\230\0\0\0\042[\"echo\",\"end of counting\"]", 65536, 0, NULL, NULL) = 35
102 sendto(9, "\201\0\0\0\042[\"echo\",\"end of counting\"]", 29, MSG_NOSIGNAL, NULL, 0) = 29
"#;

    fn calls(calls: &[(&str, usize)]) -> Calls {
        calls.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect()
    }

    #[test]
    fn calls_that_end_between_the_marks_are_counted() {
        let expected = [("epoll_wait", 2), ("futex", 1), ("recvfrom", 2), ("sendto", 2), ("write", 1)];
        assert_eq!(count(TRACE), calls(&expected));
    }

    #[test]
    fn a_trace_without_the_mark_has_no_calls() {
        assert_eq!(count("102 sendto(9, \"x\", 1, 0, NULL, 0) = 1\n"), Calls::new());
    }

    #[test]
    fn the_calls_of_one_operation_are_listed() {
        let calls = calls(&[("brk", 4), ("epoll_wait", 990), ("recvfrom", 1000), ("sendto", 1000)]);
        assert_eq!(listed(&calls, 1000), "1.00 recvfrom, 1.00 sendto, 0.99 epoll_wait");
    }

    #[test]
    fn what_must_be_and_nothing_else_is_no_excess() {
        let event = calls(&[("brk", 4), ("epoll_wait", 12), ("recvfrom", 1004), ("sendto", 1000)]);
        assert_eq!(excesses("per echo", &event, 1000, &EVENT), [""; 0]);
        let slow = calls(&[("epoll_wait", 1033), ("recvfrom", 1000), ("sendto", 1000)]);
        assert_eq!(excesses("per echo", &slow, 1000, &EVENT), [""; 0]);
        let delivery = calls(&[("epoll_wait", 90), ("recvfrom", 20), ("sendto", 4000)]);
        assert_eq!(excesses("per delivery", &delivery, 4000, &DELIVERY), [""; 0]);
    }

    #[test]
    fn an_excess_says_which_and_by_how_much() {
        let calls = calls(&[("epoll_wait", 1250), ("futex", 1000), ("recvfrom", 2000), ("write", 10)]);
        let expected = [
            "per echo: 2.00 recvfrom instead of 1.00",
            "per echo: 0.00 sendto instead of 1.00",
            "per echo: 1.25 epoll_wait, 0.20 over the bound of 1.05",
            "per echo: 1.00 futex, where there should be none",
            "per echo: 0.01 write, where there should be none",
        ];
        assert_eq!(excesses("per echo", &calls, 1000, &EVENT), expected);
    }
}
