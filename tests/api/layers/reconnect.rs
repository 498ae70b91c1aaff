//! Users who come back.

use std::time::Duration;

use serde_json::json;
use tower_socketio::{
    Ack, Auth, ConnectRequest, Namespace, Reconnected, Socket, SocketIo, TestClient, WireError, connect,
};

use crate::support::{Log, Raw, Test, code, idle};

/// What the client gives as `auth`.
#[derive(serde::Deserialize)]
struct Login {
    user: String,
}

const SECOND: Duration = Duration::from_secs(1);

fn namespace(log: &Log) -> Namespace {
    let (connect, back, connected) = (log.clone(), log.clone(), log.clone());
    Namespace::new()
        .on_connect(async move |socket: Socket, login: Option<Auth<Login>>| {
            if let Some(Auth(Login { user })) = login {
                socket.set_user(user);
            }
            connect.push("connect");
        })
        .on_reconnect(async move |socket: Socket, Reconnected { away, .. }: Reconnected| {
            back.push(format!("back {} {}", socket.user().unwrap_or_default(), away.as_secs()));
        })
        .on_connected(async move |back: Option<Reconnected>| {
            connected.push(format!("connected {}", back.is_some()));
        })
        .on("away", async |Reconnected { away, .. }: Reconnected| Ack(away.as_secs()))
}

async fn client(io: &SocketIo, user: Option<&str>, name: &str) -> TestClient {
    let client = TestClient::new(io);
    let client = if let Some(user) = user { client.auth(json!({ "user": user })) } else { client };
    client.connect(name).await.expect("the client is accepted")
}

async fn leave(mut client: TestClient) {
    client.disconnect();
    drop(client);
    idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_who_comes_back_within_the_window_has_reconnected() -> Test {
    let log = Log::new();
    let io = SocketIo::builder()
        .namespace("/", namespace(&log))
        .namespace("/rooms/{id}", namespace(&log))
        .build()?;
    let first = client(&io, Some("ada"), "/").await;
    assert_eq!(code(first.emit_with_ack::<()>("away", ()).await), "not_reconnected");
    leave(first).await;
    // Another user, nobody, another namespace: they have not been here.
    leave(client(&io, Some("bob"), "/").await).await;
    leave(client(&io, None, "/").await).await;
    leave(client(&io, None, "/").await).await;
    leave(client(&io, Some("ada"), "/rooms/1").await).await;
    leave(client(&io, Some("ada"), "/rooms/2").await).await;
    assert_eq!(log.all().len(), 12);
    assert!(log.all().iter().all(|entry| ["connect", "connected false"].contains(&&**entry)));
    tokio::time::sleep(SECOND * 7).await;
    let back = client(&io, Some("ada"), "/").await;
    idle().await;
    assert_eq!(log.all()[12..], ["connect", "back ada 7", "connected true"]);
    assert_eq!(back.emit_with_ack::<u64>("away", ()).await?, 7);
    // One departure, one return.
    let second = client(&io, Some("ada"), "/").await;
    idle().await;
    assert_eq!(log.all()[15..], ["connect", "connected false"]);
    leave(back).await;
    leave(second).await;
    tokio::time::sleep(SECOND * 60).await;
    let _late = client(&io, Some("ada"), "/").await;
    idle().await;
    assert_eq!(log.all()[17..], ["connect", "connected false"]);
    let _room = client(&io, Some("ada"), "/rooms/1").await;
    idle().await;
    assert_eq!(log.all()[19..], ["connect", "connected false"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_window_can_be_set_and_a_lost_connection_is_a_departure() -> Test {
    let log = Log::new();
    let namespace = namespace(&log).reconnect_window(SECOND * 300);
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    let mut raw = Raw::open(&io).await;
    raw.send(r#"40{"user":"ada"}"#).await;
    if raw.next().await.starts_with("44") {
        panic!("refused");
    }
    idle().await;
    drop(raw);
    tokio::time::sleep(SECOND * 200).await;
    let _back = client(&io, Some("ada"), "/").await;
    idle().await;
    assert_eq!(log.all(), ["connect", "connected false", "connect", "back ada 200", "connected true"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_forged_event_is_no_return_and_a_refused_client_takes_none() -> Test {
    let log = Log::new();
    let doors = tokio::sync::watch::Sender::new(true);
    let open = doors.clone();
    let namespace = namespace(&log).connect_layer(connect::from_fn(
        move |request: ConnectRequest, next: connect::Next| {
            let open = *open.borrow();
            async move {
                let accepted = next.run(request).await?;
                if open { Ok(accepted) } else { Err(WireError::new("not now").code("later")) }
            }
        },
    ));
    let io = SocketIo::builder().namespace("/", namespace).build()?;
    let ada = client(&io, Some("ada"), "/").await;
    for event in ["reconnect", "reconnected", "reconnect_attempt", "on_reconnect"] {
        assert_eq!(code(ada.emit_with_ack::<()>(event, ()).await), "unknown_event");
    }
    leave(ada).await;
    doors.send_replace(false);
    assert_eq!(code(TestClient::new(&io).auth(json!({ "user": "ada" })).connect("/").await), "later");
    doors.send_replace(true);
    idle().await;
    assert_eq!(log.all(), ["connect", "connected false", "connect"]);
    let _back = client(&io, Some("ada"), "/").await;
    idle().await;
    assert_eq!(log.all()[3..], ["connect", "back ada 0", "connected true"]);
    Ok(())
}
