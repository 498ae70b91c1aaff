//! The other ways over the wire: polling, msgpack, and clients that know nothing of all this.

use bytes::Bytes;
use serde_json::Value;
use tower_socketio::{Namespace, Recovery, Socket, SocketIo, SocketIoService};

use super::{lose, news, recovering};
use crate::polling::Polling;
use crate::support::{Test, idle, join};

#[tokio::test(start_paused = true)]
async fn over_polling_it_is_the_same() -> Test {
    let io = recovering(Namespace::new().on_connect(async |socket: Socket| socket.join("room")));
    let client = Polling::open(&io).await;
    client.post("40").await;
    let answer = client.get().await;
    let reply: Value = serde_json::from_str(answer.strip_prefix("40").expect("a CONNECT"))?;
    io.emit("news", "seen");
    assert_eq!(client.get().await, r#"42["news","seen","1"]"#);
    client.post("1").await;
    idle().await;
    io.emit("news", "missed");
    io.to("room").emit("bytes", Bytes::from_static(b"\x01\x02"));
    let client = Polling::open(&io).await;
    let pid = reply["pid"].as_str().expect("a pid");
    client.post(format!(r#"40{{"pid":"{pid}","offset":"1"}}"#)).await;
    let answer = client.get().await;
    let mut packets = answer.split('\u{1e}');
    assert_eq!(serde_json::from_str::<Value>(&packets.next().expect("a CONNECT")[2..])?, reply);
    let rest: Vec<_> = packets.collect();
    assert_eq!(
        rest,
        [r#"42["news","missed","2"]"#, r#"451-["bytes",{"_placeholder":true,"num":0},"3"]"#, "bAQI="]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_polling_session_that_is_not_polled_any_more_is_taken_over() -> Test {
    let io = recovering(Namespace::new());
    let client = Polling::open(&io).await;
    client.post("40").await;
    let answer = client.get().await;
    let reply: Value = serde_json::from_str(answer.strip_prefix("40").expect("a CONNECT"))?;
    io.emit("news", "in its queue");
    let pid = reply["pid"].as_str().expect("a pid");
    let mut back = super::enter_with(&io, pid, Value::Null).await;
    assert_eq!(news(&mut back).await, ["in its queue"]);
    idle().await;
    assert_eq!(io.connections(), 1);
    Ok(())
}

#[cfg(feature = "msgpack")]
#[tokio::test(start_paused = true)]
async fn with_msgpack_it_is_the_same() -> Test {
    let io = SocketIo::builder()
        .recovery(Recovery::new())
        .parser(tower_socketio::Parser::MsgPack)
        .namespace("/", Namespace::new())
        .build()?;
    let mut client = join(&io).await;
    io.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    io.socket(client.id()).expect("it is here").emit("news", "seen, too");
    assert_eq!(client.next::<(String, String)>("news").await?, ("seen, too".into(), "2".into()));
    io.of("/").volatile().emit("tick", ());
    assert_eq!(client.next::<String>("tick").await?, "2");
    lose(&mut client).await;
    io.emit("bytes", (Bytes::from_static(b"\x01"), "text"));
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(client.next::<(Bytes, String)>("bytes").await?, (Bytes::from_static(b"\x01"), "text".into()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn clients_of_the_old_protocol_get_neither_pid_nor_numbers() -> Test {
    use futures_util::StreamExt;
    let io = SocketIo::builder()
        .recovery(Recovery::new())
        .allow_eio3(true)
        .namespace("/", Namespace::new())
        .build()?;
    let bytes = crate::support::dial(SocketIoService::not_found(io.clone()), 1 << 16);
    let url = "ws://localhost/socket.io/?EIO=3&transport=websocket";
    let (mut old, _) = tokio_tungstenite::client_async(url, bytes).await?;
    let mut next = async || -> Test<String> {
        Ok(old.next().await.ok_or("it is open")??.into_text()?.as_str().to_owned())
    };
    assert!(next().await?.starts_with("0{"));
    assert_eq!(next().await?, "40");
    let mut new = join(&io).await;
    io.emit("news", "text");
    assert_eq!(next().await?, r#"42["news","text"]"#);
    assert_eq!(new.next::<(String, String)>("news").await?, ("text".into(), "1".into()));
    let sockets = io.of("/").sockets();
    let socket = sockets.iter().find(|socket| socket.conn().protocol() == 4).ok_or("it is here")?;
    socket.emit("news", ());
    assert_eq!(next().await?, r#"42["news"]"#);
    socket.volatile().emit("tick", "text");
    assert_eq!(next().await?, r#"42["tick","text"]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn layers_around_emits_see_no_numbers() -> Test {
    let log = crate::support::Log::new();
    let seen = log.clone();
    let io = recovering(Namespace::new().any_outgoing(move |emit: &tower_socketio::EmitRequest| {
        seen.push(format!("{} {}", emit.event(), emit.arguments().len()));
    }));
    let mut client = join(&io).await;
    io.emit("news", "one");
    io.socket(client.id()).expect("it is here").emit("news", "two");
    assert_eq!(news(&mut client).await, ["one", "two"]);
    lose(&mut client).await;
    io.emit("news", "three");
    let mut client = client.connect("/").await?;
    assert_eq!(news(&mut client).await, ["three"]);
    assert_eq!(log.all()[..2], ["news 1", "news 1"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_that_was_dropped_is_nothing_that_the_client_missed() -> Test {
    let io = super::with(Recovery::new().max_packets(3), Namespace::new());
    let client = Polling::open(&io).await;
    client.post("40").await;
    let answer = client.get().await;
    let reply: Value = serde_json::from_str(answer.strip_prefix("40").expect("a CONNECT"))?;
    let id = reply["sid"].as_str().expect("an id");
    for n in 0..20 {
        io.except(id).emit("news", n);
        // Nobody polls, so it goes nowhere.
        assert_eq!(io.of("/").volatile().emit("tick", n).reached(), 0);
    }
    let back = super::enter_with(&io, &reply["pid"], Value::Null).await;
    assert_eq!(back.id(), id);
    Ok(())
}
