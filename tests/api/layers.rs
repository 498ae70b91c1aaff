//! The three tiers of tower layers around connections, events and emits.

use std::time::Duration;

use tower::limit::RateLimitLayer;
use tower::timeout::TimeoutLayer;
use tower_socketio::{
    Ack, Data, Handler, Namespace, Next, PacketRequest, Reply, Sent, Socket, SocketIo, TestClient, WireError,
    connect, emit, packet,
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
async fn an_emit_layer_sees_emits_and_broadcasts_once_each() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let namespace = Namespace::new()
        .emit_layer(emit::from_fn(move |mut request, next| {
            let to = if request.socket().is_some() { "one" } else { "many" };
            seen.push(format!("{} {to}", request.event()));
            if request.event() == "secret" {
                return Sent::nothing();
            }
            request.set_event(&format!("{}!", request.event()));
            next.run(request)
        }))
        .on("e", async |socket: Socket| {
            socket.emit("secret", 0);
            socket.emit("own", 1);
        });
    let io = serve(namespace);
    let mut client = join(&io).await;
    client.emit("e", ());
    assert_eq!(client.next::<u32>("own!").await?, 1);
    assert_eq!(io.emit("all", 2).reached(), 1);
    assert_eq!(client.next::<u32>("all!").await?, 2);
    assert_eq!(log.all(), ["secret one", "own one", "all many"]);
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
