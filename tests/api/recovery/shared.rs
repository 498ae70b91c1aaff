//! Clients that come back to any node, where what connects the nodes keeps messages and sessions.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tower_socketio::adapter::{Bus, Message, MessageKind, Sessions, StoredSession, To};
use tower_socketio::{
    Ack, Auth, Cluster, Data, LocalBus, Namespace, Recovery, Room, Socket, SocketIo, TestClient,
};

use super::in_turn::Slow;
use super::{SECOND, enter_with, lose, news};
use crate::support::{Test, idle, join};

fn namespace() -> Namespace {
    Namespace::new()
        .on_connect(async |socket: Socket, auth: Option<Auth<Value>>| {
            if let Some(user) = auth.and_then(|Auth(auth)| Some(auth["user"].as_str()?.to_owned())) {
                socket.set_user(user);
            }
        })
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room);
        })
        .on("set", async |socket: Socket, Data(data): Data<Value>| {
            socket.extensions().insert(data);
        })
        .on("ask", async |socket: Socket| {
            socket.emit("news", "before the answer");
            Ack("answer")
        })
        .on("kick", async |socket: Socket| {
            socket.emit("news", "before the end");
            socket.disconnect();
        })
}

fn node(bus: impl Bus) -> SocketIo {
    let builder = SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(bus));
    builder.namespace("/", namespace()).build().expect("it fits")
}

async fn nodes() -> (LocalBus, SocketIo, SocketIo) {
    let bus = LocalBus::journaled();
    let (one, two) = (node(bus.clone()), node(bus.clone()));
    tokio::time::sleep(SECOND).await;
    (bus, one, two)
}

/// The client loses its connection and comes to this node.
async fn move_to(io: &SocketIo, client: &mut TestClient) -> TestClient {
    lose(client).await;
    enter_with(io, client.pid(), client.offset()).await
}

