//! What clients can make the server hold. Each case runs in a process of its own, whose allocator gives
//! freed memory back at once.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower_socketio::{Ack, Data, Namespace, Overflow, Socket, SocketIo};

use crate::client::{BINARY, PING, Peer, TEXT, frame, header};
use crate::support::{LONG, Log, Test, builder, ms, noting, serve, soon, until};

/// Runs a case in a process of its own.
fn alone(case: impl Future<Output = Test>) -> Test {
    const ALONE: &str = "HOSTILE_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        return runtime.block_on(case);
    }
    let thread = std::thread::current();
    let name = thread.name().ok_or("a test's thread has its name")?;
    let output = std::process::Command::new(std::env::current_exe()?)
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .env("MALLOC_ARENA_MAX", "1")
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .env("MALLOC_TRIM_THRESHOLD_", "65536")
        .output()?;
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{error}");
    print!("{error}");
    Ok(())
}

/// The memory of this process, in KiB.
#[derive(Debug)]
struct Memory {
    before: usize,
}

impl Memory {
    /// From now on what is more than now counts.
    fn now() -> Self {
        // Resets the peak (proc(5)).
        fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
        Self { before: status("VmRSS:") }
    }

    /// How much more is in use.
    fn more(&self) -> usize {
        status("VmRSS:").saturating_sub(self.before)
    }

    /// How much more was in use at the worst.
    fn peak(&self) -> usize {
        status("VmHWM:").saturating_sub(self.before)
    }

    #[track_caller]
    fn bounded(&self, what: &str, limit: usize) {
        let (more, peak) = (self.more(), self.peak());
        eprintln!("{what}: {peak} KiB at the worst, {more} KiB now");
        assert!(peak < limit, "{what}: {peak} KiB");
    }
}

