use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::RedisError;
use tokio::sync::mpsc;

use super::server::{Client, push};
use super::*;
use crate::connection::{Commands, Delivery, Kind, Plan, Sink, Subscriber};

/// What came; `None` is a loss.
struct Ear(mpsc::UnboundedSender<Option<Delivery>>);

impl Sink for Ear {
    fn message(&self, delivery: Delivery) {
        let _ = self.0.send(Some(delivery));
    }

    fn moved(&self, _: Vec<String>) {}

    fn lost(&self, _: &RedisError) {
        let _ = self.0.send(None);
    }
}

struct Listening {
    subscriber: Subscriber,
    heard: mpsc::UnboundedReceiver<Option<Delivery>>,
}

impl Listening {
    fn to(server: &Server) -> Self {
        Self::by(server.plan())
    }

    fn by(plan: Arc<Plan>) -> Self {
        let (told, heard) = mpsc::unbounded_channel();
        let commands = Arc::new(Commands::new(plan.clone()));
        Self { subscriber: Subscriber::new(plan, commands, Arc::new(Ear(told))), heard }
    }

    async fn subscribe(&self, server: &Server, kind: Kind, names: &[&str]) -> Client {
        let (subscribed, client) = tokio::join!(self.subscriber.subscribe(kind, names), server.accept());
        subscribed.unwrap();
        client
    }

    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            let delivery = self.heard.recv().await.unwrap().expect("no loss");
            let text = |bytes: &bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            let pattern = delivery.pattern.as_ref().map(text).unwrap_or_default();
            texts.push(format!(
                "{:?} {pattern} {} {}",
                delivery.kind,
                text(&delivery.channel),
                text(&delivery.payload)
            ));
        }
        texts
    }
}

#[tokio::test]
async fn what_is_published_comes_in_order_with_its_channel() {
    let server = Server::new().await;
    let mut listening = Listening::to(&server);
    let client = listening.subscribe(&server, Kind::Plain, &["a", "b"]).await;
    // One connection for everything.
    listening.subscriber.subscribe(Kind::Pattern, &["c*"]).await.unwrap();
    listening.subscriber.subscribe(Kind::Shard, &["d"]).await.unwrap();
    client.pushes.send(push(&["message", "a", "1"])).unwrap();
    client.pushes.send(push(&["pmessage", "c*", "cd", "2"])).unwrap();
    client.pushes.send(push(&["smessage", "d", "3"])).unwrap();
    let expected = ["Plain  a 1", "Pattern c* cd 2", "Shard  d 3"];
    assert_eq!(listening.texts(3).await, expected);
}

#[tokio::test]
async fn a_loss_is_told_once_and_the_next_subscription_connects_again() {
    let server = Server::new().await;
    let mut listening = Listening::to(&server);
    let client = listening.subscribe(&server, Kind::Plain, &["a"]).await;
    client.pushes.send(push(&["message", "a", "1"])).unwrap();
    assert_eq!(listening.texts(1).await, ["Plain  a 1"]);
    client.cut().await;
    assert_eq!(listening.heard.recv().await, Some(None));
    let client = listening.subscribe(&server, Kind::Plain, &["a"]).await;
    client.pushes.send(push(&["message", "a", "2"])).unwrap();
    assert_eq!(listening.texts(1).await, ["Plain  a 2"]);
}

#[tokio::test]
async fn what_a_server_says_of_slots_that_move_is_no_answer_to_a_subscription() {
    let server = Server::new().await;
    let mut listening = Listening::to(&server);
    let channels = ["a", "interrupted", "b", "c"];
    let client = listening.subscribe(&server, Kind::Shard, &channels).await;
    listening.subscriber.subscribe(Kind::Shard, &["d"]).await.unwrap();
    let refused = listening.subscriber.subscribe(Kind::Shard, &["interrupted", "refused", "e"]).await;
    assert_eq!(refused.unwrap_err().code(), Some("NOPERM"));
    client.pushes.send(push(&["smessage", "c", "still the same connection"])).unwrap();
    assert_eq!(listening.texts(1).await, ["Shard  c still the same connection"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_passed_over() {
    let server = Server::new().await;
    let mut listening = Listening::to(&server);
    let client = listening.subscribe(&server, Kind::Plain, &["a"]).await;
    for nonsense in
        [&["message", "a"][..], &["smessage"], &["pmessage", "a", "b"], &["invalidate", ":1"], &["new", "x"]]
    {
        client.pushes.send(push(nonsense)).unwrap();
    }
    client.pushes.send(push(&["message", "a", "end"])).unwrap();
    assert_eq!(listening.texts(1).await, ["Plain  a end"]);
}

#[tokio::test]
async fn what_is_subscribed_to_ends_with_the_subscriber() {
    let server = Server::new().await;
    let listening = Listening::to(&server);
    let mut client = listening.subscribe(&server, Kind::Plain, &["a"]).await;
    drop(listening);
    while client.commands.recv().await.is_some() {}
}

#[tokio::test]
async fn who_introduces_itself_in_vain_has_not_connected() {
    let server = Server::new().await;
    let listening = Listening::by(server.impatient_plan());
    server.hold("CLIENT");
    let subscribed = tokio::join!(listening.subscriber.subscribe(Kind::Plain, &["a"]), server.accept()).0;
    assert!(subscribed.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_not_asked_all_the_time() {
    let server = Server::new().await;
    let listening = Listening::to(&server);
    server.refuse("HELLO", "-WRONGPASS invalid username-password pair");
    let attempts = AtomicUsize::new(0);
    let accepting = async {
        let mut clients = Vec::new();
        loop {
            clients.push(server.accept().await);
            attempts.fetch_add(1, Ordering::Relaxed);
        }
    };
    let subscribing = async {
        for _ in 0..100 {
            listening.subscriber.subscribe(Kind::Plain, &["a"]).await.unwrap_err();
        }
    };
    tokio::select! {
        () = accepting => {}
        () = subscribing => {}
    }
    assert!(attempts.into_inner() < 10);
}
