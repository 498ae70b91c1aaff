//! Against what stands for Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tower_socketio_adapter::Inbox;

use crate::connection::tests::server::{Client, Server, push};
use crate::connection::{Commands, Delivery, Kind, Plan};
use crate::subscriptions::{Reader, Seat, Subscriptions, Topic};

/// Until then it has happened, or never will.
const LONG: Duration = Duration::from_secs(20);

struct Deaf;

impl Reader for Deaf {
    fn room_topic(&self, _: &str, room: &str) -> Option<Topic> {
        Some(Topic::new(Kind::Plain, room))
    }

    fn read(&self, _: &Delivery, _: &Seat, _: &Inbox, _: &Subscriptions) {}
}

fn subscriptions(plan: Arc<Plan>) -> Arc<Subscriptions> {
    Subscriptions::new(plan.clone(), Arc::new(Commands::new(plan)), Deaf)
}

fn seat(node: &str) -> Seat {
    Seat::new("/", node)
}

async fn open(subscriptions: &Subscriptions, kind: Kind, node: &str) {
    let topics = vec![Topic::new(kind, node)];
    subscriptions.open(&seat(node), Inbox::new(|_| {}), topics).await.unwrap();
}

/// What a client has told the server of its channels, the last of each.
fn told(client: &mut Client) -> HashMap<String, String> {
    let mut told = HashMap::new();
    while let Ok(command) = client.commands.try_recv() {
        if let [verb, channel] = &command[..] {
            told.insert(channel.clone(), verb.clone());
        }
    }
    told
}

#[tokio::test]
async fn a_subscription_ends_although_nobody_waits_for_that() {
    let server = Server::new().await;
    let subscriptions = subscriptions(server.plan());
    let (_, mut client) = tokio::join!(open(&subscriptions, Kind::Plain, "a"), server.accept());
    open(&subscriptions, Kind::Plain, "b").await;
    server.hold("UNSUBSCRIBE");
    let soon = Duration::from_millis(50);
    let (one, two) = (seat("a"), seat("b"));
    let ended =
        tokio::join!(timeout(soon, subscriptions.close(&one)), timeout(soon, subscriptions.close(&two)));
    assert!(ended.0.is_err() && ended.1.is_err());
    server.release();
    let ended = async {
        for channel in ["a", "b"] {
            assert_eq!(client.command("UNSUBSCRIBE").await, ["UNSUBSCRIBE", channel]);
        }
    };
    timeout(LONG, ended).await.unwrap();
}

#[tokio::test]
async fn who_subscribes_waits_for_nothing_that_others_want_meanwhile() {
    let server = Server::new().await;
    let subscriptions = subscriptions(server.plan());
    let (_, mut client) = tokio::join!(open(&subscriptions, Kind::Plain, "busy"), server.accept());
    let busy = async {
        // As soon as the server is told something there is more to tell.
        for room in 0.. {
            subscriptions.room_opened(&seat("busy"), &format!("room {room}"));
            client.command("SUBSCRIBE").await;
        }
    };
    let one = async {
        open(&subscriptions, Kind::Plain, "a").await;
        subscriptions.close(&seat("a")).await;
    };
    tokio::select! {
        () = busy => {}
        ended = timeout(LONG, one) => ended.unwrap(),
    }
}

#[tokio::test]
async fn a_channel_that_moves_while_it_is_left_is_left() {
    let server = Server::new().await;
    let subscriptions = subscriptions(server.plan_of_cluster());
    let accepting = async { (server.accept().await, server.accept().await) };
    let (_, (mut commands, mut client)) = tokio::join!(open(&subscriptions, Kind::Shard, "a"), accepting);
    told(&mut commands);
    // What the cluster looks like may be asked again by now.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    server.hold("CLUSTER");
    client.pushes.send(push(&["sunsubscribe", "a", ":0"])).unwrap();
    timeout(LONG, commands.command("CLUSTER")).await.unwrap();
    let release = async { server.release() };
    let node = seat("a");
    timeout(LONG, async { tokio::join!(subscriptions.close(&node), release) }).await.unwrap();
    // Something behind it.
    open(&subscriptions, Kind::Shard, "b").await;
    assert_ne!(told(&mut client).get("a").map(String::as_str), Some("SSUBSCRIBE"));
}

#[tokio::test]
async fn a_channel_that_moves_is_followed() {
    let server = Server::new().await;
    let subscriptions = subscriptions(server.plan_of_cluster());
    let accepting = async { (server.accept().await, server.accept().await) };
    let (_, (_commands, mut client)) = tokio::join!(open(&subscriptions, Kind::Shard, "a"), accepting);
    client.command("SSUBSCRIBE").await;
    client.pushes.send(push(&["sunsubscribe", "a", ":0"])).unwrap();
    assert_eq!(timeout(LONG, client.command("SSUBSCRIBE")).await.unwrap(), ["SSUBSCRIBE", "a"]);
}
