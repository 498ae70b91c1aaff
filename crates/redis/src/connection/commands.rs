use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::watch;
use tokio::time::Instant;

use super::dial::Plan;
use super::link::Link;
use super::topology::{Address, Topology};
use crate::{ConnectError, RedisServer};

/// How often a command follows a key that moves.
const REDIRECTIONS: usize = 5;

/// How long what a cluster says of itself is not asked again.
const FRESH: Duration = Duration::from_millis(100);

/// How many nodes are asked at a time.
const ASKED: usize = 3;

/// A command, and the key or shard channel that says to which node of a cluster it goes; `None` if all are the same.
pub(crate) struct Job {
    key: Option<Vec<u8>>,
    command: Cmd,
}

/// Runs commands on one server, or on the nodes of a cluster.
pub(crate) struct Commands {
    plan: Arc<Plan>,
    /// The connection to the one server.
    single: Arc<Link>,
    cluster: Mutex<Cluster>,
    /// Whoever asks for the topology holds it.
    refreshing: tokio::sync::Mutex<Option<Instant>>,
    /// Says that the topology is another one.
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct Cluster {
    links: HashMap<Address, Arc<Link>>,
    topology: Arc<Topology>,
    /// Whether the topology is to be asked for, as it may have changed.
    stale: bool,
}

impl Job {
    /// A command about a key or a shard channel.
    pub(crate) fn new(key: impl AsRef<[u8]>, command: Cmd) -> Self {
        Self { key: Some(key.as_ref().to_vec()), command }
    }

    /// A command that any node of a cluster takes.
    pub(crate) fn anywhere(command: Cmd) -> Self {
        Self { key: None, command }
    }

    /// Returns the parts of the command.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> Vec<&[u8]> {
        let part = |part| match part {
            redis::Arg::Simple(bytes) => bytes,
            _ => unreachable!("no command here has a cursor"),
        };
        self.command.args_iter().map(part).collect()
    }
}

