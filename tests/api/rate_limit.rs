//! Limits on events, bytes and CONNECTs: who is held back, what happens then, and who is not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::{Instant, advance};
use tower::ServiceExt;
use tower_socketio::{
    Ack, Beyond, ConnectRequest, Data, Handler, Namespace, PacketRequest, Query, Rate, RateLimitLayer,
    RateStore, Socket, SocketIo, SocketIoService, Taken, TestClient, TestError, WireError,
};

use crate::support::{Log, Raw, Test, code, dial, idle, join, serve};

const SECOND: Duration = Duration::from_secs(1);

/// Answers with what it was given; whoever says `as=..` in the query is that user.
fn echo() -> Namespace {
    let login = async |socket: Socket, Query(query): Query<HashMap<String, String>>| {
        if let Some(user) = query.get("as") {
            socket.set_user(user);
        }
    };
    Namespace::new().on_connect(login).on("e", async |Data(value): Data<Value>| Ack(value))
}

/// How many of so many events are answered with anything but an error; the others are `rate_limited`.
async fn passed(client: &TestClient, events: usize) -> usize {
    let mut passed = 0;
    for n in 0..events {
        match client.emit_with_ack::<usize>("e", n).await {
            Ok(answer) => {
                assert_eq!(answer, n);
                passed += 1;
            }
            refused => assert_eq!(code(refused), "rate_limited"),
        }
    }
    passed
}

