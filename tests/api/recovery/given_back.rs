//! Clients whose connection breaks while they come back, and who try again at another node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower_socketio::{Cluster, LocalBus, Namespace, Recovery, Socket, SocketIo, TestClient};

use super::keeper::Keeper;
use super::{SECOND, enter_with, lose, news};
use crate::support::{Test, idle};

const MOMENT: Duration = Duration::from_millis(100);

/// A node whose hooks take for ever while `stuck`.
fn node(bus: &LocalBus, stuck: &Arc<AtomicBool>) -> SocketIo {
    let stuck = stuck.clone();
    let namespace = Namespace::new().on_connect(async move |socket: Socket| {
        if stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if !socket.recovered() {
            socket.join("r");
        }
    });
    let builder =
        SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(Keeper::new(bus.clone(), MOMENT)));
    builder.namespace("/", namespace).build().expect("it fits")
}

/// The connection breaks so long after the client has come to the second of three nodes, as whom it then comes to the third.
async fn breaks_after(moment: Duration, stuck: bool) -> Test {
    let bus = LocalBus::journaled();
    let is_stuck = [false, stuck, false].map(|stuck| Arc::new(AtomicBool::new(stuck)));
    let [one, two, three] = [0, 1, 2].map(|at| node(&bus, &is_stuck[at]));
    sleep(SECOND).await;
    let mut client = TestClient::new(&one).connect("/").await?;
    let (id, pid) = (client.id().to_owned(), client.pid().ok_or("a pid")?.to_owned());
    lose(&mut client).await;
    one.to("r").emit("news", "missed");
    let offset = client.offset();
    assert!(timeout(moment, enter_with(&two, &pid, &offset)).await.is_err(), "it is not in yet");
    idle().await;
    assert_eq!(two.connections(), 0);
    let mut client = enter_with(&three, &pid, &offset).await;
    assert_eq!(client.id(), id);
    assert_eq!(news(&mut client).await, ["missed"]);
    // And nobody else comes back as it.
    is_stuck[1].store(false, Ordering::Relaxed);
    assert_ne!(enter_with(&two, &pid, &offset).await.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_taken_for_a_client_that_is_gone_by_then_is_given_back() -> Test {
    breaks_after(MOMENT / 2, false).await
}

#[tokio::test(start_paused = true)]
async fn a_session_is_given_back_if_the_connection_breaks_while_hooks_run() -> Test {
    breaks_after(2 * MOMENT, true).await
}
