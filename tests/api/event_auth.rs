//! Clients that authenticate themselves by an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tower_socketio::{
    Ack, Claims, ConfigError, ConnectRequest, Data, DisconnectReason, EventAuth, GateScope, Namespace,
    ResultEnvelope, Socket, SocketIo, SocketIoService, TestClient, TestError, WireError, connect,
};

use crate::support::{Gate, Log, Raw, Test, code, dial, idle, join, serve};

#[derive(Clone, Debug, PartialEq)]
struct User(String);

#[derive(serde::Deserialize)]
struct Credentials {
    token: String,
}

/// `bad` is refused, `broken` is an error, and everybody else is whom he says.
async fn authenticate(_: Socket, Credentials { token }: Credentials) -> Result<Option<User>, WireError> {
    match &*token {
        "bad" => Ok(None),
        "broken" => Err(WireError::new("nope")),
        "panic" => panic!("a bug"),
        _ => Ok(Some(User(token))),
    }
}

fn gate() -> EventAuth<User> {
    EventAuth::new(authenticate)
}

fn token(token: &str) -> Value {
    json!({ "token": token })
}

/// A client in `/` that has passed the gate.
async fn pass(io: &SocketIo, name: &str) -> TestClient {
    let mut client = join(io).await;
    client.emit("authentication", token(name));
    assert!(client.next::<bool>("authenticated").await.expect("it is let in"));
    client
}

/// What the client is told, before it is disconnected.
async fn refused(client: &mut TestClient) -> Value {
    let told = client.next("unauthorized").await.expect("it is told why");
    assert!(matches!(client.next::<Value>("any").await, Err(TestError::Closed)), "it is disconnected");
    told
}

#[tokio::test]
async fn a_user_accepts_none_refuses_and_an_error_refuses_with_its_message() -> Test {
    let io = serve(Namespace::new().event_auth(gate()));
    pass(&io, "ada").await;
    for (name, message) in [("bad", "Authentication failure"), ("broken", "nope")] {
        let mut client = join(&io).await;
        client.emit("authentication", token(name));
        assert_eq!(refused(&mut client).await, json!({ "message": message }));
    }
    Ok(())
}

#[tokio::test]
async fn missing_and_malformed_credentials_are_refused() -> Test {
    let io = serve(Namespace::new().event_auth(gate()));
    let cases = [
        (json!([]), "Missing credentials"),
        (json!([null]), "Missing credentials"),
        (json!([42]), "Malformed credentials"),
        (json!([{ "token": [] }]), "Malformed credentials"),
    ];
    for (arguments, message) in cases {
        let mut client = join(&io).await;
        match arguments.as_array().and_then(|list| list.first()) {
            Some(one) => client.emit("authentication", one),
            None => client.emit("authentication", ()),
        }
        assert_eq!(refused(&mut client).await["message"], message, "{arguments}");
    }
    let any = EventAuth::new(async |_: Socket, _: Value| Ok::<_, WireError>(Some(User("ada".into()))));
    let mut client = join(&serve(Namespace::new().event_auth(any))).await;
    client.emit("authentication", ());
    assert_eq!(refused(&mut client).await, json!({ "message": "Missing credentials" }));
    Ok(())
}

