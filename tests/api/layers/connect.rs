//! Layers around CONNECTs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_socketio::{
    Accepted, Ack, ConnectRequest, ConnectService, Namespace, Pattern, PublicError, Reply, Socket, SocketIo,
    TestClient, TestError, WireError, connect,
};

use crate::support::{Gate, Log, Raw, Test, code, idle, join, refusal, serve};

const SECOND: Duration = Duration::from_secs(1);

macro_rules! passing {
    ($log:expr, $name:expr) => {{
        let (log, name) = ($log.clone(), $name);
        connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
            log.push(name);
            next.run(request)
        })
    }};
}

#[tokio::test]
async fn a_connect_layer_refuses_before_any_hook() -> Test {
    let log = Log::new();
    let hook = log.clone();
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn(async |request, next| {
            if request.query("v") != Some("2") {
                return Err(WireError::new("please update").code("old_client"));
            }
            next.run(request).await
        }))
        .on_connect(async move || hook.push("hook"));
    let io = serve(namespace);
    assert_eq!(code(TestClient::new(&io).connect("/").await), "old_client");
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_layer_that_greets_hears_events_until_it_has_decided() -> Test {
    let gate = Gate::closed();
    let pass = gate.clone();
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn(
            move |request: tower_socketio::ConnectRequest, next: connect::Next| {
                let gate = pass.clone();
                async move {
                    request.greet(|early| Reply::ack(("early", early.event().to_owned())));
                    gate.pass().await;
                    next.run(request).await
                }
            },
        ))
        .on_connect(async |socket: Socket| socket.emit("hook", ()))
        .on("e", async || Ack("handler"));
    let io = serve(namespace);
    let mut client = join(&io).await;
    assert_eq!(client.emit_with_ack::<(String, String)>("e", ()).await?, ("early".into(), "e".into()));
    assert_eq!(io.emit("news", ()).reached(), 0);
    gate.open(1);
    client.next::<()>("hook").await?;
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "handler");
    Ok(())
}
#[tokio::test]
async fn layers_of_the_server_guard_every_namespace_whenever_it_came() -> Test {
    let log = Log::new();
    let admitted = tokio::sync::watch::Sender::new(true);
    let (seen, admits) = (log.clone(), admitted.clone());
    let global = connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
        seen.push("global");
        let admits = *admits.borrow();
        async move { if admits { next.run(request).await } else { Err(WireError::new("no").code("global")) } }
    });
    let ns = || Namespace::new().connect_layer(passing!(log, "ns"));
    let io = SocketIo::builder()
        .connect_layer(global)
        .namespace("/", ns())
        .namespace("/chats/{id}", ns())
        .namespace(Pattern::predicate("/later", async |name: String, _| name.starts_with("/later")), ns())
        .build()?;
    io.namespace("/mounted-later", ns())?;
    for name in ["/", "/chats/g1", "/later/1", "/mounted-later"] {
        TestClient::new(&io).connect(name).await?;
    }
    assert_eq!(log.all(), ["global", "ns"].repeat(4));
    admitted.send_replace(false);
    for name in ["/", "/chats/g1", "/chats/g2", "/later/1", "/mounted-later"] {
        assert_eq!(code(TestClient::new(&io).connect(name).await), "global", "{name}");
    }
    assert_eq!(log.all().len(), 13, "no layer of a namespace ran");
    Ok(())
}

#[tokio::test]
async fn an_old_client_in_the_undeclared_root_is_guarded_too() -> Test {
    let global = connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
        if request.query("token").is_none() {
            return Err(WireError::new("no token"));
        }
        next.run(request).await
    });
    let io = SocketIo::builder()
        .allow_eio3(true)
        .connect_layer(global)
        .namespace("/chat", Namespace::new())
        .build()?;
    let mut refused = Raw::with(&io, 4096, "&EIO=3", &[]).await;
    assert_eq!(refused.next().await, r#"44"no token""#);
    assert_eq!(io.emit("news", ()).reached(), 0);
    let mut accepted = Raw::with(&io, 4096, "&EIO=3&token=1", &[]).await;
    assert_eq!(accepted.next().await, "40");
    assert_eq!(io.emit("news", ()).reached(), 1);
    Ok(())
}

