//! A panic is an error like any other: an answer, a log line, and the socket lives.

use serde::{Serialize, Serializer};
use tower_socketio::{
    Ack, Context, Data, FromContext, Namespace, Pattern, Socket, SocketIo, TestClient, TestError, WireError,
};

use crate::support::{Log, Test, code, join, refusal};

struct Bomb;

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in `Serialize`")
    }
}

struct Trap;

impl<C: Context, S: Sync> FromContext<C, S> for Trap {
    type Rejection = WireError;

    async fn from_context(_: &mut C, _: &S) -> Result<Self, WireError> {
        panic!("in an extractor")
    }
}

fn in_the_call(Data(()): Data<()>) -> std::future::Ready<()> {
    panic!("in the call")
}

async fn in_the_future() {
    tokio::task::yield_now().await;
    panic!("in the {}", "future")
}

fn explode(place: &str) {
    panic!("{place}")
}

fn dangerous(log: &Log) -> SocketIo {
    let on_error = log.errors();
    let namespace = Namespace::new()
        .on("call", in_the_call)
        .on("future", in_the_future)
        .on("extractor", async |_: Trap| {})
        .on("reply", async || Ack(Bomb))
        .on("emit", async |socket: Socket| socket.emit("bomb", Bomb))
        .on("broadcast", async |socket: Socket| socket.namespace().emit("bomb", Bomb))
        .on("one of two", async || explode("the first"))
        .on("one of two", async || Ack("the second"))
        .on("fine", async |Data(n): Data<u32>| Ack(n))
        .on_error(on_error.clone());
    let connect = Namespace::new().on_connect(async || explode("in on_connect")).on_error(on_error.clone());
    let call = Namespace::new().on_connect(|_: Socket| -> std::future::Ready<()> { panic!("in the call") });
    let connected = Namespace::new()
        .on_connected(async || explode("in on_connected"))
        .on("fine", async || {})
        .on_error(on_error.clone());
    let left = log.clone();
    let disconnect = Namespace::new()
        .on_disconnecting(async || explode("in on_disconnecting"))
        .on_disconnect(async move || left.push("disconnected"))
        .on_error(on_error);
    SocketIo::builder()
        .namespace("/", namespace)
        .namespace("/connect", connect)
        .namespace("/call", call)
        .namespace("/connected", connected)
        .namespace("/disconnect", disconnect)
        .namespace(Pattern::predicate("/predicate", async |_, _| panic!("in a predicate")), Namespace::new())
        .build()
        .expect("everything fits")
}

#[tokio::test]
async fn a_panic_anywhere_in_a_handler_is_an_error_ack_and_the_socket_lives() -> Test {
    let log = Log::new();
    let io = dangerous(&log);
    let client = join(&io).await;
    let other = join(&io).await;
    for event in ["call", "future", "extractor", "reply", "emit", "broadcast"] {
        let error = refusal(client.emit_with_ack::<()>(event, ()).await);
        assert_eq!(error, ("internal error".to_owned(), Some("internal".to_owned())), "{event}");
        assert_eq!(client.emit_with_ack::<u32>("fine", 7).await?, 7);
    }
    let all = log.reach(6).await;
    for (error, place) in all.iter().zip(["the call", "the future", "an extractor", "`Serialize`"]) {
        assert!(error.contains("panicked") && error.contains(place), "{error}");
    }
    assert_eq!(other.emit_with_ack::<u32>("fine", 1).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_panic_without_an_ack_is_told_to_on_error() -> Test {
    let log = Log::new();
    let io = dangerous(&log);
    let client = join(&io).await;
    client.emit("call", ());
    client.emit("future", ());
    let all = log.reach(2).await;
    assert!(all[0].contains("in the call") && all[1].contains("in the future"), "{all:?}");
    assert_eq!(client.emit_with_ack::<u32>("fine", 7).await?, 7);
    Ok(())
}

#[tokio::test]
async fn a_panic_in_one_of_two_handlers_leaves_the_other_alone() -> Test {
    let log = Log::new();
    let io = dangerous(&log);
    let client = join(&io).await;
    assert_eq!(code(client.emit_with_ack::<String>("one of two", ()).await), "internal");
    assert!(log.reach(1).await[0].contains("the first"));
    Ok(())
}

#[tokio::test]
async fn a_panic_in_on_connect_is_a_connect_error() -> Test {
    let log = Log::new();
    let io = dangerous(&log);
    for namespace in ["/connect", "/call"] {
        let error = refusal(TestClient::new(&io).connect(namespace).await);
        assert_eq!(error, ("internal error".to_owned(), Some("internal".to_owned())), "{namespace}");
        assert_eq!(io.of(namespace).count(), 0);
    }
    assert!(log.reach(1).await[0].contains("in on_connect"));
    Ok(())
}

#[tokio::test]
async fn a_panic_in_on_connected_leaves_the_socket_connected() -> Test {
    let log = Log::new();
    let io = dangerous(&log);
    let client = TestClient::new(&io).connect("/connected").await?;
    client.emit_with_ack::<()>("fine", ()).await?;
    assert!(log.reach(1).await[0].contains("in on_connected"));
    Ok(())
}

#[tokio::test]
async fn a_panic_in_on_disconnecting_does_not_keep_on_disconnect_from_running() -> Test {
    let log = Log::new();
    let io = dangerous(&log);
    let mut client = TestClient::new(&io).connect("/disconnect").await?;
    client.disconnect();
    let all = log.reach(2).await;
    assert!(all.iter().any(|entry| entry.contains("in on_disconnecting")), "{all:?}");
    assert!(all.iter().any(|entry| entry == "disconnected"), "{all:?}");
    assert_eq!(io.of("/disconnect").count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_panic_in_a_predicate_refuses_the_name() -> Test {
    let io = dangerous(&Log::new());
    let refused = TestClient::new(&io).connect("/anything").await;
    assert!(matches!(refused, Err(TestError::Refused(error)) if error.message() == "Invalid namespace"));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("fine", 7).await?, 7);
    Ok(())
}
