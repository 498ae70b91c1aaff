use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{sleep, timeout};

use super::commands::is;
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
    pub(super) fn left(self: &Arc<Self>, node: &Address, channel: &[u8]) {
        let Ok(channel) = std::str::from_utf8(channel) else { return };
        match self.state().places.get_mut(channel) {
            Some(place) if place.as_ref() == Some(node) => *place = None,
            _ => return,
        }
        self.follow();
    }

    /// Looks whether the primaries of channels are still the same, as not every server says that a slot has moved.
    pub(super) fn look_around(self: &Arc<Self>) {
        if !self.plan.is_cluster() {
            return;
        }
        let inner = self.clone();
        tokio::spawn(async move {
            let Ok(topology) = inner.commands.refresh().await else { return };
            let moving = inner.moving.lock().await;
            let mut by_node: HashMap<Address, Vec<Box<str>>> = HashMap::new();
            for (channel, place) in &mut inner.state().places {
                let primary = topology.primary(channel.as_bytes());
                if let Some(node) = place.take_if(|node| primary.is_some_and(|primary| primary != node)) {
                    by_node.entry(node).or_default().push(channel.clone());
                }
            }
            if by_node.is_empty() {
                return;
            }
            // Before they are subscribed to elsewhere, or messages would come twice.
            match timeout(PARTING, inner.part(&by_node)).await {
                Ok(Ok(())) => {}
                // Then it is lost, or it is another server's connection that is.
                Ok(Err(_)) => return,
                Err(_) => inner.lost(&RedisError::from((ErrorKind::Io, "a former primary does not answer"))),
            }
            drop(moving);
            inner.follow();
        });
    }

    /// Subscribes to channels on the move where they are now.
    fn follow(self: &Arc<Self>) {
        let inner = self.clone();
        tokio::spawn(async move {
            let _moving = inner.moving.lock().await;
            let channels: Vec<Box<str>> = {
                let state = inner.state();
                let on_the_move = state.places.iter().filter(|(_, place)| place.is_none());
                on_the_move.map(|(channel, _)| channel.clone()).collect()
            };
            if channels.is_empty() {
                return;
            }
            let _ = inner.commands.refresh().await;
            match inner.place(channels.iter().map(|channel| &**channel).collect()).await {
                Ok(()) => tracing::debug!(target: "socketio::adapter", ?channels, "slots have moved"),
                Err(error) => inner.lost(&error),
            }
        });
    }

    /// Subscribes to channels that are wanted, each where it was or, if it is on the move, where its slot is now.
    async fn place(self: &Arc<Self>, names: Vec<&str>) -> RedisResult<()> {
        let mut left = names;
        let mut last = RedisError::from((ErrorKind::Io, "nothing was subscribed to"));
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sleep(MOVING * (1 << (attempt - 1))).await;
                self.commands.refresh().await?;
            }
            let by_node = self.by_node(left).await?;
            let results = join_all(by_node.iter().map(|(node, names)| self.place_on(node, names))).await;
            left = Vec::new();
            for (result, names) in results.into_iter().zip(by_node.values()) {
                for (result, name) in result?.into_iter().zip(names) {
                    match result {
                        Ok(()) => {}
                        Err(error) if is(&error, ServerErrorKind::Moved) => {
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
