//! The client without a network that users test their handlers with.

use std::time::Duration;

use serde_json::json;
use tower_socketio::{Ack, Data, Namespace, Socket, SocketIo, TestClient, TestError, WireError};

use crate::support::{Test, idle, join, serve};

#[tokio::test]
async fn a_handler_is_tested_in_three_lines() -> Test {
    let double = async |Data(n): Data<u32>| Ack(n * 2);
    let io = SocketIo::builder().namespace("/", Namespace::new().on("double", double)).build()?;
    let mut client = TestClient::new(&io).auth("token").connect("/").await?;
    assert_eq!(client.emit_with_ack::<u32>("double", 21).await?, 42);
    io.emit("news", ("rain", 7));
    assert_eq!(client.next::<(String, u32)>("news").await?, ("rain".to_owned(), 7));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn silence_another_event_and_the_end_are_told_apart() -> Test {
    let io = serve(Namespace::new());
    let mut client = TestClient::new(&io).timeout(Duration::from_secs(3)).connect("/").await?;
    let start = tokio::time::Instant::now();
    assert!(matches!(client.next::<()>("a").await, Err(TestError::Silence)));
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(matches!(client.closed().await, Err(TestError::Silence)));
    io.emit("b", 1);
    assert!(matches!(client.next::<()>("a").await, Err(TestError::OtherEvent(name)) if name == "b"));
    io.emit("a", ());
    assert!(matches!(client.answer::<()>("a", ()).await, Err(TestError::OtherEvent(_))), "nobody asked");
    io.of("/").disconnect(false);
    assert!(matches!(client.next::<()>("a").await, Err(TestError::Closed)));
    client.closed().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_silence_and_one_from_a_closed_server_is_the_end() -> Test {
    let io = serve(Namespace::new().on("hangs", async || std::future::pending::<()>().await).on(
        "quits",
        async |socket: Socket| {
            socket.disconnect();
            std::future::pending::<()>().await
        },
    ));
    let client = join(&io).await;
    assert!(matches!(client.emit_with_ack::<()>("hangs", ()).await, Err(TestError::Silence)));
    assert!(matches!(client.emit_with_ack::<()>("quits", ()).await, Err(TestError::Closed)));
    Ok(())
}

#[tokio::test]
async fn before_it_is_connected_it_is_closed() -> Test {
    let io = serve(Namespace::new());
    let mut client = TestClient::new(&io);
    assert_eq!(client.id(), "");
    client.emit("e", ());
    assert!(matches!(client.emit_with_ack::<()>("e", ()).await, Err(TestError::Closed)));
    assert!(matches!(client.next::<()>("e").await, Err(TestError::Closed)));
    client.disconnect();
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn it_answers_pings() -> Test {
    let io = serve(Namespace::new());
    let client = join(&io).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(io.of("/").count(), 1);
    drop(client);
    idle().await;
    assert_eq!(io.connections(), 0);
    Ok(())
}

#[tokio::test]
async fn auth_is_an_object_or_becomes_a_token() -> Test {
    let io = serve(Namespace::new().on_connect(
        async |socket: Socket, tower_socketio::Auth(auth): tower_socketio::Auth<serde_json::Value>| {
            socket.emit("auth", auth)
        },
    ));
    for (given, sent) in [(json!("abc"), json!({"token": "abc"})), (json!({"a": 1}), json!({"a": 1}))] {
        let mut client = TestClient::new(&io).auth(given).connect("/").await?;
        assert_eq!(client.next::<serde_json::Value>("auth").await?, sent);
    }
    Ok(())
}

#[tokio::test]
async fn an_error_that_is_nothing_but_a_text_is_that_text() -> Test {
    let fails = async |Data(text): Data<String>| Err::<(), _>(WireError::text(text));
    let client = join(&serve(Namespace::new().on("fails", fails))).await;
    for text in ["myError", "", "\"quoted\""] {
        let Err(TestError::ErrorReply(error)) = client.emit_with_ack::<()>("fails", text).await else {
            panic!("it has failed")
        };
        assert_eq!(error.message(), text);
    }
    Ok(())
}
