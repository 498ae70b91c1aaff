//! Messages to users, to everybody who is one, and the end of their connections.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Barrier;

use serde::Deserialize;
use tower_socketio::{
    Ack, Auth, Cluster, Data, DisconnectReason, EmitError, LocalBus, MessageClient, Namespace,
    PublishMessage, Publisher, Room, Socket, SocketIo, TestClient, TestError, UserId,
};

use crate::support::{Log, Raw, Test, idle, join, serve};

#[derive(Deserialize)]
struct Login {
    user: Option<String>,
}

/// Lets in whoever says who it is, and whoever does not.
fn namespace() -> Namespace {
    Namespace::new()
        .on_connect(async |socket: Socket, login: Option<Auth<Login>>| {
            if let Some(user) = login.and_then(|Auth(login)| login.user) {
                socket.set_user(user);
            }
        })
        .on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room))
        .on("leave all", async |socket: Socket| {
            socket.leave_all();
            Ack(socket.user())
        })
}

fn server() -> SocketIo {
    SocketIo::builder()
        .namespace("/", namespace())
        .namespace("/chat", namespace())
        .namespace("/room/{number}", namespace())
        .build()
        .expect("namespaces that fit")
}

async fn enter(io: &SocketIo, namespace: &str, user: &str) -> TestClient {
    let client = TestClient::new(io).auth(serde_json::json!({ "user": user }));
    client.connect(namespace).await.expect("the client is accepted")
}

/// How many events each of these clients has waiting.
async fn received<const N: usize>(clients: [&mut TestClient; N]) -> [usize; N] {
    let mut counts = [0; N];
    for (count, client) in counts.iter_mut().zip(clients) {
        while client.next::<serde_json::Value>("e").await.is_ok() {
            *count += 1;
        }
    }
    counts
}

struct Account {
    number: u64,
    guest: bool,
}

impl UserId for Account {
    fn user_id(&self) -> Option<Cow<'_, str>> {
        (!self.guest).then(|| self.number.to_string().into())
    }
}

