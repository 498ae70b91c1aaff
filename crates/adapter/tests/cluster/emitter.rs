//! Programs that serve nobody, and emit.

use bytes::Bytes;
use serde::Serialize;
use tower_socketio_adapter::{BusError, EmitError, Emitter, LocalBus, MessageKind, Room};

use crate::support::{Fate, Faulty, Node, Stranger, settle};

#[tokio::test(start_paused = true)]
async fn an_emitter_says_what_nodes_say_and_is_none() {
    let bus = LocalBus::new();
    let stranger = Stranger::new(&bus, "n").await;
    let emitter = Emitter::new(bus.clone());
    emitter.emit("foo", ("ä\"", 1)).await.unwrap();
    let some = emitter.to(["a", "a"]).to(Room::user("42")).except("\"").volatile().compress(false);
    some.emit("foo", ()).await.unwrap();
    some.join(["b", "b"]).await.unwrap();
    emitter.to("a").leave(Room::users()).await.unwrap();
    emitter.disconnect(true).await.unwrap();
    some.server_side_emit("hello", 1).await.unwrap();
    settle().await;
    let messages = stranger.messages();
    assert!(
        messages
            .iter()
            .all(|message| (&*message.node, message.namespace.as_deref()) == ("emitter", Some("/")))
    );
    let said: Vec<_> = messages
        .iter()
        .map(|message| (message.kind, std::str::from_utf8(&message.data).unwrap().to_owned()))
        .collect();
    let opts = concat!(
        r#""opts":{"rooms":["a","$user:42"],"except":["\""],"#,
        r#""flags":{"volatile":true,"compress":false}}"#
    );
    let all = r#""opts":{"rooms":[],"except":[],"flags":{}}"#;
    let expected = [
        (MessageKind::Broadcast, format!(r#"{{"packet":{{"type":2,"data":["foo","ä\"",1]}},{all}}}"#)),
        (MessageKind::Broadcast, format!(r#"{{"packet":{{"type":2,"data":["foo"]}},{opts}}}"#)),
        (MessageKind::SocketsJoin, format!(r#"{{{opts},"rooms":["b","b"]}}"#)),
        (
            MessageKind::SocketsLeave,
            r#"{"opts":{"rooms":["a"],"except":[],"flags":{}},"rooms":["$users"]}"#.to_owned(),
        ),
        (MessageKind::DisconnectSockets, format!(r#"{{{all},"close":true}}"#)),
        (MessageKind::ServerSideEmit, r#"{"packet":["hello",1]}"#.to_owned()),
    ];
    assert_eq!(said, expected);
}

#[tokio::test(start_paused = true)]
async fn what_an_emitter_says_is_done_on_every_node_that_has_the_namespace() {
    let bus = LocalBus::counted();
    let nodes = [Node::start(&bus).await, Node::start(&bus).await];
    for (at, node) in nodes.iter().enumerate() {
        node.socket(&format!("s{at}"), &["a".into()]);
    }
    let emitter = Emitter::new(bus.clone());
    let elsewhere = emitter.of("chat");
    tokio::spawn(async move { elsewhere.emit("nobody", ()).await }).await.unwrap().unwrap();
    let bytes = Bytes::from_static(b"\x01");
    emitter.to("a").except("s1").volatile().emit("news", (Binary(bytes), 1)).await.unwrap();
    emitter.to("s1").join("b").await.unwrap();
    emitter.to("b").compress(false).emit("b", ()).await.unwrap();
    emitter.to("b").leave("b").await.unwrap();
    emitter.to("b").emit("nobody", ()).await.unwrap();
    emitter.server_side_emit("hello", ()).await.unwrap();
    emitter.to("s0").disconnect(false).await.unwrap();
    settle().await;
    assert_eq!(
        nodes[0].log.take(),
        [
            r#"s0 ["news",{"_placeholder":true,"num":0},1] b"\x01" volatile"#,
            r#"event ["hello"] false"#,
            "s0 disconnect false",
        ]
    );
    assert_eq!(nodes[1].log.take(), [r#"s1 ["b"] plain"#, r#"event ["hello"] false"#]);
    // It is not counted, and nobody waits for it.
    assert_eq!(nodes[0].adapter.server_count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_emitter_is_told_what_became_of_it() {
    let bus = LocalBus::new();
    let emitter = Emitter::new(bus.clone());
    assert!(matches!(emitter.emit("connect", ()).await, Err(EmitError::Encode(_))));
    assert!(matches!(emitter.server_side_emit("disconnect", ()).await, Err(EmitError::Encode(_))));
    bus.outage(true);
    assert!(matches!(emitter.emit("news", ()).await, Err(EmitError::Publish(BusError::Down(_)))));
    bus.outage(false);
    emitter.emit("news", ()).await.unwrap();
    let refusing = Emitter::new(Faulty::new(&bus, |_| Fate::Refuse));
    assert!(matches!(refusing.join("a").await, Err(EmitError::Publish(BusError::Refused(_)))));
}

/// An attachment.
struct Binary(Bytes);

impl Serialize for Binary {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}
