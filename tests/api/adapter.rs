//! An adapter of one's own: it is called in the order in which the program called the server.

use std::sync::Arc;

use tower_socketio::adapter::{
    Action, Adapter, AdapterError, Answers, BoxFuture, Handle, LocalAdapter, Member, Outgoing, Reach,
    RemoteSocket, Room, Target,
};
use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo, TestClient};

use crate::support::{Log, Test, idle};

/// Notes every call and passes it on.
#[derive(Debug)]
pub(crate) struct Noting {
    pub(crate) inner: LocalAdapter,
    pub(crate) log: Log,
}

impl Noting {
    pub(crate) fn new(log: &Log) -> Self {
        Self { inner: LocalAdapter::new(), log: log.clone() }
    }
}

impl Adapter for Noting {
    fn add(&self, member: Arc<dyn Member>) -> Handle {
        self.log.push("add");
        self.inner.add(member)
    }

    fn remove(&self, at: Handle) {
        self.log.push("remove");
        self.inner.remove(at);
    }

    fn join(&self, at: Handle, rooms: &[Room]) {
        self.log.push(format!("join {rooms:?}"));
        self.inner.join(at, rooms);
    }

    fn leave(&self, at: Handle, rooms: &[Room]) {
        self.log.push(format!("leave {rooms:?}"));
        self.inner.leave(at, rooms);
    }

    fn leave_all(&self, at: Handle) {
        self.log.push("leave_all");
        self.inner.leave_all(at);
    }

    fn rooms(&self, at: Handle) -> Vec<Room> {
        self.inner.rooms(at)
    }

    fn find(&self, id: &str) -> Option<Arc<dyn Member>> {
        self.inner.find(id)
    }

    fn broadcast(&self, packet: &Arc<Outgoing>, to: &Target) -> usize {
        let (args, flags) = (String::from_utf8_lossy(packet.args()), to.flags);
        self.log.push(format!(
            "broadcast {args} {:?} {:?} {}",
            to.rooms,
            to.except,
            flags.volatile || flags.reach == Reach::Here
        ));
        self.inner.broadcast(packet, to)
    }

    fn broadcast_with_ack(&self, packet: &Arc<Outgoing>, to: &Target, answers: &Arc<dyn Answers>) -> usize {
        self.log.push("broadcast_with_ack");
        self.inner.broadcast_with_ack(packet, to, answers)
    }

    fn act(&self, action: Action, to: &Target) {
        self.log.push(format!("act {action:?} {:?}", to.rooms));
        self.inner.act(action, to);
    }

    fn members(&self, to: &Target) -> Vec<Arc<dyn Member>> {
        self.inner.members(to)
    }

    fn room_names(&self) -> Vec<Room> {
        self.inner.room_names()
    }

    fn fetch(&self, to: &Target) -> BoxFuture<'_, Result<Vec<RemoteSocket>, AdapterError>> {
        self.log.push("fetch");
        self.inner.fetch(to)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.log.push("close");
        self.inner.close()
    }
}

#[tokio::test(start_paused = true)]
async fn calls_come_in_order() -> Test {
    let log = Log::new();
    let noted = log.clone();
    let io = SocketIo::builder()
        .adapter_with(move |_| Arc::new(Noting::new(&noted)))
        .namespace(
            "/",
            Namespace::new().on_connect(async |socket: Socket| socket.join("early")).on(
                "go",
                async |socket: Socket, Data(room): Data<String>| {
                    socket.join([&room, "b"]);
                    socket.leave("b");
                    socket.namespace().to(&room).except("x").emit("e", 1);
                    socket.namespace().local().emit("e", (2, 3));
                    socket.set_user("ada");
                    socket.leave_all();
                    Ack(())
                },
            ),
        )
        .build()?;
    let mut client = TestClient::new(&io).connect("/").await?;
    client.emit_with_ack::<()>("go", "a").await?;
    io.to("a").join("c");
    drop(io.emit_with_ack::<()>("q", ()));
    io.of("/").fetch_sockets().await?;
    client.disconnect();
    idle().await;
    let expected = [
        "add",
        r#"join [Room("early")]"#,
        r#"join [Room("a"), Room("b")]"#,
        r#"leave [Room("b")]"#,
        r#"broadcast ["e",1] [Room("a")] [Room("x")] false"#,
        r#"broadcast ["e",2,3] [] [] true"#,
        r#"join [Room::user("ada"), Room::users()]"#,
        "leave_all",
        r#"act Join([Room("c")]) [Room("a")]"#,
        "broadcast_with_ack",
        "fetch",
        "remove",
    ];
    assert_eq!(log.all(), expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_namespace_has_its_own_and_it_is_closed_with_it() -> Test {
    let (made, log) = (Log::new(), Log::new());
    let (names, noted) = (made.clone(), log.clone());
    let io = SocketIo::builder()
        .adapter_with(move |name| {
            names.push(name);
            Arc::new(Noting::new(&noted))
        })
        .namespace("/", Namespace::new())
        .namespace("/chat/{room}", Namespace::new())
        .build()?;
    assert_eq!(made.all(), ["/"]);
    let mut client = TestClient::new(&io).connect("/chat/a").await?;
    assert_eq!(made.all(), ["/", "/chat/a"]);
    client.disconnect();
    idle().await;
    assert_eq!(log.all(), ["add", "remove", "close"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_never_reaches_the_adapter() -> Test {
    let log = Log::new();
    let noted = log.clone();
    let refuse = async |socket: Socket| {
        socket.join("a");
        Err::<(), _>(tower_socketio::WireError::new("no"))
    };
    let io = SocketIo::builder()
        .adapter_with(move |_| Arc::new(Noting::new(&noted)))
        .namespace("/", Namespace::new().on_connect(refuse))
        .build()?;
    assert!(TestClient::new(&io).connect("/").await.is_err());
    idle().await;
    assert!(log.all().is_empty(), "{:?}", log.all());
    Ok(())
}
