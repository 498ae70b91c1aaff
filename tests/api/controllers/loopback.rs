//! What the clients of @loopback/socketio see: how often methods are called, and the shapes of answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use regex::Regex;
use serde_json::{Value, json};
use tower_socketio::{
    Ack, Args, ConnectRequest, Controller, ControllerSet, Data, Event, Namespace, Path, Pattern, PublicError,
    ResultEnvelope, Socket, SocketIo, State, TestClient, TestError, WireError,
};

use crate::support::{Gate, Log, Raw, Test, idle, join, serve};

/// How often each method was called.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<&'static str, u32>>>);

impl Counts {
    fn up(&self, method: &'static str) {
        *self.0.lock().expect("no panic").entry(method).or_default() += 1;
    }
}

struct Decorated(Counts);

macro_rules! counting {
    ($($method:ident)*) => { $(
        async fn $method(self: Arc<Self>) {
            self.0.up(stringify!($method));
        }
    )* };
}

impl Decorated {
    counting! {
        on_connect_one on_connect_two first_method second_method third_method top_methods fourth_method_1
        fourth_method_2 fifth_method on_disconnect
    }
}

fn regex(expression: &str) -> Regex {
    Regex::new(expression).expect("an expression")
}

impl Controller<Counts> for Decorated {
    async fn open(_: &mut ConnectRequest, counts: &Counts) -> Result<Self, WireError> {
        Ok(Self(counts.clone()))
    }

    fn events(on: Namespace<Counts>) -> Namespace<Counts> {
        on.on_connect(Self::on_connect_one)
            .on_connect(Self::on_connect_two)
            .on_each(["firstEventName1", "firstEventName2"], Self::first_method)
            .on("secondEventName", Self::second_method)
            .on_match(regex("^otherSecondEventName$"), Self::second_method)
            .on_match(regex("^thirdEventName$"), Self::third_method)
            .on_match(regex("^(first|second|third|otherSecond)EventName"), Self::top_methods)
            .on("fourthEventName", Self::fourth_method_1)
            .on("fourthEventName", Self::fourth_method_2)
            .on_match(regex("^fifthEventName$"), Self::fifth_method)
            .on_disconnect(Self::on_disconnect)
    }
}

#[tokio::test(start_paused = true)]
async fn methods_are_called_as_often_as_they_subscribe() -> Test {
    let counts = Counts::default();
    let io = serve(Namespace::new().controller::<Decorated>().with_state(counts.clone()));
    let mut client = join(&io).await;
    for event in [
        "firstEventName1",
        "firstEventName2",
        "secondEventName",
        "thirdEventName",
        "secondEventName",
        "otherSecondEventName",
        "fourthEventName",
        "fifthEventName",
    ] {
        client.emit(event, ());
    }
    idle().await;
    let mut expected = BTreeMap::from([
        ("on_connect_one", 1),
        ("on_connect_two", 1),
        ("first_method", 2),
        ("second_method", 3),
        ("third_method", 1),
        ("top_methods", 6),
        ("fourth_method_1", 1),
        ("fourth_method_2", 1),
        ("fifth_method", 1),
    ]);
    assert_eq!(*counts.0.lock().expect("no panic"), expected, "and `on_disconnect` never");
    client.disconnect();
    idle().await;
    expected.insert("on_disconnect", 1);
    assert_eq!(*counts.0.lock().expect("no panic"), expected);
    Ok(())
}

/// One method for each answer there is.
struct Answers;

#[derive(Debug, thiserror::Error)]
#[error("boom")]
struct Boom;

impl PublicError for Boom {
    fn code(&self) -> Option<&str> {
        Some("boom")
    }

    fn data(&self) -> Option<Value> {
        Some(json!({ "loud": true }))
    }
}

impl Controller for Answers {
    async fn open(_: &mut ConnectRequest, _: &()) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn events(on: Namespace) -> Namespace {
        on.respond_with(ResultEnvelope)
            .on("oneEvent", Self::one)
            .on("anotherEvent", Self::another)
            .on("nothing", async |_: Arc<Self>| {})
            .on("null", async |_: Arc<Self>| Ack(Value::Null))
            .on("two", async |_: Arc<Self>| Ack((1, "b")))
            .on("text", async |_: Arc<Self>| Err::<(), _>(WireError::text("myError")))
            .on("message", async |_: Arc<Self>| Err::<(), _>(WireError::new("boom")))
            .on("typed", async |_: Arc<Self>| Err::<(), _>(Boom))
            .on("internal", Self::internal)
            .on_match(regex("^many"), async |_: Arc<Self>| {})
            .on_match(regex("^many"), Self::many)
            .on("many answers", async |_: Arc<Self>| Ack("of the name"))
            .on_match(regex("^many answers"), async |_: Arc<Self>| Err::<(), _>(WireError::new("too late")))
    }
}

impl Answers {
    async fn one(self: Arc<Self>, Data(value): Data<Value>) -> Ack<Value> {
        Ack(json!({ "text": format!("the number is {}", value["randomNumber"]) }))
    }

