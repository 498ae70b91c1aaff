//! Events for sockets, wherever they are.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tower_socketio::adapter::{Cluster, LocalBus};
use tower_socketio::{Auth, Data, Namespace, Room, Socket, SocketIo, TestClient};

use super::support::{node, nodes, nothing_came};
use crate::adapter::Noting;
use crate::support::{Log, Test, idle, join};

#[tokio::test(start_paused = true)]
async fn each_of_four_nodes_delivers_an_event_once() -> Test {
    let nodes = nodes::<4>(|_| Namespace::new()).await;
    let mut clients = Vec::new();
    for io in &nodes {
        clients.push((join(io).await, io));
    }
    assert_eq!(nodes[2].emit("news", ("a", 1)).reached(), 1, "as many as are here");
    for (client, io) in &mut clients {
        assert_eq!(client.next::<(String, u8)>("news").await?, ("a".to_owned(), 1));
        nothing_came(io, client).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn local_is_this_node_and_elsewhere_are_the_others() -> Test {
    let [one, two] = nodes(|_| Namespace::new()).await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    one.of("/").local().emit("local", 1);
    assert_eq!(here.next::<u8>("local").await?, 1);
    nothing_came(&two, &mut there).await?;
    assert_eq!(one.of("/").elsewhere().emit("elsewhere", 2).reached(), 0);
    assert_eq!(there.next::<u8>("elsewhere").await?, 2);
    nothing_came(&one, &mut here).await?;
    Ok(())
}

#[derive(Deserialize)]
struct User {
    name: String,
}

#[tokio::test(start_paused = true)]
async fn an_event_for_a_room_a_user_or_a_socket_finds_it_on_any_node() -> Test {
    let namespace = |_| {
        Namespace::new().on_connect(async |socket: Socket, Auth(user): Auth<User>| socket.set_user(user.name))
    };
    let [one, two] = nodes(namespace).await;
    let mut ada = TestClient::new(&two).auth(json!({"name": "ada"})).connect("/").await?;
    let mut phone = TestClient::new(&one).auth(json!({"name": "ada"})).connect("/").await?;
    let mut eve = TestClient::new(&two).auth(json!({"name": "eve"})).connect("/").await?;
    two.to(eve.id()).join("ada");
    two.to(eve.id()).join("$user:ada");
    one.to_user("ada").emit("secret", 1);
    assert_eq!(ada.next::<u8>("secret").await?, 1);
    assert_eq!(phone.next::<u8>("secret").await?, 1);
    nothing_came(&two, &mut eve).await?;
    one.to("$user:ada").emit("room", 2);
    assert_eq!(eve.next::<u8>("room").await?, 2);
    one.to(eve.id()).emit("you", 3);
    assert_eq!(eve.next::<u8>("you").await?, 3);
    one.except(Room::user("ada")).emit("others", 4);
    assert_eq!(eve.next::<u8>("others").await?, 4);
    nothing_came(&two, &mut ada).await?;
    nothing_came(&one, &mut phone).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_does_not_get_what_it_sends_to_others() -> Test {
    let say = async |socket: Socket, Data(text): Data<String>| {
        socket.broadcast().emit("said", text);
    };
    let [one, two] = nodes(|_| Namespace::new().on("say", say)).await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    here.emit("say", "hello");
    assert_eq!(there.next::<String>("said").await?, "hello");
    nothing_came(&one, &mut here).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn attachments_arrive_on_other_nodes() -> Test {
    let [one, two] = nodes(|_| Namespace::new()).await;
    let mut there = join(&two).await;
    one.emit("file", ("name", Bytes::from_static(&[0, 1, 255])));
    let (name, content): (String, Bytes) = there.next("file").await?;
    assert_eq!((&*name, &*content), ("name", &[0, 1, 255][..]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_shared_one_by_one_and_dynamic_ones_too() -> Test {
    let bus = LocalBus::new();
    let build = || {
        SocketIo::builder()
            .adapter(Cluster::new(bus.clone()))
            .namespace("/", Namespace::new())
            .namespace("/chat/{room}", Namespace::new())
            .build()
    };
    let (one, two) = (build()?, build()?);
    let mut root = join(&two).await;
    let mut a = TestClient::new(&two).connect("/chat/a").await?;
    let mut b = TestClient::new(&two).connect("/chat/b").await?;
    one.of("/chat/a").emit("hi", 1);
    assert_eq!(a.next::<u8>("hi").await?, 1, "nobody is in it on the node that emits");
    two.of("/chat/b").emit("the end", ());
    b.next::<()>("the end").await?;
    nothing_came(&two, &mut root).await?;
    // The namespace ends with its last client, and begins again.
    drop(a);
    idle().await;
    let mut again = TestClient::new(&two).connect("/chat/a").await?;
    idle().await;
    one.of("/chat/a").emit("hi", 2);
    assert_eq!(again.next::<u8>("hi").await?, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_adapter_of_ones_own_and_a_cluster_serve_side_by_side() -> Test {
    let log = Log::new();
    let noted = log.clone();
    let own = SocketIo::builder()
        .adapter_with(move |_| Arc::new(Noting::new(&noted)))
        .namespace("/", Namespace::new())
        .build()?;
    let clustered = node(&Cluster::new(LocalBus::new()), Namespace::new());
    let mut clients = [join(&own).await, join(&clustered).await];
    own.emit("e", 1);
    clustered.emit("e", 1);
    for client in &mut clients {
        assert_eq!(client.next::<u8>("e").await?, 1);
    }
    assert!(log.all().iter().any(|call| call.starts_with("broadcast")), "{:?}", log.all());
    Ok(())
}
