//! What a handler returns is its acknowledgement.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tower_socketio::{Ack, Data, Namespace, PublicError, Reply, Socket, SocketIo, TestClient, WireError};

use crate::support::{Log, Raw, Test, code, idle, join, refusal, serve};

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("at most {0} pieces")]
    TooMany(u32),
    #[error("closed on Sundays")]
    Closed,
}

impl PublicError for OrderError {
    fn code(&self) -> Option<&str> {
        match self {
            Self::TooMany(_) => Some("too_many"),
            Self::Closed => None,
        }
    }

    fn data(&self) -> Option<Value> {
        match self {
            Self::TooMany(most) => Some(json!({ "most": most })),
            Self::Closed => None,
        }
    }
}

async fn order(Data(pieces): Data<u32>) -> Result<Ack<u32>, OrderError> {
    match pieces {
        0 => Err(OrderError::Closed),
        1..=10 => Ok(Ack(pieces)),
        _ => Err(OrderError::TooMany(10)),
    }
}

async fn parse(Data(text): Data<String>) -> Result<Ack<u32>, WireError> {
    Ok(Ack(text.parse()?))
}

#[tokio::test]
async fn every_kind_of_reply_has_its_form_on_the_wire() -> Test {
    let io = serve(
        Namespace::new()
            .on("nothing", async || {})
            .on("one", async || Ack(1))
            .on("two", async || Ack((1, "b")))
            .on("array", async || Ack([1, 2]))
            .on("none", async || Ack(()))
            .on("null", async || Ack(None::<u8>))
            .on("empty", async || Reply::empty())
            .on("reply", async || Reply::ack((1, 2)))
            .on("error", async || Reply::error(WireError::new("no").code("c").data([1])))
            .on("ok", async || Ok::<(), WireError>(()))
            .on("ok reply", async || Ok::<_, WireError>(Reply::ack("x"))),
    );
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    for (event, answer) in [
        ("nothing", "[]"),
        ("one", "[1]"),
        ("two", r#"[1,"b"]"#),
        ("array", "[[1,2]]"),
        ("none", "[]"),
        ("null", "[null]"),
        ("empty", "[]"),
        ("reply", "[1,2]"),
        ("error", r#"[{"error":{"code":"c","data":[1],"message":"no"}}]"#),
        ("ok", "[]"),
        ("ok reply", r#"["x"]"#),
    ] {
        raw.send(&format!(r#"429["{event}"]"#)).await;
        let packet = raw.next().await;
        let came: Value = serde_json::from_str(packet.strip_prefix("439").expect("an acknowledgement"))?;
        assert_eq!(came, serde_json::from_str::<Value>(answer)?, "{event}");
    }
    Ok(())
}

#[tokio::test]
async fn a_public_error_keeps_its_text_its_code_and_its_data() -> Test {
    let io = serve(Namespace::new().on("order", order));
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("order", 3).await?, 3);
    assert_eq!(
        refusal(client.emit_with_ack::<u32>("order", 0).await),
        ("closed on Sundays".to_owned(), None)
    );
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["order",11]"#).await;
    let packet = raw.next().await;
    let answer: Value = serde_json::from_str(packet.strip_prefix("430").expect("an acknowledgement"))?;
    let error = json!({"message": "at most 10 pieces", "code": "too_many", "data": {"most": 10}});
    assert_eq!(answer, json!([{ "error": error }]));
    Ok(())
}

#[tokio::test]
async fn any_other_error_is_an_internal_error_whose_text_stays_here() -> Test {
    let log = Log::new();
    let namespace = Namespace::new().on("parse", parse).on_error(log.errors());
    let io = serve(namespace);
    let client = join(&io).await;
    assert_eq!(client.emit_with_ack::<u32>("parse", "7").await?, 7);
    let error = refusal(client.emit_with_ack::<u32>("parse", "seven").await);
    assert_eq!(error, ("internal error".to_owned(), Some("internal".to_owned())));
    assert_eq!(log.reach(1).await, ["internal error: invalid digit found in string"]);
    Ok(())
}

#[tokio::test]
async fn in_development_clients_may_read_the_text_of_internal_errors() -> Test {
    let io = SocketIo::builder()
        .expose_errors(true)
        .namespace("/", Namespace::new().on("parse", parse))
        .namespace(
            "/closed",
            Namespace::new().on_connect(async || "x".parse::<u8>().map(drop).map_err(WireError::from)),
        )
        .build()?;
    let client = join(&io).await;
    let (message, _) = refusal(client.emit_with_ack::<u32>("parse", "seven").await);
    assert_eq!(message, "invalid digit found in string");
    let (message, _) = refusal(TestClient::new(&io).connect("/closed").await);
    assert_eq!(message, "invalid digit found in string");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_nobody_asked_for_is_not_sent_but_told_to_on_error() -> Test {
    let log = Log::new();
    let namespace = Namespace::new().on("order", order).on_error(log.errors());
    let io = serve(namespace);
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"42["order",11]"#).await;
    raw.send(r#"42["order","x"]"#).await;
    raw.send(r#"42["unknown"]"#).await;
    let all = log.reach(3).await;
    assert_eq!(all[0], "at most 10 pieces");
    assert!(all[1].starts_with("invalid data"), "{}", all[1]);
    assert_eq!(all[2], "nobody handles this event");
    idle().await;
    raw.send(r#"420["order",1]"#).await;
    assert_eq!(raw.next().await, "430[1]");
    Ok(())
}

#[tokio::test]
async fn a_value_that_cannot_be_sent_is_an_internal_error() -> Test {
    let handler = async || Ack(BTreeMap::from([([1, 2], 3)]));
    let io = serve(Namespace::new().on("e", handler));
    assert_eq!(code(join(&io).await.emit_with_ack::<Value>("e", ()).await), "internal");
    Ok(())
}

#[tokio::test]
async fn an_emit_may_be_the_last_expression_of_a_handler() -> Test {
    let io = serve(Namespace::new().on("e", async |socket: Socket| socket.emit("pong", 1)));
    let mut client = join(&io).await;
    client.emit_with_ack::<()>("e", ()).await?;
    assert_eq!(client.next::<u32>("pong").await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_a_handler_emits_comes_before_its_answer() -> Test {
    let io = serve(Namespace::new().on("e", async |socket: Socket| {
        socket.emit("first", 1);
        socket.namespace().emit("second", 2);
        Ack("answer")
    }));
    let mut raw = Raw::open(&io).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    for packet in [r#"42["first",1]"#, r#"42["second",2]"#, r#"430["answer"]"#] {
        assert_eq!(raw.next().await, packet);
    }
    Ok(())
}

#[tokio::test]
async fn the_error_hook_may_capture_what_it_needs() -> Test {
    let log = Log::new();
    let errors = log.clone();
    let namespace = Namespace::new().on("parse", parse).on_error(async move |error: WireError| {
        tokio::task::yield_now().await;
        errors.push(error.message());
    });
    join(&serve(namespace)).await.emit("parse", "x");
    assert_eq!(log.reach(1).await, ["internal error"]);
    Ok(())
}
