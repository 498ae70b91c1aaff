use redis::{Cmd, cmd};

use super::*;
use crate::connection::{Commands, Job};

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
