//! Connect hooks: before the client is accepted and after it.

use std::time::Duration;

use serde_json::json;
use tower_socketio::{
    Ack, AckError, Auth, Data, Extension, Namespace, Room, Socket, SocketIo, TestClient, TestError, WireError,
};

use crate::support::{Gate, Log, Raw, Test, code, idle, join, refusal, serve};

#[tokio::test]
async fn hooks_run_in_order_and_the_first_refusal_ends_them() -> Test {
    let log = Log::new();
    let (first, second, third) = (log.clone(), log.clone(), log.clone());
    let namespace = Namespace::new()
        .on_connect(async move || first.push(1))
        .on_connect(async move |auth: Option<Auth<serde_json::Value>>| {
            second.push(2);
            if auth.is_some() { Ok(()) } else { Err(WireError::new("who are you?")) }
        })
        .on_connect(async move || third.push(3));
    let errors = Log::new();
    let io = serve(namespace.on_error(errors.errors()));
    assert_eq!(refusal(TestClient::new(&io).connect("/").await).0, "who are you?");
    assert_eq!(log.all(), ["1", "2"]);
    assert_eq!(errors.reach(1).await, ["who are you?"]);
    assert_eq!(io.of("/").count(), 0);
    TestClient::new(&io).auth("me").connect("/").await?;
    assert_eq!(log.all(), ["1", "2", "1", "2", "3"]);
    Ok(())
}

