//! Layers as they come from tower, in each tier.

use std::time::Duration;

use tower::buffer::BufferLayer;
use tower::filter::{AsyncFilterLayer, FilterLayer};
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{MapErrLayer, MapRequestLayer, MapResponseLayer};
use tower::{BoxError, ServiceBuilder};
use tower_socketio::{
    Accepted, Ack, ConnectLayer, ConnectRequest, Data, EmitError, EmitLayer, EmitRequest, Handler, Namespace,
    PacketLayer, PacketRequest, Reply, Sent, Socket, TestClient, WireError, connect, packet,
};

use crate::support::{Gate, Log, Test, code, idle, join, refusal, serve};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn stock_layers_of_tower_reply_with_coded_errors() -> Test {
    let gate = Gate::closed();
    let pass = gate.clone();
    let namespace = Namespace::new()
        .packet_layer(TimeoutLayer::new(Duration::from_secs(5)))
        .on("hang", async move || pass.pass().await)
        .on("fine", async || Ack(1));
    let client = join(&serve(namespace)).await.timeout(Duration::from_secs(60));
    let (message, code) = refusal(client.emit_with_ack::<()>("hang", ()).await);
    assert_eq!((&*message, code.as_deref()), ("timeout", Some("timeout")));
    assert_eq!(client.emit_with_ack::<u32>("fine", ()).await?, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn below_a_from_fn_events_wait_in_order_for_a_rate_limit() -> Test {
    let log = Log::new();
    let entered = log.clone();
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(async |request, next| next.run(request).await))
        .packet_layer(RateLimitLayer::new(1, Duration::from_secs(1)))
        .on("e", async move |Data(n): Data<u32>| entered.push(n));
    let client = join(&serve(namespace)).await;
    for n in 0..50 {
        client.emit("e", n);
    }
    let mut waited = 0;
    while log.all().len() < 50 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        waited += 1;
        assert!(waited < 100, "starved");
    }
    assert_eq!(log.all(), (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
    Ok(())
}

async fn serves_events(layer: impl PacketLayer) {
    let namespace = Namespace::new().packet_layer(layer).on("double", async |Data(n): Data<u32>| Ack(n * 2));
    let client = join(&serve(namespace)).await;
    for n in 0..20 {
        assert_eq!(client.emit_with_ack::<u32>("double", n).await.expect("an answer"), n * 2);
    }
}

#[tokio::test(start_paused = true)]
async fn every_stock_layer_fits_around_events() {
    serves_events(RateLimitLayer::new(5, SECOND)).await;
    serves_events(ConcurrencyLimitLayer::new(2)).await;
    serves_events(GlobalConcurrencyLimitLayer::new(2)).await;
    serves_events(TimeoutLayer::new(SECOND)).await;
    serves_events(LoadShedLayer::new()).await;
    serves_events(BufferLayer::<PacketRequest>::new(4)).await;
    serves_events(FilterLayer::new(Ok::<PacketRequest, BoxError>)).await;
    serves_events(MapRequestLayer::new(|request: PacketRequest| request)).await;
    serves_events(MapResponseLayer::new(|reply: Reply| reply)).await;
    serves_events(MapErrLayer::new(|error: BoxError| error)).await;
    let checked = |request: PacketRequest| async { Ok::<_, BoxError>(request) };
    let stack = ServiceBuilder::new()
        .load_shed()
        .timeout(SECOND)
        .layer(AsyncFilterLayer::new(checked))
        .buffer(4)
        .layer(packet::from_fn(async |request, next| next.run(request).await))
        .concurrency_limit(4)
        .map_request(|request: PacketRequest| request)
        .map_err(|error: BoxError| error);
    serves_events(stack).await;
}

#[tokio::test]
async fn a_filter_refuses_events_and_a_map_changes_them() -> Test {
    let namespace = Namespace::new()
        .packet_layer(FilterLayer::new(|request: PacketRequest| match request.event() {
            "forbidden" => Err(BoxError::from(WireError::new("no").code("forbidden"))),
            _ => Ok(request),
        }))
        .packet_layer(MapRequestLayer::new(|mut request: PacketRequest| {
            let name = request.event().to_lowercase();
            request.set_event(&name);
            request
        }))
        .packet_layer(MapResponseLayer::new(
            |reply: Reply| {
                if reply.is_error() { Reply::ack("healed") } else { reply }
            },
        ))
        .on("fine", async || Ack("handler"))
        .on("fails", async || Err::<(), _>(WireError::new("fails")));
    let client = join(&serve(namespace)).await;
    assert_eq!(code(client.emit_with_ack::<()>("forbidden", ()).await), "forbidden");
    assert_eq!(client.emit_with_ack::<String>("FINE", ()).await?, "handler");
    assert_eq!(client.emit_with_ack::<String>("fails", ()).await?, "healed");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_sixth_event_of_a_limit_of_five_is_shed_and_another_socket_is_unaffected() -> Test {
    let stack = || ServiceBuilder::new().load_shed().layer(RateLimitLayer::new(5, SECOND));
    let io = serve(Namespace::new().packet_layer(stack()).on("e", async || Ack(1)));
    let (one, other) = (join(&io).await, join(&io).await);
    for _ in 0..5 {
        assert_eq!(one.emit_with_ack::<u32>("e", ()).await?, 1);
    }
    assert_eq!(code(one.emit_with_ack::<u32>("e", ()).await), "overloaded");
    assert_eq!(other.emit_with_ack::<u32>("e", ()).await?, 1);
    tokio::time::sleep(SECOND).await;
    assert_eq!(one.emit_with_ack::<u32>("e", ()).await?, 1);
    Ok(())
}

/// Many events at once, through this; each is handled once, in order where that can be.
async fn handles_a_flood_in_order(layer: impl PacketLayer) {
    let log = Log::new();
    let entered = log.clone();
    let namespace =
        Namespace::new().packet_layer(layer).on("e", async move |Data(n): Data<u32>| entered.push(n));
    let client = join(&serve(namespace)).await.timeout(SECOND * 600);
    for n in 0..200 {
        client.emit("e", n);
    }
    client.emit_with_ack::<()>("e", 200).await.expect("an answer");
    assert_eq!(log.all(), (0..=200).map(|n| n.to_string()).collect::<Vec<_>>());
}

macro_rules! through {
    () => {
        packet::from_fn(async |request, next| next.run(request).await)
    };
}

#[tokio::test(start_paused = true)]
async fn below_a_from_fn_no_stock_layer_starves_or_panics() {
    let below = |layer| ServiceBuilder::new().layer(through!()).layer(layer);
    handles_a_flood_in_order(below(RateLimitLayer::new(3, SECOND))).await;
    let below = |layer| ServiceBuilder::new().layer(through!()).layer(through!()).layer(layer);
    handles_a_flood_in_order(below(ConcurrencyLimitLayer::new(1))).await;
    let below = |layer| ServiceBuilder::new().layer(through!()).layer(layer).layer(through!());
    handles_a_flood_in_order(below(GlobalConcurrencyLimitLayer::new(3))).await;
    handles_a_flood_in_order(
        ServiceBuilder::new().layer(through!()).layer(BufferLayer::<PacketRequest>::new(2)),
    )
    .await;
    handles_a_flood_in_order(
        ServiceBuilder::new().layer(through!()).timeout(SECOND * 500).rate_limit(7, SECOND),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn handlers_have_stacks_of_their_own() -> Test {
    let (gate, log) = (Gate::closed(), Log::new());
    let (pass, entered) = (gate.clone(), log.clone());
    let held = async move |Data(n): Data<u32>| {
        entered.push(n);
        pass.pass().await;
        Ack(n)
    };
    let shed = || ServiceBuilder::new().load_shed().concurrency_limit(1);
    let namespace = Namespace::new()
        .on("a", held.clone().layer(ConcurrencyLimitLayer::new(1)))
        .on("b", held.clone().layer(through!()).layer(shed()))
        .on("c", held.layer(RateLimitLayer::new(1, SECOND * 10)).layer(TimeoutLayer::new(SECOND * 2)));
    let io = serve(namespace);
    let client = join(&io).await.timeout(SECOND * 60);
    client.emit("a", 1);
    client.emit("a", 2);
    client.emit("b", 3);
    assert_eq!(code(client.emit_with_ack::<u32>("b", 4).await), "overloaded");
    assert_eq!(code(client.emit_with_ack::<u32>("c", 5).await), "timeout");
    assert_eq!(log.all(), ["1", "3", "5"]);
    gate.open(1);
    assert_eq!(log.reach(4).await[3], "2");
    // Another socket has other services.
    let other = join(&io).await;
    gate.open(10);
    assert_eq!(other.emit_with_ack::<u32>("b", 6).await?, 6);
    Ok(())
}

async fn accepts(layer: impl ConnectLayer) {
    let io = serve(Namespace::new().connect_layer(layer).on("e", async || Ack(1)));
    for _ in 0..5 {
        assert_eq!(join(&io).await.emit_with_ack::<u32>("e", ()).await.expect("an answer"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn stock_layers_fit_around_connects() -> Test {
    accepts(RateLimitLayer::new(2, SECOND)).await;
    accepts(ConcurrencyLimitLayer::new(2)).await;
    accepts(GlobalConcurrencyLimitLayer::new(1)).await;
    accepts(TimeoutLayer::new(SECOND)).await;
    accepts(LoadShedLayer::new()).await;
    accepts(BufferLayer::<ConnectRequest>::new(4)).await;
    accepts(FilterLayer::new(Ok::<ConnectRequest, BoxError>)).await;
    accepts(MapRequestLayer::new(|request: ConnectRequest| request)).await;
    accepts(MapResponseLayer::new(|accepted: Accepted| accepted)).await;
    accepts(MapErrLayer::new(|error: BoxError| error)).await;
    let stack = ServiceBuilder::new()
        .timeout(SECOND)
        .layer(connect::from_fn(async |request, next| next.run(request).await))
        .load_shed()
        .concurrency_limit(1);
    accepts(stack).await;

    let shed = ServiceBuilder::new().load_shed().rate_limit(1, SECOND);
    let io = serve(Namespace::new().connect_layer(shed));
    let _in = join(&io).await;
    assert_eq!(code(TestClient::new(&io).connect("/").await), "overloaded");
    let gate = Gate::closed();
    let hang =
        Namespace::new().connect_layer(TimeoutLayer::new(SECOND)).on_connect(async move || gate.pass().await);
    let refused = TestClient::new(&serve(hang)).timeout(SECOND * 9).connect("/").await;
    assert_eq!(refusal(refused), ("timeout".into(), Some("timeout".into())));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_clients_waits_in_order_for_a_limit_below_a_from_fn() {
    let log = Log::new();
    let entered = log.clone();
    let stack = ServiceBuilder::new()
        .layer(connect::from_fn(async |request, next| next.run(request).await))
        .rate_limit(1, SECOND);
    let namespace = Namespace::new().connect_layer(stack).on_connect(async move || entered.push("in"));
    let io = serve(namespace);
    let clients = (0..30).map(|_| TestClient::new(&io).timeout(SECOND * 60).connect("/"));
    let clients = futures_util::future::join_all(clients).await;
    assert!(clients.iter().all(Result::is_ok));
    assert_eq!(log.all().len(), 30);
}

async fn emits(layer: impl EmitLayer) {
    let namespace = Namespace::new()
        .emit_layer(layer)
        .on("e", async |socket: Socket, Data(n): Data<u32>| socket.emit("own", n));
    let io = serve(namespace);
    let mut client = join(&io).await;
    for n in 0..5 {
        client.emit("e", n);
        assert_eq!(client.next::<u32>("own").await.expect("an event"), n);
        assert_eq!(io.emit("all", n).reached(), 1);
        assert_eq!(client.next::<u32>("all").await.expect("an event"), n);
    }
}

#[tokio::test]
async fn stock_layers_that_answer_at_once_fit_around_emits() -> Test {
    emits(ConcurrencyLimitLayer::new(1)).await;
    emits(GlobalConcurrencyLimitLayer::new(1)).await;
    emits(TimeoutLayer::new(SECOND)).await;
    emits(LoadShedLayer::new()).await;
    emits(FilterLayer::new(Ok::<EmitRequest, BoxError>)).await;
    emits(MapRequestLayer::new(|request: EmitRequest| request)).await;
    emits(MapResponseLayer::new(|sent: Sent| sent)).await;
    emits(MapErrLayer::new(|error: BoxError| error)).await;
    emits(ServiceBuilder::new().load_shed().timeout(SECOND).concurrency_limit(2)).await;

    // A `Buffer` answers later.
    let io = serve(Namespace::new().emit_layer(BufferLayer::<EmitRequest>::new(4)));
    let _client = join(&io).await;
    assert!(matches!(io.emit("e", ()).into_result(), Err(EmitError::NotReady)));
    Ok(())
}

#[tokio::test]
async fn each_tier_has_from_fn_with_state() -> Test {
    let log = Log::new();
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn_with_state(
            log.clone(),
            async |log: Log, request: ConnectRequest, next: connect::Next| {
                log.push(request.namespace());
                next.run(request).await
            },
        ))
        .packet_layer(packet::from_fn_with_state(
            log.clone(),
            async |log: Log, request: PacketRequest, next: packet::Next| {
                log.push(request.event());
                next.run(request).await
            },
        ))
        .emit_layer(tower_socketio::emit::from_fn_with_state(log.clone(), |log, request, next| {
            log.push(request.event());
            next.run(request)
        }))
        .on("e", async |socket: Socket| socket.emit("out", ()));
    let mut client = join(&serve(namespace)).await;
    client.emit("e", ());
    client.next::<()>("out").await?;
    assert_eq!(log.all(), ["/", "e", "out"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn work_in_flight_runs_to_its_end_through_layers_when_its_client_leaves() {
    let (gate, log) = (Gate::closed(), Log::new());
    let (pass, ended, after) = (gate.clone(), log.clone(), log.clone());
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(move |request: PacketRequest, next: packet::Next| {
            let log = after.clone();
            async move {
                let reply = next.run(request).await;
                log.push("layer");
                reply
            }
        }))
        .packet_layer(ConcurrencyLimitLayer::new(1))
        .on("e", async move || {
            pass.pass().await;
            ended.push("handler");
        });
    let mut client = join(&serve(namespace)).await;
    client.emit("e", ());
    client.emit("e", ());
    idle().await;
    client.disconnect();
    idle().await;
    gate.open(2);
    assert_eq!(log.reach(4).await, ["handler", "layer", "handler", "layer"]);
}

#[tokio::test]
async fn nothing_is_shed_while_there_are_permits_however_much_comes_at_once() -> Test {
    let stack = || ServiceBuilder::new().load_shed().concurrency_limit(1);
    let handler = async |Data(n): Data<u32>| Ack(n);
    let io = serve(
        Namespace::new()
            .packet_layer(stack())
            .packet_layer(packet::from_fn(async |request, next| next.run(request).await))
            .packet_layer(stack())
            .on("e", handler.layer(stack())),
    );
    let client = join(&io).await;
    let answers = (0..1000).map(|n| client.emit_with_ack::<u32>("e", n));
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 0);
    Ok(())
}

#[tokio::test]
async fn no_emit_is_refused_while_there_are_permits_however_many_a_handler_makes() -> Test {
    let namespace =
        Namespace::new().emit_layer(ConcurrencyLimitLayer::new(1)).on("e", async |socket: Socket| {
            let sent = (0..1000).map(|n| socket.emit("out", n).into_result());
            Ack(sent.filter(Result::is_err).count())
        });
    assert_eq!(join(&serve(namespace)).await.emit_with_ack::<usize>("e", ()).await?, 0);
    Ok(())
}
