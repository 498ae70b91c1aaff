//! What a client gets back, and who does.

use bytes::Bytes;
use tower_socketio::{
    Ack, DisconnectReason, Namespace, Overflow, Recovery, Room, Socket, SocketIo, TestClient, WireError,
};

use super::{SECOND, again, lose, news, noting, recovering, with};
use crate::support::{Log, Raw, Test, idle, join};

fn roomy() -> Namespace {
    Namespace::new().on_connect(async |socket: Socket| socket.join(["red", "blue"]))
}

#[tokio::test(start_paused = true)]
async fn missed_packets_come_in_order_and_once_if_they_were_for_the_client() -> Test {
    let io = recovering(roomy());
    let mut client = join(&io).await;
    let other = join(&io).await;
    lose(&mut client).await;
    io.emit("news", "to all");
    io.to("red").emit("news", "to a room");
    io.to(["red", "blue"]).emit("news", "to both rooms");
    io.to(client.id()).emit("news", "to the id");
    io.to("green").emit("news", "to another room");
    io.to(other.id()).emit("news", "to another client");
    io.except("red").emit("news", "not to the room");
    io.except(client.id()).emit("news", "not to the id");
    io.to("red").except("blue").emit("news", "to one room and not to the other");
    io.except("green").emit("news", "not to another room");
    let mut client = client.connect("/").await?;
    let expected = ["to all", "to a room", "to both rooms", "to the id", "not to another room"];
    assert_eq!(news(&mut client).await, expected);
    // None of it comes again.
    let mut client = again(client).await?;
    assert!(client.recovered());
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn binary_comes_back_as_it_was() -> Test {
    let io = recovering(Namespace::new());
    let mut client = join(&io).await;
    lose(&mut client).await;
    let bytes = (Bytes::from_static(b"\0\x01"), 7, Bytes::from_static(b"\xff"));
    io.emit("bytes", bytes.clone());
    let mut client = client.connect("/").await?;
    assert_eq!(client.next::<(Bytes, u8, Bytes)>("bytes").await?, bytes);
    let expected = client.offset();
    let mut client = again(client).await?;
    assert!(client.recovered());
    assert_eq!(client.offset(), expected);
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_when_the_connection_died_comes_too() -> Test {
    let io = recovering(Namespace::new());
    let mut client = join(&io).await;
    io.emit("news", "seen");
    assert_eq!(client.next::<String>("news").await?, "seen");
    // The client is gone and the server does not know: this goes into its queue.
    client.lose_connection();
    assert_eq!(io.emit("news", "in the queue").reached(), 1);
    idle().await;
    assert_eq!(io.emit("news", "in the log").reached(), 0);
    let mut client = client.connect("/").await?;
    assert_eq!(news(&mut client).await, ["in the queue", "in the log"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_order_is_connect_then_missed_then_hooks_then_live() -> Test {
    let io = recovering(Namespace::new().on_connect(async |socket: Socket| {
        let word = if socket.recovered() { "hook again" } else { "hook" };
        socket.emit("news", word);
    }));
    let mut client = join(&io).await;
    assert_eq!(news(&mut client).await, ["hook"]);
    lose(&mut client).await;
    io.emit("news", "missed");
    let mut client = client.connect("/").await?;
    io.emit("news", "live");
    assert_eq!(news(&mut client).await, ["missed", "hook again", "live"]);
    // What hooks emitted is kept as well.
    lose(&mut client).await;
    let mut client = client.connect("/").await?;
    assert_eq!(news(&mut client).await, ["hook again"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn questions_and_volatile_events_are_not_kept() -> Test {
    let io = recovering(Namespace::new());
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("it is here");
    lose(&mut client).await;
    io.of("/").volatile().emit("news", "volatile");
    drop(io.of("/").timeout(SECOND).emit_with_ack::<()>("news", "asked"));
    assert!(socket.volatile().emit("news", "volatile").into_result().is_err());
    assert!(socket.emit_with_ack::<()>("news", "asked").await.is_err());
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_handle_of_a_socket_that_is_away_says_closed_and_keeps_what_it_is_given() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log));
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("it is here");
    lose(&mut client).await;
    let sent = socket.emit("news", "kept");
    assert_eq!(sent.reached(), 0);
    assert!(matches!(sent.into_result(), Err(tower_socketio::EmitError::Closed)));
    let mut client = client.connect("/").await?;
    // It is back by another socket of this id; the old handle is closed for good.
    assert!(socket.emit("news", "too late").into_result().is_err());
    assert!(!socket.is_connected() && io.socket(client.id()).is_some_and(|new| new != socket));
    assert_eq!(news(&mut client).await, ["kept"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_comes_back_however_far_the_log_has_moved_on() -> Test {
    let io = with(Recovery::new().max_packets(3), roomy());
    let mut client = join(&io).await;
    let _other = join(&io).await;
    io.to("red").emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    for n in 0..20 {
        io.except(client.id()).emit("news", n);
    }
    for _ in 0..3 {
        lose(&mut client).await;
        client = client.connect("/").await?;
        assert!(client.recovered());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_never_got_an_event_comes_back() -> Test {
    let io = with(Recovery::new().max_packets(3), Namespace::new());
    // The log has moved on before it, and moves on after it.
    for n in 0..20 {
        io.emit("news", n);
    }
    let mut client = join(&io).await;
    for n in 0..20 {
        io.except(client.id()).emit("news", n);
    }
    assert_eq!(client.offset(), None);
    let mut client = {
        lose(&mut client).await;
        io.emit("news", "first");
        client.connect("/").await?
    };
    assert!(client.recovered());
    assert_eq!(news(&mut client).await, ["first"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_broadcast_before_the_client_came_is_never_for_it() -> Test {
    let io = recovering(Namespace::new());
    io.emit("news", "before its time");
    let mut client = join(&io).await;
    lose(&mut client).await;
    let (pid, id) = (client.pid().expect("a pid").to_owned(), client.id().to_owned());
    // It says that it has got less than it can have.
    let mut client = super::enter_with(&io, pid, "0").await;
    assert_eq!(client.id(), id);
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_room_joined_after_a_packet_does_not_make_the_packet_its_own() -> Test {
    let io = recovering(Namespace::new().on("join", async |socket: Socket| {
        socket.join(if socket.recovered() { "later" } else { "late" });
        Ack(())
    }));
    let mut client = join(&io).await;
    io.to("late").emit("news", "before it joined");
    client.emit_with_ack::<()>("join", ()).await?;
    lose(&mut client).await;
    io.to("late").emit("news", "after it left");
    let pid = client.pid().expect("a pid").to_owned();
    let mut client = client.connect("/").await?;
    assert_eq!(news(&mut client).await, ["after it left"]);
    // Nor if it has lost one that came before.
    io.emit("news", "lost on its way");
    io.to("later").emit("news", "before it joined");
    client.emit_with_ack::<()>("join", ()).await?;
    lose(&mut client).await;
    let mut client = super::enter_with(&io, pid, "2").await;
    assert_eq!(news(&mut client).await, ["lost on its way"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_room_that_a_hook_makes_it_leave_is_gone_with_what_was_sent_there() -> Test {
    let io = recovering(Namespace::new().on_connect(async |socket: Socket| {
        if socket.recovered() {
            assert_eq!(socket.rooms().len(), 3);
            socket.leave("secret");
        } else {
            socket.join(["secret", "public"]);
        }
    }));
    let mut client = join(&io).await;
    lose(&mut client).await;
    io.to("secret").emit("news", "secret");
    io.to("public").emit("news", "public");
    let mut client = client.connect("/").await?;
    io.to("secret").emit("news", "secret again");
    assert_eq!(news(&mut client).await, ["public"]);
    assert_eq!((io.to("secret").count(), io.to("public").count()), (0, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn after_the_window_it_enters_as_a_stranger() -> Test {
    let io = with(Recovery::new().window(SECOND * 10), roomy());
    let mut client = join(&io).await;
    let id = client.id().to_owned();
    lose(&mut client).await;
    tokio::time::sleep(SECOND * 9).await;
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    lose(&mut client).await;
    io.emit("news", "lost");
    tokio::time::sleep(SECOND * 10).await;
    let mut client = client.connect("/").await?;
    assert!(!client.recovered());
    assert_ne!(client.id(), id);
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_or_is_made_to_leave_does_not_come_back() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log));
    for by_server in [false, true] {
        let mut client = join(&io).await;
        if by_server {
            io.of("/").disconnect(false);
        } else {
            client.disconnect();
        }
        let client = again(client).await?;
        assert!(!client.recovered());
        drop(client);
        idle().await;
    }
    let reasons: Vec<_> = log.all().into_iter().filter(|entry| entry.contains("namespace")).collect();
    let expected = [DisconnectReason::ClientNamespaceDisconnect, DisconnectReason::ServerNamespaceDisconnect];
    assert_eq!(reasons, expected.map(|reason| reason.to_string()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_breaks_socket_ios_rules_comes_back_and_whoever_breaks_the_engines_does_not() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log));
    for (packet, reason, is_back) in [("4x", "forced close", true), ("x", "parse error", false)] {
        let mut raw = Raw::open(&io).await;
        raw.send("40").await;
        let reply: serde_json::Value = serde_json::from_str(&raw.next().await[2..])?;
        raw.send(packet).await;
        assert_eq!(raw.maybe_next().await, None);
        idle().await;
        assert_eq!(log.all().last().map(String::as_str), Some(reason));
        let client = super::enter_with(&io, &reply["pid"], serde_json::Value::Null).await;
        assert_eq!(client.id() == reply["sid"], is_back, "{reason}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_may_try_again_and_one_that_is_in_has_used_its_session() -> Test {
    let io = recovering(Namespace::new().on_connect(async |socket: Socket| {
        let tries = socket.extensions().get_or_default::<std::sync::Arc<std::sync::atomic::AtomicUsize>>();
        match (socket.recovered(), tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            (true, 1) => Err(WireError::new("not now").code("later")),
            _ => Ok(()),
        }
    }));
    let mut client = join(&io).await;
    let (pid, id) = (client.pid().expect("a pid").to_owned(), client.id().to_owned());
    lose(&mut client).await;
    let enter = || {
        let auth = serde_json::json!({ "pid": &pid });
        TestClient::new(&io).auth(auth)
    };
    assert!(enter().connect("/").await.is_err());
    let back = enter().connect("/").await?;
    assert_eq!(back.id(), id);
    // Its own end is a new session; that one is used, too, by whoever is first.
    drop(back);
    idle().await;
    let first = enter().connect("/").await?;
    assert_eq!(first.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_the_send_budget_is_not_sent_and_the_client_enters_anew() -> Test {
    let io = SocketIo::builder()
        .recovery(Recovery::new())
        .send_budget(10_000, Overflow::Disconnect)
        .namespace("/", Namespace::new())
        .build()?;
    for (size, is_back) in [(4_000, true), (6_000, false)] {
        let mut client = join(&io).await;
        lose(&mut client).await;
        for _ in 0..2 {
            io.to(client.id()).emit("news", "x".repeat(size));
        }
        let mut client = client.connect("/").await?;
        assert_eq!(client.recovered(), is_back);
        assert_eq!(news(&mut client).await.len(), if is_back { 2 } else { 0 });
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_clients_own_user_room_counts_for_what_it_missed() -> Test {
    let io = recovering(Namespace::new().on_connect(async |socket: Socket| socket.set_user("ada")));
    let mut client = join(&io).await;
    lose(&mut client).await;
    io.to_user("ada").emit("news", "to the user");
    io.to_user("bob").emit("news", "to another");
    io.to(Room::new("ada")).emit("news", "to a plain room");
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(news(&mut client).await, ["to the user"]);
    assert_eq!(io.to_user("ada").count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_drained_server_keeps_nothing_and_ends_in_time() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log));
    let mut away = join(&io).await;
    let here = join(&io).await;
    lose(&mut away).await;
    io.drain(SECOND).await;
    assert_eq!(io.connections(), 0);
    assert_eq!(log.all().last().map(String::as_str), Some("server shutting down"));
    assert!(matches!(away.connect("/").await, Err(tower_socketio::TestError::Closed)));
    drop(here);
    Ok(())
}
