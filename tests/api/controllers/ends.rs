//! However a socket ends, or does not begin: its controllers are dropped, and after its hooks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tower_socketio::{
    ConnectRequest, Controller, DisconnectReason, Namespace, Socket, SocketIo, TestClient, TestError,
    WireError,
};

use crate::support::{Gate, Log, Raw, Test, idle, join, refusal, serve};

#[derive(Clone)]
struct App {
    log: Log,
    /// Holds `open`, the hook and the event `wait`.
    gate: Gate,
}

/// Notes its life, and holds the socket that holds it.
struct Noted {
    log: Log,
    gate: Gate,
    socket: Socket,
}

impl Controller<App> for Noted {
    async fn open(cx: &mut ConnectRequest, app: &App) -> Result<Self, WireError> {
        app.log.push("open");
        match cx.query("do") {
            Some("refuse") => return Err(WireError::new("no").code("refused")),
            Some("panic") => panic!("a bug"),
            Some("wait") => app.gate.pass().await,
            Some("disconnect") => cx.socket().disconnect(),
            _ => {}
        }
        Ok(Self { log: app.log.clone(), gate: app.gate.clone(), socket: cx.socket().clone() })
    }

    fn events(on: Namespace<App>) -> Namespace<App> {
        on.on_connect(Self::connect)
            .on_connected(Self::connected)
            .on("leave", Self::leave)
            .on("quit", Self::quit)
            .on("wait", Self::wait)
            .on_disconnecting(Self::disconnecting)
            .on_disconnect(Self::disconnect)
            .on_error(async |controller: Option<Arc<Self>>, error: WireError| {
                if let Some(controller) = controller {
                    controller.log.push(format!("error {error}"));
                }
            })
    }
}

impl Noted {
    async fn connect(self: Arc<Self>, cx: Asks) -> Result<(), WireError> {
        self.socket.join("room");
        match &*cx.0 {
            "refuse later" => Err(WireError::new("not you").code("later")),
            "wait later" => {
                self.gate.pass().await;
                self.log.push("waited");
                Ok(())
            }
            "panic later" => panic!("a bug"),
            _ => Ok(()),
        }
    }

    async fn connected(self: Arc<Self>) -> Result<(), WireError> {
        self.log.push("connected");
        Err(WireError::new("of the hook"))
    }

    async fn leave(self: Arc<Self>) {
        self.socket.disconnect();
    }

    async fn quit(self: Arc<Self>) {
        self.socket.disconnect_transport();
    }

    async fn wait(self: Arc<Self>) {
        self.gate.pass().await;
        self.log.push("waited");
    }

    async fn disconnecting(self: Arc<Self>, reason: DisconnectReason) {
        let rooms = self.socket.rooms().len();
        self.log.push(format!("disconnecting {reason} {rooms} rooms"));
    }

    async fn disconnect(self: Arc<Self>, reason: DisconnectReason) -> Result<(), WireError> {
        tokio::task::yield_now().await;
        self.log.push(format!("disconnect {reason} {} rooms", self.socket.rooms().len()));
        Err(WireError::new("of another hook"))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.log.push("dropped");
    }
}

/// What the query asks for.
struct Asks(String);

impl<S: Sync> tower_socketio::FromContext<ConnectRequest, S> for Asks {
    type Rejection = WireError;

    async fn from_context(cx: &mut ConnectRequest, _: &S) -> Result<Self, WireError> {
        Ok(Self(cx.query("do").unwrap_or_default().to_owned()))
    }
}

struct Server {
    io: SocketIo,
    log: Log,
    gate: Gate,
}

fn server() -> Server {
    let app = App { log: Log::new(), gate: Gate::closed() };
    let io = serve(Namespace::new().controller::<Noted>().with_state(app.clone()));
    Server { io, log: app.log, gate: app.gate }
}

impl Server {
    async fn client(&self, ask: &str) -> Raw {
        Raw::with(&self.io, 64 * 1024, &format!("&do={}", ask.replace(' ', "+")), &[]).await
    }

