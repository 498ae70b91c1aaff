//! Clients come back while others emit, from many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_socketio::{Namespace, Overflow, Recovery, Socket, SocketIo, TestClient, TestError};

use crate::support::{Test, join};

const THREADS: usize = 4;
const EACH: usize = 3_000;

/// Emits the numbers of this thread in each way there is.
fn emit(io: &SocketIo, id: &str, thread: usize) {
    for n in 0..EACH {
        match n % 3 {
            0 => io.emit("n", (thread, n)),
            1 => io.to("room").emit("n", (thread, n)),
            _ => io.to(id).emit("n", (thread, n)),
        };
        io.of("/").volatile().emit("tick", "text");
        if n % 64 == 0 {
            std::thread::yield_now();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_comes_once_and_in_order_however_often_the_connection_is_lost() -> Test {
    let io = SocketIo::builder()
        .recovery(Recovery::new().max_packets(1_000_000))
        .send_budget(64 << 20, Overflow::Disconnect)
        .namespace("/", Namespace::new().on_connect(async |socket: Socket| socket.join("room")))
        .build()?;
    let mut client = join(&io).await;
    let id: Arc<str> = client.id().into();
    let done = Arc::new(AtomicBool::new(false));
    // Others come, go and join all the time.
    let (others, over) = (io.clone(), done.clone());
    let others = tokio::spawn(async move {
        while !over.load(Ordering::Acquire) {
            let mut other = join(&others).await;
            others.to(other.id()).join("room");
            other.lose_connection();
            drop(other.connect("/").await);
        }
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (io, id) = (io.clone(), id.clone());
            std::thread::spawn(move || emit(&io, &id, thread))
        })
        .collect();
    let (mut next, mut left, mut losses) = ([0; THREADS], THREADS * EACH, 0);
    while left > 0 {
        match client.next::<(usize, usize)>("n").await {
            Ok((thread, n)) => {
                assert_eq!(next[thread], n, "of thread {thread}, after {losses} losses");
                next[thread] += 1;
                left -= 1;
                if left % 97 == 0 {
                    client.lose_connection();
                    client = client.connect("/").await?;
                    assert!(client.recovered(), "after {losses} losses");
                    assert_eq!(client.id(), &*id);
                    losses += 1;
                }
            }
            Err(TestError::OtherEvent(event)) if event == "tick" => {}
            Err(error) => panic!("{error} after {losses} losses, {left} are left"),
        }
    }
    done.store(true, Ordering::Release);
    others.await?;
    threads.into_iter().for_each(|thread| thread.join().expect("it emits"));
    assert!(losses > 100);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_pid_from_many_connections_at_once_ends_with_one_socket() -> Test {
    let io = super::recovering(Namespace::new());
    let mut client = join(&io).await;
    let (pid, id) = (client.pid().expect("a pid").to_owned(), client.id().to_owned());
    client.lose_connection();
    let tries: Vec<_> = (0..40)
        .map(|_| {
            let client = TestClient::new(&io).auth(serde_json::json!({ "pid": &pid }));
            tokio::spawn(client.timeout(Duration::from_secs(30)).connect("/"))
        })
        .collect();
    let mut clients = Vec::new();
    for entered in tries {
        clients.extend(entered.await?);
    }
    assert!(!clients.is_empty());
    assert!(io.of("/").to(&*id).count() <= 1);
    let strangers = io.of("/").sockets().iter().filter(|socket| socket.id() != id).count();
    assert_eq!(strangers, clients.iter().filter(|client| client.id() != id).count());
    Ok(())
}

/// Whoever emits from a thread without a runtime finds everything in its place.
#[test]
fn packets_are_kept_also_without_a_runtime() {
    let io = super::recovering(Namespace::new());
    for n in 0..100 {
        assert_eq!(io.emit("n", n).reached(), 0);
    }
}
