//! Listeners that are added and removed while the server serves.

use tower_socketio::{Ack, ConfigError, Data, Handler, Namespace, Socket, SocketIo, State, TestClient};

use crate::support::{Log, Raw, Test, code, join, serve};

#[tokio::test]
async fn a_handler_added_to_a_namespace_is_there_for_every_socket() -> Test {
    let io = serve(Namespace::new());
    let (one, two) = (join(&io).await, join(&io).await);
    assert_eq!(code(one.emit_with_ack::<u32>("e", ()).await), "unknown_event");
    let id = io.of("/").on("e", async || Ack(1))?;
    assert_eq!(one.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(two.emit_with_ack::<u32>("e", ()).await?, 1);
    assert!(io.of("/").off(id));
    assert!(!io.of("/").off(id));
    assert_eq!(code(two.emit_with_ack::<u32>("e", ()).await), "unknown_event");
    Ok(())
}

#[tokio::test]
async fn a_handler_added_later_comes_behind_and_replaces_nobody() -> Test {
    let io = serve(Namespace::new().on("e", async || Ack("declared")).fallback(async || Ack("fallback")));
    let client = join(&io).await;
    let second = io.of("/").on("e", async || Ack("added"))?;
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "declared");
    io.of("/").on("new", async || Ack("added"))?;
    assert_eq!(client.emit_with_ack::<String>("new", ()).await?, "added");
    assert!(io.of("/").off(second));
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "declared");
    Ok(())
}

#[tokio::test]
async fn a_socket_may_have_listeners_of_its_own() -> Test {
    let log = Log::new();
    let (namespaces, own) = (log.clone(), log.clone());
    let io = serve(
        Namespace::new().on("e", async move || namespaces.push("namespace")).on("count", async || Ack(0)),
    );
    let (one, two) = (join(&io).await, join(&io).await);
    let socket = io.socket(one.id()).expect("the socket is here");
    let id = socket.on("e", async move |Data(n): Data<u32>| {
        own.push("own");
        Ack(n + 1)
    })?;
    let own_only = socket.on("mine", async || Ack("mine"))?;
    assert_eq!(one.emit_with_ack::<u32>("e", 1).await?, 2);
    assert_eq!(log.all(), ["namespace", "own"]);
    two.emit_with_ack::<()>("e", 1).await?;
    assert_eq!(log.all(), ["namespace", "own", "namespace"]);
    assert_eq!(one.emit_with_ack::<String>("mine", ()).await?, "mine");
    assert_eq!(code(two.emit_with_ack::<String>("mine", ()).await), "unknown_event");
    assert!(socket.off(id) && !socket.off(id) && socket.off(own_only));
    one.emit_with_ack::<()>("e", 1).await?;
    assert_eq!(log.all().len(), 4);
    assert_eq!(one.emit_with_ack::<u32>("count", ()).await?, 0);
    Ok(())
}

