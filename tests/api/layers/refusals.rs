//! What clients of both protocols see of an event that a layer refused.

use std::time::Duration;

use serde_json::json;
use tower::BoxError;
use tower::ServiceBuilder;
use tower::filter::FilterLayer;
use tower::limit::RateLimitLayer;
use tower::timeout::TimeoutLayer;
use tower_socketio::{
    Ack, Event, Handler, Namespace, Next, PacketRequest, Reply, SocketIo, WireError, packet,
};

use crate::support::{Gate, Log, Raw, Test, code, join, refusal, serve};

const SECOND: Duration = Duration::from_secs(1);

/// `bad` is refused by a reply, `worse` by an error with data, `filtered` by a layer's own error.
fn server(log: &Log) -> Test<SocketIo> {
    let errors = log.clone();
    let namespace = move || {
        let errors = errors.clone();
        Namespace::new()
            .packet_layer(packet::from_fn(async |request: PacketRequest, next: Next| match request.event() {
                "bad" => Reply::error(WireError::new("bad event").code("bad")),
                "worse" => Reply::error(WireError::new("worse").data(json!({ "a": "b" }))),
                _ => next.run(request).await,
            }))
            .packet_layer(FilterLayer::new(|request: PacketRequest| match request.event() {
                "filtered" => Err(BoxError::from("secret text")),
                _ => Ok(request),
            }))
            .on("good", async || Ack("good"))
            .on("fails", async || Err::<(), _>(WireError::new("by the handler")))
            .on_error(async move |event: Option<Event>, error: WireError| {
                errors.push(format!(
                    "{} {}",
                    event.map(|event| event.0).unwrap_or_default(),
                    error.message()
                ));
            })
    };
    let io = SocketIo::builder().allow_eio3(true);
    Ok(io.namespace("/", namespace()).namespace("/chat", namespace()).build()?)
}

#[tokio::test]
async fn clients_of_eio4_hear_of_a_refused_event_only_by_its_acknowledgement() -> Test {
    let log = Log::new();
    let io = server(&log)?;
    let mut raw = Raw::open(&io).await;
    for (namespace, prefix) in [("/", ""), ("/chat", "/chat,")] {
        raw.enter(namespace).await;
        for event in ["bad", "worse", "filtered", "fails", "unknown"] {
            raw.send(&format!(r#"42{prefix}["{event}"]"#)).await;
        }
        // The next thing that comes is the answer to the next event.
        raw.send(&format!(r#"42{prefix}7["good"]"#)).await;
        assert_eq!(raw.next().await, format!(r#"43{prefix}7["good"]"#));
        for (event, error) in [
            ("bad", r#"{"message":"bad event","code":"bad"}"#),
            ("worse", r#"{"message":"worse","data":{"a":"b"}}"#),
            ("filtered", r#"{"message":"internal error","code":"internal"}"#),
        ] {
            raw.send(&format!(r#"42{prefix}8["{event}"]"#)).await;
            assert_eq!(raw.next().await, format!(r#"43{prefix}8[{{"error":{error}}}]"#));
        }
    }
    let mut all = log.reach(16).await;
    all.truncate(5);
    let (bad, worse) = ("bad bad event", "worse worse");
    let rest = ["filtered internal error", "fails by the handler", "unknown nobody handles this event"];
    assert_eq!(all, [&[bad, worse][..], &rest[..]].concat());
    Ok(())
}

#[tokio::test]
async fn clients_of_eio3_hear_of_an_event_that_a_layer_refused_by_an_error_packet() -> Test {
    let log = Log::new();
    let io = server(&log)?;
    let mut raw = Raw::with(&io, 4096, "&EIO=3", &[]).await;
    assert_eq!(raw.next().await, "40");
    raw.send("40/chat,").await;
    assert_eq!(raw.next().await, "40/chat,");
    for prefix in ["", "/chat,"] {
        for (event, error) in
            [("bad", r#""bad event""#), ("worse", r#"{"a":"b"}"#), ("filtered", r#""internal error""#)]
        {
            raw.send(&format!(r#"42{prefix}["{event}"]"#)).await;
            assert_eq!(raw.next().await, format!("44{prefix}{error}"));
        }
        // What a handler refused, or nobody handles, is no error of the socket.
        raw.send(&format!(r#"42{prefix}["fails"]"#)).await;
        raw.send(&format!(r#"42{prefix}["unknown"]"#)).await;
        raw.send(&format!(r#"42{prefix}1["good"]"#)).await;
        assert_eq!(raw.next().await, format!(r#"43{prefix}1["good"]"#));
        raw.send(&format!(r#"42{prefix}2["bad"]"#)).await;
        assert_eq!(
            raw.next().await,
            format!(r#"43{prefix}2[{{"error":{{"message":"bad event","code":"bad"}}}}]"#)
        );
    }
    assert_eq!(log.reach(12).await.len(), 12);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_is_an_error_after_its_time() -> Test {
    let gate = Gate::closed();
    let (one, other) = (gate.clone(), gate.clone());
    let namespace = Namespace::new()
        .packet_layer(TimeoutLayer::new(SECOND * 5))
        .on("hangs", async move || one.pass().await)
        .on("sooner", (async move || other.pass().await).layer(TimeoutLayer::new(SECOND)));
    let mut raw = Raw::open(&serve(namespace)).await;
    raw.enter("/").await;
    for (event, seconds) in [("hangs", 5), ("sooner", 1)] {
        let asked = tokio::time::Instant::now();
        raw.send(&format!(r#"421["{event}"]"#)).await;
        assert_eq!(raw.next().await, r#"431[{"error":{"message":"timeout","code":"timeout"}}]"#);
        assert_eq!(asked.elapsed().as_secs(), seconds);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_leaves_the_next_one_served() -> Test {
    let limit = ServiceBuilder::new().load_shed().layer(RateLimitLayer::new(2, SECOND));
    let client = join(&serve(Namespace::new().packet_layer(limit).on("e", async || Ack(1)))).await;
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(client.emit_with_ack::<u32>("e", ()).await?, 1);
        }
        for _ in 0..3 {
            assert_eq!(code(client.emit_with_ack::<u32>("e", ()).await), "overloaded");
        }
        tokio::time::sleep(SECOND).await;
    }
    Ok(())
}

#[tokio::test]
async fn errors_of_layers_keep_their_text_and_code_through_other_layers() -> Test {
    let namespace = Namespace::new()
        .packet_layer(packet::from_fn(async |request, next| next.run(request).await))
        .packet_layer(tower::util::MapErrLayer::new(|error: BoxError| error))
        .packet_layer(FilterLayer::new(|_: PacketRequest| {
            Err::<PacketRequest, _>(BoxError::from(WireError::new("the text").code("the_code")))
        }));
    let client = join(&serve(namespace)).await;
    let refused = refusal(client.emit_with_ack::<()>("e", ()).await);
    assert_eq!(refused, ("the text".into(), Some("the_code".into())));
    Ok(())
}
