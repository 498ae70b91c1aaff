//! Published messages: who is meant, what is refused, and who gets them.

use serde_json::{Value, json};
use tower_socketio::{
    Ack, Args, Data, Namespace, PublicError, PublishError, PublishMessage, Publisher, Recipients, Socket,
    SocketIo, TestClient,
};

use crate::support::{Test, refusal};

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
    SocketIo::builder()
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
        (message(None, None, false), Ok(Recipients::Everyone)),
        (message(None, None, true), Ok(Recipients::Everyone)),
        (message(r, None, false), Ok(Recipients::Members("r"))),
        (message(r, None, true), Ok(Recipients::Members("r"))),
        (message(None, s, false), Ok(Recipients::Single("s"))),
        (message(None, s, true), Ok(Recipients::EveryoneExcept("s"))),
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
