//! More than the limits allow, deeper than anybody needs (row D35).

use serde_json::Value;
use tower_socketio::{Ack, Auth, Data, DisconnectReason, Namespace, Socket};

use crate::client::{Peer, TEXT, frame};
use crate::support::{Log, Test, builder, noting, serve, soon, until};

const DEEP: usize = 200_000;

fn nested() -> String {
    format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP))
}

/// `/` that reads what it is sent as any JSON.
fn reading(left: &Log<DisconnectReason>) -> Namespace {
    noting(left)
        .on("echo", async |Data(value): Data<Value>| Ack(value))
        .on("ask", async |socket: Socket| Ack(socket.emit_with_ack::<Value>("question", ()).await.is_ok()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_nested_arrays_harm_nobody() -> Test {
    let left = Log::new();
    let deep = Namespace::new().on_connect(async |_: Auth<Value>| {});
    let io = builder().namespace("/", reading(&left)).namespace("/deep", deep).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.enter().await?;
    // As an argument.
    peer.say(format!(r#"420["echo",{}]"#, nested())).await?;
    assert!(soon("an error", peer.text()).await?.starts_with(r#"430[{"error""#));
    // As an acknowledgement.
    peer.say(r#"421["ask"]"#).await?;
    let question = soon("a question", peer.text()).await?;
    let id = question.strip_prefix("42").and_then(|rest| rest.strip_suffix(r#"["question"]"#));
    peer.say(format!("43{}[{}]", id.ok_or("an id")?, nested())).await?;
    assert_eq!(soon("an answer", peer.text()).await?, "431[false]");
    // The server goes on, with this client and with the next.
    peer.say(r#"422["echo",[[1]]]"#).await?;
    assert_eq!(soon("an echo", peer.text()).await?, "432[[[1]]]");
    // As `auth`, where only an object may stand.
    let object = format!(r#"40/deep,{{"a":{}}}"#, nested());
    peer.say(object).await?;
    let refused = soon("a refusal or the end", peer.text()).await;
    assert!(refused.as_ref().map_or(true, |text| text.starts_with("44/deep,")), "{refused:?}");
    assert_eq!(io.of("/deep").count(), 0);
    let mut next = Peer::dial(serve(&io)).await;
    next.enter().await?;
    next.say(format!("40/deep,{}", nested())).await?;
    let refused = soon("a refusal or the end", next.text()).await;
    assert!(refused.as_ref().map_or(true, |text| text.starts_with("44/deep,")), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_million_declared_attachments_close_the_connection() -> Test {
    for number in ["11", "1000000", "99999999999999999999999999"] {
        let left = Log::new();
        let io = builder().namespace("/", reading(&left)).build()?;
        let mut peer = Peer::dial(serve(&io)).await;
        peer.enter().await?;
        peer.say(format!(r#"45{number}-["echo",{{"_placeholder":true,"num":0}}]"#)).await?;
        soon("the end", peer.ended()).await;
        assert_eq!(left.reach(1).await.len(), 1);
        until("the connection goes", || io.connections() == 0).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_is_in_a_hundred_namespaces_at_most() -> Test {
    let io = builder().namespace("/n/{name}", Namespace::new()).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.open(4).await?;
    let (mut entered, mut refused) = (0, 0);
    let requests: Vec<u8> = (0..300).flat_map(|n| frame(TEXT, format!("40/n/{n},"))).collect();
    peer.write(requests).await?;
    for _ in 0..300 {
        match soon("a decision", peer.text()).await? {
            text if text.starts_with("40/n/") => entered += 1,
            text if text.contains("too_many_namespaces") => refused += 1,
            text => panic!("{text}"),
        }
    }
    assert_eq!((entered, refused), (100, 200));
    peer.reset();
    until("the namespaces go", || io.of("/n/{name}").count() == 0 && io.connections() == 0).await;
    Ok(())
}

#[tokio::test]
async fn a_namespaces_name_of_a_megabyte_is_unknown() -> Test {
    let io = builder().namespace("/n/{name}", Namespace::new()).build()?;
    let mut peer = Peer::dial(serve(&io)).await;
    peer.open(4).await?;
    for _ in 0..5 {
        let name = "x".repeat(900_000);
        peer.say(format!("40/n/{name},")).await?;
        let answer = soon("a refusal", peer.text()).await?;
        assert!(answer.starts_with("44/n/x") && answer.ends_with(r#"{"message":"Invalid namespace"}"#));
    }
    assert_eq!(io.of("/n/{name}").count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_payload_has_max_packets_at_most() -> Test {
    let (left, seen) = (Log::new(), Log::new());
    let log = seen.clone();
    let namespace = noting(&left).on("e", async move || log.push(()));
    let io = builder().namespace("/", namespace).build()?;
    let address = serve(&io);
    let payload = |packets: usize| vec![r#"42["e"]"#; packets].join("\x1e");
    let mut peer = Peer::dial(address).await;
    let query = peer.enter_polling().await?;
    assert_eq!(soon("an answer", peer.post(&query, &payload(65_536))).await?.status, 200);
    assert_eq!(seen.reach(65_536).await.len(), 65_536);
    assert_eq!(soon("an answer", peer.post(&query, &payload(65_537))).await?.status, 400);
    assert_eq!(left.reach(1).await.len(), 1);
    until("the session goes", || io.connections() == 0).await;
    // Empty packets are no way past it.
    let mut peer = Peer::dial(address).await;
    let query = peer.enter_polling().await?;
    assert_eq!(soon("an answer", peer.post(&query, &"\x1e".repeat(900_000))).await?.status, 400);
    assert_eq!((left.reach(2).await.len(), seen.len()), (2, 65_536));
    Ok(())
}

#[tokio::test]
async fn long_queries_and_heads_are_refused() -> Test {
    let io = builder().namespace("/", Namespace::new()).build()?;
    let address = serve(&io);
    let query = |length: usize| format!("{:x<length$}", "EIO=4&transport=polling&x=");
    assert_eq!(Peer::dial(address).await.get(&query(8192)).await?.status, 200);
    assert_eq!(Peer::dial(address).await.get(&query(8193)).await?.status, 400);
    let mut peer = Peer::dial(address).await;
    let filler = format!("X: {}\r\n", "x".repeat(1000)).repeat(1000);
    let sent =
        peer.write(format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n{filler}\r\n"));
    let answer = match sent.await {
        Ok(()) => soon("an answer", peer.answer()).await.map(|answer| answer.status),
        Err(error) => Err(error),
    };
    assert!(answer.as_ref().map_or(true, |status| *status == 431), "{answer:?}");
    // 64 KiB in one value are hyper's to judge, and no session's to keep.
    let mut peer = Peer::dial(address).await;
    let value = "x".repeat(64 * 1024);
    peer.write(format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n"))
        .await?;
    assert!([200, 431].contains(&soon("an answer", peer.answer()).await?.status));
    Ok(())
}

#[tokio::test]
async fn a_body_beyond_max_payload_is_refused_and_the_session_goes_on() -> Test {
    let io = builder().max_payload(1000).namespace("/", reading(&Log::new())).build()?;
    let address = serve(&io);
    let mut peer = Peer::dial(address).await;
    let query = peer.enter_polling().await?;
    let long = format!(r#"42["echo","{}"]"#, "x".repeat(1000));
    assert_eq!(Peer::dial(address).await.post(&query, &long).await?.status, 413);
    // Also when its length was not said before.
    let mut chunked = Peer::dial(address).await;
    let head = format!("POST /socket.io/?{query} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    chunked.write(format!("{head}{:x}\r\n{long}\r\n", long.len())).await?;
    assert_eq!(soon("an answer", chunked.answer()).await?.status, 413);
    assert_eq!(peer.post(&query, r#"420["echo",1]"#).await?.status, 200);
    assert_eq!(soon("an echo", peer.get(&query)).await?.body, "430[1]");
    Ok(())
}