impl Commands {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let single = Link::new(plan.clone(), None);
        let (cluster, refreshing, changes) = Default::default();
        Self { plan, single, cluster, refreshing, changes }
    }

    /// Connects to a server that is described, and waits for an answer of it.
    pub(crate) async fn connect(server: &RedisServer) -> Result<(Arc<Plan>, Arc<Self>), ConnectError> {
        let plan = Arc::new(Plan::new(server).map_err(|error| ConnectError::Configuration(error.into()))?);
        let commands = Arc::new(Self::new(plan.clone()));
        let answered = commands.ping().await;
        answered.map_err(|error| ConnectError::Unreachable(error.into()))?;
        Ok((plan, commands))
    }

    /// Waits for an answer.
    pub(super) async fn ping(&self) -> RedisResult<()> {
        match self.run(Job::anywhere(cmd("PING"))).await {
            // Its disk is full, and it carries messages as before.
            Err(error) if error.code() == Some("MISCONF") => Ok(()),
            answered => answered.map(drop),
        }
    }

    /// Runs a command.
    pub(crate) async fn run(&self, job: Job) -> RedisResult<Value> {
        self.run_all(vec![job]).await.pop().expect("each job has a result")
    }

    /// Runs commands in one round trip, or one to each node of a cluster, in order; a result each.
    pub(crate) async fn run_all(&self, jobs: Vec<Job>) -> Vec<RedisResult<Value>> {
        if jobs.is_empty() {
            return Vec::new();
        }
        if self.plan.is_cluster() {
            return self.run_on_cluster(jobs).await;
        }
        let commands: Vec<_> = jobs.iter().map(|job| &job.command).collect();
        run_on(&self.single, &commands).await
    }

    /// Whether there is one server, and no cluster.
    pub(crate) fn is_alone(&self) -> bool {
        !self.plan.is_cluster()
    }

    /// Runs a command on every primary, or on replicas, too; on the server, if there is only one.
    ///
    /// # Errors
    ///
    /// If one of them did not answer.
    pub(crate) async fn run_everywhere(&self, command: &Cmd, replicas: bool) -> RedisResult<Vec<Value>> {
        if !self.plan.is_cluster() {
            return run_on(&self.single, &[command]).await.into_iter().collect();
        }
        let topology = self.topology().await?;
        let nodes =
            |topology: &Topology| if replicas { topology.nodes.clone() } else { topology.primaries() };
        if let Ok(answers) = self.run_on_nodes(command, &nodes(&topology), |_| true).await {
            return Ok(answers);
        }
        // Perhaps the one that does not answer is no part of the cluster any more.
        let topology = self.topology().await?;
        self.run_on_nodes(command, &nodes(&topology), |_| true).await
    }

    /// Runs a command on every primary, of which only that of a key has to answer; on the server, if there is only one.
    ///
    /// # Errors
    ///
    /// If that one did not answer.
    pub(crate) async fn run_around(&self, key: impl AsRef<[u8]>, command: &Cmd) -> RedisResult<Vec<Value>> {
        if !self.plan.is_cluster() {
            return run_on(&self.single, &[command]).await.into_iter().collect();
        }
        let topology = self.topology().await?;
        let owner = topology.primary(key.as_ref()).ok_or_else(nobody)?;
        self.run_on_nodes(command, &topology.primaries(), |node| node == owner).await
    }

    async fn run_on_nodes(
        &self,
        command: &Cmd,
        nodes: &[Address],
        has_to_answer: impl Fn(&Address) -> bool,
    ) -> RedisResult<Vec<Value>> {
        let links: Vec<_> = nodes.iter().map(|node| self.link(node)).collect();
        let results =
            join_all(links.iter().map(|link| async {
                run_on(link, &[command]).await.pop().expect("each command has a result")
            }))
            .await;
        if results.iter().any(Result::is_err) {
            self.doubt();
        }
        let answers =
            nodes.iter().zip(results).filter(|(node, result)| result.is_ok() || has_to_answer(node));
        answers.map(|(_, result)| result).collect()
    }

    /// Connects for commands about a key that take as long as they take.
    pub(crate) async fn dedicated(&self, key: impl AsRef<[u8]>) -> RedisResult<MultiplexedConnection> {
        let node = match self.plan.is_cluster() {
            true => Some(self.primary(key.as_ref()).await?),
            false => None,
        };
        self.plan.dial(node.as_ref(), None, None).await
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
        let mut nodes: Vec<_> = first.into_iter().collect();
        nodes.extend(self.cluster().topology.nodes.iter().cloned());
        nodes.extend(self.plan.seeds());
        let mut last = nobody();
        // One that hangs, for which the others have a successor, does not hold this up.
        let mut answers = stream::iter(nodes).map(|node| self.ask_for_topology(node)).buffer_unordered(ASKED);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(topology) if topology.nodes.is_empty() => {}
                Ok(topology) => {
                    let topology = Arc::new(topology);
                    let mut cluster = self.cluster();
                    cluster.links.retain(|node, _| topology.nodes.contains(node));
                    cluster.stale = false;
                    let former = std::mem::replace(&mut cluster.topology, topology.clone());
                    *refreshed = Some(Instant::now());
                    if former != topology {
                        self.changes.send_replace(());
                    }
                    return Ok(topology);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask_for_topology(&self, node: Address) -> RedisResult<Topology> {
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let answer = run_on(&self.link(&node), &[&slots]).await.pop().expect("each command has a result");
        Ok(Topology::read(&answer?, &node))
    }

    /// Tells from now on when the topology has become another one.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The cluster may have changed.
    pub(super) fn doubt(&self) {
        self.cluster().stale = true;
    }

    async fn run_on_cluster(&self, jobs: Vec<Job>) -> Vec<RedisResult<Value>> {
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
        for ((node, list), run) in by_node.iter().zip(runs.await) {
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

    fn link(&self, node: &Address) -> Arc<Link> {
        let mut cluster = self.cluster();
        let link = || Link::new(self.plan.clone(), Some(node.clone()));
        cluster.links.entry(node.clone()).or_insert_with(link).clone()
    }

    fn cluster(&self) -> std::sync::MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// Runs commands on one server in one round trip.
async fn run_on(link: &Arc<Link>, commands: &[&Cmd]) -> Vec<RedisResult<Value>> {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command((*command).clone());
    }
    match link.run(&pipeline).await {
        Ok(values) => values.into_iter().map(Value::extract_error).collect(),
        Err(error) => commands.iter().map(|_| Err(error.clone())).collect(),
    }
}

pub(super) fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// Where the node that was asked says that a key is.
pub(super) fn owner_of(error: &RedisError, asked: &Address) -> Option<Address> {
    error.redirect_node().and_then(|(node, _)| Address::parse(node, asked))
}

fn nobody() -> RedisError {
    RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node of the cluster has the key"))
}
