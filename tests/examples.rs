//! Every example, started as a process on a free port and used by clients that know the protocol only.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_rustls::rustls;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const PATH: &str = "/socket.io/?EIO=4&transport=websocket";
/// Nothing takes this long unless something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn chat_serves_its_page() {
    let server = Server::start("chat").await;
    for (path, kind, part) in [
        ("/", "text/html", "/app.js"),
        ("/app.js", "text/javascript", "./socket.js"),
        ("/socket.js", "text/javascript", "class Socket"),
        ("/style.css", "text/css", "body"),
    ] {
        let (status, head, body) = server.http("GET", path, "", "").await;
        assert_eq!(status, 200, "{path}");
        assert!(head.contains(&format!("content-type: {kind}; charset=utf-8")), "{head}");
        assert!(body.contains(part), "{path}");
    }
    assert_eq!(server.http("GET", "/nothing", "", "").await.0, 404);
}

#[tokio::test]
async fn chat_carries_what_is_said_to_the_room() {
    let server = Server::start("chat").await;
    let (mut ada, mut grace) = (server.enter("", "").await, server.enter("", "").await);
    let homes = json!([{"name": "general", "members": 0}, {"name": "help", "members": 0}, {"name": "random", "members": 0}]);
    assert_eq!(ada.event("rooms").await, [homes]);
    grace.event("rooms").await;

    let joined = ada.ask("join", json!({"room": "general", "name": "Ada"})).await;
    let seat = json!({"id": ada.id, "name": "Ada"});
    assert_eq!(joined, json!({"room": "general", "members": [seat], "history": []}));
    assert_eq!(ada.event("rooms").await[0][0]["members"], 1);
    grace.event("rooms").await;
    let joined = grace.ask("join", json!({"room": " general ", "name": "Grace"})).await;
    assert_eq!(joined["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(ada.event("joined").await, [json!({"id": grace.id, "name": "Grace"})]);
    for client in [&mut ada, &mut grace] {
        assert_eq!(client.event("rooms").await[0][0]["members"], 2);
    }

    ada.emit("typing", true).await;
    assert_eq!(grace.event("typing").await, [json!({"id": ada.id, "name": "Ada", "typing": true})]);
    let receipt = ada.ask("message", "hello").await;
    let heard = grace.event("message").await;
    let line = json!({"id": receipt["id"], "room": "general", "author": "Ada", "from": ada.id, "text": "hello", "at": receipt["at"]});
    assert_eq!(heard, [line]);

    grace.ask("rename", "Admiral").await;
    for client in [&mut ada, &mut grace] {
        assert_eq!(client.event("renamed").await[0]["name"], "Admiral");
    }
    ada.ask("join", json!({"room": "elsewhere", "name": "Ada"})).await;
    assert_eq!(grace.event("left").await[0]["name"], "Ada");
    grace.ask("message", "anyone?").await;
    grace.event("rooms").await;
    ada.event("rooms").await;
    assert_eq!(ada.event("activity").await, [json!("general")]);

    let id = grace.id.clone();
    grace.ws.close(None).await.unwrap();
    assert_eq!(ada.event("rooms").await[0].as_array().map(Vec::len), Some(4));
    let joined = ada.ask("join", json!({"room": "general", "name": "Ada"})).await;
    assert_eq!(joined["members"], json!([{"id": ada.id, "name": "Ada"}]));
    let texts: Vec<_> = joined["history"].as_array().unwrap().iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["hello", "anyone?"]);
    assert_eq!(joined["history"][1]["from"], id);
}

#[tokio::test]
async fn chat_says_why_something_is_not_possible() {
    let server = Server::start("chat").await;
    let mut client = server.enter("", "").await;
    let refusal = |answer: Value| answer["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(refusal(client.ask("message", "hello").await), "Please join a room first.");
    let join = |room: &str, name: &str| json!({ "room": room, "name": name });
    let long = "é".repeat(33);
    for wrong in [join("", "Ada"), join(&long, "Ada"), join("general", " "), join("general", &long)] {
        assert!(refusal(client.ask("join", wrong).await).contains("1 to 32"));
    }
    client.ask("join", join(&long[2..], &long[2..])).await["members"].as_array().unwrap();
    assert!(refusal(client.ask("message", " \n ").await).contains("1 to 2000"));
    assert!(refusal(client.ask("message", "x".repeat(2001)).await).contains("1 to 2000"));
    for number in 0..60 {
        client.ask("message", format!("{number}")).await["id"].as_u64().unwrap();
    }
    let answer = client.ask("join", join(&long[2..], "Ada")).await;
    let history = answer["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["text"], &history[49]["text"]), (50, &json!("10"), &json!("59")));
    // Rooms that everybody has left make place for new ones.
    for number in 0..150 {
        assert_eq!(
            client.ask("join", join(&format!("room {number}"), "Ada")).await["room"],
            format!("room {number}")
        );
        client.heard.clear();
    }
    client.ask("join", join("general", "Ada")).await;
    assert!(client.event("rooms").await[0].as_array().unwrap().len() <= 100);
}

#[tokio::test]
async fn chat_reaches_clients_that_only_poll() {
    let server = Server::start("chat").await;
    let (status, _, body) = server.http("GET", "/socket.io/?EIO=4&transport=polling", "", "").await;
    assert_eq!(status, 200);
    let open: Value = serde_json::from_str(&body[1..]).unwrap();
    let session = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
    let join = r#"40"#.to_owned() + "\x1e" + r#"420["join",{"room":"general","name":"Polly"}]"#;
    assert_eq!(server.http("POST", &session, "", &join).await.2, "ok");
    let mut polled = String::new();
    while !polled.contains("430[{") {
        polled += &server.http("GET", &session, "", "").await.2;
    }
    let mut ada = server.enter("", "").await;
    let joined = ada.ask("join", json!({"room": "general", "name": "Ada"})).await;
    assert_eq!(joined["members"].as_array().map(Vec::len), Some(2));
    ada.ask("message", "hello").await;
    while !polled.contains(r#""text":"hello""#) {
        polled += &server.http("GET", &session, "", "").await.2;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn chat_ends_by_an_interrupt_and_tells_its_clients() {
    let mut server = Server::start("chat").await;
    let mut client = server.enter("", "").await;
    client.event("rooms").await;
    let id = server.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    client.closed().await;
    let status = tokio::time::timeout(PATIENCE, server.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_routes_push_to_rooms_and_users() {
    let server = Server::start("axum").await;
    let mut ada = server.enter("", r#"{"user":"ada"}"#).await;
    let mut guest = server.enter("", "").await;
    assert_eq!(server.http("POST", "/rooms/news", "", "nobody").await.0, 404);
    ada.ask("follow", "news").await;
    assert_eq!(server.http("POST", "/rooms/news", "", "It rains").await.0, 204);
    assert_eq!(ada.event("notice").await, [json!("It rains")]);
    assert_eq!(server.http("GET", "/rooms", "", "").await.2, r#"["news"]"#);

    assert_eq!(server.http("POST", "/users/ada", "", "a letter").await.0, 202);
    assert_eq!(ada.event("notice").await, [json!("a letter")]);
    ada.ask("follow", "do-not-disturb").await;
    assert_eq!(server.http("POST", "/users/ada", "", "another").await.0, 202);

    // The state is the same on both sides.
    assert_eq!(guest.ask("note", "by a socket").await, 1);
    assert_eq!(server.http("POST", "/notes", "", "by a route").await.2, "2");
    for client in [&mut ada, &mut guest] {
        assert_eq!(client.event("note").await, [json!("by a route")], "and no letter before it");
    }
    // The layer outside hears Socket.IO's requests, too.
    let (status, head, _) = server
        .http(
            "OPTIONS",
            "/socket.io/",
            "Origin: http://a.example\r\nAccess-Control-Request-Method: POST\r\n",
            "",
        )
        .await;
    assert_eq!(status, 200);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_refuses_by_a_header() {
    let server = Server::start("axum").await;
    let mut request = server.request(PATH);
    request.headers_mut().insert("x-banned", "yes".parse().unwrap());
    let mut client = Client::upgrade(server.connect().await, request).await;
    assert!(!client.connect("", "").await);
    assert_eq!(client.refusal, json!({"message": "you are banned", "data": {"code": "banned"}}));
}

#[tokio::test]
async fn hyper_serves_both_versions_of_http_on_one_port() {
    let server = Server::start("hyper").await;
    assert_eq!(server.http("GET", "/", "", "").await.2, "hello");
    let mut client = server.enter("", "").await;
    assert_eq!(client.ask("double", 21).await, 42);

    let (mut sender, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://localhost/").body(()).unwrap();
    let response = sender.send_request(request, true).unwrap().0.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    // With its first response the server's settings have come.
    assert!(sender.is_extended_connect_protocol_enabled());
    for _ in 0..2 {
        let stream = websocket_over_http2(&mut sender).await;
        let ws = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let mut client = Client::new(ws);
        assert!(client.connect("", "").await);
        assert_eq!(client.ask("double", 4).await, 8);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn hyper_ends_by_an_interrupt() {
    let mut server = Server::start("hyper").await;
    let mut client = server.enter("", "").await;
    let id = server.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    client.closed().await;
    let status = tokio::time::timeout(PATIENCE, server.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn tls_carries_websockets() {
    let server = Server::start("tls").await;
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let tls = connector.connect(name, server.connect().await).await.unwrap();
    let mut client = Client::upgrade(tls, server.request(PATH)).await;
    assert!(client.connect("", "").await);
    for text in ["short".to_owned(), "long".repeat(20_000)] {
        client.emit("echo", &text).await;
        assert_eq!(client.event("echo").await, [json!(text)]);
    }
}

#[tokio::test]
async fn typed_takes_and_gives_binary_inside_structs() {
    let server = Server::start("typed").await;
    let mut client = server.enter("", "").await;
    let upload = r#"2["upload",{"name":"a","bytes":{"_placeholder":true,"num":0}}]"#;
    client.send("51-", "0", &upload[1..]).await;
    client.ws.send(Message::Binary(Bytes::from_static(b"\x00\xff\x01"))).await.unwrap();
    assert_eq!(client.next().await, "30[3]");
    client.send("2", "1", r#"["download","a"]"#).await;
    assert_eq!(client.next().await, r#"61-1[{"name":"a","bytes":{"_placeholder":true,"num":0}}]"#);
    assert_eq!(
        client.ws.next().await.unwrap().unwrap(),
        Message::Binary(Bytes::from_static(b"\x00\xff\x01"))
    );
}

#[tokio::test]
async fn typed_tells_errors_and_lists_of_arguments() {
    let server = Server::start("typed").await;
    let mut client = server.enter("", "").await;
    let error = client.ask("download", "b").await;
    assert_eq!(error, json!({"error": {"message": "there is no file `b`", "code": "not_found"}}));
    assert_eq!(client.ask("try", "200").await, 200);
    assert_eq!(
        client.ask("try", "300").await,
        json!({"error": {"message": "internal error", "code": "internal"}})
    );
    assert_eq!(client.ask("parse", 7).await, false);
    client.send("2", "", r#"["move",1.5,-2.0]"#).await;
    assert_eq!(client.event("moved").await, [json!(1.5), json!(-2.0), Value::Null]);
    assert_eq!(client.event("at").await, [json!([1.5, -2.0])]);
    assert_eq!(client.event("pong").await, [json!([]); 0]);
    client.send("2", "7", r#"["whatever",1,2,3]"#).await;
    assert_eq!(client.next().await, r#"37["whatever",3]"#);
}

#[tokio::test]
async fn acks_go_both_ways() {
    let server = Server::start("acks").await;
    let mut client = server.enter("", "").await;
    client.answer("language?", "Rust").await;
    assert_eq!(client.event("hello").await, [json!("hello, speaker of Rust")]);

    client.send("2", "0", r#"["ask","life"]"#).await;
    client.answer("question", 42).await;
    assert_eq!(client.next().await, "30[42]");
    assert_eq!(client.ask("later", ()).await, "it took a while");

    client.emit("enter", json!(["voters"])).await;
    assert_eq!(client.event("welcome").await, [json!(1)]);
    let mut silent = server.enter("", "").await;
    silent.emit("enter", json!(["voters"])).await;
    assert_eq!(client.event("entered").await, [json!(silent.id)]);
    client.send("2", "9", r#"["poll"]"#).await;
    client.answer("vote", true).await;
    assert_eq!(client.next().await, "39[1,1]");

    silent.emit("position", json!([1.0, 2.0])).await;
    silent.ws.close(None).await.unwrap();
    assert_eq!(client.event("left").await[1], "transport close");
}

#[tokio::test]
async fn namespaces_come_into_being_for_each_room() {
    let server = Server::start("namespaces").await;
    let mut ada = server.enter("/chat/a", "").await;
    let mut grace = server.enter("/chat/a", "").await;
    let mut linus = server.enter("/chat/b", "").await;
    assert_eq!(ada.event("welcome").await, [json!("a")]);
    assert_eq!(grace.event("welcome").await, [json!("a")]);
    assert_eq!(linus.event("welcome").await, [json!("b")]);
    ada.emit("name", "Ada").await;
    ada.emit("say", "hello").await;
    for client in [&mut ada, &mut grace] {
        assert_eq!(client.event("said").await, [json!("Ada"), json!("hello")]);
    }
    let mut staff = server.enter("/staff", r#"{"password":"open sesame"}"#).await;
    staff.emit("shout", "closing time").await;
    for client in [&mut ada, &mut grace, &mut linus] {
        assert_eq!(client.event("said").await, [json!("the staff"), json!("closing time")]);
    }
    for (namespace, auth, refusal) in [
        (
            "/staff",
            r#"{"password":"x"}"#,
            json!({"message": "wrong password", "data": {"code": "forbidden"}}),
        ),
        ("/chat/.x", "", json!({"message": "no such room", "data": {"code": "not_found"}})),
        ("/nowhere", "", json!({"message": "Invalid namespace"})),
    ] {
        let mut client = server.client().await;
        assert!(!client.connect(namespace, auth).await);
        assert_eq!(client.refusal, refusal);
    }
}

#[tokio::test]
async fn testing_passes() {
    let output = Command::new(example("testing")).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4 tests passed");
}

/// An example that runs; it ends with this value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    async fn start(name: &str) -> Self {
        let path = example(name);
        let mut command = Command::new(&path);
        command.env("PORT", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap_or_else(|error| {
            panic!("{}: {error}; `cargo build --examples` makes it", path.display());
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
        assert!(line.starts_with("listening on http"), "{line}");
        Self { child, port }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    fn request(&self, path: &str) -> Request<()> {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest;
        format!("ws://localhost:{}{path}", self.port).into_client_request().unwrap()
    }

    async fn client(&self) -> Client<TcpStream> {
        Client::upgrade(self.connect().await, self.request(PATH)).await
    }

    /// A client that has entered a namespace.
    async fn enter(&self, namespace: &str, auth: &str) -> Client<TcpStream> {
        let mut client = self.client().await;
        assert!(client.connect(namespace, auth).await, "{}", client.refusal);
        client
    }

    /// One request by a connection of its own: the status, the head and the body of the response.
    async fn http(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let mut tcp = self.connect().await;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}"
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        tokio::time::timeout(PATIENCE, tcp.read_to_string(&mut response)).await.unwrap().unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
    }
}

/// Cargo builds the examples beside the directory of the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION)
}

/// A Socket.IO client in one namespace, over a WebSocket.
struct Client<S> {
    ws: WebSocketStream<S>,
    namespace: String,
    id: String,
    refusal: Value,
    asked: u32,
    /// Events that came while an answer was awaited.
    heard: VecDeque<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn upgrade(stream: S, request: Request<()>) -> Self {
        Self::new(tokio_tungstenite::client_async(request, stream).await.unwrap().0)
    }

    fn new(ws: WebSocketStream<S>) -> Self {
        Self {
            ws,
            namespace: String::new(),
            id: String::new(),
            refusal: Value::Null,
            asked: 100,
            heard: VecDeque::new(),
        }
    }

    /// Asks to be let into a namespace, and whether that came true.
    async fn connect(&mut self, namespace: &str, auth: &str) -> bool {
        self.namespace = if namespace.is_empty() { String::new() } else { format!("{namespace},") };
        self.send("0", "", auth).await;
        let answer = self.next().await;
        let payload = serde_json::from_str(&answer[1 + self.namespace.len()..]).unwrap();
        if answer.starts_with('0') {
            let Value::Object(payload) = payload else { panic!("{answer}") };
            self.id = payload["sid"].as_str().unwrap().to_owned();
            return true;
        }
        self.refusal = payload;
        false
    }

    async fn send(&mut self, kind: &str, id: &str, data: &str) {
        let packet = format!("4{kind}{}{id}{data}", self.namespace);
        self.ws.send(Message::text(packet)).await.unwrap();
    }

    async fn emit(&mut self, event: &str, data: impl serde::Serialize) {
        self.send("2", "", &json!([event, data]).to_string()).await;
    }

    /// Emits an event and gives the first argument of the answer.
    async fn ask(&mut self, event: &str, data: impl serde::Serialize) -> Value {
        self.asked += 1;
        let id = self.asked.to_string();
        self.send("2", &id, &json!([event, data]).to_string()).await;
        let answer = format!("3{}{id}", self.namespace);
        loop {
            let packet = self.receive().await;
            if let Some(data) = packet.strip_prefix(&answer) {
                return serde_json::from_str::<Value>(data).unwrap().get(0).cloned().unwrap_or_default();
            }
            self.heard.push_back(packet);
        }
    }

    /// The next event, which must have this name: its arguments.
    async fn event(&mut self, name: &str) -> Vec<Value> {
        self.question(name).await.1
    }

    /// Waits for an event that asks for an answer, and answers it.
    async fn answer(&mut self, name: &str, data: impl serde::Serialize) {
        let id = self.question(name).await.0;
        assert!(!id.is_empty(), "`{name}` asks for no answer");
        self.send("3", &id, &json!([data]).to_string()).await;
    }

    async fn question(&mut self, name: &str) -> (String, Vec<Value>) {
        let packet = self.next().await;
        let event =
            packet.strip_prefix(&format!("2{}", self.namespace)).unwrap_or_else(|| panic!("{packet}"));
        let (id, data) = event.split_at(event.find('[').unwrap());
        let mut arguments: Vec<Value> = serde_json::from_str(data).unwrap();
        assert_eq!(arguments.remove(0), name, "{packet}");
        (id.to_owned(), arguments)
    }

    async fn next(&mut self) -> String {
        match self.heard.pop_front() {
            Some(packet) => packet,
            None => self.receive().await,
        }
    }

    /// The next packet of Socket.IO.
    async fn receive(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.ws.next()).await.expect("something comes");
            let text = message.expect("the connection is open").unwrap().into_text().unwrap();
            match text.split_at(1) {
                ("0", _) => {}
                ("2", "") => self.ws.send(Message::text("3")).await.unwrap(),
                ("4", packet) => return packet.to_owned(),
                _ => panic!("{text}"),
            }
        }
    }

    async fn closed(&mut self) {
        loop {
            match tokio::time::timeout(PATIENCE, self.ws.next()).await.expect("the connection ends") {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            }
        }
    }
}

/// Opens a stream by an extended CONNECT (RFC 8441) and gives it as bytes.
async fn websocket_over_http2(sender: &mut h2::client::SendRequest<Bytes>) -> DuplexStream {
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://localhost{PATH}"))
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let (response, mut to_server) = sender.send_request(request, false).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut from_server = response.into_body();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (mut reading, mut writing) = tokio::io::split(theirs);
    tokio::spawn(async move {
        while let Some(Ok(data)) = from_server.data().await {
            from_server.flow_control().release_capacity(data.len()).unwrap();
            writing.write_all(&data).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut data = Vec::new();
        while reading.read_buf(&mut data).await.is_ok_and(|read| read > 0) {
            to_server.send_data(std::mem::take(&mut data).into(), false).unwrap();
        }
    });
    ours
}

/// The example's certificate is of its own making.
#[derive(Debug)]
struct AnyCertificate;

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