#[tokio::test]
async fn the_wire_is_one_authenticated_with_true_or_unauthorized_before_the_disconnect() -> Test {
    let io = serve(Namespace::new().event_auth(gate()).on("echo", async |Data(n): Data<u32>| Ack(n)));
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    assert_eq!(client.next().await, r#"42["authenticated",true]"#);
    client.send(r#"427["echo",1]"#).await;
    assert_eq!(client.next().await, "437[1]");

    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.send(r#"42["authentication",{"token":"bad"}]"#).await;
    assert_eq!(client.next().await, r#"42["unauthorized",{"message":"Authentication failure"}]"#);
    assert_eq!(client.next().await, "41");
    // Events it sends from now on are late, but no offence; another attempt it has by another connection.
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    client.send("40").await;
    assert!(client.next().await.starts_with(r#"44{"message":"too many attempts""#));
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    assert_eq!(client.next().await, r#"42["authenticated",true]"#);
    Ok(())
}

#[tokio::test]
async fn the_outcome_is_the_acknowledgement_of_who_asks_for_one() -> Test {
    let io = serve(Namespace::new().event_auth(gate()));
    assert!(join(&io).await.emit_with_ack::<bool>("authentication", token("ada")).await?);
    let client = join(&io).await;
    match client.emit_with_ack::<bool>("authentication", token("bad")).await {
        Err(TestError::ErrorReply(error)) => assert_eq!(error.message(), "Authentication failure"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed_at_the_timeout_and_an_authenticated_one_lives() -> Test {
    let io = serve(Namespace::new().event_auth(gate()).on("alive", async || Ack(true)));
    let passed = pass(&io, "ada").await;
    let started = tokio::time::Instant::now();
    let mut silent = join(&io).await.timeout(Duration::from_secs(10));
    assert_eq!(refused(&mut silent).await, json!({ "message": "Authentication timeout" }));
    let took = started.elapsed();
    assert!(Duration::from_secs(3) <= took && took < Duration::from_millis(3100), "{took:?}");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(passed.emit_with_ack::<bool>("alive", ()).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_timeout_waits_and_a_timeout_of_zero_is_zero() -> Test {
    let io = serve(Namespace::new().event_auth(gate().timeout(None)));
    let mut patient = join(&io).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    patient.emit("authentication", token("ada"));
    assert!(patient.next::<bool>("authenticated").await?);

    let io = serve(Namespace::new().event_auth(gate().timeout(Some(Duration::ZERO))));
    let started = tokio::time::Instant::now();
    refused(&mut join(&io).await).await;
    assert!(started.elapsed() < Duration::from_millis(100));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_authentication_that_hangs_ends_with_the_timeout() -> Test {
    let hangs = EventAuth::<User>::new(async |_: Socket, _: Value| {
        std::future::pending::<Result<Option<User>, WireError>>().await
    });
    let io = serve(Namespace::new().event_auth(hangs));
    let mut client = join(&io).await;
    client.emit("authentication", "x");
    assert_eq!(refused(&mut client).await, json!({ "message": "Authentication timeout" }));
    Ok(())
}

#[tokio::test]
async fn a_panic_in_the_authentication_refuses_and_the_server_lives() -> Test {
    let log = Log::new();
    let io = serve(Namespace::new().event_auth(gate()).on_error(log.errors()));
    let mut client = join(&io).await;
    client.emit("authentication", token("panic"));
    assert_eq!(refused(&mut client).await, json!({ "message": "internal error", "code": "internal" }));
    assert!(log.reach(1).await[0].contains("a bug"));
    pass(&io, "ada").await;
    Ok(())
}

#[tokio::test]
async fn no_event_reaches_a_handler_before_in_any_namespace_of_a_gated_server() -> Test {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = |namespace: Namespace| {
        let calls = calls.clone();
        let count = move || {
            calls.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Ack(1))
        };
        namespace.on("e", count.clone()).any(count.clone()).fallback(count)
    };
    let io = SocketIo::builder().event_auth(gate()).namespace("/pre", counted(Namespace::new())).build()?;
    io.namespace("/later", counted(Namespace::new()))?;
    for name in ["/pre", "/later"] {
        let mut client = TestClient::new(&io).connect(name).await?;
        for event in ["e", "other", "authenticated"] {
            assert_eq!(code(client.emit_with_ack::<u32>(event, 1).await), "unauthenticated");
        }
        client.emit("e", ());
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        client.emit("authentication", token("ada"));
        client.next::<bool>("authenticated").await?;
        assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1);
        assert_eq!(calls.swap(0, Ordering::SeqCst), 2);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_reaches_a_client_before_and_everything_after() -> Test {
    for name in ["/", "/x"] {
        let sockets = Log::new();
        let seen = sockets.clone();
        let handle = Arc::new(std::sync::Mutex::new(None));
        let kept = handle.clone();
        let check = EventAuth::new(async move |socket: Socket, Credentials { token }: Credentials| {
            socket.join("room");
            *kept.lock().expect("no panic holds it") = Some(socket);
            Ok::<_, WireError>((token != "again").then_some(User(token)))
        })
        .max_attempts(2)
        .user(|User(name)| name.clone());
        let namespace = Namespace::new()
            .event_auth(check)
            .on_connected(async move |socket: Socket| seen.push(socket.id()));
        let io = SocketIo::builder().namespace(name, namespace).build()?;
        let mut client = TestClient::new(&io).connect(name).await?;
        client.emit("authentication", token("again"));
        client.next::<Value>("unauthorized").await?;
        let pending = handle.lock().expect("no panic holds it").clone().expect("it was asked");
        assert_eq!(io.of(name).emit("all", 0).reached(), 0);
        assert_eq!(io.of(name).to("room").emit("room", 0).reached(), 0);
        assert_eq!(io.of(name).to_user("ada").emit("user", 0).reached(), 0);
        pending.emit("own", 1);
        assert!(sockets.all().is_empty());
        client.emit("authentication", token("ada"));
        // What was emitted to it alone has waited; the rest was not for it.
        assert_eq!(client.next::<u32>("own").await?, 1);
        assert!(client.next::<bool>("authenticated").await?);
        assert_eq!(sockets.reach(1).await, [client.id()]);
        assert_eq!(io.of(name).emit("all", 2).reached(), 1);
        assert_eq!(io.of(name).to("room").emit("room", 3).reached(), 1);
        assert_eq!(io.of(name).to_user("ada").emit("user", 4).reached(), 1);
        for (event, n) in [("all", 2), ("room", 3), ("user", 4)] {
            assert_eq!(client.next::<u32>(event).await?, n);
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_authentication_opens_the_connection_only_when_so_configured() -> Test {
    let server = |scope| {
        let namespace = || Namespace::new().on("who", async |Claims(User(name)): Claims<User>| Ack(name));
        let gate = gate().scope(scope);
        SocketIo::builder()
            .event_auth(gate)
            .namespace("/", namespace())
            .namespace("/pre", namespace())
            .build()
    };
    let io = server(GateScope::Connection)?;
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.enter("/pre").await;
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    let mut both = [client.next().await, client.next().await];
    both.sort();
    assert_eq!(both, [r#"42/pre,["authenticated",true]"#, r#"42["authenticated",true]"#]);
    client.send(r#"42/pre,1["who"]"#).await;
    assert_eq!(client.next().await, r#"43/pre,1["ada"]"#);
    // One that comes later is let in at once, and leaving does not close what is open.
    client.send("41/pre,").await;
    client.enter("/pre").await;
    assert_eq!(client.next().await, r#"42/pre,["authenticated",true]"#);

    let io = server(GateScope::EachNamespace)?;
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.enter("/pre").await;
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    assert_eq!(client.next().await, r#"42["authenticated",true]"#);
    client.send(r#"42/pre,1["who"]"#).await;
    let answer = client.next().await;
    assert!(answer.starts_with("43/pre,1") && answer.contains("unauthenticated"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_refusal_with_the_scope_of_the_connection_ends_the_connection() -> Test {
    let gate = gate().scope(GateScope::Connection);
    let io = SocketIo::builder()
        .namespace("/", Namespace::new())
        .namespace("/x", Namespace::new().event_auth(gate));
    let io = io.build()?;
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.enter("/x").await;
    client.send(r#"42/x,["authentication",{"token":"bad"}]"#).await;
    assert_eq!(client.next().await, r#"42/x,["unauthorized",{"message":"Authentication failure"}]"#);
    assert_eq!(client.next().await, "41/x,");
    assert_eq!(client.next().await, "41");
    assert_eq!(client.maybe_next().await, None);
    Ok(())
}

#[tokio::test]
async fn hooks_run_in_order_before_the_client_hears_of_it() -> Test {
    let gate = gate();
    gate.on_connected(async |socket: Socket, Claims(User(name)): Claims<User>| {
        tokio::task::yield_now().await;
        socket.emit("h1", name);
    });
    gate.clone().on_connected(async |socket: Socket| socket.emit("h2", ()));
    let io =
        serve(Namespace::new().event_auth(gate).on_connect(async |socket: Socket| socket.emit("inner", ())));
    let mut client = join(&io).await;
    client.emit("authentication", token("ada"));
    assert_eq!(client.next::<String>("h1").await?, "ada");
    client.next::<()>("h2").await?;
    client.next::<()>("inner").await?;
    assert!(client.next::<bool>("authenticated").await?);
    Ok(())
}

#[tokio::test]
async fn a_hook_that_fails_refuses_and_those_after_it_do_not_run() -> Test {
    let log = Log::new();
    let (gate, late) = (gate(), log.clone());
    gate.on_connected(async |socket: Socket| {
        socket.emit("unheard", ());
        Err::<(), _>(WireError::new("no seat").code("full"))
    });
    gate.on_connected(async move || late.push("h2"));
    let late = log.clone();
    let io = serve(Namespace::new().event_auth(gate).on_connect(async move || late.push("inner")));
    let mut client = join(&io).await;
    client.emit("authentication", token("ada"));
    assert_eq!(refused(&mut client).await, json!({ "message": "no seat", "code": "full" }));
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_refuses_behind_the_gate_says_why() -> Test {
    let namespace = Namespace::new()
        .event_auth(gate())
        .on_connect(async |_: Claims<User>| Err::<(), _>(WireError::new("admins only")));
    let mut client = join(&serve(namespace)).await;
    client.emit("authentication", token("ada"));
    assert_eq!(refused(&mut client).await, json!({ "message": "admins only" }));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_ends_with_the_connect_timeout() -> Test {
    let gate = gate();
    gate.on_connected(async || std::future::pending::<()>().await);
    let io = SocketIo::builder()
        .connect_timeout(Duration::from_secs(7))
        .namespace("/", Namespace::new().event_auth(gate))
        .build()?;
    let mut client = join(&io).await.timeout(Duration::from_secs(30));
    client.emit("authentication", token("ada"));
    assert_eq!(refused(&mut client).await["code"], "timeout");
    Ok(())
}

#[tokio::test]
async fn a_removed_hook_does_not_run_and_an_unknown_one_is_none() -> Test {
    let log = Log::new();
    let (gate, gone, stays) = (gate(), log.clone(), log.clone());
    let hook = gate.on_connected(async move || gone.push("gone"));
    gate.on_connected(async move || stays.push("stays"));
    let io = serve(Namespace::new().event_auth(gate.clone()));
    pass(&io, "ada").await;
    assert!(gate.remove_on_connected(hook));
    assert!(!gate.remove_on_connected(hook));
    pass(&io, "bob").await;
    assert_eq!(log.all(), ["gone", "stays", "stays"]);
    Ok(())
}

#[tokio::test]
async fn calls_without_arguments_are_answered_and_notifications_are_not() -> Test {
    let log = Log::new();
    let noted = log.clone();
    let namespace = Namespace::new()
        .event_auth(gate())
        .respond_with(ResultEnvelope)
        .on("m", async || Ack(1))
        .on("fail", async || Err::<(), _>(WireError::text("myError")))
        .on("note", async move || noted.push("ran"));
    let io = serve(namespace);
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    assert_eq!(client.next().await, r#"42["authenticated",true]"#);
    client.send(r#"42["note"]"#).await;
    client.send(r#"420["m"]"#).await;
    assert_eq!(client.next().await, r#"430[{"result":1}]"#);
    client.send(r#"421["fail"]"#).await;
    assert_eq!(client.next().await, r#"431[{"error":"myError"}]"#);
    assert_eq!(log.all(), ["ran"]);
    Ok(())
}

#[tokio::test]
async fn handlers_have_the_user_and_not_what_the_client_says_of_itself() -> Test {
    let namespace = Namespace::new()
        .event_auth(gate())
        .on("who", async |Claims(User(name)): Claims<User>, Data(_): Data<Value>| Ack(name));
    let client = pass(&serve(namespace), "ada").await;
    let forged = json!({ "userId": "eve", "token": "eve" });
    assert_eq!(client.emit_with_ack::<String>("who", &forged).await?, "ada");
    assert_eq!(
        code(client.emit_with_ack::<()>("authentication", token("eve")).await),
        "already_authenticated"
    );
    assert_eq!(client.emit_with_ack::<String>("who", &forged).await?, "ada");
    Ok(())
}

#[tokio::test]
async fn a_second_authentication_is_refused_while_the_first_is_pending() -> Test {
    let (log, held) = (Log::new(), Gate::closed());
    let (asked, pass) = (log.clone(), held.clone());
    let slow = EventAuth::new(async move |_: Socket, name: String| {
        asked.push(&name);
        pass.pass().await;
        Ok::<_, WireError>(Some(User(name)))
    });
    let hooked = log.clone();
    slow.on_connected(async move |Claims(User(name)): Claims<User>| hooked.push(format!("hook {name}")));
    let io = serve(Namespace::new().event_auth(slow).on("e", async || Ack(1)));
    let mut client = join(&io).await;
    client.emit("authentication", "first");
    assert_eq!(code(client.emit_with_ack::<()>("authentication", "second").await), "already_authenticating");
    client.emit("authentication", "third");
    assert_eq!(code(client.emit_with_ack::<()>("e", ()).await), "unauthenticated");
    held.open(3);
    assert!(client.next::<bool>("authenticated").await?);
    assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(log.all(), ["first", "hook first"]);
    Ok(())
}

#[tokio::test]
async fn after_so_many_failures_no_attempt_reaches_the_authentication() -> Test {
    let log = Log::new();
    let asked = log.clone();
    let check = EventAuth::<User>::new(async move |_: Socket, name: String| {
        asked.push(&name);
        Ok::<_, WireError>(None)
    });
    let io = serve(Namespace::new().event_auth(check.max_attempts(3)));
    let mut client = join(&io).await;
    for attempt in ["1", "2", "3", "4"] {
        client.emit("authentication", attempt);
        if attempt < "3" {
            let told: Value = client.next("unauthorized").await?;
            assert_eq!(told, json!({ "message": "Authentication failure" }));
        }
    }
    refused(&mut client).await;
    assert_eq!(log.all(), ["1", "2", "3"]);
    Ok(())
}

#[tokio::test]
async fn the_event_of_a_gate_can_have_no_handler() -> Test {
    let reserved = |result: Result<_, ConfigError>| match result {
        Err(ConfigError::ReservedEvent(event)) => event,
        _ => panic!("it is reserved"),
    };
    let handled = || Namespace::new().on("authentication", async || ());
    let own = SocketIo::builder().namespace("/", handled().event_auth(gate())).build();
    assert_eq!(reserved(own.map(drop)), "authentication");
    let every = SocketIo::builder().event_auth(gate()).namespace("/", handled()).build();
    assert_eq!(reserved(every.map(drop)), "authentication");
    let merged = Namespace::new().event_auth(gate()).merge(handled());
    assert_eq!(reserved(SocketIo::builder().namespace("/", merged).build().map(drop)), "authentication");
    for (theirs, ours, no) in [("disconnect", "b", "c"), ("a", "connect", "c"), ("a", "b", "disconnecting")] {
        let gate = gate().events(theirs, ours, no);
        assert!(SocketIo::builder().namespace("/", Namespace::new().event_auth(gate)).build().is_err());
    }

    let io = SocketIo::builder()
        .namespace("/", Namespace::new().event_auth(gate().events("login", "in", "out")))
        .namespace("/free", Namespace::new().on("login", async || ()))
        .build()?;
    assert_eq!(reserved(io.of("/").on("login", async || ()).map(drop)), "login");
    io.of("/").on("authentication", async || Ack("mine"))?;
    let mut client = join(&io).await;
    assert_eq!(code(client.emit_with_ack::<()>("authentication", token("ada")).await), "unauthenticated");
    client.emit("login", token("ada"));
    assert!(client.next::<bool>("in").await?);
    assert_eq!(client.emit_with_ack::<String>("authentication", ()).await?, "mine");
    let socket = io.socket(client.id()).expect("it is here");
    assert_eq!(reserved(socket.on("login", async || ()).map(drop)), "login");
    let mut client = join(&io).await;
    client.emit("login", token("bad"));
    client.next::<Value>("out").await?;
    Ok(())
}

#[tokio::test]
async fn the_hook_at_the_end_runs_once_for_authenticated_and_pending_clients() -> Test {
    let log = Log::new();
    let closed = log.clone();
    let gate = gate().timeout(None).on_closed(
        async move |_: Socket, user: Option<Claims<User>>, reason: DisconnectReason| {
            let name = user.map_or("nobody".into(), |Claims(User(name))| name);
            closed.push(format!("{name}: {reason}"));
        },
    );
    let io = SocketIo::builder()
        .close_grace(Duration::from_millis(10))
        .namespace("/", Namespace::new().event_auth(gate))
        .build()?;
    pass(&io, "ada").await.disconnect();
    assert_eq!(log.reach(1).await, ["ada: client namespace disconnect"]);
    join(&io).await.disconnect();
    assert_eq!(log.reach(2).await[1..], ["nobody: client namespace disconnect"]);
    let mut bad = join(&io).await;
    bad.emit("authentication", token("bad"));
    refused(&mut bad).await;
    assert_eq!(log.reach(3).await[2..], ["nobody: server namespace disconnect"]);
    drop(join(&io).await);
    assert_eq!(log.reach(4).await[3..], ["nobody: transport close"]);
    let _pending = join(&io).await;
    let _passed = pass(&io, "bob").await;
    io.close().await;
    let mut last = log.reach(6).await.split_off(4);
    last.sort();
    assert_eq!(last, ["bob: server shutting down", "nobody: server shutting down"]);
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_authenticated_leaves_nothing() -> Test {
    #[derive(Clone)]
    struct Guard(#[expect(dead_code, reason = "it is there to be dropped")] Arc<Dropped>);
    struct Dropped(Log);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.push("dropped");
        }
    }
    let log = Log::new();
    let (started, hooked) = (log.clone(), log.clone());
    let hangs = EventAuth::<User>::new(async move |socket: Socket, _: Value| {
        socket.extensions().insert(Guard(Arc::new(Dropped(started.clone()))));
        started.push("started");
        std::future::pending::<Result<Option<User>, WireError>>().await
    })
    .timeout(None)
    .on_closed(async || ());
    hangs.on_connected(async move || hooked.push("hook"));
    let io = serve(Namespace::new().event_auth(hangs));
    // By a DISCONNECT, without one, by the server, and again and again by the same connection.
    let mut client = join(&io).await;
    client.emit("authentication", "x");
    log.reach(1).await;
    client.disconnect();
    assert_eq!(log.reach(2).await, ["started", "dropped"]);
    let client = join(&io).await;
    client.emit("authentication", "x");
    log.reach(3).await;
    drop(client);
    assert_eq!(log.reach(4).await[2..], ["started", "dropped"]);
    let mut client = Raw::open(&io).await;
    for round in 3..8 {
        client.enter("/").await;
        client.send(r#"42["authentication",1]"#).await;
        log.reach(2 * round - 1).await;
        client.send("41").await;
        assert_eq!(log.reach(2 * round).await[2 * round - 2..], ["started", "dropped"]);
    }
    Ok(())
}

#[tokio::test]
async fn an_authentication_may_end_its_socket_or_the_connection() -> Test {
    let log = Log::new();
    let closed = log.clone();
    let gate = EventAuth::<User>::new(async |socket: Socket, whole: bool| {
        if whole {
            socket.disconnect_transport()
        } else {
            socket.disconnect()
        }
        Ok::<_, WireError>(None)
    })
    .on_closed(async move |reason: DisconnectReason| closed.push(reason));
    let io = serve(Namespace::new().event_auth(gate));
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.send(r#"42["authentication",false]"#).await;
    assert_eq!(client.next().await, "41");
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.send(r#"42["authentication",true]"#).await;
    while client.maybe_next().await.is_some() {}
    assert_eq!(log.reach(2).await, ["server namespace disconnect"; 2]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_server_ends_tells_pending_clients() -> Test {
    let log = Log::new();
    let (other, closed) = (Namespace::new(), log.clone());
    let other = other.on("end", async |socket: Socket| socket.disconnect_transport());
    let gate = gate().timeout(None).on_closed(async move |reason: DisconnectReason| closed.push(reason));
    let io = SocketIo::builder().namespace("/x", Namespace::new().event_auth(gate)).namespace("/", other);
    let io = io.build()?;
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    client.enter("/x").await;
    client.send(r#"42["end"]"#).await;
    let mut both = [client.next().await, client.next().await];
    both.sort();
    assert_eq!(both, ["41", "41/x,"], "each namespace is told");
    assert_eq!(client.maybe_next().await, None);
    assert_eq!(log.reach(1).await, ["server namespace disconnect"]);
    drop(client);
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn a_flood_of_events_is_answered_one_by_one() -> Test {
    let io = serve(Namespace::new().event_auth(gate()).on("e", async || Ack(1)));
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    for round in 0..200 {
        for at in 0..50 {
            client.send(&format!(r#"42{at}["e",{round}]"#)).await;
        }
        for at in 0..50 {
            let answer = client.next().await;
            assert!(
                answer.starts_with(&format!("43{at}[")) && answer.contains("unauthenticated"),
                "{answer}"
            );
        }
    }
    // Without an acknowledgement there is nothing to be answered. Nothing is kept for later either: these are more than
    // may wait, and with them nothing would be read any more.
    for _ in 0..20_000 {
        client.send(r#"42["e"]"#).await;
    }
    client.send(r#"42["authentication",{"token":"ada"}]"#).await;
    assert_eq!(client.next().await, r#"42["authenticated",true]"#);
    Ok(())
}

#[tokio::test]
async fn clients_of_the_old_protocol_pass_in_the_root_they_are_in_unasked() -> Test {
    use futures_util::{SinkExt, StreamExt};
    let io =
        SocketIo::builder().allow_eio3(true).namespace("/", Namespace::new().event_auth(gate())).build()?;
    for (name, told) in [
        ("ada", &[r#"42["authenticated",true]"#][..]),
        ("bad", &[r#"42["unauthorized",{"message":"Authentication failure"}]"#, "41"]),
    ] {
        let bytes = dial(SocketIoService::not_found(io.clone()), 64 * 1024);
        let url = "ws://localhost/socket.io/?EIO=3&transport=websocket";
        let (mut client, _) = tokio_tungstenite::client_async(url, bytes).await?;
        let mut next = async |send: Option<String>| {
            if let Some(packet) = send {
                client.send(Message::text(packet)).await.expect("the connection takes it");
            }
            client.next().await.expect("something comes").expect("a message").into_text().expect("a text")
        };
        assert!(next(None).await.starts_with('0'));
        assert_eq!(next(None).await.as_str(), "40");
        let answer = next(Some(r#"421["e"]"#.into())).await;
        assert!(answer.starts_with("431[") && answer.contains("unauthenticated"), "{answer}");
        let mut packet = Some(format!(r#"42["authentication",{{"token":"{name}"}}]"#));
        for told in told {
            assert_eq!(next(packet.take()).await.as_str(), *told);
        }
    }
    Ok(())
}

#[tokio::test]
async fn gates_of_one_name_and_type_are_one_gate() -> Test {
    let log = Log::new();
    let make = || EventAuth::named("gates of one name", gate);
    let hooked = log.clone();
    let hook = make().on_connected(async move || hooked.push("hook"));
    pass(&serve(Namespace::new().event_auth(make())), "ada").await;
    assert_eq!(log.all(), ["hook"]);
    let other = EventAuth::named("gates of another name", gate);
    assert!(!other.remove_on_connected(hook));
    let of_another_type = EventAuth::named("gates of one name", || {
        EventAuth::new(async |_: Socket, name: String| Ok::<_, WireError>(Some(name)))
    });
    assert!(!of_another_type.remove_on_connected(hook));
    assert!(make().remove_on_connected(hook));
    Ok(())
}

#[tokio::test]
async fn of_two_gates_in_a_row_none_lets_a_client_in() -> Test {
    let log = Log::new();
    let io = serve(Namespace::new().event_auth(gate()).event_auth(gate()).on_error(log.errors()));
    let mut client = join(&io).await;
    client.emit("authentication", token("ada"));
    assert_eq!(refused(&mut client).await["code"], "internal");
    assert!(log.reach(1).await[0].contains("one gate"));
    Ok(())
}

#[tokio::test]
async fn a_gate_is_also_a_plain_layer() -> Test {
    let io = serve(Namespace::new().connect_layer(gate()).on("authentication", async || Ack("a handler")));
    let client = pass(&io, "ada").await;
    assert_eq!(client.emit_with_ack::<String>("authentication", ()).await?, "a handler");
    Ok(())
}

#[tokio::test]
async fn leaving_and_coming_again_gives_no_further_attempt() -> Test {
    let tries = Arc::<AtomicUsize>::default();
    let tried = tries.clone();
    let gate = EventAuth::new(move |_: Socket, _: serde_json::Value| {
        tried.fetch_add(1, Ordering::Relaxed);
        async { Ok::<Option<u8>, WireError>(None) }
    });
    let io = SocketIo::builder()
        .namespace("/", Namespace::new())
        .namespace("/gated", Namespace::new().event_auth(gate.max_attempts(2)))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/gated").await;
    for _ in 0..2 {
        raw.send(r#"42/gated,["authentication",{}]"#).await;
        assert!(raw.next().await.contains("unauthorized"));
    }
    assert_eq!(raw.next().await, "41/gated,");
    for _ in 0..10 {
        raw.send("40/gated").await;
        let refusal = r#"44/gated,{"message":"too many attempts","data":{"code":"too_many_attempts"}}"#;
        assert_eq!(raw.next().await, refusal);
    }
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_authentication_is_acknowledged_is_in() -> Test {
    // An outer layer takes its time, or refuses, after what is inside of it.
    let outer = connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
        next.run(request).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Err::<tower_socketio::Accepted, _>(WireError::new("no"))
    });
    let gate = EventAuth::new(async |_: Socket, _: Value| Ok::<_, WireError>(Some(1)));
    let io = serve(Namespace::new().connect_layer(outer).event_auth(gate).on("x", async || Ack(1)));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"421["authentication",{}]"#).await;
    let first = raw.next().await;
    assert_ne!(first, "431[true]", "it was told that it is in, and is not");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_event_behind_the_acknowledged_authentication_is_handled() -> Test {
    let outer = connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
        let accepted = next.run(request).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(accepted)
    });
    let gate = EventAuth::new(async |_: Socket, _: Value| Ok::<_, WireError>(Some(1)));
    let io = serve(Namespace::new().connect_layer(outer).event_auth(gate).on("x", async || Ack(1)));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"421["authentication",{}]"#).await;
    let mut seen = Vec::new();
    loop {
        let packet = raw.next().await;
        if packet == "431[true]" {
            raw.send(r#"422["x"]"#).await;
        }
        let done = packet.starts_with("432");
        seen.push(packet);
        if done {
            break;
        }
    }
    assert_eq!(seen.last().map(String::as_str), Some("432[1]"), "{seen:?}");
    Ok(())
}
