use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tower_socketio_adapter::{Cluster, Emitter};

use super::bus::StreamsBus;
use super::inner::{Inner, Options};
use crate::connection::Commands;
use crate::{ConnectError, RedisServer};

/// The adapter over Redis streams before it is connected: made by [`RedisAdapter::streams`](crate::RedisAdapter::streams).
///
/// Broadcasts, joins, leaves and disconnects are entries of a stream, which all nodes read in one order. A node that
/// connects again goes on behind the last entry that it has read, and with
/// [recovery](tower_socketio_adapter::Sessions) a client that was away comes back to any node. Requests and their answers,
/// which nobody needs later, go by pub/sub.
///
/// Node servers join with npm's `@socket.io/redis-streams-adapter` 0.3; 0.2 speaks another language. The options are those
/// of that package, with the same defaults. Names, the number of streams and the kind of pub/sub have to be the same on all
/// servers. Its `onlyPlaintext` has no counterpart, as it is known here without a search whether there is binary data.
///
/// In an outage what is emitted reaches this node's own clients only. What was trimmed from the stream before it was read
/// is lost, which is logged as far as it can be seen.
#[derive(Clone, Debug)]
#[must_use = "an adapter does nothing before `connect` or `emitter`"]
pub struct StreamsAdapter {
    server: RedisServer,
    options: Options,
}

const DAY: Duration = Duration::from_secs(60 * 60 * 24);

/// No more entries are read at once.
const MOST_READ: usize = 1_000_000;

impl StreamsAdapter {
    /// Describes the adapter, with the options at their defaults; nothing is connected yet.
    pub(crate) fn new(server: RedisServer) -> Self {
        Self { server, options: Options::default() }
    }

    /// The name of the stream (default: `socket.io`).
    pub fn stream_name(mut self, name: impl Into<String>) -> Self {
        self.options.names.stream = name.into();
        self
    }

    /// Over how many streams namespaces are spread (default: 1), of which a Redis Cluster can have each on another node.
    /// With more than one a stream is called by the name, `-` and its number, counted from 0. None is one.
    ///
    /// Each is read over a connection of its own.
    ///
    /// A Node server writes some of its namespaces to a stream that no Node server reads: those whose hash is negative.
    /// This one writes where all of them read, and reads where they write, so that only what Node servers tell each other
    /// is lost. What it reads there has no offset: a client who was away then does not get it later.
    pub fn stream_count(mut self, count: u32) -> Self {
        self.options.names.streams = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// What the channels of requests and answers begin with (default: `socket.io`).
    ///
    /// The classic adapter has channels of the same names: where there is one on the same Redis, one of the two needs
    /// another prefix.
    pub fn channel_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.names.channel = prefix.into();
        self
    }

    /// Whether requests and answers go by sharded pub/sub, for Redis 7 and later (default: no). In a Redis Cluster what is
    /// published otherwise goes to all of its nodes.
    pub fn sharded_pub_sub(mut self, sharded: bool) -> Self {
        self.options.sharded = sharded;
        self
    }

    /// About how many entries a stream keeps (default: 10 000); at least one.
    ///
    /// It has to hold what is sent while a node is busy or connects again, and for recovery while clients do. Redis takes
    /// ten thousand entries in less than 0.1 s: whoever emits in such bursts needs more.
    pub fn max_len(mut self, entries: u64) -> Self {
        // Redis takes no more.
        self.options.max_len = entries.clamp(1, i64::MAX.unsigned_abs());
        self
    }

    /// How many entries are read at once (default: 100); at least one, and at most a million.
    pub fn read_count(mut self, entries: usize) -> Self {
        self.options.read_count = entries.clamp(1, MOST_READ);
        self
    }

    /// How long a read waits for entries (default: 5 s); at most a day. A server that is silent for 5 s more is given up.
    pub fn block_time(mut self, time: Duration) -> Self {
        self.options.block_time = time.min(DAY);
        self
    }

    /// What the keys of clients' sessions begin with (default: `sio:session:`).
    pub fn session_key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.session_key_prefix = prefix.into();
        self
    }

    /// Connects, and makes what the builder's `adapter` takes.
    ///
    /// # Errors
    ///
    /// If the server is not described as it should be, or cannot be reached.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<Cluster, ConnectError> {
        self.bus().await.map(Cluster::new)
    }

    /// Connects to emit only, from a program that serves nobody.
    ///
    /// All that it says is an entry of the stream, events for programs, too, and so is not lost for a node that connects again
    /// meanwhile. Node's servers hear it, too.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn emitter(self) -> Result<Emitter, ConnectError> {
        self.bus().await.map(Emitter::new)
    }

    async fn bus(self) -> Result<StreamsBus, ConnectError> {
        let (plan, commands) = Commands::connect(&self.server).await?;
        Ok(StreamsBus(Arc::new(Inner::new(plan, commands, self.options))))
    }
}

#[cfg(test)]
mod tests {
    use crate::RedisAdapter;

    #[test]
    fn numbers_are_such_as_redis_takes() {
        let adapter = RedisAdapter::streams("redis://localhost");
        let largest = adapter.clone().read_count(usize::MAX).max_len(u64::MAX).options;
        assert!(i64::try_from(largest.max_len).is_ok() && i64::try_from(largest.read_count + 1).is_ok());
        let none = adapter.read_count(0).max_len(0).stream_count(0).options;
        assert_eq!((none.read_count, none.max_len, none.names.streams.get()), (1, 1, 1));
    }
}
