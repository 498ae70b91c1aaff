//! `AckSender`: acknowledgements given by hand.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::mpsc;
use tower_socketio::{Ack, AckSender, Data, Namespace, PublicError, Socket, WireError};

use crate::support::{Gate, Log, Raw, Test, code, idle, join, refusal, serve};

#[tokio::test]
async fn a_task_may_answer_when_the_handler_has_long_ended() -> Test {
    let gate = Gate::closed();
    let later = gate.clone();
    let io = serve(Namespace::new().on("slow", async move |ack: AckSender, Data(n): Data<u32>| {
        tokio::spawn(async move {
            later.pass().await;
            assert!(ack.expected());
            assert!(ack.send(n * 2));
        });
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"427["slow",21]"#).await;
    raw.send(r#"428["unknown"]"#).await;
    assert!(raw.next().await.starts_with("438"), "the answer comes before the task gives it");
    gate.open(1);
    assert_eq!(raw.next().await, "437[42]");
    Ok(())
}

#[tokio::test]
async fn a_tuple_answers_with_several_arguments() -> Test {
    let handler = async |ack: AckSender| {
        ack.send((1, "two"));
    };
    let io = serve(Namespace::new().on("e", handler));
    assert_eq!(join(&io).await.emit_with_ack::<(u32, String)>("e", ()).await?, (1, "two".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_a_request_sending_does_nothing() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().on("e", async move |ack: AckSender| {
        seen.push(ack.expected());
        seen.push(ack.send("answer"));
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"42["e"]"#).await;
    assert_eq!(log.reach(2).await, ["false", "false"]);
    raw.send(r#"420["unknown"]"#).await;
    assert!(raw.next().await.starts_with("430[{"), "an answer to nothing was sent");
    Ok(())
}

#[tokio::test]
async fn dropping_it_unsent_tells_the_client() -> Test {
    let io = serve(Namespace::new().on("e", async |ack: AckSender| drop(ack)).on(
        "later",
        async |ack: AckSender| {
            tokio::spawn(async move { drop(ack) });
        },
    ));
    let client = join(&io).await;
    assert_eq!(code(client.emit_with_ack::<()>("e", ()).await), "no_answer");
    assert_eq!(code(client.emit_with_ack::<()>("later", ()).await), "no_answer");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn taking_it_turns_the_automatic_acknowledgement_off() -> Test {
    let (senders, mut taken) = mpsc::unbounded_channel();
    let io = serve(Namespace::new().on("e", async move |ack: AckSender| {
        let _ = senders.send(ack);
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    let ack = taken.recv().await.expect("the handler runs");
    idle().await;
    raw.send(r#"421["unknown"]"#).await;
    assert!(raw.next().await.starts_with("431"), "the handler's end has acknowledged");
    assert!(ack.send(()));
    assert_eq!(raw.next().await, "430[]");
    Ok(())
}

#[tokio::test]
async fn an_error_after_taking_it_is_the_answer() -> Test {
    async fn fails(_ack: AckSender, Data(n): Data<i32>) -> Result<(), WireError> {
        if n < 0 {
            return Err(WireError::new("negative").code("negative"));
        }
        let _: u8 = u8::try_from(n)?;
        Ok(())
    }
    let io = serve(Namespace::new().on("e", fails));
    let client = join(&io).await;
    let negative = refusal(client.emit_with_ack::<()>("e", -1).await);
    assert_eq!(negative, ("negative".to_owned(), Some("negative".to_owned())));
    assert_eq!(code(client.emit_with_ack::<()>("e", 1000).await), "internal");
    assert_eq!(code(client.emit_with_ack::<()>("e", 1).await), "no_answer");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_counts_and_an_error_after_it_does_not() -> Test {
    let log = Log::new();
    let handler = async |ack: AckSender| -> Result<(), WireError> {
        ack.send("sent");
        Err(WireError::new("too late"))
    };
    let namespace = Namespace::new().on("e", handler).on_error(log.errors());
    let io = serve(namespace);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    assert_eq!(raw.next().await, r#"430["sent"]"#);
    assert_eq!(log.reach(1).await, ["too late"]);
    raw.send(r#"421["unknown"]"#).await;
    assert!(raw.next().await.starts_with("431"), "a second answer was sent");
    Ok(())
}

#[tokio::test]
async fn it_may_answer_with_an_error() -> Test {
    #[derive(Debug, thiserror::Error)]
    #[error("no such page")]
    struct NotFound;
    impl PublicError for NotFound {
        fn code(&self) -> Option<&str> {
            Some("not_found")
        }
    }
    let io = serve(Namespace::new().on("e", async |ack: AckSender| ack.error(NotFound)));
    let error = refusal(join(&io).await.emit_with_ack::<()>("e", ()).await);
    assert_eq!(error, ("no such page".to_owned(), Some("not_found".to_owned())));
    Ok(())
}

#[tokio::test]
async fn data_that_cannot_be_sent_is_an_error_for_the_client_and_for_the_server() -> Test {
    let log = Log::new();
    let sent = log.clone();
    let handler = async move |ack: AckSender| {
        let map = BTreeMap::from([([1, 2], "keys must be strings")]);
        sent.push(ack.send(map));
    };
    let namespace = Namespace::new().on("e", handler).on_error(log.errors());
    let io = serve(namespace);
    assert_eq!(code(join(&io).await.emit_with_ack::<()>("e", ()).await), "internal");
    let mut all = log.reach(2).await;
    all.sort();
    assert_eq!(all[0], "false");
    assert!(all[1].starts_with("internal error: ") && all[1].contains("key must be a string"), "{}", all[1]);
    Ok(())
}

#[tokio::test]
async fn the_first_of_two_answers_is_the_acknowledgement() -> Test {
    let io = serve(
        Namespace::new()
            .on("e", async |ack: AckSender| {
                ack.send("sender");
            })
            .on("e", async || Ack("returned"))
            .on("f", async || Ack("returned"))
            .on("f", async |ack: AckSender| {
                ack.send("sender");
            }),
    );
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<String>("e", ()).await?, "sender");
    assert_eq!(client.emit_with_ack::<String>("f", ()).await?, "returned");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn once_the_client_is_gone_nothing_is_sent() -> Test {
    let (senders, mut taken) = mpsc::unbounded_channel();
    let io = serve(Namespace::new().on("e", async move |socket: Socket, ack: AckSender| {
        let _ = senders.send((socket, ack));
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    let (socket, ack) = taken.recv().await.expect("the handler runs");
    let closed = socket.closed();
    drop(raw);
    closed.await;
    assert!(!ack.send(json!({})));
    Ok(())
}
