//! Clients that move at random between nodes, while these broadcast.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_socketio::adapter::{Bus, Inbox, MessageKind};
use tower_socketio::{Auth, Cluster, LocalBus, Namespace, Recovery, Socket, SocketIo, TestClient};

use super::in_turn::Slow;
use super::{SECOND, news};

const NODES: usize = 3;
const CLIENTS: usize = 3;

#[derive(Clone, Debug)]
enum Deed {
    /// To all, to a room, to all but a room, or to a client.
    Emit(usize, To),
    /// A client loses its connection.
    Lose(usize),
    /// It comes back to a node, at once or when its loss has been noticed.
    Move(usize, usize, bool),
    Sleep(u64),
    /// The carrier goes, or comes again.
    Outage(bool),
}

#[derive(Clone, Copy, Debug)]
enum To {
    All,
    Room(usize),
    Except(usize),
    Client(usize),
}

impl To {
    fn includes(self, client: usize) -> bool {
        match self {
            Self::All => true,
            Self::Room(room) => client % 2 == room,
            Self::Except(room) => client % 2 != room,
            Self::Client(one) => client == one,
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let to = prop_oneof![
        Just(To::All),
        (0..2usize).prop_map(To::Room),
        (0..2usize).prop_map(To::Except),
        (0..CLIENTS).prop_map(To::Client)
    ];
    prop_oneof![
        6 => (0..NODES, to).prop_map(|(node, to)| Deed::Emit(node, to)),
        1 => (0..CLIENTS).prop_map(Deed::Lose),
        2 => (0..CLIENTS, 0..NODES, any::<bool>()).prop_map(|(client, node, late)| Deed::Move(client, node, late)),
        2 => (0u64..400).prop_map(Deed::Sleep),
    ]
}

fn node(bus: impl Bus) -> SocketIo {
    let namespace = Namespace::new().on_connect(async |socket: Socket, Auth(auth): Auth<Value>| {
        if let Some(room) = auth["room"].as_str() {
            socket.join(room);
        }
    });
    let builder = SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(bus));
    builder.namespace("/", namespace).build().expect("it fits")
}

async fn enter(io: &SocketIo, auth: Value) -> TestClient {
    TestClient::new(io).auth(auth).connect("/").await.expect("everybody gets in")
}

/// What the carrier has brought, in order.
async fn listen(bus: &LocalBus) -> Arc<Mutex<Vec<String>>> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let heard = all.clone();
    let inbox = Inbox::new(move |incoming| {
        if let Ok(incoming) = incoming
            && incoming.message.kind == MessageKind::Broadcast
        {
            let data: Value = serde_json::from_slice(&incoming.message.data).expect("JSON");
            heard
                .lock()
                .expect("no panic")
                .push(data["packet"]["data"][1].as_str().expect("a text").to_owned());
        }
    });
    bus.open("/", "listener", inbox).await.expect("there is no outage");
    all
}

