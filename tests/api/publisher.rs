//! Published messages: who is meant, what is refused, and who gets them.

use serde_json::{Value, json};
use tower_socketio::{
    Ack, Args, Builder, Cluster, Data, LocalBus, Namespace, PublicError, PublishError, PublishMessage,
    Publisher, Recipients, Socket, SocketIo, TestClient,
};

use crate::support::{Test, idle, refusal};

/// A message with or without a room and a socket.
fn message(room: Option<&str>, socket: Option<&str>, broadcast: bool) -> PublishMessage {
    let mut message = PublishMessage::new("e", [1]).broadcast(broadcast);
    (message.room, message.socket_id) = (room.map(Into::into), socket.map(Into::into));
    message
}

fn namespace() -> Namespace {
    Namespace::new().on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room)).on(
        "publish",
        async |socket: Socket, Data(message): Data<PublishMessage>| {
            let sent = Publisher::new(socket.io()).publish_all(&message)?;
            Ok::<_, PublishError>(Ack(sent.reached()))
        },
    )
}

fn server() -> SocketIo {
    build(SocketIo::builder())
}

/// Nodes that know each other.
async fn nodes<const N: usize>() -> [SocketIo; N] {
    let bus = LocalBus::new();
    let nodes = std::array::from_fn(|_| build(SocketIo::builder().adapter(Cluster::new(bus.clone()))));
    idle().await;
    nodes
}

fn build(builder: Builder) -> SocketIo {
    builder
        .namespace("/", namespace())
        .namespace("/blog", namespace())
        .namespace("/default", namespace())
        .namespace("/room/{number}", namespace())
        .build()
        .expect("namespaces that fit")
}

async fn enter(io: &SocketIo, namespace: &str, room: Option<&str>) -> TestClient {
    let client = TestClient::new(io).connect(namespace).await.expect("the client is accepted");
    if let Some(room) = room {
        client.emit_with_ack::<()>("join", room).await.expect("it joins");
    }
    client
}

/// How many events each of these clients has waiting.
async fn received<const N: usize>(clients: [&mut TestClient; N]) -> [usize; N] {
    let mut counts = [0; N];
    for (count, client) in counts.iter_mut().zip(clients) {
        while client.next::<Value>("e").await.is_ok() {
            *count += 1;
        }
    }
    counts
}

#[test]
fn a_message_says_who_is_meant_or_is_refused() {
    let (r, s) = (Some("r"), Some("s"));
    let both = Recipients::MembersExcept { room: "r", socket: "s" };
    let table = [
        (message(None, None, false), Ok(Recipients::Everybody)),
        (message(None, None, true), Ok(Recipients::Everybody)),
        (message(r, None, false), Ok(Recipients::Members("r"))),
        (message(r, None, true), Ok(Recipients::Members("r"))),
        (message(None, s, false), Ok(Recipients::Single("s"))),
        (message(None, s, true), Ok(Recipients::EverybodyExcept("s"))),
        (message(r, s, true), Ok(both)),
        (message(r, s, false), Err(PublishError::RoomWithSocketNeedsBroadcast)),
        (message(Some(""), None, false), Err(PublishError::Empty("room"))),
        (message(Some(""), s, true), Err(PublishError::Empty("room"))),
        (message(None, Some(""), true), Err(PublishError::Empty("socketId"))),
        (message(r, Some(""), true), Err(PublishError::Empty("socketId"))),
        (PublishMessage::new("", [1]), Err(PublishError::Empty("event"))),
        (PublishMessage::new("disconnect", [1]), Err(PublishError::ReservedEvent("disconnect".into()))),
        (PublishMessage::new("connect_error", [1]), Err(PublishError::ReservedEvent("connect_error".into()))),
    ];
    let publisher = Publisher::new(&server());
    for (message, expected) in table {
        assert_eq!(message.recipients(), expected, "{message:?}");
        for sent in [publisher.publish(&message), publisher.publish_all(&message)] {
            assert_eq!(sent.map(drop).err(), expected.clone().err(), "{message:?}");
        }
    }
}

