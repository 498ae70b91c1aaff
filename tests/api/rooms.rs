//! Rooms, users, and who a broadcast reaches.

use std::collections::BTreeSet;

use serde_json::json;
use tower_socketio::{Ack, Data, Namespace, Room, Socket, SocketIo, TestClient, TestError};

use crate::support::{Test, idle, join, serve};

/// A server whose clients join the rooms they name.
fn rooms() -> SocketIo {
    serve(
        Namespace::new()
            .on("join", async |socket: Socket, Data(rooms): Data<Vec<String>>| socket.join(rooms))
            .on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(room))
            .on("rooms", async |socket: Socket| {
                Ack(socket.rooms().iter().map(|room| room.name().to_owned()).collect::<Vec<_>>())
            }),
    )
}

async fn member(io: &SocketIo, rooms: &[&str]) -> TestClient {
    let client = join(io).await;
    client.emit_with_ack::<()>("join", rooms).await.expect("it joins");
    client
}

/// How many of these clients have exactly one event waiting, in their order.
async fn received(clients: &mut [&mut TestClient]) -> Vec<usize> {
    let mut counts = Vec::new();
    for client in clients {
        let mut count = 0;
        while client.next::<serde_json::Value>("e").await.is_ok() {
            count += 1;
        }
        counts.push(count);
    }
    counts
}

#[tokio::test]
async fn a_socket_joins_several_rooms_once_each_and_its_own_is_first() -> Test {
    let io = rooms();
    let client = member(&io, &["a", "b"]).await;
    client.emit_with_ack::<()>("join", ["b", "c", "a"]).await?;
    assert_eq!(client.emit_with_ack::<Vec<String>>("rooms", ()).await?, [client.id(), "a", "b", "c"]);
    client.emit_with_ack::<()>("leave", "b").await?;
    client.emit_with_ack::<()>("leave", "never there").await?;
    assert_eq!(client.emit_with_ack::<Vec<String>>("rooms", ()).await?, [client.id(), "a", "c"]);
    Ok(())
}

