use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{Instant, sleep};

use super::commands::{Commands, is, owner_of};
use super::dial::Plan;
use super::topology::Address;
use super::wires::Wire;

/// How often a channel that moves is looked for.
const ATTEMPTS: u32 = 5;

/// How long is waited before it is looked for again; in a failover that is not enough, and everything is lost.
const MOVING: Duration = Duration::from_millis(50);

/// How long after a failed attempt to connect nobody tries again.
const PAUSE: Duration = Duration::from_millis(250);

/// How a channel is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// `SUBSCRIBE`.
    Plain,
    /// `PSUBSCRIBE`.
    Pattern,
    /// `SSUBSCRIBE`.
    Shard,
}

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) kind: Kind,
    /// The pattern that the channel matches, if it was subscribed to by one.
    pub(crate) pattern: Option<Bytes>,
    pub(crate) channel: Bytes,
    pub(crate) payload: Bytes,
}

/// Takes what a subscriber brings.
///
/// All methods are called from the task of the connection and must not wait.
pub(crate) trait Sink: Send + Sync + 'static {
    fn message(&self, delivery: Delivery);

    /// Shard channels belong to other nodes by now: those that are still wanted are to be subscribed to again, and the others
    /// unsubscribed from.
    fn moved(&self, channels: Vec<String>);

    /// All subscriptions are gone, until there are new ones.
    fn lost(&self, reason: &RedisError);
}

/// Subscribes over one connection, or one to each primary of a cluster.
///
/// All that is subscribed to can come twice where several subscribe to the same, so nobody does. It ends when it is
/// dropped.
#[derive(Clone)]
pub(crate) struct Subscriber(Arc<Inner>);

pub(super) struct Inner {
    pub(super) plan: Arc<Plan>,
    pub(super) commands: Arc<Commands>,
    pub(super) sink: Arc<dyn Sink>,
    state: Mutex<State>,
    /// Whoever connects holds it; when and why that failed, by node.
    dialing: tokio::sync::Mutex<HashMap<Option<Address>, (Instant, RedisError)>>,
}

#[derive(Default)]
struct State {
    /// By node; `None` is the one server, and in a cluster the node of what is not sharded.
    wires: HashMap<Option<Address>, Arc<Wire>>,
    /// Where the shard channels of a cluster are subscribed to.
    places: HashMap<Box<[u8]>, Address>,
    /// Those that are being left, so that it is no surprise.
    leaving: HashSet<Box<[u8]>>,
}

impl Subscriber {
    pub(crate) fn new(plan: Arc<Plan>, commands: Arc<Commands>, sink: Arc<dyn Sink>) -> Self {
        let (state, dialing) = Default::default();
        Self(Arc::new(Inner { plan, commands, sink, state, dialing }))
    }

    /// Subscribes to channels, or patterns, and waits until Redis has confirmed all; connects if necessary.
    ///
    /// # Errors
    ///
    /// If one of them could not be subscribed to; others may be.
    pub(crate) async fn subscribe(&self, kind: Kind, names: &[impl AsRef<str>]) -> RedisResult<()> {
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        if kind == Kind::Shard && self.0.plan.is_cluster() {
            return self.0.subscribe_shards(names).await;
        }
        let wire = self.0.wire(None).await?;
        let confirmed = wire.run(kind.verb(true), &names).await;
        confirmed.inspect_err(|error| self.0.broken(&wire, error))?.into_iter().collect()
    }

    /// Ends subscriptions, if there are any.
    pub(crate) async fn unsubscribe(&self, kind: Kind, names: &[impl AsRef<str>]) -> RedisResult<()> {
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        if kind == Kind::Shard && self.0.plan.is_cluster() {
            return self.0.unsubscribe_shards(&names).await;
        }
        let Some(wire) = self.0.state().wires.get(&None).cloned() else { return Ok(()) };
        let confirmed = wire.run(kind.verb(false), &names).await;
        confirmed.inspect_err(|error| self.0.broken(&wire, error))?.into_iter().collect()
    }
}

impl Inner {
    /// Returns the connection to a node, connecting if there is none.
    async fn wire(self: &Arc<Self>, node: Option<&Address>) -> RedisResult<Arc<Wire>> {
        let node = node.cloned();
        let known = |inner: &Self| {
            let state = inner.state();
            state.wires.get(&node).filter(|wire| wire.is_alive()).cloned()
        };
        if let Some(wire) = known(self) {
            return Ok(wire);
        }
        let mut failed = self.dialing.lock().await;
        if let Some(wire) = known(self) {
            return Ok(wire);
        }
        failed.retain(|_, (when, _)| when.elapsed() < PAUSE);
        if let Some((_, error)) = failed.get(&node) {
            return Err(error.clone());
        }
        let opened = match node {
            None if self.plan.is_cluster() => self.anywhere().await,
            _ => Wire::open(self, node.as_ref()).await,
        };
        if let Err(error) = &opened {
            failed.insert(node.clone(), (Instant::now(), error.clone()));
        }
        let wire = Arc::new(opened?);
        self.state().wires.insert(node, wire.clone());
        Ok(wire)
    }