#[tokio::test]
async fn a_check_of_one_namespace_is_not_passed_by_another() -> Test {
    let check = connect::from_fn(async |_: ConnectRequest, _: connect::Next| {
        Err::<Accepted, _>(WireError::new("no").code("private"))
    });
    let io = SocketIo::builder()
        .namespace("/", Namespace::new())
        .namespace("/private", Namespace::new().connect_layer(check).on("e", async || Ack(1)))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send("40/private,").await;
    assert_eq!(raw.next().await, r#"44/private,{"message":"no","data":{"code":"private"}}"#);
    raw.send(r#"42/private,1["e"]"#).await;
    assert_eq!(raw.maybe_next().await, None, "an event for a namespace that refused ends the connection");
    Ok(())
}

#[tokio::test]
async fn layers_run_in_order_and_every_one_must_accept_before_the_one_connect_hook() -> Test {
    let log = Log::new();
    let hook = log.clone();
    let deny = |who: &'static str, log: &Log| {
        let log = log.clone();
        connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
            log.push(who);
            let denies = request.query("deny") == Some(who);
            async move { if denies { Err(WireError::new(who).code(who)) } else { next.run(request).await } }
        })
    };
    let namespace = Namespace::new()
        .connect_layer(deny("use", &log))
        .connect_layer(deny("handshake", &log))
        .on_connect(async move |socket: Socket| hook.push(format!("CONNECT {}", socket.id())));
    let io = serve(namespace);
    for denied in ["use", "handshake"] {
        let mut raw = Raw::with(&io, 4096, &format!("&deny={denied}"), &[]).await;
        raw.send("40").await;
        let refusal = format!(r#"44{{"message":"{denied}","data":{{"code":"{denied}"}}}}"#);
        assert_eq!(raw.next().await, refusal);
    }
    let mut raw = Raw::open(&io).await;
    let id = raw.enter("/").await;
    let all = log.all();
    assert_eq!(all, ["use", "use", "handshake", "use", "handshake", &format!("CONNECT {id}")]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_never_answers_is_cut_with_a_connect_error() -> Test {
    let gate = Gate::closed();
    let pass = gate.clone();
    let namespace = Namespace::new().connect_layer(connect::from_fn(
        move |request: ConnectRequest, next: connect::Next| {
            let gate = pass.clone();
            async move {
                gate.pass().await;
                next.run(request).await
            }
        },
    ));
    let io = SocketIo::builder().connect_timeout(SECOND * 5).namespace("/", namespace).build()?;
    let cut = TestClient::new(&io).timeout(SECOND * 60).connect("/").await;
    assert_eq!(refusal(cut), ("the server took too long".into(), Some("timeout".into())));
    gate.open(10);
    join(&io).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_hooks_of_a_client_that_left_meanwhile_do_not_run() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (pass, hook, left, layer) = (gate.clone(), log.clone(), log.clone(), log.clone());
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
            let (gate, log) = (pass.clone(), layer.clone());
            async move {
                gate.pass().await;
                let result = next.run(request).await;
                log.push(if result.is_ok() { "accepted" } else { "refused" });
                result
            }
        }))
        .on_connect(async move || hook.push("connect"))
        .on_disconnect(async move || left.push("disconnect"));
    let io = serve(namespace);
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    idle().await;
    drop(raw);
    idle().await;
    gate.open(1);
    assert_eq!(log.reach(1).await, ["refused"]);
    gate.open(1);
    join(&io).await;
    assert_eq!(log.all()[1..], ["connect", "accepted"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_drops_the_events_that_wait_and_gives_their_memory_back() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (pass, entered) = (gate.clone(), log.clone());
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn(move |_: ConnectRequest, _: connect::Next| {
            let gate = pass.clone();
            async move {
                gate.pass().await;
                Err::<Accepted, _>(WireError::new("no"))
            }
        }))
        .on("e", async move || entered.push("event"));
    let io = SocketIo::builder()
        .receive_budget(64 * 1024)
        .namespace("/guarded", namespace)
        .namespace("/", Namespace::new().on("e", async || Ack(1)))
        .build()?;
    let mut raw = Raw::with(&io, 1024 * 1024, "", &[]).await;
    raw.enter("/").await;
    // Five times the budget in all: if refusals gave nothing back, reading would end.
    for _ in 0..10 {
        raw.send("40/guarded,").await;
        for _ in 0..30 {
            raw.send(&format!(r#"42/guarded,["e","{}"]"#, "x".repeat(900))).await;
        }
        idle().await;
        gate.open(1);
        assert_eq!(raw.next().await, r#"44/guarded,{"message":"no"}"#);
    }
    raw.send(r#"421["e"]"#).await;
    assert_eq!(raw.next().await, "431[1]");
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_panicking_layer_refuses_and_the_next_client_comes_in() -> Test {
    struct Layered(&'static str, std::sync::Mutex<bool>);
    impl tower::Layer<ConnectService> for Layered {
        type Service = ConnectService;
        fn layer(&self, inner: ConnectService) -> ConnectService {
            let first = std::mem::take(&mut *self.1.lock().unwrap_or_else(|poison| poison.into_inner()));
            assert!(!first, "secret: in `layer`, {}", self.0);
            inner
        }
    }
    let explode = |request: &ConnectRequest, place: &str| {
        assert!(request.query("panic") != Some(place), "secret: in the {place}");
    };
    let namespace = Namespace::new()
        .connect_layer(Layered("once", std::sync::Mutex::new(true)))
        .connect_layer(connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
            explode(&request, "call");
            async move {
                explode(&request, "future");
                next.run(request).await
            }
        }))
        .on_connect(async |socket: Socket| {
            assert!(!socket.conn().query().contains("panic=hook"), "secret: in the hook");
        });
    let io = serve(namespace);
    for place in ["layer", "call", "future", "hook"] {
        let mut raw = Raw::with(&io, 4096, &format!("&panic={place}"), &[]).await;
        raw.send("40").await;
        assert_eq!(
            raw.next().await,
            r#"44{"message":"internal error","data":{"code":"internal"}}"#,
            "{place}"
        );
        join(&io).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_may_close_the_connection_later() -> Test {
    let io = serve(Namespace::new().connect_layer(connect::from_fn(async |_, _| {
        Err(WireError::new("go").code("gone").close_after(SECOND))
    })));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    assert_eq!(raw.next().await, r#"44{"message":"go","data":{"code":"gone"}}"#);
    let refused = tokio::time::Instant::now();
    assert_eq!(raw.maybe_next().await, None);
    assert_eq!(refused.elapsed().as_secs(), 1);
    let TestError::Refused(error) = TestClient::new(&io).connect("/").await.map(drop).unwrap_err() else {
        panic!("it is a refusal")
    };
    assert_eq!(PublicError::code(&error), Some("gone"));
    Ok(())
}

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_greeted_client_that_leaves_and_comes_again_piles_up_no_decisions() -> Test {
    let alive = Arc::<AtomicUsize>::default();
    let counted = alive.clone();
    let layer = connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
        let counted = Counted::new(&counted);
        async move {
            request.greet(|_| Reply::none());
            std::future::pending::<()>().await;
            drop(counted);
            next.run(request).await
        }
    });
    let io =
        SocketIo::builder().max_in_flight(8).namespace("/", Namespace::new().connect_layer(layer)).build()?;
    let mut raw = Raw::open(&io).await;
    for _ in 0..100 {
        raw.send("40").await;
        // From some point on it is not read from.
        if tokio::time::timeout(Duration::from_secs(1), raw.next()).await.is_err() {
            break;
        }
        raw.send("41").await;
    }
    assert_eq!(alive.load(Ordering::Relaxed), 8);
    // What was decided about clients that left ends, and the connection is read from again.
    tokio::time::sleep(Duration::from_secs(46)).await;
    assert!(raw.next().await.starts_with("40"));
    assert!(alive.load(Ordering::Relaxed) <= 8);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_client_pile_up_no_error_hooks() -> Test {
    let alive = Arc::<AtomicUsize>::default();
    let counted = alive.clone();
    let namespace = Namespace::new().on("known", async || {}).on_error(move |_: WireError| {
        let counted = Counted::new(&counted);
        async move {
            std::future::pending::<()>().await;
            drop(counted);
        }
    });
    let io = serve(namespace);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    for _ in 0..3000 {
        raw.send(r#"42["x"]"#).await;
    }
    raw.send(r#"421["known"]"#).await;
    assert_eq!(raw.next().await, "431[]");
    idle().await;
    assert_eq!(alive.load(Ordering::Relaxed), 1024);
    Ok(())
}
