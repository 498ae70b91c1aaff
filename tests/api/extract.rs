//! What a handler may ask for besides its data: state, data of the socket, parameters of the name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::FromRef;
use serde::Deserialize;
use tower_socketio::{
    Ack, Conn, Context, Extension, FromContext, Handler, Namespace, Path, PublicError, Socket, SocketIo,
    State, TestClient,
};

use crate::support::{Log, Raw, Test, code, join, refusal, serve};

#[derive(Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Counter {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[derive(Clone, FromRef)]
struct App {
    counter: Counter,
    name: String,
}

#[tokio::test]
async fn handlers_share_their_state() -> Test {
    let namespace = Namespace::new()
        .on("a", async |State(counter): State<Counter>| Ack(counter.next()))
        .on("b", async |State(counter): State<Counter>| Ack(counter.next()))
        .on_connect(async |State(counter): State<Counter>| {
            counter.next();
        })
        .with_state(Counter::default());
    let io = serve(namespace);
    let (one, two) = (join(&io).await, join(&io).await);
    assert_eq!(one.emit_with_ack::<u32>("a", ()).await?, 3);
    assert_eq!(two.emit_with_ack::<u32>("b", ()).await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_handler_may_ask_for_a_part_of_the_state() -> Test {
    let app = App { counter: Counter::default(), name: "app".to_owned() };
    let namespace = Namespace::new()
        .on("count", async |State(counter): State<Counter>| Ack(counter.next()))
        .on("name", async |State(name): State<String>| Ack(name))
        .on("whole", async |State(app): State<App>| Ack((app.counter.next(), app.name)))
        .with_state(app);
    let client = join(&serve(namespace)).await;
    assert_eq!(client.emit_with_ack::<u32>("count", ()).await?, 1);
    assert_eq!(client.emit_with_ack::<String>("name", ()).await?, "app");
    assert_eq!(client.emit_with_ack::<(u32, String)>("whole", ()).await?, (2, "app".to_owned()));
    Ok(())
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axums_own_state_extension_and_path_work_as_well() -> Test {
    use axum::Extension;
    use axum::extract::{Path, State};
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket| {
            socket.extensions().insert(7_u32);
        })
        .on(
            "all",
            async |State(name): State<String>, Extension(n): Extension<u32>, Path(room): Path<String>| {
                Ack((name, n, room))
            },
        )
        .on("optional", async |text: Option<Extension<String>>| Ack(text.is_none()))
        .with_state("state".to_owned());
    let io = SocketIo::builder().namespace("/{room}", namespace).build()?;
    let client = TestClient::new(&io).connect("/kitchen").await?;
    let all = client.emit_with_ack::<(String, u32, String)>("all", ()).await?;
    assert_eq!(all, ("state".to_owned(), 7, "kitchen".to_owned()));
    assert!(client.emit_with_ack::<bool>("optional", ()).await?);
    Ok(())
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axums_own_query_works_in_every_handler() -> Test {
    use axum::extract::Query;
    #[derive(Deserialize)]
    struct Page {
        page: Option<u32>,
    }
    let show = async |Query(query): Query<Page>| Ack(query.page);
    let io = serve(Namespace::new().on_connect(async |_: Query<Page>| {}).on("page", show));
    let mut raw = Raw::with(&io, 4096, "&page=7", &[]).await;
    raw.enter("/").await;
    raw.send(r#"420["page"]"#).await;
    assert_eq!(raw.next().await, "430[7]");
    assert_eq!(join(&io).await.emit_with_ack::<Option<u32>>("page", ()).await?, None);
    Ok(())
}

#[tokio::test]
async fn one_handler_may_have_a_state_of_its_own() -> Test {
    async fn name(State(name): State<String>) -> Ack<String> {
        Ack(name)
    }
    let io = serve(Namespace::new().on("bound", name.with_state("own".to_owned())));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("bound", ()).await?, "own");
    io.of("/").on("live", name.with_state("live".to_owned()))?;
    assert_eq!(client.emit_with_ack::<String>("live", ()).await?, "live");
    Ok(())
}

#[tokio::test]
async fn namespaces_of_one_server_may_have_states_of_different_types() -> Test {
    let number = Namespace::new().on("e", async |State(n): State<u32>| Ack(n)).with_state(1_u32);
    let text = Namespace::new().on("e", async |State(t): State<String>| Ack(t)).with_state("t".to_owned());
    let io = SocketIo::builder().namespace("/n", number).namespace("/t", text).build()?;
    assert_eq!(TestClient::new(&io).connect("/n").await?.emit_with_ack::<u32>("e", ()).await?, 1);
    assert_eq!(TestClient::new(&io).connect("/t").await?.emit_with_ack::<String>("e", ()).await?, "t");
    Ok(())
}

#[tokio::test]
async fn an_extension_is_data_of_one_socket_by_its_type() -> Test {
    #[derive(Clone)]
    struct Nick(String);
    let namespace = Namespace::new()
        .on("set", async |socket: Socket, tower_socketio::Data(nick): tower_socketio::Data<String>| {
            Ack(socket.extensions().insert(Nick(nick)).map(|Nick(before)| before))
        })
        .on("get", async |Extension(Nick(nick)): Extension<Nick>| Ack(nick))
        .on("maybe", async |nick: Option<Extension<Nick>>| Ack(nick.map(|Extension(Nick(nick))| nick)))
        .on("take", async |socket: Socket| Ack(socket.extensions().remove::<Nick>().is_some()));
    let io = serve(namespace);
    let (ada, bob) = (join(&io).await, join(&io).await);
    assert_eq!(ada.emit_with_ack::<Option<String>>("set", "ada").await?, None);
    assert_eq!(ada.emit_with_ack::<Option<String>>("set", "Ada").await?, Some("ada".to_owned()));
    assert_eq!(ada.emit_with_ack::<String>("get", ()).await?, "Ada");
    assert_eq!(bob.emit_with_ack::<Option<String>>("maybe", ()).await?, None);
    assert!(ada.emit_with_ack::<bool>("take", ()).await?);
    assert_eq!(ada.emit_with_ack::<Option<String>>("maybe", ()).await?, None);
    Ok(())
}

#[tokio::test]
async fn an_extension_that_is_not_there_is_an_internal_error_which_names_the_type() -> Test {
    #[derive(Clone)]
    struct Absent;
    let log = Log::new();
    let io = serve(Namespace::new().on("e", async |_: Extension<Absent>| {}).on_error(log.errors()));
    assert_eq!(code(join(&io).await.emit_with_ack::<()>("e", ()).await), "internal");
    let error = &log.reach(1).await[0];
    assert!(error.contains("Absent"), "{error}");
    Ok(())
}

#[derive(Deserialize)]
struct Seat {
    row: char,
    number: u8,
}

#[tokio::test]
async fn parameters_of_the_name_are_read_by_type() -> Test {
    #[derive(Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Floor {
        Cellar,
        Attic,
    }
    let io = SocketIo::builder()
        .namespace("/text/{a}", Namespace::new().on("e", async |Path(text): Path<String>| Ack(text)))
        .namespace("/number/{a}", Namespace::new().on("e", async |Path(n): Path<i64>| Ack(n + 1)))
        .namespace(
            "/tuple/{a}/{b}",
            Namespace::new().on("e", async |Path((a, b)): Path<(u8, String)>| Ack((b, a))),
        )
        .namespace(
            "/seat/{row}/{number}",
            Namespace::new().on("e", async |Path(seat): Path<Seat>| Ack((seat.number, seat.row))),
        )
        .namespace(
            "/floor/{floor}",
            Namespace::new().on("e", async |Path(floor): Path<Floor>| Ack(floor == Floor::Attic)),
        )
        .build()?;
    let connect = async |name: &str| TestClient::new(&io).connect(name).await;
    assert_eq!(connect("/text/é b").await?.emit_with_ack::<String>("e", ()).await?, "é b");
    assert_eq!(connect("/number/-8").await?.emit_with_ack::<i64>("e", ()).await?, -7);
    assert_eq!(
        connect("/tuple/1/x").await?.emit_with_ack::<(String, u8)>("e", ()).await?,
        ("x".to_owned(), 1)
    );
    assert_eq!(connect("/seat/F/7").await?.emit_with_ack::<(u8, char)>("e", ()).await?, (7, 'F'));
    assert!(connect("/floor/attic").await?.emit_with_ack::<bool>("e", ()).await?);
    assert!(!connect("/floor/cellar").await?.emit_with_ack::<bool>("e", ()).await?);
    assert_eq!(code(connect("/floor/roof").await?.emit_with_ack::<bool>("e", ()).await), "invalid_namespace");
    Ok(())
}

#[tokio::test]
async fn a_parameter_of_another_type_refuses_the_client_if_a_connect_hook_asks_for_it() -> Test {
    let namespace = Namespace::new().on_connect(async |Path(_): Path<u32>| {});
    let io = SocketIo::builder().namespace("/room/{n}", namespace).build()?;
    TestClient::new(&io).connect("/room/7").await?;
    let (message, code) = refusal(TestClient::new(&io).connect("/room/kitchen").await);
    assert!(message.contains("`kitchen` is of another type"), "{message}");
    assert_eq!(code.as_deref(), Some("invalid_namespace"));
    assert_eq!(io.of("/room/{n}").count(), 0);
    Ok(())
}

/// The user of `?user=`, if the state knows him.
struct UserId(String);

#[derive(Debug, thiserror::Error)]
#[error("{0} is no user")]
struct NoUser(String);

impl PublicError for NoUser {}

impl<C: Context, S: Sync> FromContext<C, S> for UserId
where
    Vec<&'static str>: FromRef<S>,
{
    type Rejection = NoUser;

    async fn from_context(cx: &mut C, state: &S) -> Result<Self, NoUser> {
        let Ok(State(users)) = State::<Vec<&'static str>>::from_context(cx, state).await else {
            return Err(NoUser("nobody".to_owned()));
        };
        let conn: Conn<'_> = cx.socket().conn();
        let user = conn.query().split('&').find_map(|pair| pair.strip_prefix("user=")).unwrap_or("nobody");
        if users.contains(&user) { Ok(Self(user.to_owned())) } else { Err(NoUser(user.to_owned())) }
    }
}

#[tokio::test]
async fn an_extractor_of_ones_own_works_in_every_moment() -> Test {
    let log = Log::new();
    let (connected, left) = (log.clone(), log.clone());
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket, UserId(user): UserId| socket.set_user(user))
        .on_connected(async move |UserId(user): UserId| connected.push(user))
        .on("who", async |UserId(user): UserId| Ack(user))
        .on("maybe", async |user: Result<UserId, NoUser>| Ack(user.is_ok()))
        .on_disconnect(async move |UserId(user): UserId| left.push(user))
        .with_state(vec!["ada", "bob"]);
    let io = serve(namespace);
    let mut raw = Raw::with(&io, 4096, "&user=ada&x=1", &[]).await;
    raw.enter("/").await;
    raw.send(r#"420["who"]"#).await;
    assert_eq!(raw.next().await, r#"430["ada"]"#);
    raw.send(r#"421["maybe"]"#).await;
    assert_eq!(raw.next().await, "431[true]");
    raw.send("41").await;
    assert_eq!(log.reach(2).await, ["ada", "ada"]);

    let mut raw = Raw::with(&io, 4096, "&user=eve", &[]).await;
    raw.send("40").await;
    assert_eq!(raw.next().await, r#"44{"message":"eve is no user"}"#);
    Ok(())
}
