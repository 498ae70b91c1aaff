//! Clients that lost their connection and come back.

mod bounds;
mod coming_back;
mod controllers;
mod equal;
mod gates;
mod given_back;
mod identity;
mod in_turn;
mod keeper;
mod model;
mod namespaces;
mod nodes;
mod offsets;
mod returns;
mod shared;
mod silent;
mod take_over;
mod threads;
mod upstream;
mod wire;

use std::time::Duration;

use serde_json::json;
use tower_socketio::{Namespace, Recovery, SocketIo, TestClient, TestError};

use crate::support::{Log, idle};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A server with `/` alone, whose clients may come back.
pub(crate) fn recovering(namespace: Namespace) -> SocketIo {
    with(Recovery::new(), namespace)
}

pub(crate) fn with(recovery: Recovery, namespace: Namespace) -> SocketIo {
    SocketIo::builder().recovery(recovery).namespace("/", namespace).build().expect("it fits")
}

/// The client's connection is lost, and the server knows it.
pub(crate) async fn lose(client: &mut TestClient) {
    client.lose_connection();
    idle().await;
}

/// The client's connection is lost and it comes back.
pub(crate) async fn again(mut client: TestClient) -> Result<TestClient, TestError> {
    lose(&mut client).await;
    client.connect("/").await
}

/// Everything that has come, by the first argument of each event `news`.
pub(crate) async fn news(client: &mut TestClient) -> Vec<String> {
    idle().await;
    let mut all = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(1), client.next::<String>("news")).await {
            Ok(Ok(text)) => all.push(text),
            Ok(Err(error)) => panic!("{error} after {all:?}"),
            Err(_) => return all,
        }
    }
}

/// A namespace that notes how its hooks run.
pub(crate) fn noting(log: &Log) -> Namespace {
    let (connect, connected, disconnect) = (log.clone(), log.clone(), log.clone());
    Namespace::new()
        .on_connect(async move |socket: tower_socketio::Socket| {
            connect.push(format!("connect {}", socket.recovered()));
        })
        .on_connected(async move |socket: tower_socketio::Socket| {
            connected.push(format!("connected {}", socket.recovered()));
        })
        .on_disconnect(async move |reason: tower_socketio::DisconnectReason| disconnect.push(reason))
}

/// A client with the pass of another one.
pub(crate) async fn enter_with(
    io: &SocketIo,
    pid: impl serde::Serialize,
    offset: impl serde::Serialize,
) -> TestClient {
    let client = TestClient::new(io).auth(json!({ "pid": pid, "offset": offset }));
    client.connect("/").await.expect("whoever cannot come back enters as a stranger")
}