#[tokio::test(start_paused = true)]
async fn users_are_reached_on_each_of_their_sockets_once_and_nobody_else_is() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let (mut one, mut two) = (enter(&io, "/", "u1").await, enter(&io, "/", "u1").await);
    let (mut other, mut nobody) = (enter(&io, "/", "u2").await, join(&io).await);
    let mut counts = async || received([&mut one, &mut two, &mut other, &mut nobody]).await;

    assert_eq!(client.emit_to_users("u1", "e", 1).reached(), 2);
    assert_eq!(counts().await, [1, 1, 0, 0]);
    assert_eq!(client.emit_to_users(["u1", "absent", "u1"], "e", 1).reached(), 2);
    assert_eq!(counts().await, [1, 1, 0, 0]);
    assert_eq!(client.emit_to_users(vec!["u2".to_owned(), "u1".to_owned()], "e", 1).reached(), 3);
    assert_eq!(counts().await, [1, 1, 1, 0]);
    let absent = client.emit_to_users("absent", "e", 1);
    assert_eq!(absent.reached(), 0);
    absent.into_result()?;
    assert_eq!(client.emit_to_users(Vec::<String>::new(), "e", 1).reached(), 0);
    assert_eq!(client.emit_to_users(None::<&str>, "e", 1).reached(), 0);
    assert_eq!(counts().await, [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_stands_for_a_user_may_be_a_type_of_the_programs_own() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let mut seven = enter(&io, "/", "7").await;
    let account = Account { number: 7, guest: false };
    assert_eq!(client.emit_to_users(&account, "e", (1, "two")).reached(), 1);
    assert_eq!(seven.next::<(u32, String)>("e").await?, (1, "two".to_owned()));
    assert_eq!(client.emit_to_users([account, Account { number: 8, guest: false }], "e", ()).reached(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_go_to_all_namespaces_or_to_the_one_that_is_picked() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let (mut root, mut chat) = (enter(&io, "/", "ada").await, enter(&io, "/chat", "ada").await);
    let (mut first, mut second) = (enter(&io, "/room/1", "ada").await, enter(&io, "/room/2", "ada").await);
    let mut counts = async || received([&mut root, &mut chat, &mut first, &mut second]).await;

    assert_eq!(client.emit_to_users("ada", "e", 1).reached(), 4);
    assert_eq!(counts().await, [1, 1, 1, 1]);
    for chat in ["/chat", "chat"] {
        assert_eq!(client.in_namespace(chat).emit_to_users("ada", "e", 1).reached(), 1);
        assert_eq!(counts().await, [0, 1, 0, 0]);
    }
    assert_eq!(client.in_namespace("/").emit_to_everyone("e", 1).reached(), 1);
    assert_eq!(counts().await, [1, 0, 0, 0]);
    assert_eq!(client.in_namespace("/room/2").emit_to_everyone("e", 1).reached(), 1);
    assert_eq!(counts().await, [0, 0, 0, 1]);
    assert_eq!(client.in_namespace("/room/{number}").emit_to_users("ada", "e", 1).reached(), 2);
    assert_eq!(counts().await, [0, 0, 1, 1]);
    assert_eq!(client.in_namespace("/unknown").emit_to_users("ada", "e", 1).reached(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn everyone_is_each_socket_that_has_a_user_and_no_other() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let (mut ada, mut bob) = (enter(&io, "/", "ada").await, enter(&io, "/chat", "bob").await);
    let mut nobody = join(&io).await;
    for guess in ["users", "", "Room::users()", "user:ada"] {
        nobody.emit_with_ack::<()>("join", guess).await?;
    }
    assert_eq!(client.emit_to_everyone("e", 1).reached(), 2);
    assert_eq!(received([&mut ada, &mut bob, &mut nobody]).await, [1, 1, 0]);
    // Those without a user are the rest.
    assert_eq!(io.except(Room::users()).emit("e", 1).reached(), 1);
    assert_eq!(received([&mut ada, &mut bob, &mut nobody]).await, [0, 0, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_all_rooms_stays_who_it_is() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let mut ada = enter(&io, "/", "ada").await;
    ada.emit_with_ack::<()>("join", "room").await?;
    assert_eq!(ada.emit_with_ack::<Option<String>>("leave all", ()).await?.as_deref(), Some("ada"));
    assert_eq!(io.to("room").count(), 0);
    assert_eq!(client.emit_to_users("ada", "e", 1).reached(), 1);
    assert_eq!(client.emit_to_everyone("e", 1).reached(), 1);
    assert_eq!(received([&mut ada]).await, [2]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_leaves_all_rooms_leaves_the_user() -> Test {
    let io = serve(Namespace::new().on_connect(async |socket: Socket| {
        socket.set_user("ada");
        socket.join("room");
        socket.leave_all();
    }));
    let _ada = join(&io).await;
    assert_eq!(MessageClient::new(&io).emit_to_users("ada", "e", 1).reached(), 1);
    assert_eq!(io.to("room").count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_socket_of_which_many_say_at_once_whose_it_is_has_one_user() -> Test {
    let io = server();
    let client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    let (start, end) = (&Barrier::new(3), &Barrier::new(3));
    std::thread::scope(|threads| {
        for user in ["ada", "bob"] {
            let socket = &socket;
            threads.spawn(move || {
                for _ in 0..500 {
                    start.wait();
                    socket.set_user(user);
                    end.wait();
                }
            });
        }
        let rooms = || {
            start.wait();
            end.wait();
            (socket.rooms().into_iter().filter(Room::is_user).collect::<Vec<_>>(), socket.user())
        };
        let all: Vec<_> = (0..500).map(|_| rooms()).collect();
        for (rooms, user) in all {
            assert_eq!(rooms, user.map(Room::user).as_slice());
        }
    });
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn guests_share_no_user() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let (mut one, mut two) = (join(&io).await, join(&io).await);
    let guest = Account { number: 0, guest: true };
    assert_eq!(client.emit_to_users(&guest, "e", 1).reached(), 0);
    assert_eq!(client.emit_to_users([&guest, &guest], "e", 1).reached(), 0);
    for user in ["", "0", "anonymous", "undefined", "null", "None"] {
        assert_eq!(client.emit_to_users(user, "e", 1).reached(), 0);
    }
    assert_eq!(client.emit_to_everyone("e", 1).reached(), 0);
    client.disconnect_users([guest], true);
    assert_eq!(received([&mut one, &mut two]).await, [0, 0]);
    assert_eq!(io.of("/").count(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_name_that_a_client_chooses_lets_it_hear_what_is_for_another() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let (mut ada, mut thief) = (enter(&io, "/", "ada").await, enter(&io, "/", "thief").await);
    for guess in ["ada", "user:ada", "users", "user/ada", "Room::user(\"ada\")"] {
        thief.emit_with_ack::<()>("join", guess).await?;
    }
    assert_eq!(client.emit_to_users("ada", "e", 1).reached(), 1);
    // Nor does a published message name a user.
    for room in ["ada", "user:ada", "users"] {
        Publisher::new(&io).publish_all(&PublishMessage::new("e", [1]).room(room).namespace("/"))?;
    }
    assert_eq!(received([&mut ada, &mut thief]).await, [1, 3]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn users_are_disconnected_from_their_namespaces() -> Test {
    let log = Log::new();
    let left = log.clone();
    let note = async move |socket: Socket, reason: DisconnectReason| {
        left.push(format!("{} {} {reason}", socket.namespace().name(), socket.user().unwrap_or_default()));
    };
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().on_connect(async |socket: Socket| socket.set_user("ada")))
        .namespace("/chat", namespace().on_disconnect(note.clone()))
        .namespace("/open", namespace().on_disconnect(note))
        .build()?;
    let client = MessageClient::new(&io);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/open").await;
    let (mut bob, mut ada) = (enter(&io, "/chat", "bob").await, enter(&io, "/chat", "ada").await);
    client.in_namespace("/chat").disconnect_users("ada", false);
    ada.closed().await?;
    assert_eq!(log.reach(1).await, ["/chat ada server namespace disconnect"]);
    client.disconnect_users(["ada", "absent"], false);
    assert_eq!(raw.next().await, "41");
    // The connection goes on, and so does everybody else.
    raw.enter("/").await;
    assert_eq!(client.emit_to_users(["ada", "bob"], "e", 1).reached(), 2);
    assert_eq!(raw.next().await, r#"42["e",1]"#);
    assert_eq!(received([&mut bob]).await, [1]);
    assert_eq!(log.all().len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn users_are_disconnected_with_their_connections() -> Test {
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().on_connect(async |socket: Socket| socket.set_user("ada")))
        .namespace("/open", namespace())
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/open").await;
    let mut bob = enter(&io, "/open", "bob").await;
    MessageClient::new(&io).disconnect_users("ada", true);
    let told: HashSet<_> = [raw.next().await, raw.next().await].into();
    assert_eq!(told, HashSet::from(["41".into(), "41/open,".into()]));
    assert_eq!(raw.maybe_next().await, None);
    assert_eq!(MessageClient::new(&io).emit_to_everyone("e", 1).reached(), 1);
    assert_eq!(received([&mut bob]).await, [1]);
    Ok(())
}

#[tokio::test]
async fn its_server_is_the_one_it_was_made_of() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    client.io().namespace("/late", namespace())?;
    let late = TestClient::new(&io).connect("/late").await?;
    assert_eq!(io.socket(late.id()).map(|socket| socket.namespace().count()), Some(1));
    assert_eq!(client.io().connections(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn it_is_of_use_before_there_are_namespaces_layers_or_clients() -> Test {
    let io = SocketIo::builder().build()?;
    let before = MessageClient::new(&io);
    let (users, everyone) = (before.emit_to_users("ada", "e", 1), before.emit_to_everyone("e", 1));
    assert_eq!((users.reached(), everyone.reached()), (0, 0));
    users.into_result()?;
    everyone.into_result()?;
    before.disconnect_users("ada", true);

    io.namespace("/", namespace())?;
    assert_eq!(before.emit_to_users("ada", "e", 1).reached(), 0);
    let _layer = io.layer();
    let mut ada = enter(&io, "/", "ada").await;
    let after = MessageClient::new(io.socket(ada.id()).expect("the socket is here").io());
    assert_eq!(before.emit_to_users("ada", "e", 1).reached(), 1);
    assert_eq!(after.emit_to_users("ada", "e", 1).reached(), 1);
    assert_eq!(received([&mut ada]).await, [2]);
    ada.disconnect();
    idle().await;
    assert_eq!(before.emit_to_users("ada", "e", 1).reached(), 0);
    Ok(())
}

/// Nodes that know each other.
async fn nodes<const N: usize>() -> [SocketIo; N] {
    let bus = LocalBus::new();
    let node = |_| {
        SocketIo::builder()
            .adapter(Cluster::new(bus.clone()))
            .namespace("/", namespace())
            .namespace("/chat", namespace())
            .namespace("/room/{number}", namespace())
            .build()
            .expect("namespaces that fit")
    };
    let nodes = std::array::from_fn(node);
    idle().await;
    nodes
}

#[tokio::test(start_paused = true)]
async fn a_client_on_any_node_reaches_users_on_every_node() -> Test {
    // Nobody connects to the first: it is a worker's.
    let [worker, one, two] = nodes().await;
    let (mut ada, mut phone) = (enter(&one, "/", "ada").await, enter(&two, "/chat", "ada").await);
    let (mut bob, mut nobody) = (enter(&two, "/", "bob").await, join(&two).await);
    let mut counts = async || received([&mut ada, &mut phone, &mut bob, &mut nobody]).await;
    for (io, here) in [(&worker, 0), (&one, 1), (&two, 1)] {
        let client = MessageClient::new(io);
        assert_eq!(client.emit_to_users(["ada", "absent", "ada"], "e", 1).reached(), here, "on this node");
        assert_eq!(counts().await, [1, 1, 0, 0]);
        client.in_namespace("/chat").emit_to_users(["ada", "bob"], "e", 1);
        assert_eq!(counts().await, [0, 1, 0, 0]);
        client.emit_to_everyone("e", 1);
        assert_eq!(counts().await, [1, 1, 1, 0]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_on_any_node_disconnects_users_on_every_node() -> Test {
    let [worker, one, two] = nodes().await;
    let (mut ada, mut phone) = (enter(&one, "/", "ada").await, enter(&two, "/chat", "ada").await);
    let mut bob = enter(&two, "/", "bob").await;
    MessageClient::new(&worker).disconnect_users("ada", true);
    ada.closed().await?;
    phone.closed().await?;
    MessageClient::new(&worker).emit_to_users(["ada", "bob"], "e", 1);
    assert_eq!(received([&mut bob]).await, [1]);
    assert_eq!((one.connections(), two.connections()), (0, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_of_a_pattern_is_reached_by_its_name_where_nobody_here_is_in_it() -> Test {
    let [one, two] = nodes().await;
    let mut ada = enter(&two, "/room/7", "ada").await;
    MessageClient::new(&one).in_namespace("/room/7").emit_to_users("ada", "e", 1);
    assert_eq!(received([&mut ada]).await, [1]);
    // To all namespaces means those that exist here.
    let _bob = enter(&one, "/room/7", "bob").await;
    idle().await;
    MessageClient::new(&one).emit_to_users("ada", "e", 1);
    assert_eq!(received([&mut ada]).await, [1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_name_that_a_client_chooses_is_a_users_on_another_node() -> Test {
    let [one, two] = nodes().await;
    let (mut ada, mut thief) = (enter(&two, "/", "ada").await, join(&two).await);
    for guess in ["ada", "user:ada", "users", "$users", "$user:ada", "$$users", "$$user:ada", ""] {
        thief.emit_with_ack::<()>("join", guess).await?;
    }
    let client = MessageClient::new(&one);
    client.emit_to_users("ada", "e", 1);
    client.emit_to_everyone("e", 1);
    // Nor does a name reach a user from there.
    for room in ["$user:ada", "$users"] {
        one.to(room).emit("e", 1);
        Publisher::new(&one).publish(&PublishMessage::new("e", [1]).room(room))?;
    }
    assert_eq!(received([&mut ada, &mut thief]).await, [2, 4]);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sent_is_told() -> Test {
    let io = server();
    let client = MessageClient::new(&io);
    let mut ada = enter(&io, "/", "ada").await.timeout(std::time::Duration::ZERO);
    assert!(matches!(client.emit_to_users("ada", "connect", 1).into_result(), Err(EmitError::Encode(_))));
    let nobody: [&str; 0] = [];
    assert!(matches!(client.emit_to_users(nobody, "connect", 1).into_result(), Err(EmitError::Encode(_))));
    assert!(matches!(ada.next::<u32>("connect").await, Err(TestError::Silence)));
    Ok(())
}

#[cfg(feature = "axum")]
mod rest {
    use axum::body::Body;
    use axum::extract::{FromRef, Path, State};
    use axum::response::IntoResponse;
    use axum::routing::{delete, post};
    use axum::{Json, Router};
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;

    #[derive(Clone, FromRef)]
    struct App {
        messages: MessageClient,
    }

    async fn tell(
        State(messages): State<MessageClient>,
        Path(user): Path<String>,
        text: String,
    ) -> Json<usize> {
        Json(messages.emit_to_users(user, "e", text).reached())
    }

    async fn end(State(messages): State<MessageClient>, Path(user): Path<String>) -> impl IntoResponse {
        messages.disconnect_users(user, true);
        StatusCode::NO_CONTENT
    }

    fn routes<S>() -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
        MessageClient: FromRef<S>,
    {
        Router::new().route("/users/{user}", post(tell)).route("/users/{user}", delete(end))
    }

    async fn ask(app: &Router, method: &str, body: &str) -> Test<(StatusCode, String)> {
        let request =
            Request::builder().method(method).uri("/users/ada").body(Body::from(body.to_owned()))?;
        let response = app.clone().oneshot(request).await?;
        let (status, body) = (response.status(), response.into_body());
        Ok((status, String::from_utf8(axum::body::to_bytes(body, 100).await?.to_vec())?))
    }

    #[tokio::test]
    async fn a_route_pushes_to_users_whatever_the_routers_state_is() -> Test {
        let io = server();
        let messages = MessageClient::new(&io);
        let apps = [
            routes().with_state(io.clone()),
            routes().with_state(messages.clone()),
            routes().with_state(App { messages }),
        ];
        for app in apps {
            let app = app.layer(io.layer());
            assert_eq!(ask(&app, "POST", "nobody is here").await?, (StatusCode::OK, "0".to_owned()));
            let mut ada = enter(&io, "/", "ada").await;
            assert_eq!(ask(&app, "POST", "it rains").await?, (StatusCode::OK, "1".to_owned()));
            assert_eq!(ada.next::<String>("e").await?, "it rains");
            assert_eq!(ask(&app, "DELETE", "").await?.0, StatusCode::NO_CONTENT);
            ada.closed().await?;
        }
        Ok(())
    }
}
