//! Spans around connects and events.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use tower::timeout::TimeoutLayer;
use tower_socketio::{
    Ack, Data, Namespace, Next, PacketRequest, Reply, Socket, SocketIo, TestClient, TraceLayer, WireError,
    connect, packet,
};

use crate::support::{Gate, Raw, Test, code};

/// Keeps every span of ours, with its fields and the name of its parent.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(Id, Fields)>>>);

type Fields = BTreeMap<String, String>;

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        fields.insert("target".into(), attributes.metadata().target().into());
        let parent = cx.span(id).and_then(|span| Some(span.parent()?.metadata().target().to_owned()));
        fields.insert("parent".into(), parent.unwrap_or_default());
        self.0.lock().expect("no panic").push((id.clone(), fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().expect("no panic");
        if let Some((_, fields)) = spans.iter_mut().rev().find(|(other, _)| other == id) {
            values.record(&mut Reader(fields));
        }
    }
}

impl Spans {
    /// What happens to this target, in order.
    fn of(&self, target: &str) -> Vec<Fields> {
        let spans = self.0.lock().expect("no panic");
        spans.iter().map(|(_, fields)| fields).filter(|fields| fields["target"] == target).cloned().collect()
    }
}

/// The fields in the order of their names.
fn fields(span: &Fields) -> Vec<(&str, &str)> {
    span.iter().map(|(name, value)| (&**name, &**value)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_a_span_with_the_fields_of_opentelemetry_and_the_handlers_inside() -> Test {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(spans.clone()));
    let gate = Gate::closed();
    let namespace = Namespace::new()
        .packet_layer(TraceLayer::new())
        .packet_layer(TimeoutLayer::new(Duration::from_secs(1)))
        .packet_layer(packet::from_fn(async |request: PacketRequest, next: Next| match request.event() {
            "refused" => Reply::error(WireError::new("the secret text")),
            _ => next.run(request).await,
        }))
        .on("save", async |Data(_): Data<String>| {
            tracing::info_span!(target: "handler", "before").in_scope(|| ());
            tokio::task::yield_now().await;
            tracing::info_span!(target: "handler", "after").in_scope(|| ());
            Ack(1)
        })
        .on("coded", async || Err::<(), _>(WireError::new("the secret text").code("my_code")))
        .on("internal", async || Err::<(), WireError>(std::io::Error::other("the secret text").into()))
        .on("panic", async || -> () { panic!("the secret text") })
        .on("hang", async move || gate.pass().await);
    let io = SocketIo::builder().namespace("/chat", namespace).build()?;
    let client = TestClient::new(&io).connect("/chat").await?;
    client.emit_with_ack::<u32>("save", "the secret text").await?;
    for event in ["refused", "coded", "internal", "panic", "hang"] {
        assert!(client.emit_with_ack::<()>(event, "the secret text").await.is_err());
    }
    let long = "ä".repeat(100);
    assert_eq!(code(client.emit_with_ack::<()>(&long, ()).await), "unknown_event");

    let events = spans.of("socketio::event");
    assert_eq!(
        fields(&events[0]),
        [
            ("messaging.client.id", client.id()),
            ("messaging.destination.name", "/chat"),
            ("messaging.message.body.size", "26"),
            ("messaging.operation.name", "save"),
            ("messaging.operation.type", "process"),
            ("messaging.system", "socket.io"),
            ("network.protocol.name", "websocket"),
            ("otel.kind", "consumer"),
            ("otel.name", "save /chat"),
            ("parent", ""),
            ("target", "socketio::event"),
        ]
    );
    let errors: Vec<_> = events[1..6].iter().map(|span| &*span["error.type"]).collect();
    assert_eq!(errors, ["refused", "my_code", "internal", "internal", "timeout"]);
    assert!(events[1..].iter().all(|span| span["otel.status_code"] == "ERROR"));
    assert_eq!(events[6]["messaging.operation.name"], "ä".repeat(64));
    let handler = spans.of("handler");
    assert_eq!(handler.len(), 2);
    assert!(handler.iter().all(|span| span["parent"] == "socketio::event"));
    let all = format!("{:?}", spans.0.lock().expect("no panic"));
    assert!(!all.contains("secret"), "{all}");
    Ok(())
}

#[tokio::test]
async fn an_attempt_to_connect_is_a_span_and_the_secret_id_of_an_old_client_is_in_none() -> Test {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(spans.clone()));
    let refuse = connect::from_fn(async |request: tower_socketio::ConnectRequest, next: connect::Next| {
        if request.query("token") == Some("secret") {
            return next.run(request).await;
        }
        Err(WireError::new("no").code("no_token"))
    });
    let namespace = Namespace::new()
        .connect_layer(refuse)
        .on_connect(async |_: Socket| tracing::info_span!(target: "handler", "hook").in_scope(|| ()))
        .on("e", async || Ack(1));
    let io = SocketIo::builder()
        .allow_eio3(true)
        .connect_layer(TraceLayer::new())
        .packet_layer(TraceLayer::new())
        .namespace("/", namespace)
        .build()?;
    assert_eq!(code(TestClient::new(&io).connect("/").await), "no_token");
    let mut new = Raw::with(&io, 4096, "&token=secret", &[]).await;
    let id = new.enter("/").await;
    let mut old = Raw::with(&io, 4096, "&EIO=3&token=secret", &[]).await;
    assert_eq!(old.next().await, "40");
    old.send(r#"421["e"]"#).await;
    assert_eq!(old.next().await, "431[1]");

    let connects = spans.of("socketio::connect");
    assert_eq!(connects.len(), 3);
    assert_eq!(connects[0]["error.type"], "no_token");
    assert_eq!(
        fields(&connects[1]),
        [
            ("messaging.client.id", &*id),
            ("messaging.destination.name", "/"),
            ("messaging.operation.name", "connect"),
            ("messaging.system", "socket.io"),
            ("network.protocol.name", "websocket"),
            ("otel.kind", "server"),
            ("otel.name", "connect /"),
            ("parent", ""),
            ("target", "socketio::connect"),
        ]
    );
    assert!(!connects[2].contains_key("messaging.client.id"));
    assert!(!spans.of("socketio::event")[0].contains_key("messaging.client.id"));
    assert!(spans.of("handler").iter().all(|span| span["parent"] == "socketio::connect"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_says_so() -> Test {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(spans.clone()));
    let gate = Gate::closed();
    let namespace = Namespace::new()
        .packet_layer(TimeoutLayer::new(Duration::from_secs(1)))
        .packet_layer(TraceLayer::new())
        .on("hang", async move || gate.pass().await);
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    let client = TestClient::new(&io).connect("/").await?;
    assert_eq!(code(client.emit_with_ack::<()>("hang", ()).await), "timeout");
    assert_eq!(spans.of("socketio::event")[0]["error.type"], "cancelled");
    Ok(())
}
