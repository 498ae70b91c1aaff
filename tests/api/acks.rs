//! Questions to one client.

use std::time::Duration;

use bytes::Bytes;
use tower_socketio::{Ack, AckError, Args, Data, EmitError, Namespace, Socket, SocketIo, WireError};

use crate::support::{Log, Raw, Test, idle, join, serve};

const SECOND: Duration = Duration::from_secs(1);

/// A client's connection and the server's socket for it.
async fn pair(io: &SocketIo) -> (Raw, Socket) {
    let mut raw = Raw::open(io).await;
    let id = raw.enter("/").await;
    (raw, io.socket(&id).expect("the socket is here"))
}

#[tokio::test]
async fn an_answer_comes_back_as_the_type_that_was_asked_for() -> Test {
    let io = serve(Namespace::new());
    let (mut raw, socket) = pair(&io).await;
    let asking = tokio::spawn(async move {
        let one = socket.emit_with_ack::<u32>("one", 1).await;
        let two = socket.emit_with_ack::<(u32, String)>("two", (1, 2)).await;
        let all = socket.emit_with_ack::<Args>("all", ()).await;
        let none = socket.emit_with_ack::<()>("none", ()).await;
        let bytes = socket.emit_with_ack::<Bytes>("bytes", Bytes::from_static(b"q")).await;
        (one, two, all, none, bytes)
    });
    assert_eq!(raw.next().await, r#"420["one",1]"#);
    raw.send("430[7]").await;
    assert_eq!(raw.next().await, r#"421["two",1,2]"#);
    raw.send(r#"431[7,"b","surplus"]"#).await;
    assert_eq!(raw.next().await, r#"422["all"]"#);
    raw.send("432[1,2,3]").await;
    assert_eq!(raw.next().await, r#"423["none"]"#);
    raw.send("433[]").await;
    assert_eq!(raw.next().await, r#"451-4["bytes",{"_placeholder":true,"num":0}]"#);
    assert_eq!(raw.next().await, "[113]");
    raw.send(r#"461-4[{"_placeholder":true,"num":0}]"#).await;
    raw.send_binary(b"a").await;
    let (one, two, all, none, bytes) = asking.await?;
    assert_eq!((one?, two?, all?.0.len(), bytes?), (7, (7, "b".to_owned()), 3, Bytes::from_static(b"a")));
    none?;
    Ok(())
}

#[tokio::test]
async fn an_answer_of_another_type_is_an_error() -> Test {
    let io = serve(Namespace::new());
    let (mut raw, socket) = pair(&io).await;
    let asking = tokio::spawn(async move {
        (socket.emit_with_ack::<u32>("a", ()).await, socket.emit_with_ack::<u32>("b", ()).await)
    });
    raw.next().await;
    raw.send(r#"430["text"]"#).await;
    raw.next().await;
    raw.send("431[]").await;
    let (text, nothing) = asking.await?;
    assert!(matches!(text, Err(AckError::Answer(_))), "{text:?}");
    assert!(matches!(nothing, Err(AckError::Answer(_))), "{nothing:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_the_question_ends_in_time_and_a_late_answer_is_ignored() -> Test {
    let io = SocketIo::builder().ack_timeout(SECOND * 7).namespace("/", Namespace::new()).build()?;
    let (mut raw, socket) = pair(&io).await;
    let start = tokio::time::Instant::now();
    let result = socket.timeout(SECOND).emit_with_ack::<u32>("q", ()).await;
    assert!(matches!(result, Err(AckError::Timeout { missing: 1 })), "{result:?}");
    assert_eq!(start.elapsed(), SECOND);
    let result = socket.emit_with_ack::<u32>("q", ()).await;
    assert!(matches!(result, Err(AckError::Timeout { missing: 1 })), "{result:?}");
    assert_eq!(start.elapsed(), SECOND * 8, "the builder's `ack_timeout` counts");
    // Late, doubled and never asked for: nothing happens.
    for late in ["430[1]", "430[1]", "431[1]", "4399[1]"] {
        raw.send(late).await;
    }
    let asking = socket.clone();
    let asking = tokio::spawn(async move { asking.emit_with_ack::<u32>("again", ()).await });
    assert_eq!(raw.next().await, r#"420["q"]"#);
    assert_eq!(raw.next().await, r#"421["q"]"#);
    assert_eq!(raw.next().await, r#"422["again"]"#);
    raw.send("432[5]").await;
    assert_eq!(asking.await??, 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_when_the_client_leaves() -> Test {
    let io = serve(Namespace::new());
    let (mut raw, socket) = pair(&io).await;
    let asking = socket.clone();
    let asking = tokio::spawn(async move { asking.emit_with_ack::<u32>("q", ()).await });
    raw.next().await;
    raw.send("41").await;
    assert!(matches!(asking.await?, Err(AckError::Closed)));
    assert!(matches!(socket.emit_with_ack::<u32>("q", ()).await, Err(AckError::Closed)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_when_the_connection_is_lost() -> Test {
    let io = serve(Namespace::new());
    let (mut raw, socket) = pair(&io).await;
    let asking = tokio::spawn(async move { socket.emit_with_ack::<u32>("q", ()).await });
    raw.next().await;
    drop(raw);
    assert!(matches!(asking.await?, Err(AckError::Closed)));
    Ok(())
}

#[tokio::test]
async fn a_question_that_cannot_be_sent_says_so() -> Test {
    let io = serve(Namespace::new());
    let (_raw, socket) = pair(&io).await;
    let reserved = socket.emit_with_ack::<u32>("disconnect", ()).await;
    assert!(matches!(reserved, Err(AckError::Emit(EmitError::Encode(_)))), "{reserved:?}");
    let map = std::collections::BTreeMap::from([([1, 2], 3)]);
    let data = socket.emit_with_ack::<u32>("q", map).await;
    assert!(matches!(data, Err(AckError::Emit(EmitError::Encode(_)))), "{data:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dropped_question_is_forgotten() -> Test {
    let io = serve(Namespace::new());
    let (mut raw, socket) = pair(&io).await;
    let asking = tokio::spawn(async move {
        let _ = socket.emit_with_ack::<u32>("q", ()).await;
    });
    raw.next().await;
    asking.abort();
    idle().await;
    raw.send("430[1]").await;
    raw.send(r#"420["unknown"]"#).await;
    assert!(raw.next().await.starts_with("430[{\"error\""));
    Ok(())
}

#[tokio::test]
async fn a_handler_may_ask_its_own_client_and_pass_an_error_on() -> Test {
    async fn ask(socket: Socket, Data(question): Data<String>) -> Result<Ack<u32>, WireError> {
        let answer: u32 = socket.timeout(SECOND).emit_with_ack("question", question).await?;
        Ok(Ack(answer + 1))
    }
    let io = serve(Namespace::new().on("ask", ask));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"429["ask","how many?"]"#).await;
    assert_eq!(raw.next().await, r#"420["question","how many?"]"#);
    raw.send("430[41]").await;
    assert_eq!(raw.next().await, "439[42]");
    raw.send(r#"428["ask","and now?"]"#).await;
    raw.next().await;
    raw.send(r#"431["text"]"#).await;
    let answer = raw.next().await;
    assert!(answer.starts_with("438[{\"error\"") && answer.contains("\"internal\""), "{answer}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_answers_only_for_its_own_namespace() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = SocketIo::builder()
        .namespace("/", Namespace::new())
        .namespace(
            "/x",
            Namespace::new().on_connected(async move |socket: Socket| {
                let answer = socket.timeout(SECOND).emit_with_ack::<u32>("q", ()).await;
                seen.push(matches!(answer, Err(AckError::Timeout { .. })));
            }),
        )
        .build()?;
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.enter("/x").await;
    assert_eq!(raw.next().await, r#"42/x,0["q"]"#);
    raw.send("430[1]").await;
    assert_eq!(log.reach(1).await, ["true"]);
    Ok(())
}

#[tokio::test]
async fn a_thousand_questions_may_be_open_at_a_time() -> Test {
    let io = serve(Namespace::new());
    let mut client = join(&io).await;
    let socket = io.socket(client.id()).expect("the socket is here");
    let asking = (0..1000_u32).map(|n| {
        let socket = socket.clone();
        tokio::spawn(async move { socket.emit_with_ack::<u32>("q", n).await })
    });
    let asking: Vec<_> = asking.collect();
    for _ in 0..1000 {
        client.answer::<u32>("q", 1).await?;
    }
    let mut sum = 0;
    for answer in asking {
        sum += answer.await??;
    }
    assert_eq!(sum, 1000);
    Ok(())
}
