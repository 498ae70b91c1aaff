//! What other nodes broadcast is missed and recovered like anything else, and what is for them alone is not.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tower_socketio::adapter::{
    Action, Adapter, AdapterError, Answers, BoxFuture, Handle, Home, LocalAdapter, Member, Outgoing,
    RemoteSocket, Room, Target,
};
use tower_socketio::{Cluster, LocalBus, Namespace, Recovery, Socket, SocketIo};

use super::{SECOND, lose, news};
use crate::support::{Log, Test, idle, join};

/// Notes what it is given for other nodes, and hears from them by `hear`.
#[derive(Default)]
struct Node {
    inner: LocalAdapter,
    home: OnceLock<Arc<dyn Home>>,
    published: OnceLock<Log>,
}

impl Node {
    fn hear(&self, args: &'static str, attachments: Vec<Bytes>, to: &Target) {
        let home = self.home.get().expect("it was opened");
        home.broadcast(Bytes::from_static(args.as_bytes()), attachments, to, None, &mut |packet| {
            self.inner.broadcast(packet, to);
        });
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Node")
    }
}

#[derive(Clone, Debug)]
struct Shared(Arc<Node>);

impl Adapter for Shared {
    fn open(&self, home: Arc<dyn Home>) {
        assert!(self.0.home.set(home).is_ok());
    }

    fn add(&self, member: Arc<dyn Member>) -> Handle {
        self.0.inner.add(member)
    }

    fn remove(&self, at: Handle) {
        self.0.inner.remove(at);
    }

    fn join(&self, at: Handle, rooms: &[Room]) {
        self.0.inner.join(at, rooms);
    }

    fn leave(&self, at: Handle, rooms: &[Room]) {
        self.0.inner.leave(at, rooms);
    }

    fn leave_all(&self, at: Handle) {
        self.0.inner.leave_all(at);
    }

    fn rooms(&self, at: Handle) -> Vec<Room> {
        self.0.inner.rooms(at)
    }

    fn find(&self, id: &str) -> Option<Arc<dyn Member>> {
        self.0.inner.find(id)
    }

    fn broadcast(&self, packet: &Arc<Outgoing>, to: &Target) -> usize {
        let args = String::from_utf8_lossy(packet.args()).into_owned();
        self.0.published.get_or_init(Log::new).push(args);
        self.0.inner.broadcast(packet, to)
    }

    fn broadcast_with_ack(&self, packet: &Arc<Outgoing>, to: &Target, answers: &Arc<dyn Answers>) -> usize {
        self.0.inner.broadcast_with_ack(packet, to, answers)
    }

    fn act(&self, action: Action, to: &Target) {
        self.0.inner.act(action, to);
    }

    fn members(&self, to: &Target) -> Vec<Arc<dyn Member>> {
        self.0.inner.members(to)
    }

    fn room_names(&self) -> Vec<Room> {
        self.0.inner.room_names()
    }

    fn fetch(&self, to: &Target) -> BoxFuture<'_, Result<Vec<RemoteSocket>, AdapterError>> {
        self.0.inner.fetch(to)
    }
}

fn server() -> (SocketIo, Arc<Node>) {
    let node = Arc::new(Node::default());
    let shared = Shared(node.clone());
    let io = SocketIo::builder()
        .recovery(Recovery::new())
        .adapter_with(move |_| Arc::new(shared.clone()))
        .namespace("/", Namespace::new().on_connect(async |socket: Socket| socket.join("room")))
        .build()
        .expect("it fits");
    (io, node)
}

#[tokio::test(start_paused = true)]
async fn what_other_nodes_broadcast_is_recovered_too() -> Test {
    let (io, node) = server();
    let mut client = join(&io).await;
    node.hear(r#"["news", "seen"]"#, Vec::new(), &Target::default());
    assert_eq!(client.next::<(String, String)>("news").await?, ("seen".into(), "1".into()));
    lose(&mut client).await;
    node.hear(r#"["news","to the room"]"#, Vec::new(), &Target::to("room"));
    node.hear(r#"["news","to another"]"#, Vec::new(), &Target::to("other"));
    io.emit("news", "of this node");
    node.hear(
        r#"["bytes",{"_placeholder":true,"num":0}]"#,
        vec![Bytes::from_static(b"\x07")],
        &Target::to("room"),
    );
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(client.next::<String>("news").await?, "to the room");
    assert_eq!(client.next::<String>("news").await?, "of this node");
    assert_eq!(client.next::<Bytes>("bytes").await?, "\u{7}");
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_for_other_nodes_alone_is_not_kept_and_numbers_go_to_none() -> Test {
    let (io, node) = server();
    let mut client = join(&io).await;
    lose(&mut client).await;
    io.of("/").elsewhere().emit("news", "elsewhere");
    io.of("/").local().emit("news", "here");
    io.emit("news", "everywhere");
    let mut client = client.connect("/").await?;
    assert_eq!(news(&mut client).await, ["here", "everywhere"]);
    assert_eq!(client.offset().as_deref(), Some("2"));
    let published = node.published.get().expect("something was").all();
    assert_eq!(published, [r#"["news","elsewhere"]"#, r#"["news","here"]"#, r#"["news","everywhere"]"#]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn in_a_cluster_a_client_comes_back_to_its_node_and_has_missed_nothing() -> Test {
    let bus = LocalBus::new();
    let node = || {
        let namespace = Namespace::new().on_connect(async |socket: Socket| socket.join("room"));
        let builder = SocketIo::builder().recovery(Recovery::new()).adapter(Cluster::new(bus.clone()));
        builder.namespace("/", namespace).build()
    };
    let (one, two) = (node()?, node()?);
    tokio::time::sleep(SECOND).await;
    let mut client = join(&one).await;
    two.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    two.emit("news", "from the other");
    idle().await;
    one.to("room").emit("news", "from its own");
    two.to(client.id()).emit("news", "to its id");
    idle().await;
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(news(&mut client).await, ["from the other", "from its own", "to its id"]);
    // On another node nobody knows it.
    lose(&mut client).await;
    let stranger = super::enter_with(&two, client.pid(), client.offset()).await;
    assert_ne!(stranger.id(), client.id());
    one.close().await;
    two.close().await;
    Ok(())
}
