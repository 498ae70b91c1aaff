use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{Instant, sleep, timeout};

use super::commands::{is, owner_of};
use super::subscriber::{Inner, Kind};
use super::topology::Address;

/// How often a channel that moves is looked for.
const ATTEMPTS: u32 = 5;

/// How long is waited before it is looked for again; in a failover that is not enough, and everything is lost.
const MOVING: Duration = Duration::from_millis(50);

/// How long a server that is primary no more may take to let go of channels; perhaps it hangs, and that is why.
const PARTING: Duration = Duration::from_secs(2);

/// The shard channels of a cluster, each of which is subscribed to where its slot is.
impl Inner {
    pub(super) async fn subscribe_shards(self: &Arc<Self>, names: Vec<&str>) -> RedisResult<()> {
        let _moving = self.moving.lock().await;
        {
            let mut state = self.state();
            for name in &names {
                state.places.entry((*name).into()).or_default();
            }
        }
        self.place(names).await
    }

    pub(super) async fn unsubscribe_shards(self: &Arc<Self>, names: &[&str]) -> RedisResult<()> {
        let _moving = self.moving.lock().await;
        let mut by_node: HashMap<Address, Vec<&str>> = HashMap::new();
        {
            let mut state = self.state();
            for name in names {
                if let Some(Some(node)) = state.places.remove(*name) {
                    by_node.entry(node).or_default().push(name);
                }
            }
        }
        self.part(&by_node).await
    }

    /// The server has ended the subscription to a channel: we wanted that, or its slot has moved.
    pub(super) fn left(&self, node: &Address, channel: &[u8]) {
        let Ok(channel) = std::str::from_utf8(channel) else { return };
        match self.state().places.get_mut(channel) {
            Some(place) if place.as_ref() == Some(node) => *place = None,
            _ => return,
        }
        self.commands.doubt();
        self.move_on(vec![channel.to_owned()]);
    }

    /// Looks whether the primaries of channels are still the same, as not every server says that a slot has moved.
    pub(super) fn look_around(self: &Arc<Self>) {
        if !self.plan.is_cluster() {
            return;
        }
        let inner = self.clone();
        tokio::spawn(async move {
            let Ok(topology) = inner.commands.refresh().await else { return };
            let is_former = |channel: &str, node: &Address| {
                topology.primary(channel.as_bytes()).is_some_and(|primary| primary != node)
            };
            let has_moved = |channel: &str, place: &Option<Address>| {
                place.as_ref().is_some_and(|node| is_former(channel, node))
            };
            if !inner.state().places.iter().any(|(channel, place)| has_moved(channel, place)) {
                return;
            }
            match timeout(PARTING, inner.leave_former(&is_former)).await {
                Ok(Ok(channels)) => inner.move_on(channels),
                // Then it is lost.
                Ok(Err(_)) => {}
                Err(_) => inner.lost(&RedisError::from((ErrorKind::Io, "a former primary does not answer"))),
            }
        });
    }

    /// Leaves channels on nodes that are not theirs any more; returns them. Before they are subscribed to elsewhere, or messages
    /// would come twice.
    async fn leave_former(&self, is_former: impl Fn(&str, &Address) -> bool) -> RedisResult<Vec<String>> {
        let _moving = self.moving.lock().await;
        let mut by_node: HashMap<Address, Vec<String>> = HashMap::new();
        for (channel, place) in &mut self.state().places {
            if let Some(node) = place.take_if(|node| is_former(channel, node)) {
                by_node.entry(node).or_default().push(channel.to_string());
            }
        }
        self.part(&by_node).await?;
        Ok(by_node.into_values().flatten().collect())
    }

    /// Has those channels of these subscribed to again that are still wanted.
    fn move_on(&self, channels: Vec<String>) {
        tracing::debug!(target: "socketio::adapter", ?channels, "slots have moved");
        self.sink.moved(channels);
    }

    /// Subscribes to channels that are wanted, each where it was or, if it is on the move, where its slot is now.
    async fn place(self: &Arc<Self>, names: Vec<&str>) -> RedisResult<()> {
        let mut left = names;
        let mut last = RedisError::from((ErrorKind::Io, "nothing was subscribed to"));
        let (mut then, mut owner) = (Instant::now(), None);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sleep(MOVING * (1 << (attempt - 1))).await;
                self.commands.refresh_since(then, owner.take()).await?;
                then = Instant::now();
            }
            let by_node = self.by_node(left).await?;
            let results = join_all(by_node.iter().map(|(node, names)| self.place_on(node, names))).await;
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
            let mut state = self.state();
            for name in &left {
                state.places.get_mut(*name).into_iter().for_each(|place| *place = None);
            }
        }
        Err(last)
    }

    /// Finds out where channels are to be subscribed to.
    async fn by_node<'a>(&self, names: Vec<&'a str>) -> RedisResult<HashMap<Address, Vec<&'a str>>> {
        let topology = self.commands.topology().await?;
        let mut by_node: HashMap<Address, Vec<&str>> = HashMap::new();
        let mut state = self.state();
        for name in names {
            // Nobody else takes them away but a loss.
            let Some(place) = state.places.get_mut(name) else {
                return Err(RedisError::from((ErrorKind::Io, "the connection is lost")));
            };
            if place.is_none() {
                *place = topology.primary(name.as_bytes()).cloned();
            }
            let Some(node) = place else {
                return Err(RedisError::from((ErrorKind::ClusterConnectionNotFound, "a slot has no node")));
            };
            by_node.entry(node.clone()).or_default().push(name);
        }
        Ok(by_node)
    }

    async fn place_on(self: &Arc<Self>, node: &Address, names: &[&str]) -> RedisResult<Vec<RedisResult<()>>> {
        let wire = self.wire(Some(node)).await.inspect_err(|_| self.commands.doubt())?;
        let confirmed = wire.run(Kind::Shard, true, names).await;
        confirmed.inspect_err(|error| self.broken(&wire, error))
    }

    /// Ends the subscriptions to channels on these nodes.
    async fn part(&self, by_node: &HashMap<Address, Vec<impl AsRef<str>>>) -> RedisResult<()> {
        for (node, names) in by_node {
            let wire = self.state().wires.get(&Some(node.clone())).cloned();
            if let Some(wire) = wire {
                let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
                let confirmed = wire.run(Kind::Shard, false, &names).await;
                confirmed.inspect_err(|error| self.broken(&wire, error))?;
            }
        }
        Ok(())
    }
}
