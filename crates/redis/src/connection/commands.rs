use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value, cmd};
use tokio::sync::watch;
use tokio::time::Instant;

use super::dial::Plan;
use super::link::Link;
use super::routes::{Cluster, nobody};
use super::topology::{Address, Topology};
use crate::{ConnectError, RedisServer};

/// A command, and the key or shard channel that says to which node of a cluster it goes; `None` if all are the same.
pub(crate) struct Job {
    pub(super) key: Option<Vec<u8>>,
    pub(super) command: Cmd,
}

/// Runs commands on one server, or on the nodes of a cluster.
pub(crate) struct Commands {
    pub(super) plan: Arc<Plan>,
    /// The connection to the one server.
    single: Arc<Link>,
    pub(super) cluster: Mutex<Cluster>,
    /// Whoever asks for the topology holds it.
    pub(super) refreshing: tokio::sync::Mutex<Option<Instant>>,
    /// Says that the topology is another one.
    pub(super) changes: watch::Sender<()>,
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

    /// Connects for commands about a key that take as long as they take; also says where, in a cluster.
    pub(crate) async fn dedicated(
        &self,
        key: impl AsRef<[u8]>,
    ) -> RedisResult<(MultiplexedConnection, Option<Address>)> {
        let node = match self.plan.is_cluster() {
            true => Some(self.primary(key.as_ref()).await?),
            false => None,
        };
        Ok((self.plan.dial(node.as_ref(), None, None).await?, node))
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// Runs commands on one server in one round trip.
pub(super) async fn run_on(link: &Arc<Link>, commands: &[&Cmd]) -> Vec<RedisResult<Value>> {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command((*command).clone());
    }
    match link.run(&pipeline).await {
        Ok(values) => values.into_iter().map(Value::extract_error).collect(),
        Err(error) => commands.iter().map(|_| Err(error.clone())).collect(),
    }
}
