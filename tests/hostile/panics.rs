//! Panics in code of the user's, set off by a client.

use serde::{Serialize, Serializer};
use tower_socketio::{Ack, Context, Data, FromContext, Namespace, Socket, WireError};

use crate::client::Peer;
use crate::support::{Log, Test, builder, noting, serve, soon};

/// Panics, which the compiler must not know.
fn explode() {
    assert!(std::hint::black_box(false), "as it was told to");
}

struct Bad;

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in Serialize")
    }
}

struct Wild;

impl<C: Context, S: Sync> FromContext<C, S> for Wild {
    type Rejection = WireError;

    async fn from_context(_: &mut C, _: &S) -> Result<Self, WireError> {
        panic!("in an extractor")
    }
}

#[derive(serde::Deserialize)]
#[serde(from = "u32")]
struct Odd;

impl From<u32> for Odd {
    fn from(_: u32) -> Self {
        panic!("in Deserialize")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_goes_on_whatever_panics() -> Test {
    let (left, errors) = (Log::new(), Log::new());
    let heard = errors.clone();
    let namespace: Namespace = noting(&left)
        .on("handler", async || explode())
        .on("later", async || {
            tokio::task::yield_now().await;
            explode();
        })
        .on("ack", async || Ack(Bad))
        .on("emit", async |socket: Socket| {
            socket.emit("e", Bad);
        })
        .on("broadcast", async |socket: Socket| {
            socket.namespace().emit("e", Bad);
        })
        .on("extractor", async |_: Wild| {})
        .on("data", async |Data(_): Data<Odd>| {})
        .on("echo", async |Data(n): Data<u32>| Ack(n))
        .on_error(async move |error: WireError| heard.push(error.to_string()));
    let io = builder().namespace("/", namespace).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    for round in 0..20_usize {
        for (n, event) in
            ["handler", "later", "ack", "emit", "broadcast", "extractor", "data"].into_iter().enumerate()
        {
            peer.say(format!(r#"42{n}["{event}",1]"#)).await?;
            let answer = soon("an error", peer.text()).await?;
            assert_eq!(
                answer,
                format!(r#"43{n}[{{"error":{{"message":"internal error","code":"internal"}}}}]"#)
            );
        }
        peer.say(format!(r#"4299["echo",{round}]"#)).await?;
        assert_eq!(soon("an echo", peer.text()).await?, format!("4399[{round}]"));
    }
    assert_eq!(errors.reach(140).await.len(), 140);
    assert_eq!((left.len(), io.connections()), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_hook_leaves_no_socket_behind() -> Test {
    let seen = Log::new();
    let left = seen.clone();
    let namespace =
        Namespace::new().on_connect(async |_: Socket| explode()).on_disconnect(async move || left.push(()));
    let after = Log::new();
    let gone = after.clone();
    let second = Namespace::new()
        .on_connected(async |_: Socket| explode())
        .on_disconnecting(async |_: Socket| explode())
        .on_disconnect(async move || gone.push(()));
    let io = builder().namespace("/", namespace).namespace("/second", second).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.open(4).await?;
    for _ in 0..20 {
        peer.say("40").await?;
        assert!(soon("a refusal", peer.text()).await?.starts_with("44{"));
        peer.say("40/second,").await?;
        assert!(soon("an entry", peer.text()).await?.starts_with("40/second,"));
        peer.say("41/second,").await?;
    }
    after.reach(20).await;
    assert_eq!((seen.len(), io.of("/").count(), io.of("/second").count()), (0, 0, 0));
    Ok(())
}
