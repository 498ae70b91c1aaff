//! One value of the whole process whose methods handle the events of several namespaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower_socketio::{
    Ack, AckSender, Args, ConfigError, Data, DisconnectReason, Namespace, Socket, SocketIo, State,
    TestClient, TestError,
};

use crate::support::{Log, Raw, Test, dial, idle};

struct Articles {
    log: Log,
    written: AtomicU32,
}

type Me = State<Arc<Articles>>;

impl Articles {
    fn new() -> Arc<Self> {
        Arc::new(Self { log: Log::new(), written: AtomicU32::new(0) })
    }

    /// The same handlers for each namespace that it is mounted on.
    fn namespace(self: &Arc<Self>) -> Namespace {
        Namespace::new()
            .on_connect(Self::connect)
            .on("write", Self::write)
            .on("raw", Self::raw)
            .on_disconnect(Self::disconnect)
            .with_state(self.clone())
    }

    async fn connect(State(me): Me, socket: Socket) {
        me.log.push(format!("connect {}", socket.namespace().name()));
    }

    async fn write(
        State(me): Me,
        socket: Socket,
        Data((title, tags)): Data<(String, Vec<String>)>,
    ) -> Ack<u32> {
        socket.namespace().emit("written", (title, tags));
        Ack(me.written.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn raw(State(me): Me, Args(all): Args, ack: AckSender) {
        me.log.push(format!("raw {all:?}"));
        ack.send((all.len(), "by hand"));
    }

    async fn disconnect(State(me): Me, socket: Socket, reason: DisconnectReason) {
        me.log.push(format!("disconnect {} {reason}", socket.namespace().name()));
    }
}

#[tokio::test(start_paused = true)]
async fn all_sockets_of_all_its_namespaces_share_one_service() -> Test {
    let articles = Articles::new();
    let io = SocketIo::builder()
        .namespace("/", articles.namespace())
        .namespace("/blog", articles.namespace())
        .build()?;
    let mut one = TestClient::new(&io).connect("/").await?;
    let mut two = TestClient::new(&io).connect("/").await?;
    let mut blog = TestClient::new(&io).connect("/blog").await?;
    for (client, count) in [(&one, 1), (&two, 2), (&blog, 3)] {
        assert_eq!(client.emit_with_ack::<u32>("write", ("title", ["a", "b"])).await?, count);
    }
    assert_eq!(articles.written.load(Ordering::Relaxed), 3);
    // Each broadcast stayed in the namespace of its socket.
    for (client, number) in [(&mut one, 2), (&mut two, 2), (&mut blog, 1)] {
        for _ in 0..number {
            let written: (String, Vec<String>) = client.next("written").await?;
            assert_eq!(written, ("title".into(), vec!["a".into(), "b".into()]));
        }
        assert!(matches!(client.next::<()>("written").await, Err(TestError::Silence)));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_on_two_namespaces_sees_the_right_one_and_why_a_client_left() -> Test {
    let articles = Articles::new();
    let io = SocketIo::builder().build()?;
    for name in ["/", "/blog"] {
        io.namespace(name, articles.namespace())?;
    }
    let mut blog = TestClient::new(&io).connect("/blog").await?;
    let mut root = TestClient::new(&io).connect("/").await?;
    let answer: (usize, String) = blog.emit_with_ack("raw", (1, "two", [3])).await?;
    assert_eq!((answer.0, &*answer.1), (3, "by hand"));
    blog.disconnect();
    articles.log.reach(4).await;
    io.socket(root.id()).expect("it is in").disconnect();
    root.closed().await?;
    idle().await;
    let expected = [
        "connect /blog",
        "connect /",
        r#"raw [Number(1), String("two"), Array [Number(3)]]"#,
        "disconnect /blog client namespace disconnect",
        "disconnect / server namespace disconnect",
    ];
    assert_eq!(articles.log.all(), expected);
    Ok(())
}

#[tokio::test]
async fn a_namespace_has_one_owner() -> Test {
    let (a, b) = (Articles::new(), Articles::new());
    let io = SocketIo::builder().build()?;
    io.namespace("/ns01", a.namespace())?;
    io.namespace("/ns02", a.namespace())?;
    io.namespace("/ns03", b.namespace())?;
    let second = io.namespace("/ns02", b.namespace());
    assert!(matches!(second, Err(ConfigError::DuplicateNamespace(name)) if name == "/ns02"));
    TestClient::new(&io).connect("/ns02").await?;
    assert_eq!((a.log.all(), b.log.all()), (vec!["connect /ns02".to_owned()], vec![]));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_servers_with_paths_of_their_own_in_one_stack_know_nothing_of_each_other() -> Test {
    let articles = Articles::new();
    let servers = ["/one", "/two"]
        .map(|path| SocketIo::builder().path(path).namespace("/", articles.namespace()).build());
    let [one, two] = servers;
    let (one, two) = (one?, two?);
    let app = Router::new().layer(one.layer()).layer(two.layer());
    let open = async |path: &str| {
        let request = format!("ws://localhost{path}/?EIO=4&transport=websocket").into_client_request();
        Raw::upgrade(dial(app.clone(), 64 * 1024), request.expect("a request")).await
    };
    let (mut a, mut b) = (open("/one").await, open("/two").await);
    let id = a.enter("/").await;
    b.enter("/").await;
    assert!(one.socket(&id).is_some() && two.socket(&id).is_none());
    assert_eq!((one.connections(), two.connections()), (1, 1));
    assert_eq!(one.emit("news", 1).reached(), 1);
    assert_eq!(two.emit("other news", 2).reached(), 1);
    assert_eq!(a.next().await, r#"42["news",1]"#);
    assert_eq!(b.next().await, r#"42["other news",2]"#, "and nothing before it");
    one.close().await;
    assert_eq!((one.connections(), two.connections()), (0, 1));
    Ok(())
}
