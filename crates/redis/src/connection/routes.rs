use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::commands::{Commands, Job, run_on};
use super::link::Link;
use super::topology::{Address, Topology};

/// How often a command follows a key that moves.
const REDIRECTIONS: usize = 5;

/// How long what a cluster says of itself is not asked again.
const FRESH: Duration = Duration::from_millis(100);

/// How long the node that is said to have a key is asked alone: others may know no better than the one that has it no more.
const HEARSAY: Duration = Duration::from_secs(1);

/// How many nodes are asked at a time.
const ASKED: usize = 3;

/// What is known of a cluster.
#[derive(Default)]
pub(super) struct Cluster {
    links: HashMap<Address, Arc<Link>>,
    topology: Arc<Topology>,
    /// Whether the topology is to be asked for, as it may have changed.
    stale: bool,
}

/// Which nodes of a cluster commands go to.
impl Commands {
    /// Whether another node of the cluster is known to have a key by now.
    pub(crate) fn has_moved(&self, key: impl AsRef<[u8]>, from: Option<&Address>) -> bool {
        let topology = self.cluster().topology.clone();
        from.is_some_and(|from| topology.primary(key.as_ref()).is_some_and(|primary| primary != from))
    }

    /// Returns the primary of a key or shard channel, as far as is known.
    pub(super) async fn primary(&self, key: &[u8]) -> RedisResult<Address> {
        self.topology().await?.primary(key).cloned().ok_or_else(nobody)
    }

    /// Returns what is known of the cluster.
    pub(super) async fn topology(&self) -> RedisResult<Arc<Topology>> {
        let (known, stale) = {
            let cluster = self.cluster();
            (cluster.topology.clone(), cluster.stale)
        };
        if known.nodes.is_empty() {
            return self.refresh().await;
        }
        // While most nodes are there, what is known is better than nothing.
        Ok(if stale { self.refresh().await.unwrap_or(known) } else { known })
    }

    /// Asks the cluster what it looks like now, unless it has just said so.
    pub(super) async fn refresh(&self) -> RedisResult<Arc<Topology>> {
        self.ask_around(None, |asked| asked.elapsed() < FRESH).await
    }

    /// Asks it because a key was not where it was looked for then; first the node that is said to have it, as the one that was
    /// asked before may know no better.
    pub(super) async fn refresh_since(
        &self,
        then: Instant,
        owner: Option<Address>,
    ) -> RedisResult<Arc<Topology>> {
        self.ask_around(owner, |asked| asked > then).await
    }