#[tokio::test]
async fn leave_all_leaves_all_rooms_but_the_own() -> Test {
    let io = rooms();
    let client = member(&io, &["a", "b"]).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    socket.leave(client.id());
    socket.leave_all();
    assert_eq!(socket.rooms(), [Room::from(client.id())]);
    assert!(io.of("/").rooms().is_empty());
    assert_eq!(io.to(client.id()).count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rooms_exist_while_somebody_is_in_them() -> Test {
    let io = rooms();
    let mut one = member(&io, &["a", "b"]).await;
    let two = member(&io, &["b"]).await;
    let names =
        |io: &SocketIo| io.of("/").rooms().iter().map(|room| room.name().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&io), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    one.disconnect();
    idle().await;
    assert_eq!(names(&io), BTreeSet::from(["b".to_owned()]));
    two.emit_with_ack::<()>("leave", "b").await?;
    assert!(names(&io).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn several_rooms_are_a_union_without_duplicates() -> Test {
    let io = rooms();
    let (mut a, mut ab, mut b) =
        (member(&io, &["a"]).await, member(&io, &["a", "b"]).await, member(&io, &["b"]).await);
    let mut none = member(&io, &[]).await;
    assert_eq!(io.to(["a", "b"]).emit("e", ()).reached(), 3);
    assert_eq!(received(&mut [&mut a, &mut ab, &mut b, &mut none]).await, [1, 1, 1, 0]);
    assert_eq!(io.to("a").to("b").within("a").emit("e", ()).reached(), 3);
    assert_eq!(received(&mut [&mut a, &mut ab, &mut b, &mut none]).await, [1, 1, 1, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn excepted_rooms_and_sockets_are_left_out() -> Test {
    let io = rooms();
    let (mut a, mut ab, mut b) =
        (member(&io, &["a"]).await, member(&io, &["a", "b"]).await, member(&io, &["b"]).await);
    io.to(["a", "b"]).except("b").emit("e", ());
    assert_eq!(received(&mut [&mut a, &mut ab, &mut b]).await, [1, 0, 0]);
    io.except(["a"]).emit("e", ());
    assert_eq!(received(&mut [&mut a, &mut ab, &mut b]).await, [0, 0, 1]);
    io.of("/").except(a.id()).except(b.id()).emit("e", ());
    assert_eq!(received(&mut [&mut a, &mut ab, &mut b]).await, [0, 1, 0]);
    assert_eq!(io.to("a").except(["a", "x"]).emit("e", ()).reached(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn from_a_socket_a_broadcast_leaves_the_sender_out() -> Test {
    let io = rooms();
    let (mut one, mut two) = (member(&io, &["a"]).await, member(&io, &["a"]).await);
    let mut three = member(&io, &[]).await;
    let socket = io.socket(one.id()).expect("the socket is here");
    assert_eq!(socket.broadcast().emit("e", ()).reached(), 2);
    assert_eq!(received(&mut [&mut one, &mut two, &mut three]).await, [0, 1, 1]);
    assert_eq!(socket.to("a").emit("e", ()).reached(), 1);
    assert_eq!(received(&mut [&mut one, &mut two, &mut three]).await, [0, 1, 0]);
    assert_eq!(socket.within("a").emit("e", ()).reached(), 2);
    assert_eq!(received(&mut [&mut one, &mut two, &mut three]).await, [1, 1, 0]);
    assert_eq!(socket.namespace().emit("e", ()).reached(), 3);
    assert_eq!(received(&mut [&mut one, &mut two, &mut three]).await, [1, 1, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_sockets_id_is_a_room() -> Test {
    let io = rooms();
    let (mut one, mut two) = (member(&io, &["a"]).await, member(&io, &["a"]).await);
    assert_eq!(io.to(one.id()).emit("e", ()).reached(), 1);
    assert_eq!(received(&mut [&mut one, &mut two]).await, [1, 0]);
    assert_eq!(io.to([one.id(), "a"]).emit("e", ()).reached(), 2);
    assert_eq!(received(&mut [&mut one, &mut two]).await, [1, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_user_is_reached_on_all_devices_and_by_nobody_who_names_a_room() -> Test {
    let io = serve(
        Namespace::new()
            .on("login", async |socket: Socket, Data(user): Data<String>| {
                socket.set_user(user);
                Ack((socket.user(), socket.rooms().len()))
            })
            .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room)),
    );
    let (mut one, mut two, mut thief) = (join(&io).await, join(&io).await, join(&io).await);
    for client in [&one, &two] {
        let (user, rooms) = client.emit_with_ack::<(String, usize)>("login", "42").await?;
        assert_eq!((user.as_str(), rooms), ("42", 3));
    }
    for guess in ["42", "user:42", "user/42", "Room::user(\"42\")", "users", ""] {
        thief.emit_with_ack::<()>("join", guess).await?;
    }
    assert_eq!(io.to_user("42").emit("e", ()).reached(), 2);
    assert_eq!(received(&mut [&mut one, &mut two, &mut thief]).await, [1, 1, 0]);
    assert_eq!(io.to(Room::user("42")).except(one.id()).emit("e", ()).reached(), 1);
    assert_eq!(received(&mut [&mut one, &mut two, &mut thief]).await, [0, 1, 0]);
    // Another user from now on, and no longer the former.
    one.emit_with_ack::<(String, usize)>("login", "43").await?;
    assert_eq!((io.to_user("42").count(), io.to_user("43").count()), (1, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_sockets_join_and_leave_at_once() -> Test {
    let io = rooms();
    let one = member(&io, &["a"]).await;
    let _two = member(&io, &["a"]).await;
    let _three = member(&io, &[]).await;
    io.to("a").except(one.id()).join(["b", "c"]);
    assert_eq!((io.to("b").count(), io.to("c").count()), (1, 1));
    io.of("/").join("all");
    assert_eq!(io.to("all").count(), 3);
    io.of("/").leave(["all", "b"]);
    assert_eq!((io.to("all").count(), io.to("b").count(), io.to("c").count()), (0, 0, 1));
    Ok(())
}

#[tokio::test]
async fn sockets_and_counts_are_those_of_this_node() -> Test {
    let io = rooms();
    let (one, two) = (member(&io, &["a"]).await, member(&io, &["a", "b"]).await);
    let ids =
        |sockets: Vec<Socket>| sockets.iter().map(|socket| socket.id().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(ids(io.to("a").sockets()), BTreeSet::from([one.id().to_owned(), two.id().to_owned()]));
    assert_eq!(ids(io.to("b").sockets()), BTreeSet::from([two.id().to_owned()]));
    assert_eq!((io.of("/").count(), io.to("a").count(), io.to("x").count()), (2, 2, 0));
    assert_eq!(io.connections(), 2);
    assert_eq!(io.socket(one.id()).map(|socket| socket.id().to_owned()).as_deref(), Some(one.id()));
    assert!(io.socket("unknown").is_none());
    Ok(())
}

#[tokio::test]
async fn a_snapshot_has_id_rooms_data_and_handshake() -> Test {
    let io = serve(Namespace::new().on_connect(async |socket: Socket| {
        socket.join("a");
        socket.extensions().insert(json!({"name": "ada"}));
    }));
    let one = join(&io).await;
    let _two = join(&io).await;
    assert_eq!(io.of("/").fetch_sockets().await?.len(), 2);
    let fetched = io.to("a").to(one.id()).except("x").fetch_sockets().await?;
    let snapshot = fetched.iter().find(|socket| socket.id == one.id()).expect("it is in the room");
    assert_eq!(snapshot.rooms, [Room::from(one.id()), Room::from("a")]);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&snapshot.data)?, json!({"name": "ada"}));
    let handshake: serde_json::Value = serde_json::from_slice(&snapshot.handshake)?;
    assert!(handshake["url"].as_str().is_some_and(|url| url.starts_with("/socket.io/?EIO=4")), "{handshake}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn namespaces_keep_their_rooms_and_their_sockets_apart() -> Test {
    let namespace = || Namespace::new().on_connect(async |socket: Socket| socket.join("a"));
    let io = SocketIo::builder().namespace("/", namespace()).namespace("/x", namespace()).build()?;
    let (mut one, mut two) = (join(&io).await, join(&io).await);
    let mut other = TestClient::new(&io).connect("/x").await?;
    assert_eq!(io.emit("e", ()).reached(), 2);
    assert_eq!(io.to("a").emit("e", ()).reached(), 2);
    assert_eq!(received(&mut [&mut one, &mut two, &mut other]).await, [2, 2, 0]);
    assert_eq!(io.of("/x").to("a").emit("e", ()).reached(), 1);
    assert_eq!(io.of("x").emit("e", ()).reached(), 1);
    assert_eq!(received(&mut [&mut one, &mut two, &mut other]).await, [0, 0, 2]);
    assert_eq!(io.socket(other.id()).expect("it is here").namespace().name(), "/x");
    assert!(io.of("/").sockets().iter().all(|socket| socket.id() != other.id()));
    Ok(())
}

#[tokio::test]
async fn an_unknown_namespace_reaches_nobody() -> Test {
    let io = serve(Namespace::new());
    let sent = io.of("/unknown").emit("e", ());
    assert_eq!(sent.reached(), 0);
    sent.into_result()?;
    assert_eq!((io.of("/unknown").count(), io.of("/unknown").sockets().len()), (0, 0));
    assert!(io.of("/unknown").fetch_sockets().await?.is_empty());
    // Not declared is not the same as declared and empty, but neither is an error of the sender.
    assert_eq!(SocketIo::default().emit("e", ()).reached(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn servers_know_nothing_of_each_other() -> Test {
    let (one, two) = (serve(Namespace::new()), serve(Namespace::new()));
    let (mut a, mut b) = (join(&one).await, join(&two).await);
    assert_eq!(one.emit("e", ()).reached(), 1);
    assert_eq!(received(&mut [&mut a, &mut b]).await, [1, 0]);
    assert!(two.socket(a.id()).is_none());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn send_is_the_event_message_both_ways() -> Test {
    let io = serve(Namespace::new().on("message", async |socket: Socket, Data(n): Data<u32>| {
        socket.send(n);
        socket.broadcast().send(n + 1)
    }));
    let (mut one, mut two) = (join(&io).await, join(&io).await);
    one.emit("message", 1337);
    assert_eq!(one.next::<u32>("message").await?, 1337);
    assert_eq!(two.next::<u32>("message").await?, 1338);
    assert!(matches!(one.next::<u32>("message").await, Err(TestError::Silence)));
    Ok(())
}

#[tokio::test]
async fn everything_that_is_an_emit_is_the_same_on_the_wire() -> Test {
    let io = serve(Namespace::new());
    let mut raw = crate::support::Raw::open(&io).await;
    let id = raw.enter("/").await;
    let socket = io.socket(&id).expect("the socket is here");
    for _ in 0..4 {
        socket.emit("e", (1, "2"));
        socket.compress(false).emit("e", (1, "2"));
        io.emit("e", (1, "2"));
        io.to(id.as_str()).compress(false).local().emit("e", (1, "2"));
    }
    for _ in 0..16 {
        assert_eq!(raw.next().await, r#"42["e",1,"2"]"#);
    }
    Ok(())
}
