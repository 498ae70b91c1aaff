//! Controllers of clients that come back: they are opened anew, whoever decides about the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tower_socketio::{Ack, ConnectRequest, Controller, Namespace, Recovery, Socket, WireError};

use super::{again, with};
use crate::support::{Log, Test, idle};

/// Counts the calls of its socket.
struct Counter {
    log: Log,
    calls: AtomicU32,
}

impl Controller<Log> for Counter {
    async fn open(cx: &mut ConnectRequest, log: &Log) -> Result<Self, WireError> {
        tokio::task::yield_now().await;
        log.push(format!("open {}", cx.socket().recovered()));
        Ok(Self { log: log.clone(), calls: AtomicU32::new(0) })
    }

    fn events(on: Namespace<Log>) -> Namespace<Log> {
        on.on_connect(Self::hook).on("up", Self::up).on_disconnect(Self::left)
    }
}

impl Counter {
    async fn hook(self: Arc<Self>, _: Socket) {
        self.log.push("hook");
    }

    async fn up(self: Arc<Self>) -> Ack<u32> {
        Ack(self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn left(self: Arc<Self>) {
        tokio::task::yield_now().await;
        self.log.push("left");
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.log.push(format!("dropped after {}", self.calls.load(Ordering::Relaxed)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_has_new_controllers_also_without_middleware() -> Test {
    for skips in [false, true] {
        let log = Log::new();
        let namespace =
            Namespace::new().on_connect(async || {}).controller::<Counter>().with_state(log.clone());
        let io = with(Recovery::new().skip_middleware(skips), namespace);
        let client = tower_socketio::TestClient::new(&io).connect("/").await?;
        assert_eq!(client.emit_with_ack::<u32>("up", ()).await?, 1);
        assert_eq!(client.emit_with_ack::<u32>("up", ()).await?, 2);
        let mut client = again(client).await?;
        assert!(client.recovered());
        assert_eq!(client.emit_with_ack::<u32>("up", ()).await?, 1);
        client.disconnect();
        idle().await;
        let hook = (!skips).then_some("hook");
        let first = ["open false", "hook", "left", "dropped after 2", "open true"];
        let expected: Vec<_> = first.into_iter().chain(hook).chain(["left", "dropped after 1"]).collect();
        assert_eq!(log.all(), expected);
    }
    Ok(())
}