#[tokio::test]
async fn once_is_once_also_for_two_events_that_come_together() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().fallback(async || Ack("fallback")));
    let mut raw = Raw::open(&io).await;
    let id = raw.enter("/").await;
    let socket = io.socket(&id).expect("the socket is here");
    let unused = socket.once("other", async || {})?;
    socket.once("e", async move || {
        seen.push("once");
        tokio::task::yield_now().await;
        Ack("once")
    })?;
    raw.send(r#"420["e"]"#).await;
    raw.send(r#"421["e"]"#).await;
    let mut answers = [raw.next().await, raw.next().await];
    answers.sort();
    assert_eq!(answers, [r#"430["once"]"#, r#"431["fallback"]"#]);
    assert_eq!(log.all(), ["once"]);
    assert!(socket.off(unused));
    Ok(())
}

#[tokio::test]
async fn a_listener_may_be_added_in_on_connect_and_removed_in_a_handler() -> Test {
    let io = serve(Namespace::new().on_connect(async |socket: Socket| {
        let id = socket.on("e", async || Ack("here")).expect("no reserved event");
        socket.once("stop", async move |socket: Socket| Ack(socket.off(id))).expect("no reserved event");
    }));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "here");
    assert!(client.emit_with_ack::<bool>("stop", ()).await?);
    assert_eq!(code(client.emit_with_ack::<String>("e", ()).await), "unknown_event");
    Ok(())
}

#[tokio::test]
async fn an_id_means_one_listener_and_no_other() -> Test {
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().on("declared", async || Ack(1)))
        .namespace("/x", Namespace::new().on("declared", async || Ack(1)))
        .build()?;
    let client = join(&io).await;
    let other = TestClient::new(&io).connect("/x").await?;
    let socket = io.socket(client.id()).expect("the socket is here");
    let of_socket = socket.on("own", async || Ack(2))?;
    let of_root = io.of("/").on("live", async || Ack(3))?;
    let of_other = io.of("/x").on("live", async || Ack(4))?;
    assert!(!io.of("/").off(of_socket) && !io.of("/").off(of_other), "the id of a listener elsewhere");
    assert!(!io.of("/x").off(of_socket) && !io.of("/x").off(of_root), "the id of a listener elsewhere");
    assert!(!socket.off(of_root) && !socket.off(of_other), "the id of a listener elsewhere");
    for (event, answer) in [("declared", 1), ("own", 2), ("live", 3)] {
        assert_eq!(client.emit_with_ack::<u32>(event, ()).await?, answer);
    }
    assert_eq!(other.emit_with_ack::<u32>("declared", ()).await?, 1);
    assert_eq!(other.emit_with_ack::<u32>("live", ()).await?, 4);
    Ok(())
}

#[tokio::test]
async fn reserved_events_and_unknown_namespaces_are_errors() -> Test {
    let io = serve(Namespace::new());
    let client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    for event in ["connect", "disconnect", "newListener"] {
        let added = [
            socket.on(event, async || {}),
            socket.once(event, async || {}),
            io.of("/").on(event, async || {}),
        ];
        for added in added {
            assert!(matches!(added, Err(ConfigError::ReservedEvent(name)) if name == event));
        }
    }
    let added = io.of("/unknown").on("e", async || {});
    assert!(matches!(added, Err(ConfigError::UnknownNamespace(name)) if name == "/unknown"));
    Ok(())
}

#[tokio::test]
async fn a_patterns_handlers_are_those_of_all_its_children() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", Namespace::new()).build()?;
    let one = TestClient::new(&io).connect("/chat/a").await?;
    let id = io.of("/chat/{room}").on("e", async || Ack(1))?;
    let two = TestClient::new(&io).connect("/chat/b").await?;
    assert_eq!(one.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(two.emit_with_ack::<u32>("e", ()).await?, 1);
    assert!(io.of("/chat/{room}").off(id));
    assert_eq!(code(one.emit_with_ack::<u32>("e", ()).await), "unknown_event");
    Ok(())
}

#[tokio::test]
async fn a_listener_may_have_a_state() -> Test {
    async fn number(State(n): State<u32>) -> Ack<u32> {
        Ack(n)
    }
    let io = serve(Namespace::new());
    let client = join(&io).await;
    io.socket(client.id()).expect("the socket is here").on("own", number.with_state(1))?;
    io.of("/").on("shared", number.with_state(2))?;
    assert_eq!(client.emit_with_ack::<u32>("own", ()).await?, 1);
    assert_eq!(client.emit_with_ack::<u32>("shared", ()).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_namespace_may_be_declared_while_serving() -> Test {
    let io = serve(Namespace::new());
    assert!(TestClient::new(&io).connect("/late").await.is_err());
    io.namespace("/late", Namespace::new().on("e", async || Ack(1)))?;
    let client = TestClient::new(&io).connect("/late").await?;
    assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1);
    Ok(())
}
