//! What waits for its place among what all nodes broadcast, and what waits for that.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tower_socketio::adapter::{
    BoxFuture, Bus, BusError, Inbox, Incoming, Message, MessageKind, Offset, Posting, Sessions,
    StoredSession, To,
};
use tower_socketio::{Cluster, Data, LocalBus, Namespace, Recovery, Room, Socket, SocketIo, TestError};

use super::{SECOND, enter_with, lose, news};
use crate::support::{Raw, Test, idle, join};

/// A bus that is slow to take what is published.
#[derive(Debug)]
pub(super) struct Slow(pub(super) LocalBus, pub(super) Duration);

type Taken<T> = Result<T, BusError>;

impl Bus for Slow {
    fn open<'a>(&'a self, namespace: &'a str, node: &'a str, inbox: Inbox) -> BoxFuture<'a, Taken<()>> {
        self.0.open(namespace, node, inbox)
    }

    fn publish<'a>(&'a self, message: &'a Message, to: To<'a>) -> BoxFuture<'a, Taken<Option<Offset>>> {
        self.0.publish(message, to)
    }

    fn publish_all<'a>(&'a self, postings: &'a [Posting<'a>]) -> BoxFuture<'a, Vec<Taken<Option<Offset>>>> {
        Box::pin(async move {
            tokio::time::sleep(self.1).await;
            self.0.publish_all(postings).await
        })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.sessions()
    }
}

/// A bus that brings what the test gives it.
#[derive(Clone, Debug)]
struct ByHand(LocalBus, Arc<Mutex<Option<Inbox>>>);

impl Bus for ByHand {
    fn open<'a>(&'a self, _: &'a str, _: &'a str, inbox: Inbox) -> BoxFuture<'a, Taken<()>> {
        *self.1.lock().expect("no panic") = Some(inbox);
        Box::pin(async { Ok(()) })
    }

    fn publish<'a>(&'a self, _: &'a Message, _: To<'a>) -> BoxFuture<'a, Taken<Option<Offset>>> {
        Box::pin(async { Ok(None) })
    }

    fn sessions(&self) -> Option<&dyn Sessions> {
        self.0.sessions()
    }
}

impl ByHand {
    fn bring(&self, text: &str, offset: Offset) {
        let inbox = self.1.lock().expect("no panic").clone().expect("it is open");
        let data = json!({
            "opts": { "rooms": [], "except": [], "flags": {} },
            "packet": { "type": 2, "data": ["news", text], "nsp": "/" },
        });
        let data = data.to_string().into();
        let (kind, namespace) = (MessageKind::Broadcast, Some("/".into()));
        let message = Message::new(kind, namespace, "another".into(), data, Vec::new());
        inbox.message(Incoming::new(message, Some(offset)));
    }
}

fn node(bus: impl Bus, namespace: Namespace) -> SocketIo {
    let builder = SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(bus));
    builder.namespace("/", namespace).build().expect("it fits")
}

fn rooms() -> Namespace {
    Namespace::new()
        .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room))
        .on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(room))
}

