//! Limits on the size of events.

use bytes::Bytes;
use tower_socketio::{Ack, Data, Handler, Namespace, PublicError, SizeLimitLayer, TestError};

use crate::support::{Test, code, join, serve};

#[tokio::test]
async fn larger_events_are_refused_and_the_client_stays() -> Test {
    let namespace = Namespace::new()
        .packet_layer(SizeLimitLayer::new(100))
        .on("text", async |Data(text): Data<String>| Ack(text.len()))
        .on("binary", async |Data(bytes): Data<Bytes>| Ack(bytes.len()));
    let client = join(&serve(namespace)).await;
    // `["text",""]` has eleven bytes.
    assert_eq!(client.emit_with_ack::<usize>("text", "x".repeat(89)).await?, 89);
    let Err(TestError::ErrorReply(error)) = client.emit_with_ack::<usize>("text", "x".repeat(90)).await
    else {
        panic!("it passed")
    };
    assert_eq!(error.message(), "the event is larger than 100 bytes");
    assert_eq!(PublicError::code(&error), Some("too_large"));
    assert_eq!(PublicError::data(&error), Some(serde_json::json!({ "max": 100 })));
    // Attachments count.
    assert_eq!(client.emit_with_ack::<usize>("binary", Bytes::from(vec![0; 20])).await?, 20);
    assert_eq!(code(client.emit_with_ack::<usize>("binary", Bytes::from(vec![0; 200])).await), "too_large");
    assert_eq!(client.emit_with_ack::<usize>("text", "x").await?, 1);
    Ok(())
}

#[tokio::test]
async fn one_handler_may_take_less_than_others() -> Test {
    let size = async |Data(text): Data<String>| Ack(text.len());
    let namespace = Namespace::new().on("small", size.layer(SizeLimitLayer::new(40))).on("large", size);
    let client = join(&serve(namespace)).await;
    assert_eq!(code(client.emit_with_ack::<usize>("small", "x".repeat(50)).await), "too_large");
    assert_eq!(client.emit_with_ack::<usize>("large", "x".repeat(50)).await?, 50);
    Ok(())
}