/// As [`passed`], by packets.
async fn passed_raw(raw: &mut Raw, events: usize) -> usize {
    let mut passed = 0;
    for n in 0..events {
        raw.send(&format!(r#"42{n}["e",{n}]"#)).await;
        let answer = raw.next().await;
        match answer.strip_prefix(&format!("43{n}")).expect("an acknowledgement") {
            refused if refused.contains("rate_limited") => {}
            answer => {
                assert_eq!(answer, format!("[{n}]"));
                passed += 1;
            }
        }
    }
    passed
}

/// A client at this address.
async fn at(io: &SocketIo, address: &str, query: &str) -> Raw {
    let peer = SocketAddr::new(address.parse().expect("an address"), 4711);
    Raw::over(dial(SocketIoService::not_found(io.clone()).client_address(peer), 4096), query, &[]).await
}

async fn user(io: &SocketIo, name: &str) -> Raw {
    let mut raw = Raw::with(io, 4096, &format!("&as={name}"), &[]).await;
    raw.enter("/").await;
    raw
}

#[tokio::test(start_paused = true)]
async fn the_sixth_event_of_five_a_second_is_an_error_and_another_socket_is_unaffected() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_socket(5, SECOND)));
    let (flood, other) = (join(&io).await, join(&io).await);
    assert_eq!(passed(&flood, 5).await, 5);
    let Err(TestError::ErrorReply(error)) = flood.emit_with_ack::<u32>("e", 6).await else {
        panic!("the sixth event passed")
    };
    let data = tower_socketio::PublicError::data(&error);
    assert_eq!((error.message(), data), ("too many requests", Some(json!({ "retry_after": 0.2 }))));
    assert_eq!(passed(&flood, 100).await, 0);
    assert_eq!(passed(&other, 5).await, 5);
    // What `retry_after` says is enough, and no more comes of it than one.
    advance(SECOND / 5).await;
    assert_eq!(passed(&flood, 5).await, 1);
    advance(SECOND * 60).await;
    assert_eq!(passed(&flood, 100).await, 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_tower_of_stock_layers_counts_per_socket_as_well() -> Test {
    use tower::ServiceBuilder;
    use tower::limit::RateLimitLayer;
    let tower = ServiceBuilder::new().load_shed().layer(RateLimitLayer::new(5, SECOND)).into_inner();
    let io = serve(echo().packet_layer(tower));
    let (flood, other) = (join(&io).await, join(&io).await);
    for n in 0..5 {
        assert_eq!(flood.emit_with_ack::<u32>("e", n).await?, n);
    }
    assert_eq!(code(flood.emit_with_ack::<u32>("e", 6).await), "overloaded");
    for n in 0..5 {
        assert_eq!(other.emit_with_ack::<u32>("e", n).await?, n);
    }
    advance(SECOND).await;
    assert_eq!(flood.emit_with_ack::<u32>("e", 7).await?, 7);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_what_may_come_at_once() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_socket(1, SECOND).burst(10)));
    let client = join(&io).await;
    assert_eq!(passed(&client, 20).await, 10);
    advance(SECOND * 3).await;
    assert_eq!(passed(&client, 20).await, 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_and_what_is_larger_than_the_burst_never_passes() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_socket(1000, SECOND).bytes()));
    let client = join(&io).await;
    let text = |length: usize| "x".repeat(length);
    let Err(TestError::ErrorReply(error)) = client.emit_with_ack::<String>("e", text(1001)).await else {
        panic!("it passed")
    };
    // Nothing helps, so nothing says when to come again; and it has cost nothing.
    assert_eq!(tower_socketio::PublicError::data(&error), None);
    assert_eq!(client.emit_with_ack::<String>("e", text(900)).await?.len(), 900);
    assert_eq!(code(client.emit_with_ack::<String>("e", text(900)).await), "rate_limited");
    assert_eq!(client.emit_with_ack::<String>("e", text(80)).await?.len(), 80);
    advance(SECOND).await;
    assert_eq!(client.emit_with_ack::<String>("e", text(900)).await?.len(), 900);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_nothing_lets_nothing_through() -> Test {
    for limit in [RateLimitLayer::per_socket(0, SECOND), RateLimitLayer::per_user(5, SECOND).burst(0)] {
        for beyond in [Beyond::Refuse, Beyond::Wait] {
            let io = serve(echo().packet_layer(limit.clone().beyond(beyond)));
            assert_eq!(passed(&join(&io).await, 3).await, 0);
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_user_leaves_others_at_full_speed() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_user(10, SECOND)));
    let (mut phone, mut desk) = (user(&io, "ada").await, user(&io, "ada").await);
    let mut bob = user(&io, "bob").await;
    assert_eq!(passed_raw(&mut phone, 1000).await, 10);
    assert_eq!(passed_raw(&mut desk, 10).await, 0, "a second device is a second allowance");
    assert_eq!(passed_raw(&mut bob, 10).await, 10);
    // Nobody in particular: each socket by itself.
    let (one, two) = (join(&io).await, join(&io).await);
    assert_eq!((passed(&one, 20).await, passed(&two, 20).await), (10, 10));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_flood_from_one_address_leaves_others_at_full_speed() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_address(10, SECOND)));
    let mut clients = Vec::new();
    for address in
        ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2:1", "2001:db8:0:1::1"]
    {
        let mut raw = at(&io, address, "").await;
        raw.enter("/").await;
        clients.push(raw);
    }
    let mut answered = Vec::new();
    for raw in &mut clients {
        answered.push(passed_raw(raw, 30).await);
    }
    assert_eq!(answered, [10, 0, 10, 10, 0, 10]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_and_keys_of_ones_own_are_counted() -> Test {
    let by_event = RateLimitLayer::by(2, SECOND, |request: &PacketRequest| match request.event() {
        "free" => None,
        event => Some(event.to_owned()),
    });
    let io = SocketIo::builder()
        .packet_layer(RateLimitLayer::per_namespace(6, SECOND))
        .namespace("/one", echo())
        .namespace("/two", echo())
        .namespace("/", echo().packet_layer(by_event).on("free", async || Ack(1)))
        .build()?;
    let (one, again) =
        (TestClient::new(&io).connect("/one").await?, TestClient::new(&io).connect("/one").await?);
    let two = TestClient::new(&io).connect("/two").await?;
    assert_eq!((passed(&one, 4).await, passed(&again, 4).await, passed(&two, 10).await), (4, 2, 6));
    let (root, other) = (join(&io).await, join(&io).await);
    assert_eq!((passed(&root, 1).await, passed(&other, 2).await), (1, 1));
    // Without a key each socket has a counter of its own.
    assert_eq!(root.emit_with_ack::<u32>("free", ()).await?, 1);
    assert_eq!(other.emit_with_ack::<u32>("free", ()).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_handler_may_have_a_limit_of_its_own() -> Test {
    let slow = (async || Ack("slow")).layer(RateLimitLayer::per_socket(1, SECOND));
    let io = serve(echo().on("slow", slow));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("slow", ()).await?, "slow");
    assert_eq!(code(client.emit_with_ack::<String>("slow", ()).await), "rate_limited");
    assert_eq!(passed(&client, 100).await, 100);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_made_anew_goes_on_counting() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_socket(5, SECOND)).packet_layer(Breaking));
    let client = join(&io).await;
    let mut codes = Vec::new();
    for n in 0..14 {
        match client.emit_with_ack::<u32>("e", n).await {
            Ok(_) => codes.push("ok".to_owned()),
            refused => codes.push(code(refused)),
        }
    }
    assert_eq!(codes[..10].iter().filter(|code| *code == "internal").count(), 5, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "ok").count(), 5, "{codes:?}");
    assert_eq!(codes[10..], ["rate_limited"; 4]);
    Ok(())
}

