//! A bus that fails and comes back, and messages that no node of ours would send.

use std::time::Duration;

use bytes::Bytes;
use tower_socketio::adapter::{Bus, Cluster, LocalBus, Message, MessageKind, To};
use tower_socketio::{AdapterError, Namespace};

use super::support::{Cable, node, nothing_came};
use crate::support::{Log, Test, idle, join};

#[tokio::test(start_paused = true)]
async fn clients_of_this_node_are_served_in_an_outage_and_those_of_others_after_it() -> Test {
    let bus = LocalBus::new();
    let cluster = Cluster::new(bus.clone());
    let (one, two) = (node(&cluster, Namespace::new()), node(&Cluster::new(bus.clone()), Namespace::new()));
    idle().await;
    let (mut here, mut there) = (join(&one).await, join(&two).await);
    bus.outage(true);
    assert_eq!(one.emit("news", 1).reached(), 1);
    assert_eq!(here.next::<u8>("news").await?, 1);
    let fetched = one.of("/").fetch_sockets().await;
    assert!(matches!(fetched, Err(AdapterError::Unreachable(_))), "{fetched:?}");
    assert_eq!(one.of("/").local().fetch_sockets().await?.len(), 1);
    nothing_came(&two, &mut there).await?;
    assert!(cluster.is_down());
    bus.outage(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((cluster.is_down(), cluster.outages()), (false, 1));
    one.emit("news", 2);
    assert_eq!(here.next::<u8>("news").await?, 2);
    assert_eq!(there.next::<u8>("news").await?, 2);
    assert_eq!(two.of("/").fetch_sockets().await?.len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sockets_of_a_node_that_says_nothing_are_waited_for_as_long_as_is_said() -> Test {
    let bus = LocalBus::new();
    let cable = Cable::new(&bus);
    let one = node(&Cluster::new(bus), Namespace::new());
    let _mute = node(&Cluster::new(cable.clone()), Namespace::new());
    tokio::time::sleep(Duration::from_secs(1)).await;
    cable.cut();
    for (within, takes) in [(None, 5), (Some(2), 2)] {
        let start = tokio::time::Instant::now();
        let all = one.of("/");
        let all = match within {
            Some(within) => all.timeout(Duration::from_secs(within)),
            None => all,
        };
        let fetched = all.fetch_sockets().await;
        assert!(matches!(fetched, Err(AdapterError::Timeout { missing: 1 })), "{fetched:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(takes));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_namespaces_of_a_node_take_their_leave_side_by_side() -> Test {
    const NAMESPACES: usize = 20;
    let stuck = Cable::new(&LocalBus::new()).stuck();
    let names = (0..NAMESPACES).map(|number| format!("/{number}"));
    let io = names
        .fold(tower_socketio::SocketIo::builder().adapter(Cluster::new(stuck)), |builder, name| {
            builder.namespace(&name, Namespace::new())
        })
        .build()?;
    idle().await;
    let start = tokio::time::Instant::now();
    io.close().await;
    // What one of them takes, and not all of them one after the other.
    assert!(start.elapsed() <= Duration::from_secs(15), "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_no_events_reach_nobody() -> Test {
    let bus = LocalBus::new();
    let cluster = Cluster::new(bus.clone());
    let log = Log::new();
    let server = log.clone();
    let io = node(
        &cluster,
        Namespace::new().on_server("event", move || {
            server.push("event");
            std::future::ready(())
        }),
    );
    idle().await;
    let mut client = join(&io).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let opts = r#""opts":{"rooms":[],"except":[]}"#;
    for (at, args) in
        ["[]", "{}", "7", "[null]", r#"["connect"]"#, r#"["disconnect",1]"#, "[\"event\",", &deep]
            .into_iter()
            .enumerate()
    {
        for (kind, data) in [
            (MessageKind::Broadcast, format!(r#"{{"packet":{{"type":2,"data":{args}}},{opts}}}"#)),
            (
                MessageKind::Broadcast,
                format!(r#"{{"packet":{{"type":2,"data":{args}}},"requestId":"{at}",{opts}}}"#),
            ),
            (MessageKind::ServerSideEmit, format!(r#"{{"packet":{args}}}"#)),
        ] {
            let message = Message::new(kind, Some("/".into()), "someone".into(), data.into(), Vec::new());
            bus.publish(&message, To::All).await?;
        }
    }
    nothing_came(&io, &mut client).await?;
    assert!(log.all().is_empty());
    let event = r#"{"packet":["event"]}"#;
    let message = Message::new(
        MessageKind::ServerSideEmit,
        Some("/".into()),
        "emitter".into(),
        event.into(),
        Vec::new(),
    );
    bus.publish(&message, To::All).await?;
    assert_eq!(log.reach(1).await, ["event"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn placeholders_without_an_attachment_reach_nobody() -> Test {
    let bus = LocalBus::new();
    let io = node(&Cluster::new(bus.clone()), Namespace::new());
    idle().await;
    let mut client = join(&io).await;
    let say = async |number: usize| {
        let data = format!(
            r#"{{"packet":{{"type":5,"data":["e",{{"_placeholder":true,"num":{number}}}]}},"opts":{{"rooms":[],"except":[],"flags":{{}}}}}}"#
        );
        let attachments = vec![Bytes::from_static(b"attached")];
        let message = Message::new(
            MessageKind::Broadcast,
            Some("/".into()),
            "someone".into(),
            data.into(),
            attachments,
        );
        bus.publish(&message, To::All).await
    };
    say(1).await?;
    nothing_came(&io, &mut client).await?;
    say(0).await?;
    assert_eq!(client.next::<Bytes>("e").await?, "attached");
    Ok(())
}

#[tokio::test(start_paused = true)]
#[cfg(feature = "msgpack")]
async fn what_a_parser_cannot_encode_reaches_nobody() -> Test {
    let bus = LocalBus::new();
    let io = tower_socketio::SocketIo::builder()
        .adapter(Cluster::new(bus.clone()))
        .parser(tower_socketio::Parser::MsgPack)
        .namespace("/", Namespace::new())
        .build()?;
    idle().await;
    let mut client = join(&io).await;
    for (depth, came) in [(10, true), (1000, false)] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let data = format!(
            r#"{{"packet":{{"type":2,"data":["e",{nested}]}},"opts":{{"rooms":[],"except":[],"flags":{{}}}}}}"#
        );
        let (namespace, node) = (Some("/".into()), "someone".into());
        let message = Message::new(MessageKind::Broadcast, namespace, node, data.into(), Vec::new());
        bus.publish(&message, To::All).await?;
        if came {
            client.next::<serde_json::Value>("e").await?;
        }
    }
    nothing_came(&io, &mut client).await
}
