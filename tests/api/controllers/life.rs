//! When a controller is made, what it is given, and who shares it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tower_socketio::{
    Ack, Any, Args, Auth, Broadcast, Claims, ConnectRequest, Controller, Data, Event, Extension, FromRef,
    Namespace, Path, Socket, SocketIo, State, TestClient, WireError, connect,
};

use crate::support::{Log, Raw, Test, idle, join, refusal, serve};

/// Counts the calls of its socket, whatever the state of the namespace.
struct Counter(AtomicU32);

impl<S: Clone + Send + Sync + 'static> Controller<S> for Counter {
    async fn open(_: &mut ConnectRequest, _: &S) -> Result<Self, WireError> {
        Ok(Self(AtomicU32::new(0)))
    }

    fn events(on: Namespace<S>) -> Namespace<S> {
        on.on_each(["up", "further"], Self::up).on("count", Self::count)
    }
}

impl Counter {
    async fn up(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    async fn count(self: Arc<Self>) -> Ack<u32> {
        Ack(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn each_socket_has_a_value_that_its_events_share() -> Test {
    let io = serve(Namespace::new().controller::<Counter>());
    let (one, two) = (join(&io).await, join(&io).await);
    for event in ["up", "up", "further"] {
        one.emit_with_ack::<()>(event, ()).await?;
    }
    two.emit_with_ack::<()>("up", ()).await?;
    assert_eq!(one.emit_with_ack::<u32>("count", ()).await?, 3);
    assert_eq!(two.emit_with_ack::<u32>("count", ()).await?, 1);
    let again = join(&io).await;
    assert_eq!(again.emit_with_ack::<u32>("count", ()).await?, 0);
    Ok(())
}

#[tokio::test]
async fn one_client_has_a_value_in_each_namespace() -> Test {
    let counting = || Namespace::new().controller::<Counter>();
    let io = SocketIo::builder().namespace("/a", counting()).namespace("/b/{x}", counting()).build()?;
    let mut client = Raw::open(&io).await;
    for namespace in ["/a", "/b/1", "/b/2"] {
        client.enter(namespace).await;
    }
    client.send(r#"42/a,1["up"]"#).await;
    assert_eq!(client.next().await, "43/a,1[]");
    for (namespace, count) in [("/a", 1), ("/b/1", 0), ("/b/2", 0)] {
        client.send(&format!(r#"42{namespace},2["count"]"#)).await;
        assert_eq!(client.next().await, format!("43{namespace},2[{count}]"));
    }
    Ok(())
}

#[derive(Clone)]
struct App {
    log: Log,
    greeting: &'static str,
}

impl FromRef<App> for Log {
    fn from_ref(app: &App) -> Self {
        app.log.clone()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct User(String);

#[derive(Clone, Debug, PartialEq)]
struct Nickname(&'static str);

/// Asks for everything there is, while it is made and later.
struct Curious {
    socket: Socket,
    io: SocketIo,
    everybody: Broadcast,
    room: String,
    user: User,
}

impl Controller<App> for Curious {
    async fn open(cx: &mut ConnectRequest, app: &App) -> Result<Self, WireError> {
        let State(log): State<Log> = cx.extract(app).await?;
        let Path(room) = cx.extract(app).await?;
        let Claims(user) = cx.extract(app).await?;
        let Auth(auth): Auth<Value> = cx.extract(app).await?;
        let nickname: Option<Extension<Nickname>> = cx.extract(app).await?;
        let (socket, io) = (cx.extract(app).await?, cx.extract(app).await?);
        let everybody = cx.extract(app).await?;
        log.push(format!("{} {auth} {nickname:?} {}", app.greeting, cx.namespace()));
        Ok(Self { socket, io, everybody, room, user })
    }

    fn events(on: Namespace<App>) -> Namespace<App> {
        on.on("same", Self::same).on("raw", Self::raw).on("alone", alone)
    }
}

impl Curious {
    #[expect(clippy::too_many_arguments, reason = "a handler has as many as it likes")]
    async fn same(
        self: Arc<Self>,
        socket: Socket,
        io: SocketIo,
        State(app): State<App>,
        Path(room): Path<String>,
        Claims(user): Claims<User>,
        Event(event): Event,
        Data(number): Data<u32>,
    ) -> Ack<Vec<bool>> {
        let name = socket.namespace().name().to_owned();
        io.of("/room/{name}").emit("told", &event);
        Ack(vec![
            socket == self.socket,
            io.socket(socket.id()).is_some() && self.io.socket(socket.id()).is_some(),
            app.greeting == "hello",
            (room, user) == (self.room.clone(), self.user.clone()),
            name == format!("/room/{}", self.room) && name == self.everybody.name(),
            (&*event, number) == ("same", 7),
        ])
    }

    async fn raw(self: Arc<Self>, Args(all): Args<Vec<Any>>) -> Ack<Args<Vec<Any>>> {
        Ack(Args(all))
    }
}

/// A handler beside the methods.
async fn alone(curious: Arc<Curious>) -> Ack<String> {
    Ack(curious.user.0.clone())
}

fn curious(log: &Log) -> SocketIo {
    let who = connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
        request.socket().extensions().insert(Claims(User("ada".into())));
        next.run(request).await
    });
    let namespace = Namespace::new()
        .connect_layer(who)
        .on_connect(async |socket: Socket| {
            socket.extensions().insert(Nickname("a"));
        })
        .controller::<Curious>()
        .with_state(App { log: log.clone(), greeting: "hello" });
    SocketIo::builder().namespace("/room/{name}", namespace).build().expect("it fits")
}

#[tokio::test]
async fn open_and_methods_are_given_the_same_of_everything() -> Test {
    let log = Log::new();
    let io = curious(&log);
    let mut client = TestClient::new(&io).auth(json!({ "n": 1 })).connect("/room/lobby").await?;
    assert_eq!(log.all(), [r#"hello {"n":1} Some(Extension(Nickname("a"))) /room/lobby"#]);
    assert_eq!(client.emit_with_ack::<Vec<bool>>("same", 7).await?, [true; 6]);
    assert_eq!(client.next::<String>("told").await?, "same");
    assert_eq!(client.emit_with_ack::<String>("alone", ()).await?, "ada");
    Ok(())
}

#[tokio::test]
async fn a_rejection_of_what_open_asks_for_is_the_connect_error() -> Test {
    let io = curious(&Log::new());
    let (message, code) = refusal(TestClient::new(&io).connect("/room/lobby").await);
    assert_eq!((&*message, code.as_deref()), ("`auth` is missing", Some("no_auth")));
    assert_eq!(io.of("/room/{name}").count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_method_sees_all_arguments_as_they_came() -> Test {
    let io = curious(&Log::new());
    let client = TestClient::new(&io).auth(json!({})).connect("/room/lobby").await?;
    let mixed = (1.5, "two", json!({ "three": [null, true] }));
    let back: (f64, String, Value) = client.emit_with_ack("raw", &mixed).await?;
    assert_eq!((back.0, &*back.1, back.2), mixed);
    let bytes: (bytes::Bytes, u8) =
        client.emit_with_ack("raw", (bytes::Bytes::from_static(b"four"), 5)).await?;
    assert_eq!((&bytes.0[..], bytes.1), (&b"four"[..], 5));
    Ok(())
}

/// Takes its time to be made, and so do its hooks.
struct Slow(Log);

const WHILE: Duration = Duration::from_millis(300);

impl Controller<Log> for Slow {
    async fn open(_: &mut ConnectRequest, log: &Log) -> Result<Self, WireError> {
        tokio::time::sleep(WHILE).await;
        log.push("open");
        Ok(Self(log.clone()))
    }

    fn events(on: Namespace<Log>) -> Namespace<Log> {
        on.on_connect(Self::first).on_connect(Self::second).on_connected(Self::connected).on("say", Self::say)
    }
}

impl Slow {
    async fn first(self: Arc<Self>, socket: Socket) {
        tokio::time::sleep(WHILE).await;
        socket.emit("early", ());
        self.0.push("first");
    }

    async fn second(self: Arc<Self>) {
        tokio::time::sleep(WHILE).await;
        self.0.push("second");
    }

    async fn connected(self: Arc<Self>) {
        self.0.push("connected");
    }

    async fn say(self: Arc<Self>, Data(number): Data<u32>) -> Ack<u32> {
        self.0.push(number);
        Ack(number)
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_in_order_until_it_is_open_and_its_hooks_have_run_in_order() -> Test {
    let log = Log::new();
    let io = serve(Namespace::new().controller::<Slow>().with_state(log.clone()));
    let mut client = Raw::open(&io).await;
    let start = tokio::time::Instant::now();
    client.send("40").await;
    for number in 1..=3 {
        client.send(&format!(r#"42{number}["say",{number}]"#)).await;
    }
    idle().await;
    assert_eq!(log.all(), [""; 0]);
    assert!(client.next().await.starts_with("40{"));
    assert!(start.elapsed() >= WHILE * 3);
    assert_eq!(client.next().await, r#"42["early"]"#);
    for number in 1..=3 {
        assert_eq!(client.next().await, format!("43{number}[{number}]"));
    }
    assert_eq!(log.all(), ["open", "first", "second", "connected", "1", "2", "3"]);
    Ok(())
}

/// Needs the counter of its socket.
struct Second(Arc<Counter>);

impl Controller for Second {
    async fn open(cx: &mut ConnectRequest, state: &()) -> Result<Self, WireError> {
        Ok(Self(cx.extract(state).await?))
    }

    fn events(on: Namespace) -> Namespace {
        on.on("up", Self::up).on("both", Self::both)
    }
}

impl Second {
    async fn up(self: Arc<Self>) {
        self.0.0.fetch_add(10, Ordering::Relaxed);
    }

    async fn both(self: Arc<Self>, counter: Arc<Counter>) -> Ack<bool> {
        Ack(Arc::ptr_eq(&self.0, &counter))
    }
}

#[tokio::test]
async fn several_controllers_each_have_their_value_and_know_those_before_them() -> Test {
    let io = serve(Namespace::new().controller::<Counter>().controller::<Second>());
    let (one, two) = (join(&io).await, join(&io).await);
    one.emit_with_ack::<()>("up", ()).await?;
    assert_eq!(one.emit_with_ack::<u32>("count", ()).await?, 11);
    assert_eq!(two.emit_with_ack::<u32>("count", ()).await?, 0);
    assert!(one.emit_with_ack::<bool>("both", ()).await?);
    Ok(())
}

#[tokio::test]
async fn a_controller_that_comes_by_two_ways_is_opened_once() -> Test {
    let merged = Namespace::new().controller::<Counter>().merge(Namespace::new().controller::<Counter>());
    let client = join(&serve(merged)).await;
    client.emit_with_ack::<()>("up", ()).await?;
    assert_eq!(client.emit_with_ack::<u32>("count", ()).await?, 2, "its handlers are there twice");
    Ok(())
}

#[tokio::test]
async fn a_controller_that_the_namespace_has_not_is_an_error_of_the_server_that_names_it() -> Test {
    let log = Log::new();
    let namespace = Namespace::new()
        .on("count", async |_: Arc<Counter>| {})
        .on("whether", async |counter: Option<Arc<Counter>>| Ack(counter.is_some()))
        .on_error(log.errors());
    let client = join(&serve(namespace)).await;
    let (message, code) = refusal(client.emit_with_ack::<()>("count", ()).await);
    assert_eq!((&*message, code.as_deref()), ("internal error", Some("internal")));
    assert!(log.reach(1).await[0].contains("no controller of the type"), "{:?}", log.all());
    assert!(log.all()[0].contains("Counter"), "{:?}", log.all());
    assert!(!client.emit_with_ack::<bool>("whether", ()).await?);
    Ok(())
}
