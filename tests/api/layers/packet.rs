//! Layers around events.

use tower_socketio::{
    Ack, Data, Handler, Namespace, Next, PacketRequest, Reply, Room, Socket, SocketIo, WireError, packet,
};

use crate::support::{Gate, Log, Test, code, join, refusal, serve};

/// A layer that notes when it is passed.
macro_rules! passing {
    ($log:expr, $name:expr) => {{
        let (log, name) = ($log.clone(), $name);
        packet::from_fn(move |request: PacketRequest, next: Next| {
            log.push(name);
            next.run(request)
        })
    }};
}

#[tokio::test]
async fn layers_of_the_server_come_before_those_of_the_namespace_and_of_the_handler() -> Test {
    let log = Log::new();
    let handler = async |Data(n): Data<u32>| Ack(n);
    let namespace = Namespace::new()
        .packet_layer(passing!(log, "ns"))
        .on("e", handler.layer(passing!(log, "inner")).layer(passing!(log, "handler")))
        .on("plain", handler);
    let io = SocketIo::builder().namespace("/", namespace).packet_layer(passing!(log, "io")).build()?;
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("e", 7).await?, 7);
    assert_eq!(client.emit_with_ack::<u32>("plain", 8).await?, 8);
    assert_eq!(log.all(), ["io", "ns", "handler", "inner", "io", "ns"]);
    Ok(())
}

#[tokio::test]
async fn a_renamed_event_goes_to_the_handler_of_its_new_name() -> Test {
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(async |mut request, next| {
            let name = request.event().replace("old", "new");
            request.set_event(&name);
            next.run(request).await
        }))
        .on("new", async || Ack("new"));
    assert_eq!(join(&serve(namespace)).await.emit_with_ack::<String>("old", ()).await?, "new");
    Ok(())
}

