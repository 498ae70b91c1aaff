//! The controllers that the tests of @loopback/socketio have, for `examples/loopback.test.mjs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use regex::Regex;
use serde_json::{Value, json};
use tower_socketio::{
    Ack, Broadcast, ConnectRequest, Controller, ControllerSet, Data, Namespace, Pattern, ResultEnvelope,
    Socket, SocketIo, State, WireError,
};

/// How often each method was called, by all clients.
type Counts = Arc<Mutex<BTreeMap<&'static str, u32>>>;

fn regex(expression: &str) -> Regex {
    Regex::new(expression).expect("an expression")
}

/// Subscribes methods to many events and events to many methods.
struct Decorated(Counts);

macro_rules! counting {
    ($($method:ident $name:literal)*) => { $(
        async fn $method(self: Arc<Self>) {
            *self.0.lock().expect("no panic holds it").entry($name).or_default() += 1;
        }
    )* };
}

impl Decorated {
    counting! {
        on_connect_one "onConnectOne" on_connect_two "onConnectTwo" first "firstMethod" second "secondMethod"
        third "thirdMethod" top "topMethods" fourth_1 "fourthMethod1" fourth_2 "fourthMethod2" fifth "fifthMethod"
        on_disconnect "onDisconnect"
    }
}

impl Controller<Counts> for Decorated {
    async fn open(_: &mut ConnectRequest, counts: &Counts) -> Result<Self, WireError> {
        Ok(Self(counts.clone()))
    }

    fn events(on: Namespace<Counts>) -> Namespace<Counts> {
        on.on_connect(Self::on_connect_one)
            .on_connect(Self::on_connect_two)
            .on_each(["firstEventName1", "firstEventName2"], Self::first)
            .on("secondEventName", Self::second)
            .on_match(regex("^otherSecondEventName$"), Self::second)
            .on_match(regex("^thirdEventName$"), Self::third)
            .on_match(regex("^(first|second|third|otherSecond)EventName"), Self::top)
            .on("fourthEventName", Self::fourth_1)
            .on("fourthEventName", Self::fourth_2)
            .on_match(regex("^fifthEventName$"), Self::fifth)
            .on_disconnect(Self::on_disconnect)
    }

    fn namespace() -> Pattern {
        "/decorators/ws".into()
    }
}

/// One method for each shape of an answer.
struct Answers;

impl Controller<Counts> for Answers {
    async fn open(_: &mut ConnectRequest, _: &Counts) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn events(on: Namespace<Counts>) -> Namespace<Counts> {
        on.respond_with(ResultEnvelope)
            .on("oneEvent", Self::one)
            .on("anotherEvent", Self::another)
            .on("nothing", async |_: Arc<Self>| {})
            .on("text", async |_: Arc<Self>| Err::<(), _>(WireError::text("myError")))
            .on("failure", async |_: Arc<Self>| {
                Err::<(), _>(WireError::new("boom").code("loud").data(json!(7)))
            })
            .on("internal", async |_: Arc<Self>| Err::<(), WireError>(std::io::Error::other("secret").into()))
            .on_match(regex("^by expression"), Self::sum)
            .on("counts", async |State(counts): State<Counts>| {
                Ack(json!(*counts.lock().expect("no panic holds it")))
            })
    }

    fn namespace() -> Pattern {
        "/sequences/ws".into()
    }
}

impl Answers {
    async fn one(self: Arc<Self>, Data(value): Data<Value>) -> Ack<Value> {
        Ack(json!({ "text": format!("the number is {}", value["randomNumber"]) }))
    }

    async fn another(self: Arc<Self>, socket: Socket) {
        socket.emit("anotherEvent response", ());
    }

    async fn sum(self: Arc<Self>, Data((a, b)): Data<(u32, u32)>) -> Ack<u32> {
        Ack(a + b)
    }
}

/// A chat for each group.
struct Chat;

impl Controller<Counts> for Chat {
    async fn open(_: &mut ConnectRequest, _: &Counts) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn events(on: Namespace<Counts>) -> Namespace<Counts> {
        on.on("chat message", Self::message)
    }

    fn namespace() -> Pattern {
        regex(r"^/chats/.+$").into()
    }
}

impl Chat {
    async fn message(self: Arc<Self>, socket: Socket, group: Broadcast, Data(text): Data<String>) {
        group.emit("chat message", format!("[{}] {text}", socket.id()));
    }
}

/// Refuses its clients, while it is made or a moment later.
struct Failing;

impl Controller<Counts> for Failing {
    async fn open(cx: &mut ConnectRequest, _: &Counts) -> Result<Self, WireError> {
        match cx.namespace() {
            "/failing/open" => Err(WireError::new("cannot be opened")),
            _ => Ok(Self),
        }
    }

    fn events(on: Namespace<Counts>) -> Namespace<Counts> {
        on.on_connect(async |_: Arc<Self>| Err::<(), _>(WireError::new("the hook failed")))
    }

    fn namespace() -> Pattern {
        "/failing/{when}".into()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let set = ControllerSet::new()
        .add::<Decorated>()
        .add::<Answers>()
        .add_at::<Answers>("")
        .add::<Chat>()
        .add::<Failing>()
        .with_state(Counts::default());
    let io = SocketIo::builder().allow_eio3(true).mount(set).build()?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(io.layer())).await?)
}
