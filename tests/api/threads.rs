//! Use from many threads, and from threads without a runtime; and from inside of `Serialize`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tower_socketio::adapter::{Cluster, LocalBus};
use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo, TestClient};

use crate::support::{Log, Raw, Test, join, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn emits_from_several_threads_all_arrive_each_threads_in_order() -> Test {
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    for thread in 0..4_usize {
        let (io, socket) = (io.clone(), socket.clone());
        std::thread::spawn(move || {
            for n in 0..2_000_usize {
                let sent = if n % 2 == 0 { socket.emit("n", (thread, n)) } else { io.emit("n", (thread, n)) };
                assert_eq!(sent.reached(), 1);
            }
        });
    }
    let mut next = [0_usize; 4];
    for _ in 0..8_000 {
        let (thread, n) = client.next::<(usize, usize)>("n").await?;
        assert_eq!(next[thread], n);
        next[thread] += 1;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_may_come_and_go_while_others_broadcast() -> Test {
    let (came, gone) = (Arc::new(AtomicUsize::new(0)), Log::new());
    let (counted, left) = (came.clone(), gone.clone());
    let namespace = Namespace::new()
        .on_connect(async move |socket: Socket| {
            counted.fetch_add(1, Ordering::Relaxed);
            socket.join(["a", "b"]);
        })
        .on("e", async |socket: Socket, Data(n): Data<u32>| {
            socket.to("a").emit("e", n);
            socket.leave("a");
            socket.join("c");
            Ack(n)
        })
        .on_disconnect(async move || left.push("left"));
    let io = SocketIo::builder().namespace("/{room}", namespace).build()?;
    let clients: Vec<_> = (0..200_u32)
        .map(|n| {
            let io = io.clone();
            tokio::spawn(async move {
                let mut client = TestClient::new(&io).connect(&format!("/{}", n % 5)).await?;
                assert_eq!(client.emit_with_ack::<u32>("e", n).await?, n);
                io.of("/{room}").to(["a", "b", "c"]).emit("all", n);
                io.of("/{room}").to("b").except("c").join("d");
                if n % 2 == 0 {
                    client.disconnect()
                } else {
                    drop(client)
                }
                Ok::<_, tower_socketio::TestError>(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    gone.reach(200).await;
    assert_eq!(came.load(Ordering::Relaxed), 200);
    assert_eq!((io.of("/{room}").count(), io.of("/{room}").rooms().len()), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_thread_without_a_runtime_may_emit_join_and_disconnect() -> Test {
    let log = Log::new();
    let left = log.clone();
    let io = serve(Namespace::new().on_disconnect(async move || left.push("left")).on_error(log.errors()));
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    let elsewhere = io.clone();
    let thread = std::thread::spawn(move || {
        socket.join("a");
        assert_eq!(elsewhere.to("a").emit("e", 1).reached(), 1);
        assert!(socket.emit("bad", std::collections::BTreeMap::from([([1, 2], 3)])).into_result().is_err());
        socket.disconnect();
    });
    assert_eq!(client.next::<u32>("e").await?, 1);
    client.closed().await?;
    assert_eq!(log.reach(2).await.len(), 2);
    thread.join().expect("the thread does not panic");
    Ok(())
}

/// A value that uses the socket while it is serialised.
struct Meddling(Socket);

impl Serialize for Meddling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.join("a");
        self.0.emit("inner", 1);
        self.0.namespace().emit("inner", 2);
        self.0.to("a").emit("nobody", 3);
        serializer.serialize_str(if self.0.rooms().len() == 2 { "joined" } else { "not joined" })
    }
}

#[tokio::test]
async fn a_value_may_use_the_socket_while_it_is_serialised() -> Test {
    let io = serve(
        Namespace::new()
            .on("emit", async |socket: Socket| socket.emit("outer", Meddling(socket.clone())))
            .on("broadcast", async |socket: Socket| {
                socket.namespace().emit("outer", Meddling(socket.clone()))
            })
            .on("ack", async |socket: Socket| Ack(Meddling(socket)))
            .on("early", async || {})
            .on_connect(async |socket: Socket| socket.emit("outer", Meddling(socket.clone()))),
    );
    let mut client = join(&io).await;
    assert_eq!(client.next::<u32>("inner").await?, 1);
    assert_eq!(client.next::<String>("outer").await?, "joined");
    for event in ["emit", "broadcast"] {
        client.emit_with_ack::<()>(event, ()).await?;
        assert_eq!(client.next::<u32>("inner").await?, 1);
        assert_eq!(client.next::<u32>("inner").await?, 2);
        assert_eq!(client.next::<String>("outer").await?, "joined");
    }
    assert_eq!(client.emit_with_ack::<String>("ack", ()).await?, "joined");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_begin_and_end_while_other_threads_look_for_all_of_them() -> Test {
    const EACH: usize = 2_000;
    let builder = SocketIo::builder().adapter(Cluster::new(LocalBus::new()));
    let io = builder.namespace("/{room}", Namespace::new()).build()?;
    let (over, ended) = (Arc::new(AtomicBool::new(false)), std::sync::mpsc::channel());
    for thread in 0..2_usize {
        let (io, ended) = (io.clone(), ended.0.clone());
        std::thread::spawn(move || {
            // In a cluster who emits brings it into being.
            (0..EACH).for_each(|n| drop(io.of(&format!("/{thread}-{n}"))));
            ended.send(()).expect("the test waits");
        });
    }
    for _ in 0..2 {
        let (io, over, ended) = (io.clone(), over.clone(), ended.0.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(io.of("/{room}").count(), 0);
                assert!(io.socket("nobody").is_none());
            }
            ended.send(()).expect("the test waits");
        });
    }
    for thread in 0..4 {
        over.store(thread >= 2, Ordering::Relaxed);
        ended.1.recv_timeout(Duration::from_secs(60)).expect("nobody waits for the other");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_removed_handler_has_captured_may_change_the_table_as_it_ends() -> Test {
    struct Last(SocketIo);

    impl Drop for Last {
        fn drop(&mut self) {
            self.0.of("/").on("again", async || {}).expect("it may");
        }
    }

    let io = serve(Namespace::new());
    let last = Arc::new(Last(io.clone()));
    let id = io.of("/").on("once", async move || drop(last.clone()))?;
    let (ended, end) = std::sync::mpsc::channel();
    let remover = io.clone();
    std::thread::spawn(move || ended.send(remover.of("/").off(id)));
    assert!(end.recv_timeout(Duration::from_secs(10))?);
    let client = join(&io).await;
    assert!(client.emit_with_ack::<()>("again", ()).await.is_ok());
    Ok(())
}

/// A server that gives its clients two seconds to answer a ping, and what became of those that did not.
fn impatient() -> (SocketIo, Log) {
    let log = Log::new();
    let left = log.clone();
    let namespace = Namespace::new()
        .on_disconnect(async move |reason: tower_socketio::DisconnectReason| left.push(reason));
    let io = SocketIo::builder()
        .ping_interval(Duration::from_secs(1))
        .ping_timeout(Duration::from_secs(1))
        .namespace("/", namespace)
        .build()
        .expect("options that fit");
    (io, log)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

#[test]
fn a_runtime_that_stands_still_does_not_hold_up_the_pings_of_another() {
    let (io, log) = impatient();
    let (still, other) = (runtime(), runtime());
    let first = still.block_on(join(&io));
    // From here on nobody drives the first runtime: as if a handler blocked its only thread.
    other.block_on(async {
        let mut client = Raw::open(&io).await;
        client.enter("/").await;
        assert_eq!(log.reach(1).await, ["ping timeout"]);
    });
    drop((first, still));
}

#[test]
fn pings_go_on_when_a_runtime_ends_that_served_as_well() {
    let (io, log) = impatient();
    let (ending, other) = (runtime(), runtime());
    let first = ending.block_on(join(&io));
    other.block_on(async {
        let mut client = Raw::open(&io).await;
        client.enter("/").await;
        ending.shutdown_background();
        assert_eq!(log.reach(1).await, ["ping timeout"]);
    });
    drop(first);
}

#[test]
fn a_runtime_that_begins_anew_serves_as_the_one_before() {
    let (io, log) = impatient();
    for round in 1..=3 {
        runtime().block_on(async {
            let mut client = Raw::open(&io).await;
            client.enter("/").await;
            assert_eq!(log.reach(round).await, vec!["ping timeout"; round]);
            assert_eq!(io.connections(), 1);
        });
        assert_eq!(io.connections(), 0);
    }
}