async fn two() -> (LocalBus, SocketIo, SocketIo) {
    let bus = LocalBus::journaled();
    let nodes = (node(bus.clone(), rooms()), node(bus.clone(), rooms()));
    tokio::time::sleep(SECOND).await;
    (bus, nodes.0, nodes.1)
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_disconnects_refuses_the_client_whatever_waits() -> Test {
    let refusing = Namespace::new().on_connect(async |socket: Socket| socket.disconnect());
    let io = node(Slow(LocalBus::journaled(), SECOND / 2), refusing);
    tokio::time::sleep(SECOND).await;
    io.emit("news", "waits");
    assert!(tower_socketio::TestClient::new(&io).connect("/").await.is_err());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_ends_the_connection_ends_it_at_once_whatever_waits() -> Test {
    let refusing = Namespace::new().on_connect(async |socket: Socket| socket.disconnect_transport());
    let io = node(Slow(LocalBus::journaled(), SECOND / 2), refusing);
    tokio::time::sleep(SECOND).await;
    io.emit("news", "waits");
    let mut raw = Raw::open(&io).await;
    let start = tokio::time::Instant::now();
    raw.send("40").await;
    while raw.maybe_next().await.is_some() {}
    assert_eq!(start.elapsed(), Duration::ZERO);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_asks_comes_behind_what_was_emitted_before() -> Test {
    let io = node(Slow(LocalBus::journaled(), SECOND / 2), rooms());
    tokio::time::sleep(SECOND * 5).await;
    let mut client = join(&io).await;
    io.emit("news", "1");
    let mut answers = io.of("/").timeout(SECOND * 3).emit_with_ack::<u8>("question", ());
    assert_eq!(client.next::<String>("news").await?, "1");
    client.answer::<()>("question", 7).await?;
    assert_eq!(answers.next().await.expect("an answer")?, 7);
    // Whoever has left meanwhile is missing, and nobody waits for it.
    io.emit("news", "2");
    let start = tokio::time::Instant::now();
    let mut answers = io.of("/").timeout(SECOND * 60).emit_with_ack::<u8>("question", ());
    lose(&mut client).await;
    assert!(answers.next().await.expect("an item").is_err());
    assert!(start.elapsed() < SECOND * 10, "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rooms_that_changed_at_another_node_are_those_of_who_comes_back() -> Test {
    let (_bus, one, two) = two().await;
    let mut client = join(&one).await;
    client.emit_with_ack::<()>("join", "old").await?;
    lose(&mut client).await;
    let mut there = enter_with(&two, client.pid(), client.offset()).await;
    assert_eq!(there.id(), client.id());
    there.emit_with_ack::<()>("leave", "old").await?;
    there.emit_with_ack::<()>("join", "new").await?;
    lose(&mut there).await;
    let back = enter_with(&one, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    let socket = one.socket(back.id()).expect("it is here");
    assert_eq!(socket.rooms(), [Room::new(back.id()), Room::new("new")]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_for_other_nodes_is_there_for_clients_who_come_from_them() -> Test {
    let (_bus, one, two) = two().await;
    let mut client = join(&two).await;
    one.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    one.of("/").elsewhere().emit("news", "for the others");
    idle().await;
    let mut back = enter_with(&one, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["for the others"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_know_the_secret_changes_nothing() -> Test {
    let (bus, one, two) = two().await;
    let mut client = join(&one).await;
    one.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    bus.outage(true);
    let stranger = enter_with(&one, client.id(), client.offset()).await;
    assert_ne!(stranger.id(), client.id());
    bus.outage(false);
    tokio::time::sleep(SECOND * 10).await;
    let there = enter_with(&two, client.pid(), client.offset()).await;
    assert_eq!(there.id(), client.id());
    // It is taken: by its pid nobody comes back a second time.
    assert_ne!(enter_with(&one, client.pid(), client.offset()).await.id(), client.id());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn places_that_begin_anew_stop_nothing_and_nobody_comes_back_from_before_them() -> Test {
    let bus = ByHand(LocalBus::journaled(), Arc::default());
    let io = node(bus.clone(), rooms());
    tokio::time::sleep(SECOND).await;
    let mut before = join(&io).await;
    bus.bring("1", Offset::new(1000, 0));
    assert_eq!(news(&mut before).await, ["1"]);
    let mut client = join(&io).await;
    bus.bring("2", Offset::new(10, 0));
    bus.bring("3", Offset::new(11, 0));
    assert_eq!(news(&mut before).await, ["2", "3"]);
    assert_eq!(news(&mut client).await, ["2", "3"]);
    lose(&mut before).await;
    bus.bring("4", Offset::new(12, 0));
    assert_ne!(enter_with(&io, before.pid(), before.offset()).await.id(), before.id());
    // As soon as they are as far again everything is as it was.
    bus.bring("5", Offset::new(1001, 0));
    assert_eq!(news(&mut client).await, ["4", "5"]);
    lose(&mut client).await;
    bus.bring("6", Offset::new(1002, 0));
    let mut back = enter_with(&io, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["6"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_of_a_user_is_for_that_user() -> Test {
    let (bus, one, _two) = two().await;
    let session = |pid: &str, id: &str| {
        let rooms = vec![Room::new(id), Room::user("ada"), Room::users()];
        StoredSession::new(id.into(), pid.into(), rooms, "{}".into())
    };
    let pid = "aPidOfNode_is_20-cha";
    bus.save(&session(pid, "socket"), SECOND * 60).await?;
    let back = enter_with(&one, pid, "5-0").await;
    // Whoever comes back as a user has to be that user.
    assert_ne!(back.id(), "socket");
    assert!(one.to_user("ada").sockets().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_something_is_late_gets_it_when_it_has_its_place() -> Test {
    let bus = LocalBus::journaled();
    let (one, two) = (node(bus.clone(), rooms()), node(Slow(bus, SECOND * 3), rooms()));
    tokio::time::sleep(SECOND * 10).await;
    let (mut client, mut here) = (join(&one).await, join(&two).await);
    one.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    two.emit("news", "late");
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(news(&mut here).await, ["seen", "late"]);
    lose(&mut client).await;
    let mut back = enter_with(&two, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!(news(&mut back).await, ["late"]);
    assert!(news(&mut here).await.is_empty());
    Ok(())
}

/// A subscriber of `tracing` that shows the log to clients.
struct Showing(SocketIo);

impl std::io::Write for Showing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.emit("log", String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn whoever_hears_of_an_outage_by_the_log_may_emit() {
    let (done, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let bus = LocalBus::journaled();
            let cluster = Cluster::new(bus.clone()).publish_budget(2000);
            let builder = SocketIo::builder().recovery(Recovery::new()).adapter(cluster);
            let io = builder.namespace("/", rooms()).build().expect("it fits");
            let shown = io.clone();
            let log = tracing_subscriber::fmt().with_writer(move || Showing(shown.clone())).finish();
            let _log = tracing::subscriber::set_default(log);
            tokio::time::sleep(SECOND).await;
            let mut client = join(&io).await;
            bus.outage(true);
            idle().await;
            let line: String = client.next("log").await.expect("a line");
            assert!(line.contains("out of reach"), "{line}");
            // Too much waits.
            bus.outage(false);
            tokio::time::sleep(SECOND * 10).await;
            for _ in 0..50 {
                io.emit("news", "x".repeat(100));
            }
            loop {
                match client.next::<String>("log").await {
                    Ok(line) if line.contains("publish_budget") => break,
                    Ok(_) | Err(TestError::OtherEvent(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        done.send(()).expect("the test waits");
    });
    end.recv_timeout(SECOND * 60).expect("nothing waits for itself");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_brought_again_after_an_outage_is_no_news_and_one_line_says_so() -> Test {
    let lines = Lines::default();
    let written = lines.clone();
    let log = tracing_subscriber::fmt().with_writer(move || written.clone()).finish();
    let _log = tracing::subscriber::set_default(log);
    let (bus, one, two) = two().await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    for _ in 0..20 {
        one.emit("news", "tick");
    }
    assert_eq!((news(&mut here).await.len(), news(&mut there).await.len()), (20, 20));
    bus.outage(true);
    for _ in 0..20 {
        one.emit("news", "tick");
    }
    idle().await;
    bus.outage(false);
    tokio::time::sleep(SECOND * 20).await;
    one.emit("news", "tick");
    assert_eq!((news(&mut here).await.len(), news(&mut there).await.len()), (21, 1));
    let lines = String::from_utf8(lines.0.lock().expect("no panic").clone())?;
    let count = |what: &str| lines.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count("WARN"), count("ERROR"), count("within reach again")), (2, 0, 2), "{lines}");
    Ok(())
}