    /// Connects to any primary of the cluster: what is published on one of them comes to all.
    async fn anywhere(self: &Arc<Self>) -> RedisResult<Wire> {
        let mut last = RedisError::from((ErrorKind::ClusterConnectionNotFound, "the cluster has no primary"));
        for node in self.commands.refresh().await?.primaries() {
            match Wire::open(self, Some(&node)).await {
                Ok(wire) => return Ok(wire),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn subscribe_shards(self: &Arc<Self>, names: Vec<&str>) -> RedisResult<()> {
        let mut left = names;
        let mut last = RedisError::from((ErrorKind::Io, "nothing was subscribed to"));
        let (mut then, mut owner) = (Instant::now(), None);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sleep(MOVING * (1 << (attempt - 1))).await;
                self.commands.refresh_since(then, owner.take()).await?;
                then = Instant::now();
            }
            let mut by_node: HashMap<Address, Vec<&str>> = HashMap::new();
            for name in left {
                by_node.entry(self.commands.primary(name.as_bytes()).await?).or_default().push(name);
            }
            self.leave_other_nodes(&by_node).await?;
            let results = join_all(by_node.iter().map(|(node, names)| self.subscribe_on(node, names))).await;
            left = Vec::new();
            for (result, (node, names)) in results.into_iter().zip(&by_node) {
                for (result, name) in result?.into_iter().zip(names) {
                    match result {
                        Ok(()) => {}
                        Err(error) if is(&error, ServerErrorKind::Moved) => {
                            owner = owner_of(&error, node).or(owner);
                            last = error;
                            left.push(*name);
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            if left.is_empty() {
                return Ok(());
            }
        }
        Err(last)
    }

    /// Ends what channels are subscribed to on nodes that are not theirs any more, or messages might come twice.
    async fn leave_other_nodes(&self, by_node: &HashMap<Address, Vec<&str>>) -> RedisResult<()> {
        let strays: Vec<&str> = {
            let state = self.state();
            let is_elsewhere = |node: &Address, name: &str| {
                state.places.get(name.as_bytes()).is_some_and(|place| place != node)
            };
            by_node
                .iter()
                .flat_map(|(node, names)| names.iter().copied().filter(move |name| is_elsewhere(node, name)))
                .collect()
        };
        self.unsubscribe_shards(&strays).await
    }

    async fn subscribe_on(
        self: &Arc<Self>,
        node: &Address,
        names: &[&str],
    ) -> RedisResult<Vec<RedisResult<()>>> {
        let wire = self.wire(Some(node)).await.inspect_err(|_| self.commands.doubt())?;
        {
            let mut state = self.state();
            for name in names {
                state.leaving.remove(name.as_bytes());
                state.places.insert(name.as_bytes().into(), node.clone());
            }
        }
        let confirmed = wire.run(Kind::Shard.verb(true), names).await;
        confirmed.inspect_err(|error| self.broken(&wire, error))
    }

    async fn unsubscribe_shards(&self, names: &[&str]) -> RedisResult<()> {
        let mut by_node: HashMap<Address, Vec<&str>> = HashMap::new();
        {
            let mut state = self.state();
            for name in names {
                if let Some(node) = state.places.remove(name.as_bytes()) {
                    state.leaving.insert(name.as_bytes().into());
                    by_node.entry(node).or_default().push(name);
                }
            }
        }
        for (node, names) in by_node {
            let wire = self.state().wires.get(&Some(node)).cloned();
            if let Some(wire) = wire {
                let confirmed = wire.run(Kind::Shard.verb(false), &names).await;
                confirmed.inspect_err(|error| self.broken(&wire, error))?;
            }
            let mut state = self.state();
            for name in names {
                state.leaving.remove(name.as_bytes());
            }
        }
        Ok(())
    }

    /// The server has ended the subscription to a shard channel: we wanted that, or its slot has moved.
    pub(super) fn left(&self, channel: Vec<u8>) {
        {
            let mut state = self.state();
            if state.leaving.contains(&channel[..]) || state.places.remove(&channel[..]).is_none() {
                return;
            }
        }
        self.commands.doubt();
        self.move_on(vec![channel.into()]);
    }

    /// Looks whether the primaries of shard channels are still the same, which is not said after a failover.
    pub(super) fn look_around(self: &Arc<Self>) {
        if !self.plan.is_cluster() {
            return;
        }
        let inner = self.clone();
        tokio::spawn(async move {
            let Ok(topology) = inner.commands.refresh().await else { return };
            let moved = {
                let state = inner.state();
                let moved = state.places.iter().filter(|(channel, node)| {
                    topology.primary(channel).is_some_and(|primary| primary != *node)
                });
                moved.map(|(channel, _)| channel.clone()).collect()
            };
            inner.move_on(moved);
        });
    }

    fn move_on(&self, channels: Vec<Box<[u8]>>) {
        let channels: Vec<_> =
            channels.into_iter().filter_map(|channel| String::from_utf8(channel.into()).ok()).collect();
        if !channels.is_empty() {
            tracing::debug!(target: "socketio::adapter", ?channels, "slots have moved");
            self.sink.moved(channels);
        }
    }

    /// A command of a connection failed; if the connection did, everything is lost.
    fn broken(&self, wire: &Wire, error: &RedisError) {
        if wire.kill() {
            self.lost(error);
        }
    }

    /// A connection is lost, and with it all others are given up.
    pub(super) fn lost(&self, reason: &RedisError) {
        let wires = std::mem::take(&mut *self.state());
        self.commands.doubt();
        // Nobody was told of anything that has not been subscribed to.
        if wires.wires.is_empty() {
            return;
        }
        for wire in wires.wires.values() {
            wire.kill();
        }
        self.sink.lost(reason);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn verb(self, subscribe: bool) -> &'static str {
        match (self, subscribe) {
            (Self::Plain, true) => "SUBSCRIBE",
            (Self::Plain, false) => "UNSUBSCRIBE",
            (Self::Pattern, true) => "PSUBSCRIBE",
            (Self::Pattern, false) => "PUNSUBSCRIBE",
            (Self::Shard, true) => "SSUBSCRIBE",
            (Self::Shard, false) => "SUNSUBSCRIBE",
        }
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Subscriber").field("connections", &state.wires.len()).finish_non_exhaustive()
    }
}
