//! Instructions of the server in user space, counted by valgrind's callgrind.

use std::fs;
use std::path::Path;

use super::client::Client;
use super::server::Server;
use crate::chores::{Chores, Result};

/// How many clients hear a broadcast.
const ROOM: usize = 200;

/// How to count.
pub(super) struct Count<'a> {
    pub(super) chores: &'a Chores,
    pub(super) valgrind: &'a Path,
    pub(super) program: &'a Path,
}

impl Count<'_> {
    /// Every figure, under its name.
    pub(super) fn all(&self) -> Result<Vec<(String, u64)>> {
        let figures = [
            ("echo", self.events("42[\"echo\",\"0123456789abcdef\"]", "42[\"echo\",")?),
            ("ack", self.events("421[\"ack\",\"0123456789abcdef\"]", "431[")?),
            ("delivery", self.deliveries()?),
            ("connection", self.connections()?),
        ];
        Ok(figures.map(|(name, figure)| (name.to_owned(), figure)).into())
    }

    /// For each event that one client sends and is answered.
    fn events(&self, event: &str, answer: &str) -> Result<u64> {
        self.difference(500, 2500, 1, |server, events| {
            let mut client = server.client()?;
            for _ in 0..events {
                client.send(event)?;
                client.expect(answer)?;
            }
            Ok(())
        })
    }

    /// For each client that a broadcast reaches.
    fn deliveries(&self) -> Result<u64> {
        self.difference(10, 110, ROOM, |server, broadcasts| {
            let mut clients = room(server, ROOM)?;
            for _ in 0..broadcasts {
                clients[0].send("42[\"bcast\",\"0123456789abcdef\"]")?;
                clients.iter_mut().try_for_each(|client| client.expect("42[\"bcast\","))?;
            }
            Ok(())
        })
    }

    /// For each client that connects, is accepted, and leaves.
    fn connections(&self) -> Result<u64> {
        self.difference(50, 350, 1, |server, clients| {
            for _ in 0..clients {
                server.client()?.leave()?;
            }
            Ok(())
        })
    }

    /// What one operation costs, of which each round has so many: the difference of two counts, so that what the server's
    /// start costs is in neither.
    fn difference(
        &self,
        few: usize,
        many: usize,
        each: usize,
        rounds: impl Fn(&Server, usize) -> Result,
    ) -> Result<u64> {
        let count = |number| -> Result<u64> {
            let out = self.chores.target()?.join("callgrind.out");
            let mut command = self.chores.program(self.valgrind, &["--tool=callgrind", "--quiet"]);
            command.arg(format!("--callgrind-out-file={}", out.display()));
            let server = Server::start(command, self.program, 1)?;
            rounds(&server, number)?;
            server.stop(self.chores)?;
            total(&fs::read_to_string(out)?).ok_or_else(|| "callgrind has written no total".into())
        };
        let (start, end): (u64, u64) = (count(few)?, count(many)?);
        let operations = ((many - few) * each) as u64;
        let cost = end.checked_sub(start).ok_or("more operations cost less")?;
        Ok((cost + operations / 2) / operations)
    }
}

/// So many clients in the room that broadcasts are for.
pub(super) fn room(server: &Server, clients: usize) -> Result<Vec<Client>> {
    (0..clients).map(|_| server.client()).collect()
}

/// The sum that callgrind writes at the end of its file.
fn total(file: &str) -> Option<u64> {
    file.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_of_callgrinds_file_is_found() {
        let file = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 4711\ncmd:  serve 23457 1\npart: 1\n\n\n\
            desc: I1 cache: \ndesc: Trigger: Program termination\n\npositions: line\nevents: Ir\nsummary: 24517\n\n\n\
            ob=(1) /usr/lib/ld.so\nfl=(1)\nfn=(1) main\n12 7\ncalls=1 0 \n0 12\n\ntotals: 24517\n";
        assert_eq!(total(file), Some(24517));
        assert_eq!(total("events: Ir\nsummary: 24517\n"), None);
    }
}
