//! Sessions that are kept by something that does not answer.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tower_socketio::{Cluster, LocalBus, Namespace, Recovery, SocketIo, TestClient};

use super::keeper::Keeper;
use super::{SECOND, enter_with, lose, news};
use crate::support::{Test, idle};

async fn nodes<const N: usize>() -> (Keeper, [SocketIo; N]) {
    let bus = Keeper::new(LocalBus::journaled(), Duration::ZERO);
    let nodes = std::array::from_fn(|_| {
        let builder = SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(bus.clone()));
        builder.namespace("/", Namespace::new()).build().expect("it fits")
    });
    tokio::time::sleep(SECOND).await;
    (bus, nodes)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_clients_get_in_soon_although_their_sessions_do_not_come() -> Test {
    let (bus, [one, two]) = nodes().await;
    let mut clients = join_all((0..1000).map(|_| TestClient::new(&one).connect("/"))).await;
    one.emit("news", "first");
    let mut passes = Vec::new();
    for client in clients.iter_mut().flatten() {
        assert_eq!(news(client).await, ["first"]);
        passes.push((
            client.id().to_owned(),
            client.pid().expect("it may come back").to_owned(),
            client.offset(),
        ));
    }
    assert_eq!(passes.len(), 1000);
    clients.iter_mut().flatten().for_each(TestClient::lose_connection);
    idle().await;
    bus.silence(true);
    let start = Instant::now();
    let entered =
        join_all(passes.iter().take(999).map(|(_, pid, offset)| enter_with(&two, pid, offset))).await;
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    let is_stranger = |(client, (id, ..)): &(&TestClient, &(String, _, _))| client.id() != id;
    assert_eq!((two.connections(), entered.iter().zip(&passes).filter(is_stranger).count()), (999, 999));
    // They are as good as any, and so is whoever comes when all is well.
    bus.silence(false);
    let (id, pid, offset) = &passes[999];
    let back = enter_with(&two, pid, offset).await;
    assert_eq!(back.id(), id, "it comes back");
    let mut first = entered.into_iter().next().expect("there are 999");
    let (id, pid) = (first.id().to_owned(), first.pid().expect("it may come back").to_owned());
    lose(&mut first).await;
    assert_eq!(enter_with(&one, pid, first.offset()).await.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_where_it_was_comes_back_although_its_session_is_not_to_be_had() -> Test {
    let (bus, [io]) = nodes().await;
    let mut client = TestClient::new(&io).connect("/").await?;
    lose(&mut client).await;
    bus.silence(true);
    io.emit("news", "missed");
    let start = Instant::now();
    let mut client = client.connect("/").await?;
    assert!(client.recovered() && start.elapsed() < 3 * SECOND);
    assert_eq!(news(&mut client).await, ["missed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_not_taken_leave_nothing_behind() -> Test {
    let (bus, [io]) = nodes().await;
    bus.silence(true);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut left = Vec::new();
    for clients in [1, 100] {
        for _ in 0..clients {
            let mut client = TestClient::new(&io).connect("/").await?;
            lose(&mut client).await;
        }
        assert!(tasks() >= clients);
        tokio::time::sleep(10 * SECOND).await;
        left.push(tasks());
    }
    assert_eq!(left[0], left[1]);
    Ok(())
}