/// `delays` says by how many milliseconds each node is slow to publish.
async fn run(delays: [u64; NODES], deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let bus = LocalBus::journaled();
    let order = listen(&bus).await;
    let nodes = delays.map(|delay| node(Slow(bus.clone(), Duration::from_millis(delay))));
    tokio::time::sleep(SECOND * 5).await;
    let (mut clients, mut got) = (Vec::new(), vec![Vec::new(); CLIENTS]);
    for client in 0..CLIENTS {
        clients.push(enter(&nodes[client % NODES], json!({ "room": format!("r{}", client % 2) })).await);
    }
    let ids: Vec<_> = clients.iter().map(|client| client.id().to_owned()).collect();
    let mut away = [false; CLIENTS];
    let mut sent = Vec::new();
    for deed in deeds.into_iter().chain((0..CLIENTS).map(|client| Deed::Move(client, client % NODES, true))) {
        match deed {
            Deed::Emit(node, to) => {
                let text = sent.len().to_string();
                let all = nodes[node].of("/");
                let _ = match to {
                    To::All => all.emit("news", &text),
                    To::Room(room) => all.to(format!("r{room}")).emit("news", &text),
                    To::Except(room) => all.except(format!("r{room}")).emit("news", &text),
                    To::Client(client) => all.to(ids[client].as_str()).emit("news", &text),
                };
                sent.push((text, to));
            }
            Deed::Lose(client) => {
                clients[client].lose_connection();
                away[client] = true;
            }
            Deed::Move(client, node, late) => {
                clients[client].lose_connection();
                if late {
                    crate::support::idle().await;
                }
                got[client].extend(read(&mut clients[client]).await);
                let (pid, offset) = (clients[client].pid().map(str::to_owned), clients[client].offset());
                let room = format!("r{}", client % 2);
                let auth = json!({ "room": room, "pid": pid, "offset": offset });
                clients[client] = enter(&nodes[node], auth).await;
                prop_assert_eq!(clients[client].id(), &ids[client], "it comes back");
                away[client] = false;
            }
            Deed::Outage(on) => bus.outage(on),
            Deed::Sleep(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }
    tokio::time::sleep(SECOND * 5).await;
    let order = order.lock().expect("no panic").clone();
    prop_assert_eq!(order.len(), sent.len());
    for client in 0..CLIENTS {
        got[client].extend(news(&mut clients[client]).await);
        let is_for = |text: &&String| sent[text.parse::<usize>().expect("a number")].1.includes(client);
        let expected: Vec<_> = order.iter().filter(is_for).cloned().collect();
        prop_assert_eq!(&got[client], &expected, "client {}", client);
    }
    Ok(())
}

/// The same with outages, in which others miss what a node broadcasts: what is promised is that it all goes on.
async fn run_with_outages(delays: [u64; NODES], deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let bus = LocalBus::journaled();
    let nodes = delays.map(|delay| node(Slow(bus.clone(), Duration::from_millis(delay))));
    tokio::time::sleep(SECOND * 5).await;
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        clients.push(enter(&nodes[client % NODES], json!({ "room": format!("r{}", client % 2) })).await);
    }
    for deed in deeds.into_iter().chain([Deed::Outage(false)]) {
        match deed {
            Deed::Emit(node, To::Room(room)) => drop(nodes[node].to(format!("r{room}")).emit("news", "x")),
            Deed::Emit(node, _) => drop(nodes[node].emit("news", "x")),
            Deed::Lose(client) => clients[client].lose_connection(),
            Deed::Move(client, node, _) => {
                clients[client].lose_connection();
                let (pid, offset) = (clients[client].pid().map(str::to_owned), clients[client].offset());
                let room = format!("r{}", client % 2);
                clients[client] =
                    enter(&nodes[node], json!({ "room": room, "pid": pid, "offset": offset })).await;
            }
            Deed::Sleep(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Deed::Outage(on) => bus.outage(on),
        }
    }
    tokio::time::sleep(SECOND * 30).await;
    let mut clients = Vec::new();
    for node in &nodes {
        clients.push(enter(node, json!({ "room": "r0" })).await);
    }
    for at in 0..12 {
        nodes[at % NODES].to("r0").emit("news", at.to_string());
        tokio::time::sleep(SECOND).await;
    }
    let expected: Vec<_> = (0..12).map(|at| at.to_string()).collect();
    for client in &mut clients {
        prop_assert_eq!(&news(client).await, &expected);
        prop_assert_eq!(client.offset().is_some(), true);
    }
    let offsets: HashSet<_> = clients.iter().map(TestClient::offset).collect();
    prop_assert_eq!(offsets.len(), 1, "all are at one place");
    Ok(())
}

/// What has come on a connection that is lost.
async fn read(client: &mut TestClient) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(Ok(text)) =
        tokio::time::timeout(Duration::from_millis(1), client.next::<String>("news")).await
    {
        all.push(text);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn clients_that_move_get_everything_once_and_in_the_one_order(
        delays in [0u64..300, 0u64..300, 0u64..300],
        deeds in proptest::collection::vec(deed(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(run(delays, deeds))?;
    }

    #[test]
    fn after_whatever_outages_everything_goes_on_once_and_in_order(
        delays in [0u64..400, 0u64..300, 0u64..300],
        deeds in proptest::collection::vec(
            prop_oneof![8 => deed(), 1 => any::<bool>().prop_map(Deed::Outage)],
            1..60,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(run_with_outages(delays, deeds))?;
    }
}