#[tokio::test(start_paused = true)]
async fn a_client_comes_back_to_another_node_with_rooms_data_and_what_it_missed() -> Test {
    let (_bus, one, two) = nodes().await;
    let mut client = join(&one).await;
    client.emit_with_ack::<()>("join", "room").await?;
    client.emit_with_ack::<()>("set", json!({ "name": "ada" })).await?;
    two.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    one.to("room").emit("news", "of its node");
    two.to("room").emit("news", "of the other");
    two.to("elsewhere").emit("news", "for others");
    two.to(client.id()).emit("news", "to its id");
    two.to("room").emit("news", Bytes::from_static(b"\x01"));
    idle().await;
    let mut back = enter_with(&two, client.pid(), client.offset()).await;
    assert_eq!((back.id(), back.pid()), (client.id(), client.pid()));
    for expected in ["of its node", "of the other", "to its id"] {
        assert_eq!(back.next::<String>("news").await?, expected);
    }
    assert_eq!(back.next::<Bytes>("news").await?, "\u{1}");
    let socket = two.socket(back.id()).expect("it is here");
    assert!(socket.recovered());
    assert_eq!(socket.extensions().get::<Value>(), Some(json!({ "name": "ada" })));
    assert_eq!(socket.rooms(), [Room::new(back.id()), Room::new("room")]);
    one.to("room").emit("news", "goes on");
    assert_eq!(news(&mut back).await, ["goes on"]);
    // And back again, where an older session of it was.
    let mut again = move_to(&one, &mut back).await;
    assert_eq!(again.id(), client.id());
    two.to("room").emit("news", "at home");
    assert_eq!(news(&mut again).await, ["at home"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn all_nodes_have_one_order_and_every_client_gets_everything_once() -> Test {
    let (_bus, one, two) = nodes().await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    for at in 0..20 {
        if at % 3 == 0 { &one } else { &two }.emit("news", at.to_string());
        if at % 4 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let (here, there) = (news(&mut here).await, news(&mut there).await);
    assert_eq!(here, there);
    let mut sorted: Vec<u32> = here.iter().map(|text| text.parse().unwrap()).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    // Of each node in the order in which it emitted.
    let of_one: Vec<_> = here.iter().filter(|at| at.parse::<u32>().unwrap().is_multiple_of(3)).collect();
    assert_eq!(of_one, ["0", "3", "6", "9", "12", "15", "18"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_of_several_who_come_back_with_one_pid_has_it() -> Test {
    let (_bus, one, two) = nodes().await;
    let mut client = join(&one).await;
    lose(&mut client).await;
    let (here, there) = tokio::join!(
        enter_with(&one, client.pid(), client.offset()),
        enter_with(&two, client.pid(), client.offset())
    );
    let same = [here.id(), there.id()].into_iter().filter(|id| *id == client.id()).count();
    assert_eq!(same, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_was_another_user_enters_as_a_stranger() -> Test {
    let (_bus, one, two) = nodes().await;
    let mut client = TestClient::new(&one).auth(json!({ "user": "ada" })).connect("/").await?;
    lose(&mut client).await;
    let stranger = enter_with(&two, client.pid(), client.offset()).await;
    assert_ne!(stranger.id(), client.id());
    assert!(two.to_user("ada").sockets().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_emitted_before_comes_before_an_answer_and_before_the_end() -> Test {
    let (_bus, one, _two) = nodes().await;
    let mut client = join(&one).await;
    let socket = one.socket(client.id()).expect("it is here");
    assert_eq!(client.emit_with_ack::<String>("ask", ()).await?, "answer");
    assert_eq!(news(&mut client).await, ["before the answer"]);
    client.emit("kick", ());
    idle().await;
    assert_eq!(client.next::<String>("news").await?, "before the end");
    assert!(!socket.is_connected());
    // Who leaves a room after a broadcast to it has got it.
    let mut client = join(&one).await;
    client.emit_with_ack::<()>("join", "room").await?;
    one.to("room").emit("news", "to the room");
    one.to("room").leave("room");
    assert_eq!(news(&mut client).await, ["to the room"]);
    one.to(client.id()).emit("news", "the last");
    one.to(client.id()).disconnect(false);
    assert_eq!(client.next::<String>("news").await?, "the last");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_outage_neither_stops_nor_repeats_what_is_delivered_here() -> Test {
    let (bus, one, two) = nodes().await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    one.emit("news", "before");
    assert_eq!(news(&mut here).await, ["before"]);
    let known = here.offset();
    bus.outage(true);
    idle().await;
    assert_eq!(one.emit("news", "meanwhile").reached(), 1);
    assert_eq!(news(&mut here).await, ["meanwhile"]);
    assert_eq!(here.offset(), known);
    bus.outage(false);
    tokio::time::sleep(SECOND * 20).await;
    one.emit("news", "after");
    assert_eq!(news(&mut here).await, ["after"]);
    assert_eq!(news(&mut there).await, ["before", "after"]);
    assert_ne!(here.offset(), known);
    let mut back = move_to(&two, &mut here).await;
    assert_eq!(back.id(), here.id());
    assert!(news(&mut back).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_longer_than_a_second_and_nothing_comes_twice() -> Test {
    let bus = LocalBus::journaled();
    let (one, two) = (node(Slow(bus.clone(), SECOND * 3)), node(bus));
    tokio::time::sleep(SECOND * 10).await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    let start = tokio::time::Instant::now();
    one.emit("news", "1");
    one.emit("news", "2");
    assert_eq!(here.next::<String>("news").await?, "1");
    assert!(start.elapsed() <= SECOND * 2);
    assert_eq!(here.next::<String>("news").await?, "2");
    one.emit("news", "3");
    // From now on until something comes back nothing waits at all.
    let start = tokio::time::Instant::now();
    assert_eq!(here.next::<String>("news").await?, "3");
    assert_eq!(start.elapsed(), Duration::ZERO);
    tokio::time::sleep(SECOND * 30).await;
    assert_eq!(news(&mut there).await, ["1", "2", "3"]);
    assert!(news(&mut here).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_came_without_its_place_comes_again_as_it_may_not_have_come() -> Test {
    let bus = LocalBus::journaled();
    let (one, two) = (node(bus.clone()), node(Slow(bus, SECOND * 3)));
    tokio::time::sleep(SECOND * 10).await;
    let mut client = join(&two).await;
    one.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    two.emit("news", "late");
    tokio::time::sleep(SECOND * 10).await;
    // Nobody knows whether it got through before the connection was lost.
    assert_eq!(news(&mut client).await, ["late"]);
    let mut back = move_to(&one, &mut client).await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["late"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_later_knows_what_clients_have_missed() -> Test {
    let (bus, one, two) = nodes().await;
    let mut client = join(&one).await;
    two.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    two.emit("news", "missed");
    idle().await;
    // The servers are replaced.
    one.close().await;
    two.close().await;
    let three = node(bus);
    tokio::time::sleep(SECOND).await;
    let mut back = enter_with(&three, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["missed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_place_reaches_those_who_come_back_meanwhile() -> Test {
    let bus = LocalBus::journaled();
    let (one, two) = (node(bus.clone()), node(Slow(bus, SECOND / 2)));
    tokio::time::sleep(SECOND * 5).await;
    let mut client = join(&one).await;
    two.emit("news", "seen");
    tokio::time::sleep(SECOND).await;
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    two.emit("news", "under way");
    let mut back = enter_with(&two, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    tokio::time::sleep(SECOND).await;
    assert_eq!(news(&mut back).await, ["under way"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_a_node_that_begins_waits_until_it_knows_what_was_missed() -> Test {
    let (bus, one, two) = nodes().await;
    let mut client = join(&one).await;
    two.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    two.emit("news", "missed");
    idle().await;
    let three = node(bus);
    let mut back = enter_with(&three, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["missed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_closes_hands_its_clients_over() -> Test {
    let (_bus, one, two) = nodes().await;
    let mut client = join(&one).await;
    one.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    one.emit("news", "the last");
    one.close().await;
    assert_eq!(client.next::<String>("news").await?, "the last");
    two.emit("news", "missed");
    idle().await;
    let mut back = enter_with(&two, client.pid(), client.offset()).await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["missed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_of_a_node_server_comes_back_here() -> Test {
    let (bus, one, _two) = nodes().await;
    let mut witness = join(&one).await;
    one.emit("news", "seen");
    one.emit("news", "missed");
    idle().await;
    let seen = witness.next::<(String, String)>("news").await?.1;
    let session = |pid: &str| {
        let rooms = vec![Room::new("socket-of-node"), Room::new("room")];
        StoredSession::new("socket-of-node".into(), pid.into(), rooms, Bytes::from_static(br#"{"x":1}"#))
    };
    let pid = "aPidOfNode_is_20-cha";
    bus.save(&session(pid), SECOND * 60).await?;
    let mut back = enter_with(&one, pid, &seen).await;
    assert_eq!((back.id(), back.pid()), ("socket-of-node", Some(pid)));
    assert_eq!(news(&mut back).await, ["missed"]);
    let socket = one.socket("socket-of-node").expect("it is here");
    assert_eq!(socket.extensions().get::<Value>(), Some(json!({ "x": 1 })));
    // What it takes along when it leaves is what Node can read.
    lose(&mut back).await;
    let stored = bus.take(pid).await?.expect("it is stored");
    assert_eq!((stored.rooms, stored.data), (session(pid).rooms, session(pid).data));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_has_got_nothing_for_long_has_missed_nothing() -> Test {
    let (_bus, one, two) = nodes().await;
    let mut client = join(&one).await;
    let other = join(&one).await;
    other.emit_with_ack::<()>("join", "busy").await?;
    one.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    for _ in 0..30 {
        tokio::time::sleep(SECOND * 60).await;
        one.to("busy").emit("news", "for others");
    }
    let mut back = move_to(&two, &mut client).await;
    assert_eq!(back.id(), client.id());
    assert!(news(&mut back).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_local_or_elsewhere_is_just_there_and_in_order() -> Test {
    let (_bus, one, two) = nodes().await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    one.emit("news", "1");
    one.of("/").local().emit("news", "2");
    one.of("/").elsewhere().emit("news", "3");
    assert_eq!(news(&mut here).await, ["1", "2"]);
    assert_eq!(news(&mut there).await, ["1", "3"]);
    let known = there.offset();
    one.of("/").volatile().emit("news", "4");
    assert_eq!((news(&mut here).await, news(&mut there).await), (vec!["4".into()], vec!["4".into()]));
    // It has no place of its own.
    assert_eq!((here.offset(), there.offset()), (known.clone(), known));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn own_broadcasts_that_are_malformed_or_unknown_come_back_without_harm() -> Test {
    let (bus, one, _two) = nodes().await;
    let mut client = join(&one).await;
    for data in ["", "[]", r#"{"packet":{"type":2,"data":["news","x"]}}"#] {
        let data = Bytes::from_static(data.as_bytes());
        let message =
            Message::new(MessageKind::Broadcast, Some("/".into()), "somebody".into(), data, Vec::new());
        bus.publish(&message, To::All).await?;
    }
    one.emit("news", "after");
    assert_eq!(news(&mut client).await, ["after"]);
    Ok(())
}
