use std::time::Duration;

use redis::{Cmd, cmd};
use tokio::time::timeout;

use super::*;
use crate::connection::{Commands, Job};

/// Until then it has happened, or never will.
const LONG: Duration = Duration::from_secs(20);

fn job(name: &str) -> Job {
    Job::anywhere(cmd(name))
}

#[tokio::test]
async fn a_batch_comes_in_order_and_has_a_result_each() {
    let server = Server::new().await;
    let commands = Commands::new(server.plan());
    let jobs = ["ONE", "FORBIDDEN", "TWO"].map(job).into();
    let (results, mut client) = tokio::join!(commands.run_all(jobs), server.accept());
    let is_ok: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, false, true]);
    client.command("ONE").await;
    assert_eq!(client.commands.recv().await.unwrap(), ["FORBIDDEN"]);
    assert_eq!(client.commands.recv().await.unwrap(), ["TWO"]);
    assert!(commands.run_all(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn what_was_under_way_when_the_connection_broke_is_not_sent_again() {
    let server = Server::new().await;
    let commands = Commands::new(server.plan());
    let under_way = async {
        let mut client = server.accept().await;
        client.command("SILENT").await;
        client.cut().await;
    };
    let (result, ()) = tokio::join!(commands.run(job("SILENT")), under_way);
    assert!(result.is_err());
    let (result, mut client) = tokio::join!(commands.run(job("NEXT")), server.accept());
    assert!(result.is_ok());
    assert_eq!(client.command("NEXT").await, ["NEXT"]);
}

#[tokio::test]
async fn while_a_server_is_away_every_command_fails() {
    let mut server = Server::new().await;
    let commands = Commands::new(server.plan());
    server.close();
    let mut first = commands.run(job("A")).await.unwrap_err();
    assert!(first.is_connection_refusal());
    for _ in 0..100 {
        let next: redis::RedisError = commands.run(job("A")).await.unwrap_err();
        assert!(next.is_connection_refusal());
        first = next;
    }
    assert!(first.is_io_error());
}

#[tokio::test]
async fn commands_that_run_everywhere_run_on_the_one_server() {
    let server = Server::new().await;
    let commands = Commands::new(server.plan());
    let count: Cmd = cmd("COUNT");
    let (counts, _client) = tokio::join!(commands.run_everywhere(&count, true), server.accept());
    assert_eq!(counts.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_has_become_a_replica_is_left() {
    let server = Server::new().await;
    let commands = Commands::new(server.plan());
    let (result, _before) = tokio::join!(commands.run(job("XADD")), server.accept());
    assert!(result.is_ok());
    server.refuse("XADD", "-READONLY You can't write against a read only replica.");
    assert!(commands.run(job("XADD")).await.is_err());
    // Whoever is found under that name now may be the primary.
    let written = async { while commands.run(job("WRITE")).await.is_err() {} };
    let again = async { tokio::join!(written, server.accept()).1 };
    let mut client = timeout(LONG, again).await.unwrap();
    client.command("WRITE").await;
}

#[tokio::test]
async fn a_server_that_cannot_write_to_its_disk_is_there() {
    let server = Server::new().await;
    let commands = Commands::new(server.plan());
    server.refuse("PING", "-MISCONF Errors writing to the AOF file: No space left on device");
    let (reached, _client) = tokio::join!(commands.ping(), server.accept());
    reached.unwrap();
    server.refuse("PING", "-LOADING Redis is loading the dataset in memory");
    commands.ping().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_waited_for_is_no_news_later() {
    let server = Server::new().await;
    let commands = Commands::new(server.impatient_plan());
    server.hold("CLIENT");
    let (given_up, _client) =
        tokio::join!(timeout(Duration::from_millis(10), commands.run(job("A"))), server.accept());
    assert!(given_up.is_err());
    // Meanwhile the attempt fails.
    tokio::time::sleep(LONG).await;
    server.release();
    tokio::time::resume();
    let again = async { tokio::join!(commands.run(job("B")), server.accept()).0 };
    timeout(LONG, again).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_that_has_just_moved_is_followed_however_fresh_the_last_news_is() {
    let server = Server::new().await;
    let commands = Commands::new(server.plan_of_cluster());
    server.refuse("XADD", &format!("-MOVED 12182 {}", server.address()));
    let moving = async {
        let mut client = server.accept().await;
        client.command("CLUSTER").await;
        server.hold("CLUSTER");
        client.command("XADD").await;
        client.command("CLUSTER").await;
        server.allow();
        server.release();
        client
    };
    let run = async { tokio::join!(commands.run(Job::new("foo", cmd("XADD"))), moving).0 };
    timeout(LONG, run).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_says_where_a_key_has_moved_to_is_believed() {
    // One that is no part of the cluster any more and does not know, and the other, which has everything.
    let (stale, owner) = (Server::new().await, Server::new().await);
    let commands = Commands::new(stale.plan_of_cluster());
    stale.refuse("XADD", &format!("-MOVED 12182 {}", owner.address()));
    let accepting = async { (stale.accept().await, owner.accept().await) };
    let run = async { tokio::join!(commands.run(Job::new("foo", cmd("XADD"))), accepting) };
    let (result, (_, mut client)) = timeout(LONG, run).await.unwrap();
    result.unwrap();
    client.command("XADD").await;
}