/// Makes services that break after one use.
struct Breaking;

struct Breaks<N>(N, bool);

impl<N> tower::Layer<N> for Breaking {
    type Service = Breaks<N>;

    fn layer(&self, inner: N) -> Breaks<N> {
        Breaks(inner, false)
    }
}

impl<N: tower::Service<PacketRequest, Error = tower::BoxError>> tower::Service<PacketRequest> for Breaks<N> {
    type Response = N::Response;
    type Error = tower::BoxError;
    type Future = N::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tower::BoxError>> {
        if self.1 { Poll::Ready(Err("broken".into())) } else { self.0.poll_ready(cx) }
    }

    fn call(&mut self, request: PacketRequest) -> N::Future {
        self.1 = true;
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_not_answered() -> Test {
    let log = Log::new();
    let heard = log.clone();
    let namespace = Namespace::new()
        .packet_layer(RateLimitLayer::per_socket(2, SECOND).beyond(Beyond::Drop))
        .on("e", async move |Data(n): Data<u32>| {
            heard.push(n);
            Ack(n)
        });
    let io = serve(namespace);
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("e", 0).await?, 0);
    assert_eq!(client.emit_with_ack::<u32>("e", 1).await?, 1);
    // It takes as long as the client is willing to wait, and the bucket fills meanwhile.
    assert!(matches!(client.emit_with_ack::<u32>("e", 2).await, Err(TestError::Silence)));
    assert_eq!(client.emit_with_ack::<u32>("e", 3).await?, 3);
    assert_eq!(log.all(), ["0", "1", "3"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_handled_in_order_at_the_rate() -> Test {
    let log = Log::new();
    let heard = log.clone();
    let namespace = Namespace::new()
        .packet_layer(RateLimitLayer::per_socket(10, SECOND).beyond(Beyond::Wait).bytes().burst(40))
        .on("e", async move |Data(text): Data<String>| heard.push(text));
    let io = serve(namespace);
    let (client, other) = (join(&io).await, join(&io).await);
    let start = Instant::now();
    // Small events behind large ones do not overtake them; more than may be in flight at a time wait.
    let texts: Vec<_> =
        (0..200).map(|n| format!("{n:0width$}", width = if n % 3 == 0 { 20 } else { 3 })).collect();
    for text in &texts {
        client.emit("e", text);
    }
    idle().await;
    let cost = |texts: &[String]| {
        texts.iter().map(|text| u32::try_from(text.len() + 8).expect("short")).sum::<u32>()
    };
    assert_eq!(log.all(), texts[..2]);
    other.emit("e", "other");
    idle().await;
    assert_eq!(log.all()[2], "other");
    let mut all = texts.clone();
    all.insert(2, "other".to_owned());
    while log.all().len() < all.len() {
        advance(SECOND).await;
        idle().await;
        assert!(start.elapsed() < SECOND * 3600, "{} of {}", log.all().len(), all.len());
    }
    assert_eq!(log.all(), all);
    let least = (cost(&texts) - 40) / 10;
    let took = u32::try_from(start.elapsed().as_secs())?;
    assert!((least..=least + 5).contains(&took), "{took} s instead of {least}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sockets_of_one_key_wait_behind_one_another() -> Test {
    let log = Log::new();
    let heard = log.clone();
    let namespace = Namespace::new()
        .packet_layer(RateLimitLayer::per_namespace(1, SECOND).beyond(Beyond::Wait))
        .on("e", async move |Data(text): Data<String>| heard.push(text));
    let io = serve(namespace);
    let (one, two) = (join(&io).await, join(&io).await);
    for n in 0..3 {
        one.emit("e", format!("one {n}"));
        idle().await;
        two.emit("e", format!("two {n}"));
        idle().await;
    }
    for n in 1..=6 {
        assert_eq!(log.reach(n).await.len(), n);
        advance(SECOND).await;
        idle().await;
    }
    let mut all = log.all();
    let of = |name: &str| log.all().into_iter().filter(|text| text.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("one"), ["one 0", "one 1", "one 2"]);
    assert_eq!(of("two"), ["two 0", "two 1", "two 2"]);
    all.truncate(2);
    assert_eq!(all, ["one 0", "two 0"], "the second socket starves");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_its_socket_leaves_is_dropped() -> Test {
    let log = Log::new();
    let heard = log.clone();
    let left = log.clone();
    let namespace = Namespace::new()
        .packet_layer(RateLimitLayer::per_namespace(1, SECOND * 3600).beyond(Beyond::Wait))
        .on("e", async move |Data(n): Data<u32>| heard.push(n))
        .on_disconnect(async move || left.push("left"));
    let io = serve(namespace);
    let mut client = join(&io).await;
    for n in 0..50 {
        client.emit("e", n);
    }
    idle().await;
    let socket = io.of("/").sockets().pop().ok_or("the socket")?;
    client.disconnect();
    log.reach(2).await;
    idle().await;
    assert_eq!(log.all(), ["0", "left"]);
    // Nothing that waited holds the socket.
    assert!(!socket.is_connected());
    advance(SECOND * 7200).await;
    idle().await;
    assert_eq!(log.all(), ["0", "left"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_is_disconnected_reads_why() -> Test {
    let io = serve(echo().packet_layer(RateLimitLayer::per_socket(2, SECOND).beyond(Beyond::Disconnect)));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    let other = join(&io).await;
    assert_eq!(passed_raw(&mut raw, 2).await, 2);
    raw.send(r#"427["e",7]"#).await;
    let answer = raw.next().await;
    let error: Value = serde_json::from_str(answer.strip_prefix("437").ok_or("no acknowledgement")?)?;
    assert_eq!(error[0]["error"]["code"], "rate_limited");
    while let Some(packet) = raw.maybe_next().await {
        assert!(packet.starts_with("41") || packet == "1", "{packet}");
    }
    drop(raw);
    idle().await;
    assert_eq!(io.connections(), 1);
    assert_eq!(passed(&other, 2).await, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn attempts_to_enter_are_limited() -> Test {
    for beyond in [Beyond::Refuse, Beyond::Drop] {
        let log = Log::new();
        let tried = log.clone();
        let limit = RateLimitLayer::per_address(3, SECOND * 60).beyond(beyond);
        let namespace = Namespace::new().connect_layer(limit).on_connect(async move || {
            tried.push("tried");
            Err::<(), _>(WireError::new("wrong password").code("wrong"))
        });
        let io = serve(namespace);
        let mut one = at(&io, "192.0.2.1", "").await;
        let mut two = at(&io, "192.0.2.1", "").await;
        for n in 0..10 {
            let raw = if n % 2 == 0 { &mut one } else { &mut two };
            raw.send("40").await;
            let refused = raw.next().await;
            assert!(refused.contains(if n < 3 { "wrong" } else { "rate_limited" }), "{n}: {refused}");
        }
        assert_eq!(log.all().len(), 3);
        let mut elsewhere = at(&io, "192.0.2.2", "").await;
        elsewhere.send("40").await;
        assert!(elsewhere.next().await.contains("wrong"));
        advance(SECOND * 20).await;
        one.send("40").await;
        assert!(one.next().await.contains("wrong"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn attempts_without_a_known_address_are_counted_for_their_connection() -> Test {
    let io = serve(Namespace::new().connect_layer(RateLimitLayer::per_address(2, SECOND)));
    let (mut one, mut two) = (Raw::open(&io).await, Raw::open(&io).await);
    for raw in [&mut one, &mut two] {
        for _ in 0..2 {
            raw.enter("/").await;
            raw.send("41").await;
        }
        raw.send("40").await;
        let refused = raw.next().await;
        assert!(refused.starts_with("44") && refused.contains("retry_after"), "{refused}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_attempt_too_many_may_wait_or_cost_the_connection() -> Test {
    let by = |request: &ConnectRequest| request.query("as").map(str::to_owned);
    let limit = RateLimitLayer::by(1, SECOND * 10, by);
    let io = serve(Namespace::new().connect_layer(limit.clone().beyond(Beyond::Wait)));
    let start = Instant::now();
    for n in 0..3 {
        user(&io, "ada").await;
        assert_eq!(start.elapsed().as_secs(), n * 10);
    }
    user(&io, "bob").await;
    assert_eq!(start.elapsed().as_secs(), 20);

    let io = serve(Namespace::new().connect_layer(limit.beyond(Beyond::Disconnect)));
    user(&io, "ada").await;
    let mut raw = Raw::with(&io, 4096, "&as=ada", &[]).await;
    raw.send("40").await;
    assert!(raw.next().await.contains("rate_limited"));
    while let Some(packet) = raw.maybe_next().await {
        assert_eq!(packet, "1");
    }
    Ok(())
}

/// Counts for all nodes; fails or hangs when it is told to.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<(HashMap<String, u32>, Mode)>>);

#[derive(Clone, Copy, Default)]
enum Mode {
    #[default]
    Works,
    Fails,
    Hangs,
}

impl Shared {
    fn set(&self, mode: Mode) {
        self.0.lock().expect("no panic").1 = mode;
    }
}

impl RateStore for Shared {
    async fn take(&self, key: &str, cost: u32, rate: Rate) -> Result<Taken, tower::BoxError> {
        let mode = self.0.lock().expect("no panic").1;
        match mode {
            Mode::Works => {}
            Mode::Fails => return Err("the store is down".into()),
            Mode::Hangs => std::future::pending().await,
        }
        let mut shared = self.0.lock().expect("no panic");
        let used = shared.0.entry(key.to_owned()).or_default();
        if *used + cost > rate.burst {
            return Ok(Taken::After(rate.period));
        }
        *used += cost;
        Ok(Taken::Granted)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_counts_for_several_nodes() -> Test {
    let store = Shared::default();
    let node = || serve(echo().packet_layer(RateLimitLayer::per_user(5, SECOND).store(store.clone())));
    let (one, two) = (node(), node());
    let (mut here, mut there) = (user(&one, "ada").await, user(&two, "ada").await);
    assert_eq!((passed_raw(&mut here, 3).await, passed_raw(&mut there, 3).await), (3, 2));
    assert_eq!(store.0.lock().expect("no panic").0, HashMap::from([("user:ada".to_owned(), 5)]));
    here.send(r#"420["e",0]"#).await;
    assert!(here.next().await.contains(r#""retry_after":1.0"#));
    // A socket of nobody is this node's affair.
    assert_eq!(passed(&join(&one).await, 10).await, 5);
    assert_eq!(store.0.lock().expect("no panic").0.len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_the_node_counts_alone() -> Test {
    let store = Shared::default();
    let io = serve(echo().packet_layer(RateLimitLayer::per_user(5, SECOND * 3600).store(store.clone())));
    let mut ada = user(&io, "ada").await;
    assert_eq!(passed_raw(&mut ada, 4).await, 4);
    store.set(Mode::Fails);
    assert_eq!(passed_raw(&mut ada, 10).await, 5);
    // It is left alone for a second, and asked again after that.
    store.set(Mode::Works);
    assert_eq!(passed_raw(&mut ada, 1).await, 0);
    advance(SECOND).await;
    store.set(Mode::Hangs);
    let start = Instant::now();
    assert_eq!(passed_raw(&mut ada, 10).await, 0);
    assert_eq!(start.elapsed().as_secs(), 1);
    store.set(Mode::Works);
    advance(SECOND).await;
    assert_eq!(passed_raw(&mut ada, 10).await, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_store_can_make_wait_in_order() -> Test {
    let store = Shared::default();
    store.set(Mode::Fails);
    let log = Log::new();
    let heard = log.clone();
    let limit = RateLimitLayer::per_user(1, SECOND).store(store).beyond(Beyond::Wait);
    let io = serve(echo().packet_layer(limit).on("n", async move |Data(n): Data<u32>| heard.push(n)));
    let mut ada = user(&io, "ada").await;
    for n in 0..10 {
        ada.send(&format!(r#"42["n",{n}]"#)).await;
    }
    idle().await;
    assert_eq!(log.all(), ["0"]);
    for _ in 0..9 {
        advance(SECOND).await;
        idle().await;
    }
    assert_eq!(log.reach(10).await, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_pass_in_order_however_long_the_store_takes_for_each() -> Test {
    /// Answers the earlier the later it was asked.
    struct Hasty(std::sync::atomic::AtomicU64);
    impl RateStore for Hasty {
        async fn take(&self, _: &str, _: u32, _: Rate) -> Result<Taken, tower::BoxError> {
            let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(500 - asked * 10)).await;
            Ok(Taken::Granted)
        }
    }
    let log = Log::new();
    let heard = log.clone();
    let limit = RateLimitLayer::per_user(5, SECOND).store(Hasty(0.into()));
    let io = serve(echo().packet_layer(limit).on("n", async move |Data(n): Data<u32>| heard.push(n)));
    let mut ada = user(&io, "ada").await;
    let start = Instant::now();
    for n in 0..40 {
        ada.send(&format!(r#"42["n",{n}]"#)).await;
    }
    assert_eq!(log.reach(40).await, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(start.elapsed() < SECOND, "they were asked for one by one: {:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn many_events_at_once_keep_their_order() -> Test {
    const EVENTS: usize = 3000;
    struct Yields;
    impl RateStore for Yields {
        async fn take(&self, _: &str, _: u32, _: Rate) -> Result<Taken, tower::BoxError> {
            tokio::task::yield_now().await;
            Ok(Taken::Granted)
        }
    }
    let plain = RateLimitLayer::per_user(u32::MAX, SECOND);
    for limit in [plain.clone().store(Yields), plain.beyond(Beyond::Wait).store(Yields)] {
        let log = Log::new();
        let heard = log.clone();
        let io = SocketIo::builder()
            .max_in_flight(1000)
            .namespace("/", echo().packet_layer(limit).on("n", async move |Data(n): Data<u32>| heard.push(n)))
            .build()?;
        // By polling, so that they come in one piece.
        let ask = async |method: &str, sid: &str, body: String| {
            let url = format!("/socket.io/?EIO=4&transport=polling&as=ada{sid}");
            let request = http::Request::builder().method(method).uri(url).body(axum::body::Body::from(body));
            let response = SocketIoService::not_found(io.clone()).oneshot(request.expect("a request")).await;
            let body = response.expect("an answer").into_body().collect().await.expect("a body").to_bytes();
            String::from_utf8(body.to_vec()).expect("text")
        };
        let open: Value = serde_json::from_str(&ask("GET", "", String::new()).await[1..])?;
        let sid = format!("&sid={}", open["sid"].as_str().ok_or("a sid")?);
        let events = (0..EVENTS).map(|n| format!(r#"42["n",{n}]"#));
        let payload: Vec<_> = std::iter::once("40".to_owned()).chain(events).collect();
        assert_eq!(ask("POST", &sid, payload.join("\u{1e}")).await, "ok");
        let all = log.reach(EVENTS).await;
        let first = all.iter().zip(0..).find(|(text, n)| **text != n.to_string());
        assert_eq!(first, None, "out of order");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_many_sockets_that_wait_for_one_key_the_first_alone_asks() -> Test {
    #[derive(Clone, Default)]
    struct Counting(Arc<Mutex<u32>>);
    impl RateStore for Counting {
        async fn take(&self, _: &str, _: u32, _: Rate) -> Result<Taken, tower::BoxError> {
            let mut asked = self.0.lock().expect("no panic");
            *asked += 1;
            // The first of ten.
            Ok(if *asked % 10 == 1 { Taken::Granted } else { Taken::After(SECOND) })
        }
    }
    let (store, log) = (Counting::default(), Log::new());
    let heard = log.clone();
    let limit = RateLimitLayer::per_namespace(1, SECOND).store(store.clone()).beyond(Beyond::Wait);
    let io = serve(echo().packet_layer(limit).on("n", async move || heard.push("n")));
    let mut clients = Vec::new();
    for _ in 0..100 {
        let client = join(&io).await;
        client.emit("n", ());
        clients.push(client);
    }
    idle().await;
    for _ in 0..30 {
        advance(SECOND).await;
        idle().await;
    }
    assert_eq!(log.all().len(), 4);
    let asked = *store.0.lock().expect("no panic");
    assert!(asked < 40, "{asked} questions in thirty seconds");
    Ok(())
}
