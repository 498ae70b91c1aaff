//! One-time tickets: their store, the layer that takes them, and the route that hands them out.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tower_socketio::tickets::{
    MemoryTickets, Ticket, TicketError, TicketLayer, TicketStore, digest, loggable,
};
use tower_socketio::{
    Ack, Claims, ConnectRequest, DisconnectReason, Namespace, Socket, SocketIo, SocketIoService, TestClient,
    TestError, TokenSource, connect,
};

use crate::support::{Gate, Log, Raw, Test, code, dial, refusal};

const TTL: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq)]
struct User(&'static str);

const ADA: User = User("ada");

type Store = Arc<MemoryTickets<User>>;

fn who() -> Namespace {
    Namespace::new().on("who", async |Claims(User(name)): Claims<User>| Ack(name))
}

/// A server whose every namespace wants a ticket.
fn server() -> (SocketIo, Store) {
    let store = Store::default();
    let tickets = TicketLayer::new(store.clone()).user(named);
    let io = SocketIo::builder()
        .allow_eio3(true)
        .connect_layer(tickets)
        .namespace("/", who())
        .namespace("/x", who())
        .build();
    (io.expect("namespaces that fit"), store)
}

fn named(User(name): &User) -> Option<String> {
    (*name != "anonymous").then(|| (*name).to_owned())
}

async fn ticket(store: &impl TicketStore<User>, user: User) -> String {
    store.create(user, TTL).await.expect("memory does not fail").into_string()
}

async fn enter(io: &SocketIo, auth: impl serde::Serialize) -> Result<TestClient, TestError> {
    TestClient::new(io).auth(auth).connect("/").await
}

// ---- the store

#[tokio::test]
async fn a_ticket_gives_its_payload_once() -> Test {
    let store = MemoryTickets::new();
    let ticket = store.create(ADA, TTL).await?;
    assert!(ticket.as_str().len() == 128 && ticket.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(store.consume(ticket.as_str()).await?, ADA);
    for token in [ticket.as_str(), "", "garbage", &ticket.as_str().to_uppercase()] {
        assert!(matches!(store.consume(token).await, Err(TicketError::Invalid)));
    }
    assert!(store.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_that_consume_one_ticket_at_once_exactly_one_has_it() -> Test {
    for _ in 0..20 {
        let store = Store::default();
        let token: Arc<str> = ticket(&store, ADA).await.into();
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (store, token) = (store.clone(), token.clone());
                tokio::spawn(async move { store.consume(&token).await.is_ok() })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += usize::from(task.await?);
        }
        assert_eq!(won, 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expired_ticket_is_never_valid() -> Test {
    let store = MemoryTickets::new();
    let now = store.create(ADA, Duration::ZERO).await?;
    assert!(matches!(store.consume(now.as_str()).await, Err(TicketError::Invalid)));
    let (late, early) = (store.create(ADA, TTL).await?, store.create(ADA, TTL).await?);
    let for_ever = store.create(ADA, Duration::MAX).await?;
    tokio::time::sleep(TTL - Duration::from_millis(2)).await;
    assert_eq!(store.consume(early.as_str()).await?, ADA);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(matches!(store.consume(late.as_str()).await, Err(TicketError::Invalid)));
    assert_eq!(store.consume(for_ever.as_str()).await?, ADA);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn expired_tickets_are_thrown_away_as_new_ones_are_made() -> Test {
    let kept = Arc::new(());
    let store = MemoryTickets::new();
    for _ in 0..100_000 {
        store.create(kept.clone(), TTL).await?;
    }
    let living = store.create(kept.clone(), Duration::from_secs(3600)).await?;
    assert_eq!((store.len(), Arc::strong_count(&kept)), (100_001, 100_002));
    tokio::time::sleep(TTL).await;
    for _ in 0..400 {
        assert!(store.consume("garbage").await.is_err());
    }
    assert_eq!((store.len(), Arc::strong_count(&kept)), (1, 2));
    store.consume(living.as_str()).await?;
    Ok(())
}

#[tokio::test]
async fn consumed_tickets_are_kept_for_an_audit_if_wanted() -> Test {
    let store = MemoryTickets::new().keep_consumed(true);
    let ticket = store.create(ADA, TTL).await?;
    assert_eq!(store.consumed_len(), 0);
    store.consume(ticket.as_str()).await?;
    assert!(matches!(store.consume(ticket.as_str()).await, Err(TicketError::Invalid)));
    assert_eq!((store.consumed_len(), store.len()), (1, 0));
    assert_eq!(store.consumed()[0].payload, ADA);
    for _ in 0..10_010 {
        let ticket = store.create(ADA, TTL).await?;
        store.consume(ticket.as_str()).await?;
    }
    assert_eq!(store.consumed_len(), 10_000);
    let plain = MemoryTickets::new();
    let ticket = plain.create(ADA, TTL).await?;
    plain.consume(ticket.as_str()).await?;
    assert_eq!(plain.consumed_len(), 0);
    Ok(())
}

#[test]
fn a_log_sees_the_ends_of_long_tokens_and_nothing_of_short_ones() -> Test {
    assert_eq!(loggable("0123456789ABCDEF"), "0123***CDEF");
    for token in ["", "01234567", "0123456789ABCDE", "äöüäöüäöüäöüäöü"] {
        assert_eq!(loggable(token), "***");
    }
    assert_eq!(loggable("äöüßäöüßäöüßäöüß"), "äöüß***äöüß");
    let ticket = Ticket::random()?;
    let secret = ticket.as_str();
    let shown = format!("{ticket:?}");
    assert_eq!(shown, format!("Ticket(\"{}***{}\")", &secret[..4], &secret[124..]));
    assert_eq!(ticket.loggable(), loggable(secret));
    assert_ne!(digest(secret), digest(Ticket::random()?.as_str()));
    Ok(())
}

// ---- the layer

#[tokio::test]
async fn a_ticket_in_auth_or_in_the_query_opens_a_connection_once() -> Test {
    let (io, store) = server();
    let token = ticket(&store, ADA).await;
    let client = enter(&io, &token).await?;
    assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "ada");
    assert_eq!(refusal(enter(&io, &token).await), ("INVALID_TOKEN".into(), None));
    let mut client = Raw::with(&io, 1024, &format!("&token={}", ticket(&store, ADA).await), &[]).await;
    client.enter("/").await;
    client.send(r#"421["who"]"#).await;
    assert_eq!(client.next().await, r#"431["ada"]"#);
    Ok(())
}

#[tokio::test]
async fn only_named_places_count() -> Test {
    let store = Store::default();
    let auth = TicketLayer::new(store.clone()).sources([TokenSource::auth("ticket")]);
    let query = TicketLayer::new(store.clone()).sources([TokenSource::query("t")]);
    let io = SocketIo::builder()
        .namespace("/auth", Namespace::new().connect_layer(auth))
        .namespace("/query", Namespace::new().connect_layer(query))
        .build()?;
    let token = ticket(&store, ADA).await;
    assert!(TestClient::new(&io).auth(&token).connect("/auth").await.is_err());
    let mut client = Raw::with(&io, 1024, &format!("&t={token}"), &[]).await;
    client.send("40/auth,").await;
    assert_eq!(client.next().await, r#"44/auth,{"message":"INVALID_TOKEN"}"#);
    let mut client = Raw::with(&io, 1024, &format!("&t={token}&token=x"), &[]).await;
    client.enter("/query").await;
    let token = ticket(&store, ADA).await;
    TestClient::new(&io).auth(json!({ "ticket": token })).connect("/auth").await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whatever_is_wrong_the_client_reads_the_same_and_is_closed_soon() -> Test {
    let (io, store) = server();
    let (good, used) = (ticket(&store, ADA).await, ticket(&store, ADA).await);
    let expired = store.create(ADA, Duration::ZERO).await?.into_string();
    drop(enter(&io, &used).await?);
    let long = "x".repeat(900_000);
    let cases = [
        (String::new(), None),
        (String::new(), Some(json!({}))),
        (String::new(), Some(json!({ "token": "" }))),
        (String::new(), Some(json!({ "token": "unknown" }))),
        (String::new(), Some(json!({ "token": used }))),
        (String::new(), Some(json!({ "token": expired }))),
        (String::new(), Some(json!({ "token": long }))),
        (String::new(), Some(json!({ "token": [good] }))),
        (String::new(), Some(json!({ "token": null }))),
        ("&token=".into(), None),
        (format!("&token={good}&token=b"), None),
        (format!("&token={good}&token={good}"), None),
        (format!("&token={good}"), Some(json!({ "token": "b" }))),
        (format!("&token={}", "x".repeat(2000)), None),
    ];
    for (query, auth) in cases {
        let shown = format!("{query} {auth:?}").chars().take(200).collect::<String>();
        let mut client = Raw::with(&io, 1 << 20, &query, &[]).await;
        let auth = auth.map(|auth| auth.to_string()).unwrap_or_default();
        client.send(&format!("40{auth}")).await;
        assert_eq!(client.next().await, r#"44{"message":"INVALID_TOKEN"}"#, "{shown}");
        let told = tokio::time::Instant::now();
        assert_eq!(client.maybe_next().await, None, "{shown}");
        let took = told.elapsed();
        assert!(Duration::from_millis(20) <= took && took < Duration::from_millis(30), "{took:?} {shown}");
    }
    // None of it has cost the good one its validity.
    enter(&io, &good).await?;
    Ok(())
}

#[tokio::test]
async fn old_clients_read_the_bare_text() -> Test {
    use futures_util::StreamExt;
    let (io, store) = server();
    let token = ticket(&store, ADA).await;
    for expected in ["40", r#"44"INVALID_TOKEN""#] {
        let bytes = dial(SocketIoService::not_found(io.clone()), 64 * 1024);
        let url = format!("ws://localhost/socket.io/?EIO=3&transport=websocket&token={token}");
        let (mut client, _) = tokio_tungstenite::client_async(url, bytes).await?;
        let mut next = async || client.next().await.expect("something comes")?.into_text();
        assert!(next().await?.starts_with('0'));
        assert_eq!(next().await?.as_str(), expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_connections_with_one_ticket_exactly_one_comes_in() -> Test {
    let (io, store) = server();
    let token = ticket(&store, ADA).await;
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let (io, token) = (io.clone(), token.clone());
            tokio::spawn(async move { enter(&io, token).await })
        })
        .collect();
    let mut clients_in = Vec::new();
    for client in clients {
        match client.await? {
            Ok(client) => clients_in.push(client),
            Err(TestError::Refused(error)) => assert_eq!(error.message(), "INVALID_TOKEN"),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(clients_in.len(), 1);
    Ok(())
}

/// A store that fails when it is told to, and can be made to wait.
struct Unsure {
    tickets: MemoryTickets<User>,
    fails: AtomicBool,
    gate: Gate,
    asked: AtomicUsize,
}

impl Unsure {
    fn new() -> Arc<Self> {
        let (tickets, gate) = (MemoryTickets::new(), Gate::closed());
        Arc::new(Self { tickets, fails: AtomicBool::new(false), gate, asked: AtomicUsize::new(0) })
    }

    fn check(&self) -> Result<(), TicketError> {
        if self.fails.load(Ordering::SeqCst) { Err(TicketError::store("no database")) } else { Ok(()) }
    }
}

impl TicketStore<User> for Unsure {
    async fn create(&self, payload: User, ttl: Duration) -> Result<Ticket, TicketError> {
        self.check()?;
        self.tickets.create(payload, ttl).await
    }

    async fn consume(&self, token: &str) -> Result<User, TicketError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.pass().await;
        self.check()?;
        self.tickets.consume(token).await
    }
}

#[tokio::test]
async fn a_store_that_fails_spends_no_ticket_and_closes_no_connection() -> Test {
    let store = Unsure::new();
    store.gate.open(10);
    let namespace = who().connect_layer(TicketLayer::new(store.clone()));
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    let token = ticket(&*store, ADA).await;
    store.fails.store(true, Ordering::SeqCst);
    assert_eq!(code(enter(&io, &token).await), "unavailable");
    let mut client = Raw::with(&io, 1024, &format!("&token={token}"), &[]).await;
    client.send("40").await;
    assert_eq!(client.next().await, r#"44{"message":"unavailable","data":{"code":"unavailable"}}"#);
    store.fails.store(false, Ordering::SeqCst);
    client.enter("/").await;
    Ok(())
}

#[tokio::test]
async fn one_ticket_opens_every_namespace_of_a_connection_also_at_once() -> Test {
    let store = Unsure::new();
    let tickets = TicketLayer::new(store.clone());
    let io =
        SocketIo::builder().connect_layer(tickets).namespace("/", who()).namespace("/x", who()).build()?;
    let token = ticket(&*store, ADA).await;
    let mut client = Raw::with(&io, 1024, &format!("&token={token}"), &[]).await;
    client.send("40").await;
    client.send("40/x,").await;
    while store.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    store.gate.open(10);
    let mut both = [client.next().await, client.next().await];
    both.sort();
    assert!(both[0].starts_with("40/x,{") && both[1].starts_with("40{"), "{both:?}");
    assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    client.send(r#"42/x,1["who"]"#).await;
    assert_eq!(client.next().await, r#"43/x,1["ada"]"#);
    // Later, and without a ticket of its own, as `auth` goes with each CONNECT.
    client.send("41/x,").await;
    client.enter("/x").await;

    let mut alone = Raw::open(&io).await;
    alone.send("40/x,").await;
    assert_eq!(alone.next().await, r#"44/x,{"message":"INVALID_TOKEN"}"#);
    Ok(())
}

#[tokio::test]
async fn a_layer_of_the_apps_own_needs_no_ticket() -> Test {
    let own = connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
        request.socket().extensions().insert(Claims(ADA));
        next.run(request).await
    });
    let io = SocketIo::builder().namespace("/", who().connect_layer(own)).build()?;
    let client = TestClient::new(&io).connect("/").await?;
    assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "ada");
    Ok(())
}

#[tokio::test]
async fn a_users_sockets_can_be_disconnected_alone_or_with_their_connections() -> Test {
    let log = Log::new();
    let left = log.clone();
    let store = Store::default();
    let tickets = TicketLayer::new(store.clone()).user(named);
    let namespace = who().on_disconnect(async move |socket: Socket, reason: DisconnectReason| {
        left.push(format!("{} {reason}", socket.id()));
    });
    let io = SocketIo::builder()
        .connect_layer(tickets)
        .namespace("/", namespace)
        .namespace("/x", who())
        .build()?;
    let mut bob = enter(&io, ticket(&store, User("bob")).await).await?;
    let mut raws = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::with(&io, 4096, &format!("&token={}", ticket(&store, ADA).await), &[]).await;
        raw.enter("/x").await;
        let id = raw.enter("/").await;
        raws.push((raw, id));
    }
    io.to_user("ada").disconnect(false);
    let mut ids = Vec::new();
    for (raw, id) in &mut raws {
        assert_eq!(raw.next().await, "41");
        raw.send(r#"42/x,1["who"]"#).await;
        assert_eq!(raw.next().await, r#"43/x,1["ada"]"#);
        ids.push(format!("{id} server namespace disconnect"));
        *id = raw.enter("/").await;
    }
    let mut told = log.reach(2).await;
    told.sort();
    ids.sort();
    assert_eq!(told, ids);
    io.to_user("ada").disconnect(true);
    for (raw, _) in &mut raws {
        let told: HashSet<_> = [raw.next().await, raw.next().await].into();
        assert_eq!(told, HashSet::from(["41".into(), "41/x,".into()]));
        assert_eq!(raw.maybe_next().await, None);
    }
    io.to_user("bob").emit("still", "here");
    assert_eq!(bob.next::<String>("still").await?, "here");
    Ok(())
}

#[tokio::test]
async fn users_without_a_key_are_reached_by_no_users_name() -> Test {
    let (io, store) = server();
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let client = enter(&io, ticket(&store, User("anonymous")).await).await?;
        assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "anonymous");
        strangers.push(client);
    }
    let _ada = enter(&io, ticket(&store, ADA).await).await?;
    for (user, reached) in [("anonymous", 0), ("", 0), ("ada", 1)] {
        assert_eq!(io.to_user(user).emit("e", ()).reached(), reached, "{user}");
    }
    // Nor does a layer that was given no key make one.
    let plain =
        SocketIo::builder().namespace("/", who().connect_layer(TicketLayer::new(store.clone()))).build()?;
    let _ada = enter(&plain, ticket(&store, ADA).await).await?;
    assert_eq!(plain.to_user("ada").emit("e", ()).reached(), 0);
    Ok(())
}

// ---- the route

#[cfg(feature = "axum")]
mod route {
    use axum::body::{Body, to_bytes};
    use axum::{Extension, Router};
    use http::{Request, Response, StatusCode};
    use tower::ServiceExt;
    use tower_socketio::tickets;

    use super::*;

    async fn ask(app: &Router, method: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri("/user/sockettoken").body(Body::empty());
        app.clone().oneshot(request.expect("a request")).await.expect("it answers")
    }

    fn app(store: impl TicketStore<User>, ttl: Duration) -> Router {
        Router::new().route("/user/sockettoken", tickets::route(store, ttl))
    }

    async fn token(app: &Router) -> Test<String> {
        let response = ask(app, "GET").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["content-type"], "application/json");
        let json: serde_json::Value = serde_json::from_slice(&to_bytes(response.into_body(), 1000).await?)?;
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1));
        Ok(json["token"].as_str().ok_or("a token")?.to_owned())
    }

    #[tokio::test]
    async fn it_hands_out_a_new_ticket_for_whoever_is_logged_in() -> Test {
        let (io, store) = server();
        let app = app(store.clone(), TTL).layer(Extension(ADA));
        let (one, other) = (token(&app).await?, token(&app).await?);
        assert!(one != other && one.len() == 128 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let client = enter(&io, &one).await?;
        assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "ada");
        assert_eq!(ask(&app, "POST").await.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(ask(&app, "HEAD").await.status(), StatusCode::OK);
        assert_eq!(store.len(), 1);
        Ok(())
    }

    #[tokio::test]
    async fn without_a_login_it_refuses_and_stores_nothing() -> Test {
        let store = Store::default();
        let response = ask(&app(store.clone(), TTL), "GET").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(store.is_empty() && to_bytes(response.into_body(), 1000).await?.is_empty());
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn its_tickets_are_valid_as_long_as_it_says() -> Test {
        let (io, store) = server();
        let app = app(store, Duration::from_secs(1)).layer(Extension(ADA));
        let (late, early) = (token(&app).await?, token(&app).await?);
        tokio::time::sleep(Duration::from_millis(900)).await;
        enter(&io, &early).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(refusal(enter(&io, &late).await).0, "INVALID_TOKEN");
        Ok(())
    }

    #[tokio::test]
    async fn it_is_unavailable_if_the_store_fails() -> Test {
        let store = Unsure::new();
        store.fails.store(true, Ordering::SeqCst);
        let response = ask(&app(store, TTL).layer(Extension(ADA)), "GET").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["cache-control"], "no-store");
        Ok(())
    }
}