    /// What is noted of a client whose socket ended for this reason.
    async fn assert_ended(&self, reason: &str) {
        let expected = [
            "open".to_owned(),
            "connected".to_owned(),
            "error of the hook".to_owned(),
            format!("disconnecting {reason} 2 rooms"),
            format!("disconnect {reason} 0 rooms"),
            "dropped".to_owned(),
        ];
        self.log.reach(6).await;
        idle().await;
        assert_eq!(self.log.all(), expected);
        assert_eq!(self.io.of("/").count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_closes_its_socket_or_its_connection() -> Test {
    for (packet, reason) in [("41", "client namespace disconnect"), ("1", "transport close")] {
        let server = server();
        let mut client = server.client("").await;
        client.enter("/").await;
        idle().await;
        client.send(packet).await;
        server.assert_ended(reason).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_the_socket_or_the_connection() -> Test {
    for event in ["leave", "quit"] {
        let server = server();
        let mut client = server.client("").await;
        client.enter("/").await;
        idle().await;
        client.send(&format!(r#"42["{event}"]"#)).await;
        server.assert_ended("server namespace disconnect").await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_transport_is_lost() -> Test {
    let server = server();
    let mut client = server.client("").await;
    client.enter("/").await;
    idle().await;
    drop(client);
    server.assert_ended("transport close").await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_client_answers_no_ping() -> Test {
    let server = server();
    let mut client = server.client("").await;
    client.enter("/").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    server.assert_ended("ping timeout").await;
    drop(client);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_server_stops() -> Test {
    let server = server();
    let mut client = server.client("").await;
    client.enter("/").await;
    idle().await;
    server.io.close().await;
    server.assert_ended("server shutting down").await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_somebody_keeps_keeps_no_controller() -> Test {
    let server = server();
    let mut client = server.client("").await;
    let id = client.enter("/").await;
    idle().await;
    let kept = server.io.socket(&id).expect("it is in");
    client.send("41").await;
    server.assert_ended("client namespace disconnect").await;
    assert!(!kept.is_connected());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_in_flight_keeps_its_controller_until_it_has_ended() -> Test {
    let server = server();
    let mut client = server.client("").await;
    client.enter("/").await;
    client.send(r#"42["wait"]"#).await;
    idle().await;
    drop(client);
    let before = server.log.reach(5).await;
    assert_eq!(before[4], "disconnect transport close 0 rooms");
    idle().await;
    assert_eq!(server.log.all().len(), 5);
    server.gate.open(1);
    assert_eq!(server.log.reach(7).await[5..], ["waited", "dropped"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_while_it_is_made_refuses_the_client() -> Test {
    for (ask, answer) in [
        ("refuse", r#"44{"message":"no","data":{"code":"refused"}}"#),
        ("panic", r#"44{"message":"internal error","data":{"code":"internal"}}"#),
    ] {
        let server = server();
        let mut client = server.client(ask).await;
        client.send("40").await;
        assert_eq!(client.next().await, answer);
        idle().await;
        assert_eq!(server.log.all(), ["open"], "no hook runs");
        assert_eq!(server.io.of("/").count(), 0);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_a_hook_refuses_leaves_no_controller() -> Test {
    for (ask, answer) in [
        ("refuse later", r#"44{"message":"not you","data":{"code":"later"}}"#),
        ("panic later", r#"44{"message":"internal error","data":{"code":"internal"}}"#),
    ] {
        let server = server();
        let mut client = server.client(ask).await;
        client.send("40").await;
        assert_eq!(client.next().await, answer);
        idle().await;
        assert_eq!(server.log.all(), ["open", "dropped"]);
        assert_eq!(server.io.of("/").count(), 0);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_it_is_made_leaves_no_controller() -> Test {
    for ask in ["wait", "wait later"] {
        let server = server();
        let mut client = server.client(ask).await;
        client.send("40").await;
        idle().await;
        assert_eq!(server.log.all(), ["open"]);
        drop(client);
        idle().await;
        // What waits is let go to its end, and that is all.
        server.gate.open(1);
        idle().await;
        let log: Vec<_> = server.log.all().into_iter().filter(|entry| entry != "waited").collect();
        assert_eq!(log, ["open", "dropped"], "{ask}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_about_whom_nobody_decides_leaves_no_controller() -> Test {
    for ask in ["wait", "wait later"] {
        let server = server();
        let mut client = server.client(ask).await;
        client.send("40").await;
        assert_eq!(
            client.next().await,
            r#"44{"message":"the server took too long","data":{"code":"timeout"}}"#
        );
        idle().await;
        let dropped = server.log.all().iter().filter(|entry| *entry == "dropped").count();
        assert_eq!(dropped, usize::from(ask == "wait later"), "what was made was dropped");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_the_server_ends_while_it_is_made_leaves_no_controller() -> Test {
    let server = server();
    let mut client = server.client("disconnect").await;
    client.send("40").await;
    assert!(client.next().await.starts_with("44{"));
    idle().await;
    assert_eq!(server.log.all(), ["open", "dropped"]);
    Ok(())
}

/// Refuses, behind another controller.
struct Refusing;

impl Controller<App> for Refusing {
    async fn open(_: &mut ConnectRequest, _: &App) -> Result<Self, WireError> {
        Err(WireError::new("not here"))
    }

    fn events(on: Namespace<App>) -> Namespace<App> {
        on
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_refuses_takes_those_before_it_along() -> Test {
    let app = App { log: Log::new(), gate: Gate::closed() };
    let io = serve(Namespace::new().controller::<Noted>().controller::<Refusing>().with_state(app.clone()));
    assert_eq!(refusal(TestClient::new(&io).connect("/").await).0, "not here");
    idle().await;
    assert_eq!(app.log.all(), ["open", "dropped"]);
    Ok(())
}

/// Notes in which order values are dropped, and panics as it is.
struct Last(Arc<Noted>);

impl Controller<App> for Last {
    async fn open(cx: &mut ConnectRequest, app: &App) -> Result<Self, WireError> {
        Ok(Self(cx.extract(app).await?))
    }

    fn events(on: Namespace<App>) -> Namespace<App> {
        on
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        self.0.log.push("last dropped first");
        panic!("a bug");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_as_one_is_dropped_harms_nobody() -> Test {
    let app = App { log: Log::new(), gate: Gate::closed() };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let errors = seen.clone();
    let namespace = Namespace::new()
        .controller::<Noted>()
        .controller::<Last>()
        .on_error(async move |error: WireError| errors.lock().expect("no panic").push(error.to_string()))
        .with_state(app.clone());
    let io = serve(namespace);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send("41").await;
    let log = app.log.reach(7).await;
    assert_eq!(log[5..], ["last dropped first", "dropped"]);
    idle().await;
    assert!(seen.lock().expect("no panic").iter().any(|error| error.contains("a bug")), "{seen:?}");
    // The connection lives, and the namespace can be entered again.
    raw.enter("/").await;
    let mut client = join(&io).await;
    assert!(matches!(client.next::<Value>("x").await, Err(TestError::Silence)));
    Ok(())
}