#[tokio::test]
async fn a_layer_may_answer_itself_and_errors_tell_their_event() -> Test {
    let log = Log::new();
    let errors = log.clone();
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(async |request, next| match request.event() {
            "cached" => Reply::ack("from the cache"),
            "forbidden" => Reply::error(WireError::new("no").code("forbidden")),
            _ => next.run(request).await,
        }))
        .on_error(async move |socket: Socket, event: Option<tower_socketio::Event>, error: WireError| {
            let event = event.map(|event| event.0);
            errors.push(format!("{} {event:?} {error}", socket.is_connected()));
        });
    let client = join(&serve(namespace)).await;
    assert_eq!(client.emit_with_ack::<String>("cached", ()).await?, "from the cache");
    assert_eq!(code(client.emit_with_ack::<()>("forbidden", ()).await), "forbidden");
    assert_eq!(log.reach(1).await, [r#"true Some("forbidden") no"#]);
    Ok(())
}

#[tokio::test]
async fn a_layer_may_have_the_client_answer_before_an_event_goes_on() -> Test {
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(async |request: PacketRequest, next: Next| {
            let sure: Result<bool, _> = request.socket().emit_with_ack("sure?", request.event()).await;
            match sure {
                Ok(true) => next.run(request).await,
                _ => Reply::error(WireError::new("not sure").code("unsure")),
            }
        }))
        .on("delete", async || Ack("deleted"));
    let mut raw = crate::support::Raw::open(&serve(namespace)).await;
    raw.enter("/").await;
    for (id, sure, reply) in [
        (0, false, r#"430[{"error":{"message":"not sure","code":"unsure"}}]"#),
        (1, true, r#"431["deleted"]"#),
    ] {
        raw.send(&format!(r#"42{id}["delete"]"#)).await;
        assert_eq!(raw.next().await, format!(r#"42{id}["sure?","delete"]"#));
        raw.send(&format!("43{id}[{sure}]")).await;
        assert_eq!(raw.next().await, reply);
    }
    Ok(())
}

#[tokio::test]
async fn a_panic_below_a_layer_is_an_error_reply_to_it() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(move |request: PacketRequest, next: Next| {
            let log = seen.clone();
            async move {
                let reply = next.run(request).await;
                log.push(reply.as_error().map_or_else(|| "fine".to_owned(), ToString::to_string));
                reply
            }
        }))
        .packet_layer(packet::from_fn(async |request, next| {
            assert!(request.event() != "layer", "in a layer");
            next.run(request).await
        }))
        .on("future", async || -> () { panic!("in the future") })
        .on("call", |_: Socket| -> std::future::Ready<()> { panic!("in the call") })
        .on("fine", async || Ack(1));
    let client = join(&serve(namespace)).await;
    for event in ["layer", "future", "call"] {
        assert_eq!(code(client.emit_with_ack::<()>(event, ()).await), "internal");
        assert_eq!(client.emit_with_ack::<u32>("fine", ()).await?, 1);
    }
    let log = log.all();
    for (at, text) in [(0, "in a layer"), (2, "in the future"), (4, "in the call")] {
        assert!(log[at].contains(text), "{log:?}");
        assert_eq!(log[at + 1], "fine");
    }
    Ok(())
}

#[tokio::test]
async fn a_handler_that_joins_names_of_the_client_never_hears_what_is_for_a_user() -> Test {
    let namespace = Namespace::new()
        .on("join", async |socket: Socket, Data(rooms): Data<Vec<String>>| {
            socket.join(&rooms);
            Ack(socket.rooms().len())
        })
        .on("login", async |socket: Socket, Data(name): Data<String>| socket.set_user(name));
    let io = serve(namespace);
    let (mut mallory, mut ada) = (join(&io).await, join(&io).await);
    ada.emit_with_ack::<()>("login", "ada").await?;
    let user = Room::user("ada");
    let names = [
        user.to_string(),
        format!("{user:?}"),
        "ada".into(),
        "user:ada".into(),
        "user".into(),
        "\0ada".into(),
        "\u{1}ada".into(),
        "u:ada".into(),
        "#ada".into(),
        "__user__ada".into(),
        user.name().to_owned(),
        serde_json::to_string(&["user", "ada"])?,
        ada.id().to_owned(),
    ];
    mallory.emit_with_ack::<usize>("join", (names.to_vec(),)).await?;
    assert_eq!(io.to_user("ada").emit("secret", 1).reached(), 1);
    assert_eq!(io.to(Room::user("ada")).emit("secret", 2).reached(), 1);
    // And who excepts a name does not except the user.
    assert_eq!(io.to_user("ada").except("user:ada").emit("secret", 3).reached(), 1);
    for n in 1..4 {
        assert_eq!(ada.next::<u32>("secret").await?, n);
    }
    io.to("ada").emit("plain", 4);
    assert_eq!(mallory.next::<u32>("plain").await?, 4, "nothing came before it");
    Ok(())
}

#[tokio::test]
async fn reserved_names_touch_no_hook_through_layers_either() -> Test {
    let log = Log::new();
    let (seen, connected, left, errors) = (log.clone(), log.clone(), log.clone(), log.clone());
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(move |request: PacketRequest, next: Next| {
            seen.push(request.event());
            next.run(request)
        }))
        .on_connect(async move || connected.push("hook: connect"))
        .on_disconnect(async move || left.push("hook: disconnect"))
        .on_error(errors.errors());
    let io = serve(namespace);
    for event in ["connect", "disconnect", "disconnecting", "connect_error", "newListener", "error"] {
        let mut raw = crate::support::Raw::open(&io).await;
        raw.enter("/").await;
        raw.send(&format!(r#"42["{event}","x"]"#)).await;
        raw.send(r#"421["ping"]"#).await;
        // The name `error` is no reserved one of the wire; the others are violations that close the connection.
        while raw.maybe_next().await.is_some_and(|packet| !packet.starts_with("431")) {}
    }
    let all = log.all();
    assert_eq!(all.iter().filter(|entry| *entry == "hook: connect").count(), 6, "{all:?}");
    assert!(all.iter().all(|entry| entry != "connect" && entry != "disconnect"), "{all:?}");
    assert!(join(&io).await.emit_with_ack::<()>("ping", ()).await.is_err());
    Ok(())
}

#[tokio::test]
async fn every_event_is_seen_with_its_socket_and_its_size_and_may_be_changed() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(move |mut request: PacketRequest, next: Next| {
            let id = request.socket().id().to_owned();
            seen.push(format!("{id} {} {} {}", request.event(), request.size(), request.expects_ack()));
            request.extensions_mut().insert(7_u32);
            next.run(request)
        }))
        .on("e", async |tower_socketio::Extension(n): tower_socketio::Extension<u32>| Ack(n));
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    let client = join(&io).await;
    client.emit("unknown", (1, "two"));
    assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 7);
    let id = client.id();
    assert_eq!(log.all(), [format!("{id} unknown 19 false"), format!("{id} e 5 true")]);
    assert_eq!(refusal(client.emit_with_ack::<()>("unknown", ()).await).1.as_deref(), Some("unknown_event"));
    Ok(())
}

#[tokio::test]
async fn a_layer_that_takes_the_acknowledgement_answers_it_itself() -> Test {
    let gate = Gate::closed();
    let pass = gate.clone();
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(move |mut request: PacketRequest, next: Next| {
            let gate = pass.clone();
            async move {
                let ack = request.take_ack();
                next.run(request).await;
                gate.pass().await;
                ack.send("by hand");
                Reply::none()
            }
        }))
        .on("e", async || Ack("handler"));
    let client = join(&serve(namespace)).await;
    gate.open(1);
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "by hand");
    Ok(())
}

#[tokio::test]
async fn one_layered_handler_for_two_events_has_a_service_and_a_state_for_each() -> Test {
    let shed = tower::ServiceBuilder::new().load_shed().rate_limit(1, std::time::Duration::from_secs(3600));
    let handler = (async |tower_socketio::State(n): tower_socketio::State<u32>| Ack(n)).layer(shed);
    let io = serve(Namespace::new().on("one", handler.clone().with_state(1)));
    io.of("/").on("two", handler.clone().with_state(2))?;
    let client = join(&io).await;
    io.socket(client.id()).expect("a socket").on("three", handler.with_state(3))?;
    for (event, state) in [("one", 1), ("two", 2), ("three", 3)] {
        assert_eq!(client.emit_with_ack::<u32>(event, ()).await?, state);
        assert_eq!(code(client.emit_with_ack::<u32>(event, ()).await), "overloaded");
    }
    Ok(())
}

#[tokio::test]
async fn layers_of_a_listener_end_with_it_and_not_with_the_socket() -> Test {
    let kept = std::sync::Arc::new(());
    let keep = kept.clone();
    let namespace = Namespace::new().on("listen", async move |socket: Socket| {
        let keep = keep.clone();
        let layer = tower::util::MapRequestLayer::new(move |request: PacketRequest| {
            let _ = &keep;
            request
        });
        socket.once("once", (async || Ack(1)).layer(layer)).expect("no reserved event");
    });
    let client = join(&serve(namespace)).await;
    for _ in 0..20 {
        client.emit_with_ack::<()>("listen", ()).await?;
        assert_eq!(client.emit_with_ack::<u32>("once", ()).await?, 1);
    }
    // This one, the namespace's, and at most the service of the last listener.
    assert!(std::sync::Arc::strong_count(&kept) <= 4, "{}", std::sync::Arc::strong_count(&kept));
    Ok(())
}