#[tokio::test]
async fn a_refused_client_hears_nothing_but_the_refusal_and_may_try_again() -> Test {
    let hook = async |socket: Socket, Auth(auth): Auth<serde_json::Value>| {
        socket.emit("early", 1);
        socket.join("room");
        if auth["token"] == "right" { Ok(()) } else { Err(WireError::new("wrong")) }
    };
    let io = serve(Namespace::new().on_connect(hook));
    let mut raw = Raw::open(&io).await;
    raw.send(r#"40{"token":"no"}"#).await;
    assert_eq!(raw.next().await, r#"44{"message":"wrong"}"#);
    assert_eq!(io.to("room").count(), 0);
    raw.send(r#"40{"token":"right"}"#).await;
    assert!(raw.next().await.starts_with("40{\"sid\""));
    assert_eq!(raw.next().await, r#"42["early",1]"#);
    assert_eq!(io.to("room").count(), 1);
    Ok(())
}

#[tokio::test]
async fn what_a_hook_emits_leaves_after_the_client_is_accepted() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().on_connect(async move |socket: Socket| {
        seen.push(socket.emit("first", 1).reached());
        held.pass().await;
        socket.emit("second", [2]);
    }));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    assert_eq!(log.reach(1).await, ["1"]);
    gate.open(1);
    assert!(raw.next().await.starts_with("40{\"sid\""));
    assert_eq!(raw.next().await, r#"42["first",1]"#);
    assert_eq!(raw.next().await, r#"42["second",[2]]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rooms_count_and_broadcasts_come_from_acceptance_on() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().on_connect(async move |socket: Socket| {
        socket.join(["a", "b"]);
        socket.leave("b");
        socket.set_user("ada");
        seen.push(format!("{} {}", socket.rooms().len(), socket.is_connected()));
        held.pass().await;
    }));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    assert_eq!(log.reach(1).await, ["4 false"]);
    for early in [io.of("/"), io.to("a"), io.to_user("ada"), io.to(Room::users())] {
        assert_eq!(early.emit("early", ()).reached(), 0);
    }
    assert_eq!((io.of("/").count(), io.to("a").count()), (0, 0));
    gate.open(1);
    assert!(raw.next().await.starts_with("40{\"sid\""));
    idle().await;
    assert_eq!((io.to("a").count(), io.to("b").count(), io.to_user("ada").count()), (1, 0, 1));
    io.to("a").emit("late", ());
    assert_eq!(raw.next().await, r#"42["late"]"#);
    Ok(())
}

#[tokio::test]
async fn events_sent_during_a_slow_hook_are_answered_afterwards_in_order() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let seen = log.clone();
    let io = serve(
        Namespace::new()
            .on_connect(async move |socket: Socket| {
                held.pass().await;
                socket.extensions().insert("ready");
            })
            .on("n", async move |Data(n): Data<u32>, Extension(state): Extension<&'static str>| {
                seen.push(n);
                Ack((state, n))
            }),
    );
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    for n in 0..20 {
        raw.send(&format!(r#"42{n}["n",{n}]"#)).await;
    }
    gate.open(1);
    assert!(raw.next().await.starts_with("40{\"sid\""));
    for n in 0..20 {
        assert_eq!(raw.next().await, format!(r#"43{n}["ready",{n}]"#));
    }
    assert_eq!(log.all(), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn no_event_of_a_refused_client_reaches_a_handler() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let ran = log.clone();
    let refuse = async move || {
        held.pass().await;
        Err::<(), _>(WireError::new("no"))
    };
    let io = serve(Namespace::new().on_connect(refuse).on("e", async move || ran.push("ran")));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    raw.send(r#"420["e"]"#).await;
    gate.open(1);
    assert_eq!(raw.next().await, r#"44{"message":"no"}"#);
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_hook_cannot_ask_a_client_that_is_not_accepted() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().on_connect(async move |socket: Socket| {
        match socket.emit_with_ack::<u32>("question", ()).await {
            Err(AckError::NotYetConnected) => seen.push("not yet connected"),
            other => seen.push(format!("{other:?}")),
        }
    }));
    let mut client = join(&io).await;
    assert_eq!(log.all(), ["not yet connected"]);
    io.emit("next", ());
    client.next::<()>("next").await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_cut_off_by_the_connect_timeout() -> Test {
    let io = SocketIo::builder()
        .connect_timeout(Duration::from_secs(2))
        .namespace("/", Namespace::new().on("e", async || Ack(1)))
        .namespace("/hangs", Namespace::new().on_connect(async || std::future::pending::<()>().await))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    let start = tokio::time::Instant::now();
    raw.send("40/hangs,").await;
    let refused = raw.next().await;
    assert!(refused.starts_with("44/hangs,{") && refused.contains("\"timeout\""), "{refused}");
    assert_eq!(start.elapsed().as_secs(), 2);
    raw.send(r#"420["e"]"#).await;
    assert_eq!(raw.next().await, "430[1]");
    assert_eq!(code(TestClient::new(&io).connect("/hangs").await), "timeout");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_enters_no_namespace_is_cut_off_by_the_connect_timeout() -> Test {
    let io = SocketIo::builder()
        .connect_timeout(Duration::from_secs(2))
        .namespace("/", Namespace::new())
        .build()?;
    let mut raw = Raw::open(&io).await;
    let start = tokio::time::Instant::now();
    while raw.maybe_next().await.is_some() {}
    assert_eq!(start.elapsed().as_secs(), 2);
    drop(raw);
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_a_client_that_left_goes_no_further() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let (first, second, left) = (log.clone(), log.clone(), log.clone());
    let io = serve(
        Namespace::new()
            .on_connect(async move || {
                first.push("first");
                held.pass().await;
            })
            .on_connected(async move || second.push("connected"))
            .on_disconnect(async move || left.push("disconnected")),
    );
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    log.reach(1).await;
    drop(raw);
    idle().await;
    gate.open(1);
    idle().await;
    assert_eq!(log.all(), ["first"]);
    assert_eq!((io.of("/").count(), io.connections()), (0, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hook_may_end_the_socket_it_is_about() -> Test {
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().on_connect(async |socket: Socket| socket.disconnect()))
        .namespace("/all", Namespace::new().on_connect(async |socket: Socket| socket.disconnect_transport()))
        .build()?;
    assert!(matches!(TestClient::new(&io).connect("/").await, Err(TestError::Refused(_))));
    assert!(TestClient::new(&io).connect("/all").await.is_err());
    idle().await;
    assert_eq!((io.of("/").count(), io.of("/all").count(), io.connections()), (0, 0, 0));
    Ok(())
}

#[tokio::test]
async fn on_connected_may_ask_the_client_and_does_not_hold_events_up() -> Test {
    let io = serve(
        Namespace::new()
            .on_connected(async |socket: Socket| {
                let language: String = socket.emit_with_ack("language?", ("en", "de")).await?;
                socket.emit("hello", language);
                Ok::<_, WireError>(())
            })
            .on("e", async || Ack(1)),
    );
    let mut client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(
        client.answer::<(String, String)>("language?", "de").await?,
        ("en".to_owned(), "de".to_owned())
    );
    assert_eq!(client.next::<String>("hello").await?, "de");
    Ok(())
}

#[tokio::test]
async fn an_error_in_on_connected_is_told_to_on_error_and_the_client_stays() -> Test {
    let log = Log::new();
    let namespace = Namespace::new()
        .on_connected(async || Err::<(), _>(WireError::new("no greeting")))
        .on("e", async || Ack(1))
        .on_error(log.errors());
    let client = join(&serve(namespace)).await;
    assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(log.reach(1).await, ["no greeting"]);
    Ok(())
}

#[tokio::test]
async fn hooks_run_for_each_namespace_of_a_connection() -> Test {
    let log = Log::new();
    let namespace = |name: &'static str| {
        let log = log.clone();
        Namespace::new()
            .on_connect(async move |socket: Socket| log.push(format!("{name} {}", socket.id().len())))
    };
    let io = SocketIo::builder().namespace("/", namespace("/")).namespace("/x", namespace("/x")).build()?;
    let mut raw = Raw::open(&io).await;
    let (root, other) = (raw.enter("/").await, raw.enter("/x").await);
    assert_ne!(root, other);
    assert_eq!(log.all(), ["/ 20", "/x 20"]);
    assert_eq!(io.connections(), 1);
    Ok(())
}

#[tokio::test]
async fn an_unknown_namespace_is_refused_as_node_does() -> Test {
    let io = serve(Namespace::new());
    let mut raw = Raw::open(&io).await;
    raw.send("40/unknown,").await;
    assert_eq!(raw.next().await, r#"44/unknown,{"message":"Invalid namespace"}"#);
    raw.enter("/").await;
    Ok(())
}

#[tokio::test]
async fn beyond_max_namespaces_a_connect_is_refused() -> Test {
    let io = SocketIo::builder().max_namespaces(2).namespace("/{n}", Namespace::new()).build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/a").await;
    raw.enter("/b").await;
    raw.send("40/c,").await;
    let refused = raw.next().await;
    let error: serde_json::Value = serde_json::from_str(refused.strip_prefix("44/c,").expect("a refusal"))?;
    assert_eq!(error["data"], json!({"code": "too_many_namespaces"}));
    raw.send("41/a,").await;
    raw.enter("/c").await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_before_it_is_accepted_is_accepted_and_gone() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let log = Log::new();
    let (event, left) = (log.clone(), log.clone());
    let io = serve(
        Namespace::new()
            .on_connect(async move || held.pass().await)
            .on("e", async move || event.push("event"))
            .on_disconnect(async move || left.push("disconnect")),
    );
    let mut raw = Raw::open(&io).await;
    for packet in ["40", r#"42["e"]"#, "41"] {
        raw.send(packet).await;
    }
    idle().await;
    gate.open(2);
    assert_eq!(log.reach(2).await, ["event", "disconnect"]);
    assert_eq!((io.of("/").count(), io.connections()), (0, 1));
    assert!(raw.next().await.starts_with("40{"));
    raw.enter("/").await;
    Ok(())
}

#[tokio::test]
async fn a_hook_may_broadcast_to_those_who_are_there() -> Test {
    let io = serve(Namespace::new().on_connect(async |socket: Socket| {
        socket.broadcast().emit("joined", socket.id()).reached();
    }));
    let mut one = join(&io).await;
    let mut two = join(&io).await;
    assert_eq!(one.next::<String>("joined").await?, two.id());
    io.emit("end", ());
    two.next::<()>("end").await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_is_cut_off_in_bounded_time() -> Test {
    let io = SocketIo::builder()
        .connect_timeout(Duration::from_secs(2))
        .namespace("/", Namespace::new().on_connect(async || Err::<(), _>(WireError::new("no"))))
        .build()?;
    let mut raw = Raw::open(&io).await;
    let start = tokio::time::Instant::now();
    raw.send("40").await;
    assert_eq!(raw.next().await, r#"44{"message":"no"}"#);
    assert!(raw.maybe_next().await.is_none());
    assert_eq!(start.elapsed().as_secs(), 2);
    Ok(())
}

#[tokio::test]
async fn any_name_without_a_comma_or_question_mark_is_a_namespace() -> Test {
    let names = ["/é日本", "/a b", "/quoted-\"\\", "/a.b", "/1", "/0[", "/a/", "//"];
    let mut builder = SocketIo::builder();
    for name in names {
        builder = builder.namespace(name, Namespace::new().on("e", async || Ack(1)));
    }
    let io = builder.build()?;
    for name in names {
        let mut client = TestClient::new(&io).connect(name).await?;
        assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1, "{name}");
        assert_eq!(io.of(name).emit("e", 2).reached(), 1, "{name}");
        assert_eq!(client.next::<u32>("e").await?, 2, "{name}");
    }
    Ok(())
}