fn status(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field of every process");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// So many clients in `/`.
async fn crowd(address: std::net::SocketAddr, number: usize, narrow: bool) -> Vec<Peer> {
    let mut peers = JoinSet::new();
    for _ in 0..number {
        peers.spawn(async move {
            let mut peer = if narrow { Peer::dial_narrow(address).await } else { Peer::dial(address).await };
            peer.enter().await.expect("the client is accepted");
            peer
        });
    }
    soon("the crowd", peers.join_all()).await
}

fn echo() -> Namespace {
    Namespace::new().on("size", async |Data(text): Data<String>| Ack(text.len()))
}

async fn among_silent_readers(overflow: Overflow, broadcasts: usize) -> Test {
    const BUDGET: usize = 128 * 1024;
    // However long it takes on a busy machine, only the budget may end somebody.
    const HOUR: Duration = Duration::from_secs(3600);
    let join = async |socket: Socket| socket.join("room");
    let io = builder()
        .send_budget(BUDGET, overflow)
        .write_timeout(HOUR)
        .ping_interval(HOUR)
        .namespace("/", Namespace::new().on_connect(join))
        .build()?;
    let address = serve(&io);
    let mut healthy = Peer::dial(address).await;
    healthy.enter().await?;
    let socket = io.of("/").sockets().pop().ok_or("the healthy client")?;
    let silent = crowd(address, 200, true).await;
    let memory = Memory::now();
    let reader = tokio::spawn(async move {
        for n in 0..broadcasts {
            let event = healthy.text().await.expect("the healthy client stays");
            assert!(event.starts_with(&format!(r#"42["e",{n},"#)), "{event:.30} instead of {n}");
        }
        healthy
    });
    let filler = "x".repeat(10 * 1024);
    for n in 0..broadcasts {
        assert!(soon("the healthy client reads", socket.ready()).await);
        io.to("room").emit("e", (n, &filler));
    }
    let healthy = soon("the healthy client has everything", reader).await?;
    memory.bounded("200 silent readers", 64 * 1024);
    match overflow {
        Overflow::Disconnect => until("the silent ones go", || io.of("/").count() == 1).await,
        _ => assert_eq!(io.of("/").count(), 201),
    }
    assert!(socket.is_connected());
    drop((healthy, silent));
    Ok(())
}

#[test]
fn two_hundred_silent_readers_in_a_room_that_drops_cost_their_budgets_and_nobody_else() -> Test {
    alone(among_silent_readers(Overflow::DropNewest, 10_000))
}

#[test]
fn two_hundred_silent_readers_whose_oldest_packets_give_way_cost_their_budgets_and_nobody_else() -> Test {
    alone(among_silent_readers(Overflow::DropOldest, 3_000))
}

#[test]
fn two_hundred_silent_readers_in_a_room_that_disconnects_are_gone() -> Test {
    alone(among_silent_readers(Overflow::Disconnect, 3_000))
}

/// Sends this again and again until the peer takes no more for a while, or so many bytes went.
async fn flood(peer: &mut Peer, piece: &[u8], bytes: usize) -> usize {
    let block = piece.repeat((64 * 1024 / piece.len()).max(1));
    let mut sent = 0;
    while sent < bytes {
        match tokio::time::timeout(ms(500), peer.write(&block)).await {
            Ok(Ok(())) => sent += block.len(),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    sent
}

#[test]
fn a_flood_of_websocket_pings_from_a_peer_that_does_not_read_is_answered_within_bounds() -> Test {
    alone(async {
        let io = builder().write_timeout(LONG).namespace("/", echo()).build()?;
        let mut peer = Peer::dial_narrow(serve(&io)).await;
        peer.enter().await?;
        let socket = io.of("/").sockets().pop().ok_or("a socket")?;
        let memory = Memory::now();
        let sent = flood(&mut peer, &frame(PING, [b'x'; 125]), 32 << 20).await;
        memory.bounded(&format!("{sent} bytes of pings"), 4096);
        assert!(socket.conn().bytes_waiting() < 128 * 1024, "{}", socket.conn().bytes_waiting());
        Ok(())
    })
}

#[test]
fn a_flood_of_engine_pings_from_a_peer_that_does_not_read_is_answered_within_bounds() -> Test {
    alone(async {
        let io = builder().allow_eio3(true).write_timeout(LONG).namespace("/", echo()).build()?;
        let mut peer = Peer::dial_narrow(serve(&io)).await;
        peer.open(3).await?;
        assert_eq!(peer.text().await?, "40");
        let socket = io.of("/").sockets().pop().ok_or("a socket")?;
        let memory = Memory::now();
        let sent = flood(&mut peer, &frame(TEXT, "2"), 3 << 20).await;
        memory.bounded(&format!("{sent} bytes of engine pings"), 4096);
        assert!(socket.conn().bytes_waiting() < 128 * 1024, "{}", socket.conn().bytes_waiting());
        Ok(())
    })
}

#[test]
fn engine_pings_of_a_client_that_never_polls_are_answered_within_bounds() -> Test {
    alone(async {
        let io = builder().allow_eio3(true).namespace("/", echo()).build()?;
        let mut peer = Peer::dial(serve(&io)).await;
        let query = peer.open_polling(3).await?;
        let memory = Memory::now();
        let pings = "1:2".repeat(60_000);
        for _ in 0..5 {
            assert_eq!(soon("an answer", peer.post(&query, &pings)).await?.status, 200);
        }
        memory.bounded("300 000 pings by POST", 16 * 1024);
        let socket = io.of("/").sockets().pop().ok_or("a socket")?;
        assert!(socket.conn().bytes_waiting() < 128 * 1024, "{}", socket.conn().bytes_waiting());
        Ok(())
    })
}

#[test]
fn a_flood_of_pings_on_a_probe_is_answered_within_bounds() -> Test {
    alone(async {
        let io = builder().namespace("/", echo()).build()?;
        let address = serve(&io);
        let mut peer = Peer::dial(address).await;
        let query = peer.enter_polling().await?;
        let mut probe = Peer::dial_narrow(address).await;
        probe.ask_upgrade(&query.replace("polling", "websocket")).await?;
        assert_eq!(probe.answer().await?.status, 101);
        let memory = Memory::now();
        let sent = flood(&mut probe, &frame(PING, [b'x'; 125]), 32 << 20).await;
        memory.bounded(&format!("{sent} bytes of pings on a probe"), 4096);
        Ok(())
    })
}

#[test]
fn packets_that_wait_for_a_namespaces_decision_cost_what_they_hold() -> Test {
    alone(async {
        let slow = Namespace::new().on_connect(async || tokio::time::sleep(Duration::from_secs(600)).await);
        let io = builder().receive_budget(100_000).namespace("/", slow).build()?;
        let address = serve(&io);
        for packet in ["41", r#"42["e"]"#, "43[1]"] {
            let mut peer = Peer::dial(address).await;
            peer.open(4).await?;
            peer.say("40").await?;
            let memory = Memory::now();
            let sent = flood(&mut peer, &frame(TEXT, packet), 4 << 20).await;
            memory.bounded(&format!("{sent} bytes of {packet}"), 4096);
        }
        Ok(())
    })
}

#[test]
fn questions_about_unknown_namespaces_from_a_peer_that_does_not_read_end_it_within_its_budget() -> Test {
    alone(async {
        let left = Log::new();
        let io =
            builder().send_budget(200_000, Overflow::Disconnect).namespace("/", noting(&left)).build()?;
        for name in ["a".repeat(20), "a".repeat(900_000)] {
            let mut peer = Peer::dial_narrow(serve(&io)).await;
            peer.enter().await?;
            let memory = Memory::now();
            let sent = flood(&mut peer, &frame(TEXT, format!("40/{name},")), 16 << 20).await;
            memory.bounded(&format!("{sent} bytes of CONNECT"), 8192);
        }
        left.reach(2).await;
        until("the connections go", || io.connections() == 0).await;
        Ok(())
    })
}

#[test]
fn announced_frames_cost_nothing_and_neither_does_the_first_of_their_bytes() -> Test {
    alone(async {
        let io = builder().namespace("/", echo()).build()?;
        let mut peers = crowd(serve(&io), 1000, false).await;
        let memory = Memory::now();
        for peer in &mut peers {
            peer.write([frame(TEXT, r#"420["size","x"]"#), header(BINARY, 1_000_000)].concat()).await?;
        }
        for peer in &mut peers {
            assert_eq!(soon("an answer", peer.text()).await?, "430[1]");
        }
        memory.bounded("1000 announced frames", 6 * 1024);
        for _ in 0..20 {
            for peer in &mut peers {
                peer.write("x").await?;
            }
        }
        memory.bounded("and a byte at a time", 6 * 1024);
        assert_eq!(io.connections(), 1000);
        Ok(())
    })
}

#[test]
fn memory_returns_after_large_messages() -> Test {
    alone(async {
        let io = builder().namespace("/", echo()).build()?;
        let mut peers = crowd(serve(&io), 300, false).await;
        let memory = Memory::now();
        let event = format!(r#"420["size","{}"]"#, "x".repeat(999_900));
        let whole = frame(TEXT, &event);
        // In two fragments: the first is not final, the second continues it.
        let (first, second) = event.split_at(500_000);
        let mut fragments = frame(TEXT, first);
        fragments[0] &= 0x7f;
        fragments.extend_from_slice(&frame(0, second));
        for (what, message) in [("whole", whole), ("in fragments", fragments)] {
            for peer in &mut peers {
                soon("the message goes", peer.write(&message)).await?;
                assert_eq!(soon("an answer", peer.text()).await?, "430[999900]");
            }
            let more = memory.more();
            eprintln!("300 messages of 1 MB {what}: {more} KiB stay");
            assert!(more < 16 * 1024, "{what}: {more} KiB stay");
        }
        Ok(())
    })
}

#[test]
fn a_burst_for_a_slow_handler_waits_outside() -> Test {
    alone(async {
        let (gate, seen) = (Arc::new(Semaphore::new(0)), Log::new());
        let (held, log) = (gate.clone(), seen.clone());
        let namespace = Namespace::new().on("e", async move |Data((n, _)): Data<(usize, String)>| {
            held.acquire().await.expect("a gate stays").forget();
            log.push(n);
        });
        let io: SocketIo =
            builder().receive_budget(64 * 1024).max_in_flight(8).namespace("/", namespace).build()?;
        let mut peer = Peer::dial(serve(&io)).await;
        peer.enter().await?;
        let filler = "x".repeat(1000);
        let burst: Vec<u8> =
            (0..10_000).flat_map(|n| frame(TEXT, format!(r#"42["e",{n},"{filler}"]"#))).collect();
        let memory = Memory::now();
        let writer = tokio::spawn(async move {
            peer.write(burst).await.expect("the connection stays");
            peer
        });
        assert!(tokio::time::timeout(ms(1000), async { seen.reach(1).await }).await.is_err());
        memory.bounded("10 MB of events before a closed gate", 2048);
        gate.add_permits(10_000);
        let mut peer = soon("the burst goes", writer).await?;
        assert_eq!(seen.reach(10_000).await.len(), 10_000);
        peer.say("41").await?;
        Ok(())
    })
}
