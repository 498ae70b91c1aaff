//! Namespaces that patterns bring into being.

use tower_socketio::{Namespace, Recovery, Socket, SocketIo, TestClient};

use super::{SECOND, lose, news};
use crate::support::{Test, idle, join};

fn server() -> SocketIo {
    SocketIo::builder()
        .recovery(Recovery::new().window(SECOND * 60))
        .namespace("/", Namespace::new())
        .namespace("/rooms/{id}", Namespace::new())
        .build()
        .expect("it fits")
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_namespace_stays_while_somebody_may_come_back_to_it() -> Test {
    let io = server();
    let mut client = TestClient::new(&io).connect("/rooms/1").await?;
    let id = client.id().to_owned();
    io.of("/rooms/1").emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    lose(&mut client).await;
    io.of("/rooms/1").emit("news", "missed");
    let mut client = client.connect("/rooms/1").await?;
    assert_eq!(client.id(), id);
    assert_eq!(news(&mut client).await, ["missed"]);
    lose(&mut client).await;
    tokio::time::sleep(SECOND * 80).await;
    // It has ended: the name is unknown, and whoever comes makes another one.
    let client = client.connect("/rooms/1").await?;
    assert!(!client.recovered());
    assert_ne!(client.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_dynamic_namespaces_is_given_back_with_them() -> Test {
    let io = SocketIo::builder()
        .recovery(Recovery::new().window(SECOND * 60))
        .max_dynamic(3)
        .namespace("/rooms/{id}", Namespace::new())
        .build()?;
    for round in 0..3 {
        for n in 0..3 {
            let mut client = TestClient::new(&io).connect(&format!("/rooms/{round}-{n}")).await?;
            lose(&mut client).await;
        }
        assert!(TestClient::new(&io).connect("/rooms/one-more").await.is_err(), "they are kept");
        tokio::time::sleep(SECOND * 80).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pid_is_good_for_its_own_namespace_alone() -> Test {
    let io = server();
    let mut client = join(&io).await;
    let id = client.id().to_owned();
    lose(&mut client).await;
    for name in ["/rooms/1", "/rooms/2"] {
        let auth = serde_json::json!({ "pid": client.pid() });
        let other = TestClient::new(&io).auth(auth).connect(name).await?;
        assert_ne!(other.id(), id);
    }
    idle().await;
    assert_eq!(client.connect("/").await?.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_socket_that_a_program_keeps_holds_no_namespace() -> Test {
    let kept = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = kept.clone();
    let namespace = Namespace::new().on_connect(async move |socket: Socket| {
        let is_back = socket.recovered();
        keep.lock().expect("no panic").push(socket);
        if is_back { Err(tower_socketio::WireError::new("no")) } else { Ok(()) }
    });
    let io = SocketIo::builder()
        .recovery(Recovery::new().window(SECOND * 60))
        .max_dynamic(1)
        .namespace("/rooms/{id}", namespace)
        .build()?;
    let mut client = TestClient::new(&io).connect("/rooms/1").await?;
    lose(&mut client).await;
    assert!(client.connect("/rooms/1").await.is_err());
    tokio::time::sleep(SECOND * 80).await;
    assert_eq!(kept.lock().expect("no panic").len(), 2);
    TestClient::new(&io).connect("/rooms/2").await?;
    Ok(())
}
