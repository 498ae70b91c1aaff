//! The text of internal errors stays on the server, unless the builder says otherwise.

use std::io;

use serde_json::{Value, json};
use tower::BoxError;
use tower::filter::FilterLayer;
use tower::limit::ConcurrencyLimitLayer;
use tower_socketio::{
    Ack, AckSender, Any, ConnectRequest, Handler, Namespace, PacketRequest, Reply, Responder, ResultEnvelope,
    SocketIo, WireError, connect, packet,
};

use super::valve::{State, Valve};
use crate::support::{Raw, Test};

const SECRET: &str = "secret: the password is 1234";

fn failing() -> io::Error {
    io::Error::other(SECRET)
}

fn events(failing_layer: Valve) -> Namespace {
    Namespace::new()
        .packet_layer(FilterLayer::new(|request: PacketRequest| match request.event() {
            "filter" => Err(BoxError::from(failing())),
            "text" => Err(BoxError::from(SECRET)),
            _ => Ok(request),
        }))
        .packet_layer(packet::from_fn(async |request, next| match request.event() {
            "from_fn" => Reply::error(failing().into()),
            "layer panic" => panic!("{SECRET}"),
            _ => next.run(request).await,
        }))
        .on("handler", async || Err::<(), WireError>(failing().into()))
        .on("panic", async || -> () { panic!("{SECRET}") })
        .on("own layer", (async || Ack(1)).layer(ConcurrencyLimitLayer::new(1)).layer(failing_layer))
        .on("by hand", async |ack: AckSender| ack.error(WireError::from(failing())))
}

const EVENTS: [&str; 8] =
    ["filter", "text", "from_fn", "layer panic", "handler", "panic", "own layer", "by hand"];

fn server(expose: bool, respond: fn(Namespace) -> Namespace) -> Test<SocketIo> {
    let hook = Namespace::new().on_connect(async || Err::<(), WireError>(failing().into()));
    let panic = Namespace::new().on_connect(async || -> () { panic!("{SECRET}") });
    let layer = Namespace::new().connect_layer(FilterLayer::new(|_: ConnectRequest| {
        Err::<ConnectRequest, _>(BoxError::from(SECRET))
    }));
    let from_fn =
        Namespace::new().connect_layer(connect::from_fn(async |_, _| Err(WireError::from(failing()))));
    let ready = Namespace::new().connect_layer(Valve::new(State::Failing(usize::MAX)));
    let io = SocketIo::builder()
        .allow_eio3(true)
        .expose_errors(expose)
        .namespace("/", respond(events(Valve::new(State::Failing(usize::MAX)))))
        .namespace("/hook", hook)
        .namespace("/panic", panic)
        .namespace("/layer", layer)
        .namespace("/from_fn", from_fn)
        .namespace("/ready", ready);
    Ok(io.build()?)
}

const REFUSING: [&str; 5] = ["/hook", "/panic", "/layer", "/from_fn", "/ready"];

/// Everything that a client is told.
async fn everything(io: &SocketIo) -> Vec<String> {
    let mut told = Vec::new();
    for query in ["", "&EIO=3"] {
        let mut raw = Raw::with(io, 64 * 1024, query, &[]).await;
        if query.is_empty() {
            raw.enter("/").await;
        } else {
            raw.next().await;
        }
        for event in EVENTS {
            raw.send(&format!(r#"421["{event}"]"#)).await;
            told.push(raw.next().await);
            if !query.is_empty() && ["filter", "text", "from_fn", "layer panic"].contains(&event) {
                raw.send(&format!(r#"42["{event}"]"#)).await;
                told.push(raw.next().await);
            }
        }
        for namespace in REFUSING {
            raw.send(&format!("40{namespace},")).await;
            told.push(raw.next().await);
        }
    }
    told
}

struct OwnShape;

impl Responder for OwnShape {
    fn success(&self, answer: Any) -> Reply {
        Reply::ack(json!({ "myBody": answer }))
    }

    fn failure(&self, error: &WireError) -> Reply {
        Reply::ack(json!({ "myAppErrorMessage": error.message() }))
    }
}

#[tokio::test]
async fn the_text_of_an_internal_error_reaches_no_client() -> Test {
    let shapes: [fn(Namespace) -> Namespace; 3] = [
        |namespace| namespace,
        |namespace| namespace.respond_with(ResultEnvelope),
        |namespace| namespace.respond_with(OwnShape),
    ];
    for shape in shapes {
        let told = everything(&server(false, shape)?).await;
        assert_eq!(told.len(), 2 * (EVENTS.len() + REFUSING.len()) + 4);
        for packet in &told {
            assert!(!packet.contains("secret") && packet.contains("internal error"), "{packet}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_text_of_an_internal_error_is_shown_where_the_builder_says_so() -> Test {
    for packet in everything(&server(true, |namespace| namespace)?).await {
        assert!(packet.contains("secret"), "{packet}");
    }
    Ok(())
}

#[tokio::test]
async fn responders_shape_what_layers_and_handlers_answer() -> Test {
    let events = || {
        Namespace::new()
            .packet_layer(packet::from_fn(async |request: PacketRequest, next: packet::Next| {
                if request.event() == "refused" {
                    return Reply::error(WireError::new("Bad method name").code("bad"));
                }
                next.run(request).await
            }))
            .on("text", async || Ack(json!({ "text": "hi" })))
            .on("nothing", async || {})
            .on("two", async || Ack((1, 2)))
            .on("binary", async || Ack(bytes::Bytes::from_static(b"\x01\x02")))
            .on("fails", async || Err::<(), _>(WireError::new("fails").code("c").data(json!([1]))))
            .on("plain", async || Err::<(), _>(WireError::text("just text")))
    };
    let io = SocketIo::builder()
        .namespace("/own", events().respond_with(OwnShape))
        .namespace("/envelope", events().respond_with(ResultEnvelope))
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/own").await;
    raw.enter("/envelope").await;
    let refused = r#"{"error":{"message":"Bad method name","code":"bad"}}"#;
    for (event, own, envelope) in [
        ("text", r#"{"myBody":{"text":"hi"}}"#, r#"{"result":{"text":"hi"}}"#),
        ("nothing", r#"{"myBody":null}"#, r#"{"result":null}"#),
        ("two", r#"{"myBody":[1,2]}"#, r#"{"result":[1,2]}"#),
        ("refused", r#"{"myAppErrorMessage":"Bad method name"}"#, refused),
        (
            "fails",
            r#"{"myAppErrorMessage":"fails"}"#,
            r#"{"error":{"message":"fails","code":"c","data":[1]}}"#,
        ),
        ("plain", r#"{"myAppErrorMessage":"just text"}"#, r#"{"error":"just text"}"#),
    ] {
        for (namespace, body) in [("/own", own), ("/envelope", envelope)] {
            raw.send(&format!(r#"42{namespace},1["{event}"]"#)).await;
            let packet = raw.next().await;
            let arguments = packet.strip_prefix(&format!("43{namespace},1")).expect("an acknowledgement");
            let arguments: Value = serde_json::from_str(arguments)?;
            assert_eq!(arguments, json!([serde_json::from_str::<Value>(body)?]), "{event}");
        }
    }
    raw.send(r#"42/envelope,1["binary"]"#).await;
    assert_eq!(raw.next().await, r#"461-/envelope,1[{"result":{"_placeholder":true,"num":0}}]"#);
    assert_eq!(raw.next().await, "[1, 2]");
    Ok(())
}