#[test]
fn an_unknown_namespace_is_refused_for_all_but_one_socket_of_any() {
    let publisher = Publisher::new(&server());
    let unknown = |name: &str| Err(PublishError::UnknownNamespace(name.to_owned()));
    let table = [
        (message(None, None, false), Ok(())),
        (message(None, None, false).namespace(""), Ok(())),
        (message(None, None, false).namespace("default"), Ok(())),
        (message(None, None, false).namespace("/default"), Ok(())),
        (message(Some("r"), None, false).namespace("blog"), Ok(())),
        (message(Some("r"), None, false).namespace("/blog"), Ok(())),
        (message(None, None, false).namespace("/room/{number}"), Ok(())),
        (message(None, None, false).namespace("/room/1"), unknown("/room/1")),
        (message(None, None, false).namespace("nothing"), unknown("/nothing")),
        (message(Some("r"), Some("s"), true).namespace("/nothing"), unknown("/nothing")),
        (message(None, Some("s"), false).namespace("/nothing"), unknown("/nothing")),
    ];
    for (message, expected) in table {
        assert_eq!(publisher.publish(&message).map(drop), expected, "{message:?}");
        assert_eq!(publisher.publish_all(&message).map(drop), expected, "{message:?}");
    }
    let nothing = Publisher::new(&SocketIo::default());
    assert_eq!(nothing.publish_all(&message(None, None, false)).map(drop), unknown("/"));
    assert_eq!(nothing.publish_all(&message(None, Some("s"), false)).map(|sent| sent.reached()), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_recipients_gets_the_message_once() -> Test {
    let io = server();
    let publisher = Publisher::new(&io);
    let (mut member, mut other) = (enter(&io, "/", Some("r")).await, enter(&io, "/", None).await);
    let (mut blog, mut second) = (enter(&io, "/blog", Some("r")).await, enter(&io, "/blog", Some("r")).await);
    let (id, in_blog) = (member.id().to_owned(), blog.id().to_owned());
    let (r, member_id, blog_id) = (Some("r"), Some(id.as_str()), Some(in_blog.as_str()));
    let table = [
        (message(None, None, false), [1, 1, 0, 0]),
        (message(None, None, false).namespace("default"), [1, 1, 0, 0]),
        (message(None, None, true).namespace("blog"), [0, 0, 1, 1]),
        (message(r, None, false), [1, 0, 0, 0]),
        (message(r, None, false).namespace("/blog"), [0, 0, 1, 1]),
        (message(None, member_id, false), [1, 0, 0, 0]),
        (message(None, blog_id, false), [0, 0, 1, 0]),
        (message(None, blog_id, false).namespace("blog"), [0, 0, 1, 0]),
        (message(None, blog_id, false).namespace("default"), [0, 0, 0, 0]),
        (message(None, Some("absent"), false), [0, 0, 0, 0]),
        (message(None, member_id, true), [0, 1, 0, 0]),
        (message(None, blog_id, true).namespace("blog"), [0, 0, 0, 1]),
        (message(r, blog_id, true).namespace("blog"), [0, 0, 0, 1]),
        (message(r, member_id, true), [0, 0, 0, 0]),
    ];
    for (message, expected) in table {
        let reached = publisher.publish_all(&message)?.reached();
        let got = received([&mut member, &mut other, &mut blog, &mut second]).await;
        assert_eq!(got, expected, "{message:?}");
        assert_eq!(reached, expected.iter().sum::<usize>(), "{message:?}");
        // There are no other nodes.
        assert_eq!(publisher.publish(&message)?.reached(), 0, "{message:?}");
        assert_eq!(received([&mut member, &mut other, &mut blog, &mut second]).await, [0; 4], "{message:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_hears_of_it_on_the_other_nodes_or_on_all() -> Test {
    let [one, two, three, four] = nodes().await;
    let publisher = Publisher::new(&one);
    let (mut here, mut there) = (enter(&one, "/blog", None).await, enter(&two, "/blog", None).await);
    let (mut third, mut fourth) = (enter(&three, "/blog", None).await, enter(&four, "/blog", None).await);
    let mut root = enter(&two, "/", None).await;
    let mut counts = async || received([&mut here, &mut there, &mut third, &mut fourth, &mut root]).await;
    let blog = message(None, None, false).namespace("blog");
    assert_eq!(publisher.publish(&blog)?.reached(), 0);
    assert_eq!(counts().await, [0, 1, 1, 1, 0]);
    assert_eq!(publisher.publish_all(&blog)?.reached(), 1);
    assert_eq!(counts().await, [1, 1, 1, 1, 0]);
    publisher.publish(&message(None, None, false))?;
    assert_eq!(counts().await, [0, 0, 0, 0, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_members_of_a_room_hear_of_it() -> Test {
    let [one, two] = nodes().await;
    let publisher = Publisher::new(&one);
    let r = Some("members");
    let (mut here, mut there) = (enter(&one, "/blog", r).await, enter(&two, "/blog", r).await);
    let (mut other, mut root) = (enter(&two, "/blog", None).await, enter(&two, "/", r).await);
    let mut counts = async || received([&mut here, &mut there, &mut other, &mut root]).await;
    let members = message(r, None, false).namespace("blog");
    publisher.publish(&members)?;
    assert_eq!(counts().await, [0, 1, 0, 0]);
    publisher.publish_all(&members)?;
    assert_eq!(counts().await, [1, 1, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_socket_is_found_on_whichever_node_in_whichever_namespace() -> Test {
    let [one, two] = nodes().await;
    let publisher = Publisher::new(&one);
    let (mut here, mut there) = (enter(&one, "/blog", None).await, enter(&two, "/blog", None).await);
    let (mut other, mut root) = (enter(&two, "/blog", None).await, enter(&two, "/", None).await);
    let ids = [&here, &there, &other, &root].map(|client| client.id().to_owned());
    for (at, id) in ids.iter().enumerate() {
        let mut expected = [0; 4];
        expected[at] = 1;
        publisher.publish_all(&message(None, Some(id), false))?;
        assert_eq!(received([&mut here, &mut there, &mut other, &mut root]).await, expected);
        // The first is on the node that publishes.
        expected[0] = 0;
        publisher.publish(&message(None, Some(id), false))?;
        assert_eq!(received([&mut here, &mut there, &mut other, &mut root]).await, expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_socket_is_left_out_of_a_namespace_or_a_room_on_whichever_node() -> Test {
    let [one, two] = nodes().await;
    let publisher = Publisher::new(&one);
    let r = Some("members");
    let (mut here, mut there) = (enter(&one, "/blog", r).await, enter(&two, "/blog", r).await);
    let (mut member, mut other) = (enter(&two, "/blog", r).await, enter(&two, "/blog", None).await);
    let (here_id, there_id) = (here.id().to_owned(), there.id().to_owned());
    let table = [
        (message(None, Some(&there_id), true), [1, 0, 1, 1]),
        (message(r, Some(&there_id), true), [1, 0, 1, 0]),
        (message(None, Some(&here_id), true), [0, 1, 1, 1]),
        (message(r, Some(&here_id), true), [0, 1, 1, 0]),
    ];
    for (message, mut expected) in table {
        let message = message.namespace("blog");
        publisher.publish_all(&message)?;
        let got = received([&mut here, &mut there, &mut member, &mut other]).await;
        assert_eq!(got, expected, "{message:?}");
        expected[0] = 0;
        publisher.publish(&message)?;
        let got = received([&mut here, &mut there, &mut member, &mut other]).await;
        assert_eq!(got, expected, "{message:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_serves_its_own_sockets_tells_the_others() -> Test {
    let bus = LocalBus::new();
    let updated = async |socket: Socket, Data(id): Data<String>| {
        let sent = socket.to("members").local().emit("e", &id).reached();
        let message = PublishMessage::new("e", [id]).namespace("blog").room("members");
        Publisher::new(socket.io()).publish(&message)?;
        Ok::<_, PublishError>(Ack(sent))
    };
    let node = || {
        let blog = namespace().on("ArticleUpdated", updated);
        SocketIo::builder().adapter(Cluster::new(bus.clone())).namespace("/blog", blog).build()
    };
    let (one, two) = (node()?, node()?);
    idle().await;
    let r = Some("members");
    let (mut author, mut here) = (enter(&one, "/blog", r).await, enter(&one, "/blog", r).await);
    let (mut there, mut other) = (enter(&two, "/blog", r).await, enter(&two, "/blog", None).await);
    assert_eq!(author.emit_with_ack::<usize>("ArticleUpdated", "7").await?, 1);
    assert_eq!(received([&mut author, &mut here, &mut there, &mut other]).await, [0, 1, 1, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_of_a_pattern_may_be_on_another_node_alone() -> Test {
    let [one, two] = nodes().await;
    let publisher = Publisher::new(&one);
    let mut there = enter(&two, "/room/7", None).await;
    publisher.publish(&message(None, None, false).namespace("room/7"))?;
    assert_eq!(received([&mut there]).await, [1]);
    let unknown = publisher.publish(&message(None, None, false).namespace("/rooms"));
    assert_eq!(unknown.map(drop), Err(PublishError::UnknownNamespace("/rooms".into())));
    Ok(())
}

#[tokio::test]
async fn the_data_are_the_arguments_as_they_are() -> Test {
    let io = server();
    let mut client = enter(&io, "/", None).await;
    let placeholder = json!({"_placeholder": true, "num": 0});
    for data in [vec![], vec![json!("7")], vec![json!([1, 2]), Value::Null, placeholder]] {
        Publisher::new(&io).publish_all(&PublishMessage::new("e", data.clone()))?;
        assert_eq!(client.next::<Args>("e").await?.0, data);
    }
    Ok(())
}

#[test]
fn a_message_is_json_with_the_names_that_are_known() -> Test {
    let full = json!({
        "event": "ArticleUpdated",
        "data": ["7"],
        "namespace": "blog",
        "room": "members",
        "socketId": "abc",
        "broadcast": true,
    });
    let message = PublishMessage::new("ArticleUpdated", ["7"])
        .namespace("blog")
        .room("members")
        .socket_id("abc")
        .broadcast(true);
    assert_eq!(serde_json::from_value::<PublishMessage>(full.clone())?, message);
    assert_eq!(serde_json::to_value(&message)?, full);

    let least = PublishMessage::new("e", [1]);
    assert_eq!(serde_json::to_value(&least)?, json!({"event": "e", "data": [1], "broadcast": false}));
    let nulls = json!({"event": "e", "data": [1], "namespace": null, "room": null, "socketId": null});
    for json in [json!({"event": "e", "data": [1]}), nulls] {
        assert_eq!(serde_json::from_value::<PublishMessage>(json)?, least);
    }
    // A member that is misspelt must not reach more than was meant.
    for json in [
        json!({"event": "e"}),
        json!({"data": []}),
        json!({"event": "e", "data": 1}),
        json!({"event": "e", "data": [], "rooms": ["a"]}),
        json!({"event": "e", "data": [], "socket": "a"}),
        json!({"event": "e", "data": [], "socket_id": "a"}),
        json!({"event": "e", "data": [], "room": ["a"]}),
    ] {
        assert!(serde_json::from_value::<PublishMessage>(json.clone()).is_err(), "{json}");
    }
    Ok(())
}

#[tokio::test]
async fn a_handler_refuses_with_what_is_wrong() -> Test {
    let io = server();
    let mut client = enter(&io, "/", None).await;
    let publish = async |message: PublishMessage| client.emit_with_ack::<usize>("publish", message).await;
    let unknown = refusal(publish(message(None, None, false).namespace("x")).await);
    assert_eq!(unknown, ("there is no namespace `/x`".to_owned(), Some("unknown_namespace".to_owned())));
    let empty = refusal(publish(PublishMessage::new("", [1])).await);
    assert_eq!(empty, ("`event` is empty".to_owned(), Some("empty".to_owned())));
    assert_eq!(publish(message(None, None, false)).await?, 1);
    assert_eq!(client.next::<u32>("e").await?, 1);
    Ok(())
}

#[tokio::test]
async fn one_handler_of_many_namespaces_knows_in_which_it_is() -> Test {
    let io = SocketIo::default();
    for name in ["/", "/blog", "/default"] {
        let name_of = async |socket: Socket| Ack(socket.namespace().name().to_owned());
        io.namespace(name, Namespace::new().on("where", name_of))?;
    }
    for (given, name) in [("default", "/"), ("blog", "/blog"), ("/default", "/default")] {
        let mut client = enter(&io, name, None).await;
        assert_eq!(client.emit_with_ack::<String>("where", ()).await?, name);
        let message = PublishMessage::new("e", [name]).namespace(given);
        assert_eq!(Publisher::new(&io).publish_all(&message)?.reached(), 1);
        assert_eq!(client.next::<String>("e").await?, name);
        client.disconnect();
    }
    Ok(())
}

#[test]
fn errors_have_a_status_and_a_code() {
    let table = [
        (PublishError::Empty("event"), 422, "empty"),
        (PublishError::ReservedEvent("connect".into()), 422, "reserved_event"),
        (PublishError::RoomWithSocketNeedsBroadcast, 422, "needs_broadcast"),
        (PublishError::UnknownNamespace("/x".into()), 404, "unknown_namespace"),
    ];
    for (error, status, code) in table {
        assert_eq!((error.status().as_u16(), error.code()), (status, Some(code)), "{error}");
    }
}

#[cfg(feature = "axum")]
mod rest {
    use axum::body::{Body, to_bytes};
    use axum::extract::State;
    use axum::routing::post;
    use axum::{Json, Router};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn publish(
        State(publisher): State<Publisher>,
        Json(message): Json<PublishMessage>,
    ) -> Result<Json<usize>, PublishError> {
        Ok(Json(publisher.publish_all(&message)?.reached()))
    }

    #[tokio::test]
    async fn a_route_publishes_and_answers_with_a_status() -> Test {
        let io = server();
        let app = Router::new().route("/", post(publish)).with_state(io.clone()).layer(io.layer());
        let mut client = enter(&io, "/blog", Some("members")).await;
        let members = json!({"event": "e", "data": ["7"], "namespace": "blog", "room": "members"});
        let table = [
            (members.to_string(), 200, Some(json!(1))),
            (json!({"event": "e", "data": []}).to_string(), 200, Some(json!(0))),
            (
                json!({"event": "e", "data": [], "namespace": "x"}).to_string(),
                404,
                Some(
                    json!({"error": {"message": "there is no namespace `/x`", "code": "unknown_namespace"}}),
                ),
            ),
            (
                json!({"event": "", "data": []}).to_string(),
                422,
                Some(json!({"error": {"message": "`event` is empty", "code": "empty"}})),
            ),
            (json!({"event": "e", "data": [], "rooms": []}).to_string(), 422, None),
            ("{".to_owned(), 400, None),
        ];
        for (body, status, answer) in table {
            let request =
                Request::post("/").header("content-type", "application/json").body(Body::from(body))?;
            let response = app.clone().oneshot(request).await?;
            assert_eq!(response.status(), status);
            let body = to_bytes(response.into_body(), 1000).await?;
            if let Some(answer) = answer {
                assert_eq!(serde_json::from_slice::<Value>(&body)?, answer);
            }
        }
        assert_eq!(client.next::<String>("e").await?, "7");
        Ok(())
    }
}
