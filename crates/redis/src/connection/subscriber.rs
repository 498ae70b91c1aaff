use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::{ErrorKind, PushKind, RedisError, RedisResult};
use tokio::time::Instant;

use super::commands::Commands;
use super::dial::Plan;
use super::topology::Address;
use super::wires::Wire;

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
    /// Whoever subscribes to shard channels of a cluster, or leaves them, holds it.
    pub(super) moving: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct State {
    /// By node; `None` is the one server, and in a cluster the node of what is not sharded.
    pub(super) wires: HashMap<Option<Address>, Arc<Wire>>,
    /// The shard channels of a cluster that are wanted, and where they are subscribed to; `None` while they are on the move.
    pub(super) places: HashMap<Box<str>, Option<Address>>,
}

impl Subscriber {
    pub(crate) fn new(plan: Arc<Plan>, commands: Arc<Commands>, sink: Arc<dyn Sink>) -> Self {
        let (state, dialing, moving) = Default::default();
        Self(Arc::new(Inner { plan, commands, sink, state, dialing, moving }))
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
        let confirmed = wire.run(kind, true, &names).await;
        confirmed.inspect_err(|error| self.0.broken(&wire, error))?.into_iter().collect()
    }

    /// Ends subscriptions, if there are any.
    pub(crate) async fn unsubscribe(&self, kind: Kind, names: &[impl AsRef<str>]) -> RedisResult<()> {
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        if kind == Kind::Shard && self.0.plan.is_cluster() {
            return self.0.unsubscribe_shards(&names).await;
        }
        let Some(wire) = self.0.state().wires.get(&None).cloned() else { return Ok(()) };
        let confirmed = wire.run(kind, false, &names).await;
        confirmed.inspect_err(|error| self.0.broken(&wire, error))?.into_iter().collect()
    }
}

impl Inner {
    /// Returns the connection to a node, connecting if there is none.
    pub(super) async fn wire(self: &Arc<Self>, node: Option<&Address>) -> RedisResult<Arc<Wire>> {
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

    /// A command of a connection failed; if the connection did, everything is lost.
    pub(super) fn broken(&self, wire: &Wire, error: &RedisError) {
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    pub(super) fn verb(self, subscribe: bool) -> &'static str {
        match (self, subscribe) {
            (Self::Plain, true) => "SUBSCRIBE",
            (Self::Plain, false) => "UNSUBSCRIBE",
            (Self::Pattern, true) => "PSUBSCRIBE",
            (Self::Pattern, false) => "PUNSUBSCRIBE",
            (Self::Shard, true) => "SSUBSCRIBE",
            (Self::Shard, false) => "SUNSUBSCRIBE",
        }
    }

    /// How the server confirms it.
    pub(super) fn confirmation(self, subscribe: bool) -> PushKind {
        match (self, subscribe) {
            (Self::Plain, true) => PushKind::Subscribe,
            (Self::Plain, false) => PushKind::Unsubscribe,
            (Self::Pattern, true) => PushKind::PSubscribe,
            (Self::Pattern, false) => PushKind::PUnsubscribe,
            (Self::Shard, true) => PushKind::SSubscribe,
            (Self::Shard, false) => PushKind::SUnsubscribe,
        }
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Subscriber").field("connections", &state.wires.len()).finish_non_exhaustive()
    }
}