    async fn ask_around(
        &self,
        first: Option<Address>,
        is_fresh: impl Fn(Instant) -> bool,
    ) -> RedisResult<Arc<Topology>> {
        let mut refreshed = self.refreshing.lock().await;
        if refreshed.is_some_and(is_fresh) {
            return Ok(self.cluster().topology.clone());
        }
        if let Some(first) = first
            && let Ok(Ok(topology)) = timeout(HEARSAY, self.ask_for_topology(first)).await
        {
            return Ok(self.learn(topology, &mut refreshed));
        }
        let mut nodes = self.cluster().topology.nodes.clone();
        nodes.extend(self.plan.seeds());
        let mut last = nobody();
        // One that hangs, for which the others have a successor, does not hold this up.
        let mut answers = stream::iter(nodes).map(|node| self.ask_for_topology(node)).buffer_unordered(ASKED);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(topology) => return Ok(self.learn(topology, &mut refreshed)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Takes what a node says for what is.
    fn learn(&self, topology: Topology, refreshed: &mut Option<Instant>) -> Arc<Topology> {
        let topology = Arc::new(topology);
        let mut cluster = self.cluster();
        cluster.links.retain(|node, _| topology.nodes.contains(node));
        cluster.stale = false;
        let former = std::mem::replace(&mut cluster.topology, topology.clone());
        *refreshed = Some(Instant::now());
        if former != topology {
            self.changes.send_replace(());
        }
        topology
    }

    /// Asks a node what the cluster looks like; one that knows nobody has nothing to say.
    async fn ask_for_topology(&self, node: Address) -> RedisResult<Topology> {
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let answer = run_on(&self.link(&node), &[&slots]).await.pop().expect("each command has a result");
        let topology = Topology::read(&answer?, &node);
        if topology.nodes.is_empty() { Err(nobody()) } else { Ok(topology) }
    }

    /// Tells from now on when the topology has become another one.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The cluster may have changed.
    pub(super) fn doubt(&self) {
        self.cluster().stale = true;
    }

    pub(super) async fn run_on_cluster(&self, jobs: Vec<Job>) -> Vec<RedisResult<Value>> {
        let mut results: Vec<_> = jobs.iter().map(|_| Err(nobody())).collect();
        let mut left: Vec<usize> = (0..jobs.len()).collect();
        let mut topology = self.topology().await;
        for _ in 0..REDIRECTIONS {
            let known = match &topology {
                Ok(topology) => topology.clone(),
                Err(error) => {
                    left.iter().for_each(|&at| results[at] = Err(error.clone()));
                    return results;
                }
            };
            let now = Instant::now();
            let (moved, owner) = self.run_once(&jobs, &left, &known, &mut results).await;
            if moved.is_empty() {
                break;
            }
            left = moved;
            topology = self.refresh_since(now, owner).await;
        }
        results
    }

    /// Runs jobs where their keys are said to be; returns those that have to be run elsewhere, and where one of them has.
    async fn run_once(
        &self,
        jobs: &[Job],
        left: &[usize],
        topology: &Topology,
        results: &mut [RedisResult<Value>],
    ) -> (Vec<usize>, Option<Address>) {
        let anywhere = self.anywhere(topology);
        let mut by_node: Vec<(Address, Vec<usize>)> = Vec::new();
        let (mut moved, mut owner) = (Vec::new(), None);
        for &at in left {
            let node = match &jobs[at].key {
                Some(key) => topology.primary(key).cloned(),
                None => anywhere.clone(),
            };
            let Some(node) = node else {
                moved.push(at);
                continue;
            };
            match by_node.iter_mut().find(|(address, _)| *address == node) {
                Some((_, list)) => list.push(at),
                None => by_node.push((node, vec![at])),
            }
        }
        let runs = join_all(by_node.iter().map(|(node, list)| async {
            let commands: Vec<_> = list.iter().map(|&at| &jobs[at].command).collect();
            run_on(&self.link(node), &commands).await
        }));
        let waiting = Waiting(Some(self));
        let runs = runs.await;
        waiting.ends();
        for ((node, list), run) in by_node.iter().zip(runs) {
            for (&at, result) in list.iter().zip(run) {
                match result {
                    Err(error) if is(&error, ServerErrorKind::Moved) => {
                        owner = owner_of(&error, node).or(owner);
                        moved.push(at);
                    }
                    Err(error) if is(&error, ServerErrorKind::Ask) => {
                        results[at] = self.ask(&error, node, &jobs[at].command).await;
                    }
                    result => {
                        let broken = result.as_ref().is_err_and(RedisError::is_io_error);
                        results[at] = result;
                        if broken {
                            // The primary may be another one by now; what was sent is not sent again.
                            self.doubt();
                        }
                    }
                }
            }
        }
        moved.sort_unstable();
        (moved, owner)
    }

    /// Returns the primary for what any of them takes: always the same one, as long as it is there.
    fn anywhere(&self, topology: &Topology) -> Option<Address> {
        let primaries = topology.primaries();
        let within_reach = primaries.iter().find(|primary| !self.link(primary).is_down());
        within_reach.or(primaries.first()).cloned()
    }

    /// Runs a command on the node that a slot is on its way to.
    async fn ask(&self, error: &RedisError, asked: &Address, command: &Cmd) -> RedisResult<Value> {
        let Some(node) = owner_of(error, asked) else { return Err(error.clone()) };
        let results = run_on(&self.link(&node), &[&cmd("ASKING"), command]).await;
        results.into_iter().next_back().expect("each command has a result")
    }

    pub(super) fn link(&self, node: &Address) -> Arc<Link> {
        let mut cluster = self.cluster();
        let link = || Link::new(self.plan.clone(), Some(node.clone()));
        cluster.links.entry(node.clone()).or_insert_with(link).clone()
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the answers of nodes. Who does not wait to the end may have met one that hangs.
struct Waiting<'a>(Option<&'a Commands>);

impl Waiting<'_> {
    fn ends(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(commands) = self.0 {
            commands.doubt();
        }
    }
}

pub(super) fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// Where the node that was asked says that a key is.
pub(super) fn owner_of(error: &RedisError, asked: &Address) -> Option<Address> {
    error.redirect_node().and_then(|(node, _)| Address::parse(node, asked))
}

pub(super) fn nobody() -> RedisError {
    RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node of the cluster has the key"))
}
