use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{ErrorKind, RedisError, RedisResult, cmd};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;
use tower_socketio_adapter::Offset;

use super::commands::{self, entries, entries_read};
use super::entry::Entry;
use super::id;
use super::inner::Inner;
use super::names::Number;
use super::positions::{Positions, Recipient};
use crate::connection::{Address, Job};

/// How much longer than it may block a read takes at most; then the connection is given up.
const GRACE: Duration = Duration::from_secs(5);

/// How many pages are scanned before what is new has its turn: more than new pages come meanwhile, so that it ends.
const PAGES: usize = 16;

/// After so long others have their turn on this thread.
const SLICE: Duration = Duration::from_micros(500);

/// Reads one stream for all namespaces, over a connection of its own.
pub(super) struct Reader {
    inner: Arc<Inner>,
    stream: Number,
    name: String,
    connection: MultiplexedConnection,
    /// Where that leads, in a cluster.
    node: Option<Address>,
    /// Tells when a cluster has changed.
    changes: watch::Receiver<()>,
    wake: watch::Receiver<()>,
    /// Whether it was said that entries are missing; it is said again when there was nothing left to read meanwhile.
    reported: bool,
}

impl Reader {
    /// Connects; the reader begins behind the last entry.
    ///
    /// # Cancel safety
    ///
    /// Nothing has happened then.
    pub(super) async fn start(inner: Arc<Inner>, stream: Number) -> RedisResult<()> {
        let name = inner.options.names.stream(stream);
        // In a cluster this finds out where the stream is by now.
        let jobs = vec![Job::new(&name, commands::last(&name)), Job::anywhere(cmd("TIME"))];
        let [last, time] = inner.commands.run_all(jobs).await.try_into().expect("each job has a result");
        let last = entries(last?)?.first().map_or(Offset::ZERO, |entry| entry.id);
        let (now, _) = commands::now(time?, Duration::ZERO)?;
        let changes = inner.commands.changes();
        let (connection, node) = inner.commands.dedicated(&name).await?;
        let wake = inner.wake.subscribe();
        let is_shorter = inner.positions().begin(stream, last, now);
        let mut reader = Self { inner, stream, name, connection, node, changes, wake, reported: false };
        if is_shorter {
            reader.report("the stream ends before what was read last: entries may be missing");
        }
        tokio::spawn(reader.run());
        Ok(())
    }

    async fn run(mut self) {
        let ended = AssertUnwindSafe(self.read()).catch_unwind().await;
        let reason = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the reader of a stream has panicked".to_owned(),
        };
        self.inner.lost(self.stream, &reason);
    }

    /// Reads until nobody needs it any more.
    async fn read(&mut self) -> RedisResult<()> {
        let options = &self.inner.options;
        let many = options.read_count.min(usize::try_from(options.max_len).unwrap_or(usize::MAX)).max(1);
        let mut full = false;
        // Whoever came before the first read may want to hear what was.
        let mut scanning = true;
        loop {
            let tip = self.inner.positions().tip(self.stream);
            let mut answer = pin!(self.next(tip, full));
            let answer = loop {
                if scanning {
                    scanning = self.scan().await?;
                    match answer.as_mut().now_or_never() {
                        Some(answer) => break answer,
                        None => continue,
                    }
                }
                tokio::select! {
                    answer = &mut answer => break answer,
                    changed = self.wake.changed() => {
                        if changed.is_err() || self.inner.positions().end_unused(self.stream) {
                            return Ok(());
                        }
                        scanning = true;
                    }
                    // The server may hang, and another one be in its place.
                    Ok(()) = self.changes.changed() => {
                        if self.inner.commands.has_moved(&self.name, self.node.as_ref()) {
                            return Err(RedisError::from((ErrorKind::Io, "the stream is on another server")));
                        }
                    }
                }
            };
            let entries = answer?;
            let count = entries.len();
            if !full && count >= many && id::is_entry(tip) {
                // So many can be those that trimming has left: they are read again, to see what was before them.
                full = true;
                continue;
            }
            let entries = if full && count > 0 { self.behind(tip, entries, tip) } else { entries };
            self.reported &= full;
            full = count >= many;
            self.hand_out(&entries, |positions, entry, recipients| {
                positions.read(self.stream, entry, recipients);
            })
            .await;
        }
    }

    /// Reads the next entries; where there are more than were read at once, without waiting, and with the last one again,
    /// by which it shows whether entries behind it have been trimmed.
    fn next(&self, tip: Offset, full: bool) -> impl Future<Output = RedisResult<Vec<Entry>>> + use<> {
        let options = &self.inner.options;
        let command = match full {
            true => commands::read(&self.name, tip.previous(), options.read_count + 1, None),
            false => commands::read(&self.name, tip, options.read_count, Some(options.block_time)),
        };
        let mut connection = self.connection.clone();
        let within = options.block_time + GRACE;
        async move {
            let answer = timeout(within, connection.req_packed_command(&command)).await;
            let silent = || RedisError::from((ErrorKind::Io, "the server is silent"));
            entries_read(answer.map_err(|_| silent())??.extract_error()?)
        }
    }

    /// Scans for those who are behind, for a while; returns whether there is more to scan.
    async fn scan(&mut self) -> RedisResult<bool> {
        let count = self.inner.options.read_count + 1;
        for _ in 0..PAGES {
            let (from, tip) = {
                let mut positions = self.inner.positions();
                let Some(from) = positions.scan_from(self.stream) else { return Ok(false) };
                (from, positions.tip(self.stream))
            };
            let range =
                commands::range(&self.name, if id::is_entry(from) { from } else { from.next() }, tip, count);
            let page = entries(self.inner.commands.run(Job::new(&self.name, range)).await?)?;
            let end = if page.len() < count { tip } else { page.last().map_or(tip, |entry| entry.id) };
            let page = self.behind(from, page, end);
            self.hand_out(&page, |positions, entry, recipients| {
                positions.found(self.stream, entry, recipients);
            })
            .await;
            if self.inner.positions().scanned(self.stream, end) {
                self.inner.progress.send_replace(());
            }
        }
        Ok(true)
    }

    /// Takes the entry away with which a page begins if nothing is missing.
    fn behind(&mut self, known: Offset, mut page: Vec<Entry>, end: Offset) -> Vec<Entry> {
        if page.first().is_some_and(|entry| entry.id <= known) {
            page.remove(0);
        } else if id::is_entry(known) {
            let place = page.first().map_or(end, |entry| entry.id.previous());
            let losers = self.inner.positions().losers(self.stream, place);
            losers.iter().for_each(|inbox| inbox.begin(place));
            self.report(
                "the stream has not any more what was read last: entries behind it may be missing, too",
            );
        }
        page
    }

    fn report(&mut self, what: &str) {
        if !std::mem::replace(&mut self.reported, true) {
            tracing::warn!(target: "socketio::adapter", stream = self.name, "{what}");
        }
    }

    /// Brings entries to those who are to hear them.
    async fn hand_out(&self, entries: &[Entry], who: impl Fn(&mut Positions, &Entry, &mut Vec<Recipient>)) {
        let mut recipients = Vec::new();
        let mut since = Instant::now();
        for entry in entries {
            if since.elapsed() > SLICE {
                yield_now().await;
                since = Instant::now();
            }
            // Not under the lock: a broadcast takes its time.
            who(&mut self.inner.positions(), entry, &mut recipients);
            if !recipients.is_empty() {
                self.inner.deliver(self.stream, entry, &mut recipients);
            }
        }
    }
}
