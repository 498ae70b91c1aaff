//! `on_reconnect` for clients whose connection was recovered.

use tower_socketio::{Auth, Namespace, Reconnected, Socket, TestClient};

use super::{SECOND, again, lose, recovering};
use crate::support::{Log, Test, idle};

#[derive(serde::Deserialize)]
struct Login {
    user: String,
}

fn returning(log: &Log) -> Namespace {
    let (back, connected) = (log.clone(), log.clone());
    Namespace::new()
        .on_connect(async |socket: Socket, login: Option<Auth<Login>>| {
            if let Some(Auth(Login { user })) = login {
                socket.set_user(user);
            }
        })
        .on_reconnect(async move |Reconnected { by, away, .. }: Reconnected| {
            back.push(format!("{by:?} {}", away.as_secs()));
        })
        .on_connected(async move |back: Option<Reconnected>| connected.push(back.is_some()))
}

#[tokio::test(start_paused = true)]
async fn on_reconnect_runs_by_recovery_also_without_a_user() -> Test {
    let log = Log::new();
    let io = recovering(returning(&log));
    let mut client = TestClient::new(&io).connect("/").await?;
    lose(&mut client).await;
    tokio::time::sleep(SECOND * 7).await;
    let client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(log.reach(3).await, ["false", "Recovery 7", "true"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_departure_that_was_recovered_is_not_counted_twice() -> Test {
    let log = Log::new();
    let io = recovering(returning(&log));
    let auth = || serde_json::json!({ "user": "ada" });
    let client = again(TestClient::new(&io).auth(auth()).connect("/").await?).await?;
    assert!(client.recovered());
    assert_eq!(log.reach(3).await[1..], ["Recovery 0", "true"]);
    // Another device of hers: nobody of hers is missing.
    let _second = TestClient::new(&io).auth(auth()).connect("/").await?;
    assert_eq!(log.reach(4).await[3], "false");
    // This one is.
    drop(client);
    idle().await;
    let _third = TestClient::new(&io).auth(auth()).connect("/").await?;
    assert_eq!(log.reach(6).await[4..], ["User 0", "true"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_departure_that_is_noticed_after_the_return_is_not_counted_at_all() -> Test {
    let log = Log::new();
    let io = recovering(returning(&log));
    let auth = || serde_json::json!({ "user": "ada" });
    let first = TestClient::new(&io).auth(auth()).connect("/").await?;
    // Its connection is half open: its end comes by the take-over.
    let mut with_pid = auth();
    with_pid["pid"] = first.pid().expect("a pid").into();
    let back = TestClient::new(&io).auth(with_pid).connect("/").await?;
    assert_eq!(back.id(), first.id());
    idle().await;
    assert_eq!(log.all()[1..], ["Recovery 0", "true"]);
    let _second = TestClient::new(&io).auth(auth()).connect("/").await?;
    assert_eq!(log.reach(4).await[3], "false");
    Ok(())
}
