//! The API over long-polling, where it differs: who is writable, and what a dropped poll means.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_socketio::{
    Ack, Data, EmitError, EventAuth, GateScope, Namespace, Socket, SocketIo, SocketIoService, Transport,
    WireError,
};

use crate::support::{Log, Test, idle, join, serve};

/// A client that polls.
pub(crate) struct Polling {
    io: SocketIo,
    sid: String,
}

impl Polling {
    pub(crate) async fn open(io: &SocketIo) -> Self {
        let mut polling = Self { io: io.clone(), sid: String::new() };
        let open = polling.get().await;
        let open: serde_json::Value =
            serde_json::from_str(open.trim_start_matches('0')).expect("an open packet");
        polling.sid = format!("&sid={}", open["sid"].as_str().expect("a session id"));
        polling
    }

    pub(crate) async fn get(&self) -> String {
        self.request("GET", Bytes::new()).await
    }

    pub(crate) async fn post(&self, packets: impl Into<Bytes>) {
        assert_eq!(self.request("POST", packets.into()).await, "ok");
    }

    async fn request(&self, method: &str, body: Bytes) -> String {
        let uri = format!("/socket.io/?EIO=4&transport=polling{}", self.sid);
        let request = Request::builder().method(method).uri(uri).body(Full::new(body));
        let service = SocketIoService::not_found(self.io.clone());
        let response: Response<_> = service.oneshot(request.expect("a request")).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(body.to_vec()).expect("text")
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_of_a_session_ends_with_its_last_poll() -> Test {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let io = serve(Namespace::new().on("quit", async |socket: Socket| socket.disconnect_transport()));
    // As long as anybody is there, so is the task that knows everybody's deadlines.
    let _other = Polling::open(&io).await;
    idle().await;
    let before = tasks();
    let client = Polling::open(&io).await;
    client.post("40").await;
    client.get().await;
    assert_eq!(tasks(), before + 1);
    client.post(r#"42["quit"]"#).await;
    idle().await;
    // The client is told, and nobody waits for it any more.
    while client.get().await != "1" {}
    idle().await;
    assert_eq!(tasks(), before);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_and_answers_go_both_ways() -> Test {
    let io = serve(
        Namespace::new()
            .on_connect(async |socket: Socket| socket.emit("hello", socket.conn().transport().as_str()))
            .on("double", async |Data(n): Data<u32>| Ack(n * 2)),
    );
    let client = Polling::open(&io).await;
    client.post("40").await;
    let answer = client.get().await;
    let (accepted, hello) = answer.split_once('\u{1e}').expect("two packets");
    assert!(accepted.starts_with("40{\"sid\""));
    assert_eq!(hello, r#"42["hello","polling"]"#);
    client.post("420[\"double\",1]\u{1e}421[\"double\",2]").await;
    assert_eq!(client.get().await, "430[2]\u{1e}431[4]");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_volatile_packet_needs_a_poll_that_waits() -> Test {
    let io = serve(Namespace::new());
    let client = Polling::open(&io).await;
    client.post("40").await;
    client.get().await;
    let socket = io.of("/").sockets().pop().expect("the socket is here");
    assert_eq!(socket.conn().transport(), Transport::Polling);
    assert!(matches!(socket.volatile().emit("v", 1).into_result(), Err(EmitError::Dropped)));
    let (answer, ()) = tokio::join!(client.get(), async {
        idle().await;
        assert_eq!(socket.volatile().emit("v", 2).reached(), 1);
        assert!(matches!(socket.volatile().emit("v", 3).into_result(), Err(EmitError::Dropped)));
    });
    assert_eq!(answer, r#"42["v",2]"#);
    socket.emit("regular", 4);
    assert!(matches!(socket.volatile().emit("v", 5).into_result(), Err(EmitError::Dropped)));
    assert_eq!(client.get().await, r#"42["regular",4]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn disconnecting_tells_the_client_by_its_next_poll() -> Test {
    let log = Log::new();
    let left = log.clone();
    let io = serve(
        Namespace::new()
            .on_disconnect(async move |reason: tower_socketio::DisconnectReason| left.push(reason)),
    );
    let client = Polling::open(&io).await;
    client.post("40").await;
    client.get().await;
    io.of("/").disconnect(true);
    assert_eq!(log.reach(1).await, ["server namespace disconnect"]);
    let mut last = client.get().await;
    if last == "41" {
        last = format!("41\u{1e}{}", client.get().await);
    }
    assert_eq!(last, "41\u{1e}1");
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_a_gate_refuses_reads_why_before_it_is_disconnected() -> Test {
    for (scope, end) in [(GateScope::EachNamespace, ""), (GateScope::Connection, "\u{1e}1")] {
        let gate = EventAuth::new(async |_: Socket, _: u32| Ok::<_, WireError>(None::<()>)).scope(scope);
        let io = serve(Namespace::new().event_auth(gate));
        let client = Polling::open(&io).await;
        client.post("40").await;
        assert!(client.get().await.starts_with("40{"));
        client.post(r#"42["authentication",1]"#).await;
        idle().await;
        let mut told = client.get().await;
        if scope == GateScope::Connection && told.ends_with("41") {
            told = format!("{told}\u{1e}{}", client.get().await);
        }
        let expected = r#"42["unauthorized",{"message":"Authentication failure"}]"#;
        assert_eq!(told, format!("{expected}\u{1e}41{end}"), "{scope:?}");
        idle().await;
        assert_eq!(io.connections(), usize::from(end.is_empty()));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_was_not_asked_and_leaves_takes_nobody_elses_answer_along() -> Test {
    let io = serve(Namespace::new());
    let client = Polling::open(&io).await;
    client.post("40").await;
    client.get().await;
    let dropped = io.of("/").sockets().pop().expect("the socket is here");
    let mut asked = join(&io).await;
    let mut answers = io.of("/").volatile().emit_with_ack::<u8>("q", ());
    dropped.disconnect();
    let (answered, first) = tokio::join!(
        async {
            idle().await;
            asked.answer::<()>("q", 7).await
        },
        answers.next()
    );
    answered?;
    assert_eq!(first.expect("one was asked")?, 7);
    assert!(answers.next().await.is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_takes_what_waits_makes_room_for_whoever_waits_for_it() -> Test {
    let log = Log::new();
    let ready = log.clone();
    let namespace = Namespace::new().on("go", async move |socket: Socket| {
        for _ in 0..3 {
            socket.emit("much", "x".repeat(400));
        }
        let log = ready.clone();
        tokio::spawn(async move { log.push(socket.ready().await) });
    });
    let io = SocketIo::builder()
        .send_budget(2000, tower_socketio::Overflow::Disconnect)
        .namespace("/", namespace)
        .build()?;
    let client = Polling::open(&io).await;
    client.post("40").await;
    client.get().await;
    client.post(r#"42["go"]"#).await;
    idle().await;
    assert!(log.all().is_empty());
    while client.get().await.matches("much").count() == 0 {}
    idle().await;
    assert_eq!(log.all(), ["true"]);
    Ok(())
}
