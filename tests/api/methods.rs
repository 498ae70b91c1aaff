//! Methods that clients call by name, defined and removed while they are connected.

use std::sync::Arc;

use serde_json::{Value, json};
use tower_socketio::{
    Ack, AckSender, Claims, ConfigError, ConnectRequest, Controller, Data, EventAuth, Handler, Methods,
    Namespace, Pattern, Reply, Responder, Socket, SocketIo, State, TestClient, TestError, WireError,
};

use crate::support::{Log, Raw, Test, idle, join, refusal, serve};

async fn double(Data(arguments): Data<Value>) -> Ack<Value> {
    Ack(json!({ "value": arguments["value"].as_u64().unwrap_or_default() * 2 }))
}

async fn panics() {
    panic!("a bug");
}

async fn triple(Data(arguments): Data<Value>) -> Ack<Value> {
    Ack(json!({ "value": arguments["value"].as_u64().unwrap_or_default() * 3 }))
}

fn serving(methods: &Methods) -> SocketIo {
    serve(Namespace::new().methods(methods))
}

async fn call(client: &TestClient, method: &str) -> Result<Value, TestError> {
    client.emit_with_ack(method, json!({ "value": 2 })).await
}

#[tokio::test]
async fn tables_of_one_name_are_one_table() -> Test {
    let (one, same, other) = (Methods::named("m"), Methods::named("m"), Methods::named("n"));
    one.define("double", double)?;
    assert_eq!((same.len(), other.len(), Methods::new().len()), (1, 0, 0));
    assert!(same.remove("double") && one.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_method_is_called_by_its_name() -> Test {
    let methods = Methods::new();
    methods.define("customMethod", double)?;
    let client = join(&serving(&methods)).await;
    assert_eq!(call(&client, "customMethod").await?, json!({ "result": { "value": 4 } }));
    Ok(())
}

#[tokio::test]
async fn the_last_definition_counts_and_clients_that_are_connected_see_it() -> Test {
    let methods = Methods::new();
    let client = join(&serving(&methods)).await;
    assert_eq!(refusal(call(&client, "customMethod").await).1.as_deref(), Some("unknown_event"));
    methods.define("customMethod", double)?;
    assert_eq!(call(&client, "customMethod").await?, json!({ "result": { "value": 4 } }));
    methods.define("customMethod", triple)?;
    assert_eq!(methods.len(), 1);
    assert_eq!(call(&client, "customMethod").await?, json!({ "result": { "value": 6 } }));
    Ok(())
}

#[tokio::test]
async fn a_removed_method_is_an_error_and_one_that_is_not_there_is_not_removed() -> Test {
    let methods = Methods::new();
    methods.define("customMethod", double)?;
    methods.define("other", double)?;
    let client = join(&serving(&methods)).await;
    call(&client, "customMethod").await?;
    assert!(methods.remove("customMethod"));
    assert_eq!(methods.len(), 1);
    let (message, code) = refusal(call(&client, "customMethod").await);
    assert_eq!((&*message, code.as_deref()), ("nobody handles this event", Some("unknown_event")));
    assert!(!methods.remove("customMethod") && !methods.remove("never there"));
    assert_eq!(methods.len(), 1);
    call(&client, "other").await?;
    Ok(())
}

#[tokio::test]
async fn a_method_can_be_defined_elsewhere_and_later() -> Test {
    let (methods, model) = (Methods::new(), Methods::new());
    methods.define_late("customMethod", &model, "double")?;
    let mut client = Raw::open(&serving(&methods)).await;
    client.enter("/").await;
    for (define, answer) in [
        (None, r#"{"error":{"message":"invalid method"}}"#),
        (Some(true), r#"{"result":{"value":4}}"#),
        (Some(false), r#"{"error":{"message":"invalid method"}}"#),
    ] {
        match define {
            Some(true) => model.define("double", double)?,
            Some(false) => assert!(model.remove("double")),
            None => {}
        }
        client.send(r#"421["customMethod",{"value":2}]"#).await;
        assert_eq!(client.next().await, format!("431[{answer}]"));
    }
    assert_eq!((methods.len(), model.len()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn late_methods_lead_to_each_other_but_not_for_ever() -> Test {
    let (a, b) = (Methods::new(), Methods::new());
    a.define_late("alias", &a, "other alias")?;
    a.define_late("other alias", &b, "far")?;
    b.define_late("far", &b, "double")?;
    b.define("double", double)?;
    a.define_late("round", &b, "round")?;
    b.define_late("round", &a, "round")?;
    a.define_late("itself", &a, "itself")?;
    let client = join(&serving(&a)).await;
    assert_eq!(call(&client, "alias").await?, json!({ "result": { "value": 4 } }));
    for endless in ["round", "itself"] {
        assert_eq!(refusal(call(&client, endless).await).0, "invalid method");
    }
    // Two tables that keep each other would never be freed.
    assert!(b.remove("round"));
    Ok(())
}

#[tokio::test]
async fn answers_are_results_or_errors_of_these_shapes() -> Test {
    let methods = Methods::new();
    methods.define("nothing", async || {})?;
    methods.define("null", async || Ack(Value::Null))?;
    methods.define("text", async || Err::<(), _>(WireError::text("myError")))?;
    methods.define("error", async || Err::<(), _>(WireError::new("my error").code("mine")))?;
    methods.define("panic", panics)?;
    methods.define("success by hand", async |ack: AckSender| {
        tokio::spawn(async move { ack.send(json!({ "result": { "value": 4 } })) });
    })?;
    methods.define("failure by hand", async |ack: AckSender| ack.error(WireError::text("myError")))?;
    let mut client = Raw::open(&serving(&methods)).await;
    client.enter("/").await;
    for (method, answer) in [
        ("nothing", r#"{"result":null}"#),
        ("null", r#"{"result":null}"#),
        ("text", r#"{"error":"myError"}"#),
        ("error", r#"{"error":{"message":"my error","code":"mine"}}"#),
        ("panic", r#"{"error":{"message":"internal error","code":"internal"}}"#),
        ("success by hand", r#"{"result":{"value":4}}"#),
        ("failure by hand", r#"{"error":"myError"}"#),
    ] {
        client.send(&format!(r#"421["{method}"]"#)).await;
        assert_eq!(client.next().await, format!("431[{answer}]"), "{method}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_without_arguments_are_answered_and_notifications_run_unanswered() -> Test {
    let (log, methods) = (Log::new(), Methods::new());
    let noted = log.clone();
    methods.define("note", async move |n: Option<Data<u32>>| {
        noted.push(format!("{n:?}"));
        Ack(1)
    })?;
    let mut client = Raw::open(&serving(&methods)).await;
    client.enter("/").await;
    client.send(r#"42["note",7]"#).await;
    client.send(r#"42["unknown"]"#).await;
    client.send(r#"425["note"]"#).await;
    assert_eq!(client.next().await, r#"435[{"result":1}]"#, "and nothing before it");
    idle().await;
    assert_eq!(log.all(), ["Some(Data(7))", "None"]);
    Ok(())
}

/// A controller that methods ask for.
struct Named(String);

impl Controller for Named {
    async fn open(cx: &mut ConnectRequest, _: &()) -> Result<Self, WireError> {
        Ok(Self(cx.socket().id().to_owned()))
    }

    fn events(on: Namespace) -> Namespace {
        on
    }
}

#[tokio::test]
async fn methods_are_handlers_with_extractors_states_and_layers_of_their_own() -> Test {
    let methods = Methods::new();
    methods.define("who", async |socket: Socket, named: Arc<Named>| Ack(named.0 == socket.id()))?;
    methods.define("state", (async |State(n): State<u32>| Ack(n)).with_state(7))?;
    methods.define("typed", async |Data(n): Data<u32>| Ack(n))?;
    methods.define(
        "limited",
        (async || Ack(1)).layer(tower::limit::RateLimitLayer::new(9, std::time::Duration::from_secs(1))),
    )?;
    let client = join(&serve(Namespace::new().methods(&methods).controller::<Named>())).await;
    assert_eq!(client.emit_with_ack::<Value>("who", ()).await?, json!({ "result": true }));
    assert_eq!(client.emit_with_ack::<Value>("state", ()).await?, json!({ "result": 7 }));
    assert_eq!(client.emit_with_ack::<Value>("limited", ()).await?, json!({ "result": 1 }));
    assert_eq!(refusal(client.emit_with_ack::<Value>("typed", "x").await).1.as_deref(), Some("invalid_data"));
    Ok(())
}

#[tokio::test]
async fn one_table_serves_many_namespaces_beside_their_own_handlers() -> Test {
    let (log, methods) = (Log::new(), Methods::new());
    methods.define("double", double)?;
    let noted = log.clone();
    let with = || Namespace::new().methods(&methods);
    let io = SocketIo::builder()
        .namespace("/", with().on("double", async move || noted.push("the namespace's own")))
        .namespace("/x/{any}", with().fallback(async || Ack("fallback")))
        .namespace("/own shape", with().respond_with(Bare))
        .build()?;
    let root = join(&io).await;
    assert_eq!(call(&root, "double").await?, json!({ "result": { "value": 4 } }), "the first answer counts");
    assert_eq!(log.all(), ["the namespace's own"]);
    let x = TestClient::new(&io).connect("/x/1").await?;
    assert_eq!(call(&x, "double").await?, json!({ "result": { "value": 4 } }));
    assert_eq!(call(&x, "unknown").await?, json!({ "result": "fallback" }));
    let own = TestClient::new(&io).connect("/own shape").await?;
    assert_eq!(call(&own, "double").await?, json!({ "value": 4 }));
    Ok(())
}

struct Bare;

impl Responder for Bare {
    fn success(&self, answer: tower_socketio::Any) -> Reply {
        Reply::ack((answer,))
    }

    fn failure(&self, error: &WireError) -> Reply {
        Reply::error(error.clone())
    }
}

fn gate() -> EventAuth<String> {
    EventAuth::new(async |_: Socket, name: String| Ok::<_, WireError>(Some(name)))
}

#[tokio::test]
async fn methods_are_there_behind_a_gate_and_have_its_user() -> Test {
    let methods = Methods::new();
    methods.define("getProfile", async |Claims(user): Claims<String>| Ack(user))?;
    let mut client = join(&serve(Namespace::new().event_auth(gate()).methods(&methods))).await;
    let early = client.emit_with_ack::<Value>("getProfile", json!({})).await;
    assert_eq!(refusal(early).1.as_deref(), Some("unauthenticated"));
    client.emit("authentication", "ada");
    assert!(client.next::<bool>("authenticated").await?);
    let forged = json!({ "user": "eve" });
    assert_eq!(client.emit_with_ack::<Value>("getProfile", forged).await?, json!({ "result": "ada" }));
    Ok(())
}

fn is_reserved(result: Result<(), ConfigError>, name: &str) -> bool {
    matches!(result, Err(ConfigError::ReservedEvent(reserved)) if reserved == name)
}

#[tokio::test]
async fn names_that_somebody_keeps_can_be_no_methods() -> Test {
    let methods = Methods::new();
    for name in ["connect", "disconnect", "disconnecting", "newListener"] {
        assert!(is_reserved(methods.define(name, double), name));
        assert!(is_reserved(methods.define_late(name, &methods, "double"), name));
    }
    // The event of a gate: before and behind the methods, of the namespace and of the server, whoever comes first.
    methods.define("authentication", double)?;
    let taken = SocketIo::default().namespace("/", Namespace::new().methods(&methods).event_auth(gate()));
    assert!(is_reserved(taken, "authentication"));
    let taken =
        SocketIo::builder().event_auth(gate()).namespace("/", Namespace::new().methods(&methods)).build();
    assert!(is_reserved(taken.map(drop), "authentication"));
    assert!(methods.remove("authentication"));
    let io =
        SocketIo::builder().namespace("/", Namespace::new().event_auth(gate()).methods(&methods)).build()?;
    assert!(is_reserved(methods.define("authentication", double), "authentication"));
    assert!(is_reserved(methods.define_late("authentication", &methods, "double"), "authentication"));
    methods.define("double", double)?;
    assert_eq!(methods.len(), 1);
    // As long as the namespace is there.
    drop(io);
    methods.define("authentication", double)?;
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_could_not_be_declared_keeps_no_names() -> Test {
    let methods = Methods::new();
    let io = serve(Namespace::new());
    let taken = io.namespace("/", Namespace::new().methods(&methods).event_auth(gate()));
    assert!(matches!(taken, Err(ConfigError::DuplicateNamespace(_))));
    methods.define("authentication", double)?;
    assert!(io.namespace(Pattern::from("/x"), Namespace::new().methods(&methods)).is_ok());
    Ok(())
}
