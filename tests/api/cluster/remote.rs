//! Sockets on other nodes: found, emitted to, moved and disconnected.

use serde_json::{Value, json};
use tower_socketio::{AdapterError, Namespace, RemoteSocket, Room, Socket, SocketIo, TestClient};

use super::support::{nodes, nothing_came};
use crate::support::{Test, idle, join};

fn namespace(_: usize) -> Namespace {
    Namespace::new().on_connect(async |socket: Socket| {
        socket.join("r");
        socket.set_user("ada");
        socket.extensions().insert(json!({"name": "ada"}));
    })
}

async fn found(io: &SocketIo, client: &TestClient) -> Result<RemoteSocket, AdapterError> {
    let mut found = io.to(client.id()).fetch_sockets().await?;
    assert_eq!(found.len(), 1);
    Ok(found.remove(0))
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_from_another_node_has_id_rooms_data_and_handshake() -> Test {
    let [one, two, three] = nodes(namespace).await;
    let clients = [join(&one).await, join(&two).await, join(&two).await, join(&three).await];
    let mut all: Vec<_> = one.to("r").fetch_sockets().await?.into_iter().map(|socket| socket.id).collect();
    all.sort();
    let mut ids: Vec<_> = clients.iter().map(|client| client.id().to_owned()).collect();
    ids.sort();
    assert_eq!(all, ids);
    let remote = found(&one, &clients[3]).await?;
    assert_eq!(remote.id, clients[3].id());
    let own = Room::new(remote.id.as_str());
    assert_eq!(remote.rooms, [own, Room::new("r"), Room::user("ada"), Room::users()]);
    assert_eq!(serde_json::from_slice::<Value>(&remote.data)?, json!({"name": "ada"}));
    let here = found(&three, &clients[3]).await?;
    assert_eq!(here, remote, "it looks the same from everywhere");
    let handshake: Value = serde_json::from_slice(&remote.handshake)?;
    assert!(handshake["issued"].as_u64() > Some(0) && handshake["secure"] == json!(false), "{handshake}");
    assert!(handshake["time"].as_str().is_some_and(|time| time.contains(" GMT+0000 ")), "{handshake}");
    assert_eq!(handshake["auth"], json!({}), "it is the client's own affair");
    assert_eq!(one.of("/").local().fetch_sockets().await?.len(), 1);
    assert_eq!(one.of("/").elsewhere().fetch_sockets().await?.len(), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_remote_socket_can_be_emitted_to_moved_and_disconnected() -> Test {
    let [one, two] = nodes(namespace).await;
    let (mut target, mut other) = (join(&two).await, join(&two).await);
    let remote = found(&one, &target).await?;
    one.to(&remote).emit("you", 1);
    assert_eq!(target.next::<u8>("you").await?, 1);
    one.to(&remote).join(["x", "y"]);
    one.to(&remote).leave("r");
    one.to("x").emit("x", 2);
    assert_eq!(target.next::<u8>("x").await?, 2);
    let rooms = [Room::user("ada"), Room::users(), "x".into(), "y".into()];
    assert_eq!(found(&one, &target).await?.rooms[1..], rooms);
    one.to(&remote).disconnect(false);
    target.closed().await?;
    assert!(one.to(&remote).fetch_sockets().await?.is_empty());
    nothing_came(&two, &mut other).await?;
    assert_eq!(two.of("/").count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn all_sockets_of_a_room_join_leave_and_are_disconnected_on_all_nodes() -> Test {
    let [one, two] = nodes(namespace).await;
    let mut clients = [join(&one).await, join(&two).await];
    one.to_user("ada").join("x");
    idle().await;
    assert_eq!(two.to("x").fetch_sockets().await?.len(), 2);
    two.to("x").leave("x");
    idle().await;
    assert!(one.to("x").fetch_sockets().await?.is_empty());
    two.to_user("ada").disconnect(true);
    for client in &mut clients {
        client.closed().await?;
    }
    // The server gives a connection a moment to take what was sent.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!((one.connections(), two.connections()), (0, 0));
    Ok(())
}