    async fn another(self: Arc<Self>, socket: Socket, Event(event): Event) {
        socket.emit(&event, "response");
    }

    async fn internal(self: Arc<Self>) -> Result<Ack<u32>, WireError> {
        Err(std::io::Error::other("the password is 1234"))?
    }

    async fn many(self: Arc<Self>, Event(event): Event, Args(all): Args) -> Ack<Value> {
        Ack(json!({ "event": event, "arguments": all }))
    }
}

#[tokio::test]
async fn answers_have_these_shapes_and_no_other() -> Test {
    let io = serve(Namespace::new().controller::<Answers>());
    let mut client = Raw::open(&io).await;
    client.enter("/").await;
    for (event, answer) in [
        (r#""oneEvent",{"randomNumber":7}"#, r#"{"result":{"text":"the number is 7"}}"#),
        (r#""nothing""#, r#"{"result":null}"#),
        (r#""null""#, r#"{"result":null}"#),
        (r#""two""#, r#"{"result":[1,"b"]}"#),
        (r#""text""#, r#"{"error":"myError"}"#),
        (r#""message""#, r#"{"error":{"message":"boom"}}"#),
        (r#""typed""#, r#"{"error":{"message":"boom","code":"boom","data":{"loud":true}}}"#),
        (r#""internal""#, r#"{"error":{"message":"internal error","code":"internal"}}"#),
        (r#""nobody""#, r#"{"error":{"message":"nobody handles this event","code":"unknown_event"}}"#),
        (r#""many",1,"b""#, r#"{"result":{"arguments":[1,"b"],"event":"many"}}"#),
        (r#""many answers""#, r#"{"result":"of the name"}"#),
    ] {
        client.send(&format!("421[{event}]")).await;
        assert_eq!(client.next().await, format!("431[{answer}]"), "{event}");
    }
    // Without an acknowledgement nothing is sent: the next packet is the event's.
    client.send(r#"42["oneEvent",{}]"#).await;
    client.send(r#"42["text"]"#).await;
    client.send(r#"42["anotherEvent"]"#).await;
    assert_eq!(client.next().await, r#"42["anotherEvent","response"]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_by_an_expression_delays_none_by_a_name_nor_is_it_delayed() -> Test {
    let (log, gate) = (Log::new(), Gate::closed());
    let (by_expression, held, waiting) = (log.clone(), gate.clone(), gate.clone());
    let namespace = Namespace::new()
        .on_match(regex("."), async move |Event(event): Event| {
            by_expression.push(format!("entered {event}"));
            held.pass().await;
            by_expression.push(format!("left {event}"));
            Ack("by an expression")
        })
        .on("quick", async || Ack("by a name"))
        .on("slow", async move || {
            waiting.pass().await;
            Ack("by a name")
        });
    let client = join(&serve(namespace)).await;
    assert_eq!(client.emit_with_ack::<String>("quick", ()).await?, "by a name");
    assert_eq!(log.all(), ["entered quick"]);
    client.emit("slow", ());
    idle().await;
    assert_eq!(log.all(), ["entered quick", "entered slow"]);
    gate.open(10);
    assert_eq!(client.emit_with_ack::<String>("other", ()).await?, "by an expression");
    Ok(())
}

#[tokio::test]
async fn a_logger_of_everything_answers_nothing_in_the_place_of_others() -> Test {
    let log = Log::new();
    let noted = log.clone();
    let namespace = Namespace::new()
        .on_match(regex(".+"), async move |Event(event): Event, Args(all): Args| {
            noted.push(format!("{event} {}", all.len()));
        })
        .on("double", async |Data(n): Data<u32>| {
            tokio::task::yield_now().await;
            Ack(n * 2)
        })
        .fallback(async || Ack("the fallback"));
    let client = join(&serve(namespace)).await;
    assert_eq!(client.emit_with_ack::<u32>("double", 21).await?, 42);
    // It handles what nobody else does, and its answer is that it is done.
    client.emit_with_ack::<()>("unknown", (1, 2)).await?;
    assert_eq!(client.emit_with_ack::<String>("", ()).await?, "the fallback", "it has no character");
    assert_eq!(log.all(), ["double 1", "unknown 2"]);
    Ok(())
}

#[tokio::test]
async fn odd_names_are_no_danger_to_expressions() -> Test {
    let namespace = Namespace::new().on_match(regex("(a*)*$"), async |Event(name): Event| Ack(name.len()));
    let io = serve(namespace);
    let client = join(&io).await;
    for name in ["a".repeat(100_000) + "b", "\u{0}\n\"\\".to_owned(), "ä€🦀".to_owned(), String::new()] {
        assert_eq!(client.emit_with_ack::<usize>(&name, ()).await?, name.len());
    }
    let mut odd = Raw::open(&io).await;
    odd.enter("/").await;
    odd.send("427[12345]").await;
    assert_eq!(odd.next().await, "437[5]", "a number is a name");
    for packet in ["42[null]", "42[{}]", "42[]"] {
        let mut odd = Raw::open(&io).await;
        odd.enter("/").await;
        odd.send(packet).await;
        assert_eq!(odd.maybe_next().await, None, "{packet} closes its own connection");
    }
    assert_eq!(client.emit_with_ack::<usize>("still here", ()).await?, 10);
    Ok(())
}

#[tokio::test]
async fn reserved_events_reach_no_expression() -> Test {
    let gate = tower_socketio::EventAuth::new(async |_: Socket, n: u32| Ok::<_, WireError>(Some(n)));
    let namespace = Namespace::new().event_auth(gate).on_match(regex(""), async || Ack("heard"));
    let mut client = join(&serve(namespace)).await;
    client.emit("authentication", 1);
    assert!(client.next::<bool>("authenticated").await?);
    let again = client.emit_with_ack::<String>("authentication", 1).await;
    assert!(matches!(again, Err(TestError::ErrorReply(error)) if error.message() == "already authenticated"));
    assert_eq!(client.emit_with_ack::<String>("other", 1).await?, "heard");
    Ok(())
}

/// A chat for each name that the expression matches.
struct Chat(Socket);

impl Controller for Chat {
    async fn open(cx: &mut ConnectRequest, _: &()) -> Result<Self, WireError> {
        Ok(Self(cx.socket().clone()))
    }

    fn events(on: Namespace) -> Namespace {
        on.on("chat message", Self::message).on("group", Self::group)
    }

    fn namespace() -> Pattern {
        regex("^/chats/(?<group>[^/]+)(?<rest>/x)?$").into()
    }

    fn name() -> Option<&'static str> {
        Some("chats")
    }
}

impl Chat {
    async fn message(self: Arc<Self>, socket: Socket, Data(text): Data<String>) {
        socket.namespace().emit("chat message", format!("[{}] {text}", self.0.id()));
    }

    async fn group(self: Arc<Self>, Path(group): Path<BTreeMap<String, String>>) -> Ack<Value> {
        Ack(json!(group))
    }
}

#[tokio::test(start_paused = true)]
async fn each_name_that_an_expression_matches_is_a_namespace_of_its_own() -> Test {
    let io = SocketIo::builder().mount(ControllerSet::new().add::<Chat>()).build()?;
    let mut one = TestClient::new(&io).connect("/chats/group1").await?;
    let mut two = TestClient::new(&io).connect("/chats/group2").await?;
    one.emit("chat message", "Hello");
    assert_eq!(one.next::<String>("chat message").await?, format!("[{}] Hello", one.id()));
    assert!(matches!(two.next::<String>("chat message").await, Err(TestError::Silence)));
    for name in ["/chat", "/chats/", "/chats", "/x/chats/group1", "/chats/a/b", "/"] {
        let refused = TestClient::new(&io).connect(name).await;
        assert!(
            matches!(&refused, Err(TestError::Refused(error)) if error.message() == "Invalid namespace"),
            "{name}: {refused:?}"
        );
    }
    let pattern = Chat::namespace();
    let by_pattern = io.of("^/chats/(?<group>[^/]+)(?<rest>/x)?$");
    assert_eq!(format!("{pattern:?}"), format!("Pattern({:?})", by_pattern.name()));
    assert_eq!((by_pattern.count(), io.named("chats").map(|all| all.count())), (2, Some(2)));
    assert_eq!(io.of("/chats/group1").count(), 1);
    assert_eq!(io.named("chats").expect("it is mounted").emit("news", 1).reached(), 2);
    assert_eq!(two.next::<u32>("news").await?, 1);
    assert_eq!(one.emit_with_ack::<Value>("group", ()).await?, json!({ "group": "group1" }));
    let x = TestClient::new(&io).connect("/chats/group1/x").await?;
    assert_eq!(x.emit_with_ack::<Value>("group", ()).await?, json!({ "group": "group1", "rest": "/x" }));
    Ok(())
}

#[tokio::test]
async fn anchoring_an_expression_is_its_authors_affair() -> Test {
    let io = SocketIo::builder().namespace(regex("/regexnamespace"), Namespace::new()).build()?;
    for name in ["/regexnamespace", "/x/regexnamespace/y"] {
        TestClient::new(&io).connect(name).await?;
    }
    assert_eq!(io.of("/regexnamespace").name(), "/regexnamespace");
    Ok(())
}

#[tokio::test]
async fn one_method_hears_many_events_and_all_methods_of_an_event_run() -> Test {
    let log = Log::new();
    let noting = |method: &'static str| {
        async move |State(log): State<Log>, Event(event): Event| {
            log.push(format!("{method} {event}"));
            Ack(method)
        }
    };
    let namespace = Namespace::new()
        .on_each(["a", "b"], noting("first"))
        .on_each(vec!["b".to_owned(), "c".to_owned()], noting("second"))
        .with_state(log.clone());
    let client = join(&serve(namespace)).await;
    for (event, answer) in [("a", "first"), ("b", "first"), ("c", "second")] {
        assert_eq!(client.emit_with_ack::<String>(event, ()).await?, answer);
    }
    assert_eq!(log.all(), ["first a", "first b", "second b", "second c"]);
    Ok(())
}
