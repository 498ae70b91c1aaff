//! Clients who are told that they are connected before anybody decides about them.

use serde_json::{Value, json};
use tower_socketio::{Claims, EventAuth, Namespace, Socket, SocketIo, TestClient, TestError, WireError};

use super::{lose, news, recovering};
use crate::support::{Log, Test, idle, join};

#[derive(Clone, serde::Deserialize)]
struct Credentials {
    token: String,
}

fn gated(log: &Log) -> Namespace {
    let log = log.clone();
    let authenticate = async |_: Socket, Credentials { token }: Credentials| match &*token {
        "bad" => Err(WireError::new("nope")),
        _ => Ok(Some(token)),
    };
    let gate = EventAuth::<String>::new(authenticate).user(|user: &String| Some(user.clone()));
    Namespace::new()
        .event_auth(gate)
        .on_disconnect(async move |reason: tower_socketio::DisconnectReason| log.push(reason))
        .on("who", async |Claims(user): Claims<String>| tower_socketio::Ack(user))
}

async fn authenticate(client: &mut TestClient, token: &str) {
    client.emit("authentication", json!({ "token": token }));
}

/// A client that was let in and has lost its connection.
async fn away(io: &SocketIo) -> TestClient {
    let mut client = join(io).await;
    authenticate(&mut client, "ada").await;
    assert!(client.next::<bool>("authenticated").await.expect("it is let in"));
    lose(&mut client).await;
    io.to_user("ada").emit("news", "missed");
    client
}

#[tokio::test(start_paused = true)]
async fn who_has_to_authenticate_gets_what_it_missed_behind_that() -> Test {
    let io = recovering(gated(&Log::new()));
    let mut client = away(&io).await.connect("/").await?;
    assert!(client.recovered());
    io.to_user("ada").emit("news", "missed, too");
    idle().await;
    assert_eq!(io.of("/").count(), 0);
    authenticate(&mut client, "ada").await;
    assert_eq!(client.next::<String>("news").await?, "missed");
    assert_eq!(client.next::<String>("news").await?, "missed, too");
    assert!(client.next::<bool>("authenticated").await?);
    assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "ada");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_has_been_told_that_it_is_back_and_is_another_is_disconnected_and_cannot_come_back() -> Test {
    let log = Log::new();
    let io = recovering(gated(&log));
    let mut client = away(&io).await.connect("/").await?;
    authenticate(&mut client, "bob").await;
    let told: Result<Value, _> = client.next("news").await;
    assert!(matches!(told, Err(TestError::Closed)), "{told:?}");
    assert_eq!(log.all(), ["transport close"], "the candidate never was in");
    lose(&mut client).await;
    let mut client = client.connect("/").await?;
    assert!(!client.recovered());
    authenticate(&mut client, "bob").await;
    assert!(client.next::<bool>("authenticated").await?);
    assert!(news(&mut client).await.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_it_is_told_before_the_decision_does_not_move_its_offset() -> Test {
    let io = recovering(gated(&Log::new()));
    let mut client = away(&io).await.connect("/").await?;
    let before = client.offset();
    authenticate(&mut client, "bad").await;
    assert!(
        matches!(client.next::<String>("news").await, Err(TestError::OtherEvent(name)) if name == "unauthorized")
    );
    // It authenticates wrongly, is lost, and comes back once more: nothing is lost to it.
    assert_eq!(client.offset(), before);
    lose(&mut client).await;
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    authenticate(&mut client, "ada").await;
    assert_eq!(client.next::<String>("news").await?, "missed");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_two_who_were_told_that_they_are_back_the_stranger_forgets_what_the_other_left() -> Test {
    let held = std::sync::Arc::new(());
    let hold = held.clone();
    let io = recovering(gated(&Log::new()).on("grow", async move |socket: Socket| {
        socket.extensions().insert(hold.clone());
        socket.join((0..100).map(|n| format!("a room with a long name, number {n}")).collect::<Vec<_>>());
        tower_socketio::Ack(())
    }));
    let client = away(&io).await;
    let auth = json!({ "pid": client.pid(), "offset": "0" });
    let mut slow = TestClient::new(&io).auth(auth).connect("/").await?;
    assert_eq!(slow.id(), &client.pid().expect("a pid")[..20]);
    // The other one comes back, and leaves more behind than it had before.
    let mut quick = client.connect("/").await?;
    authenticate(&mut quick, "ada").await;
    assert_eq!(quick.next::<String>("news").await?, "missed");
    assert!(quick.next::<bool>("authenticated").await?);
    quick.emit_with_ack::<()>("grow", ()).await?;
    lose(&mut quick).await;
    authenticate(&mut slow, "bob").await;
    let told: Result<Value, _> = slow.next("news").await;
    assert!(matches!(told, Err(TestError::Closed)), "{told:?}");
    // All that is kept ends with the window, and with it whoever looks after it.
    drop((io, slow, quick));
    tokio::time::sleep(super::SECOND * 200).await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
    Ok(())
}

/// Emits when it is dropped.
struct Farewell(Socket);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.emit("news", "nobody listens early any more");
    }
}

#[tokio::test(start_paused = true)]
async fn what_listens_early_may_emit_when_it_is_dropped() -> Test {
    use tower_socketio::{ConnectRequest, IntoReply, Recovery, connect};
    for recovery in [None, Some(Recovery::new())] {
        let namespace = Namespace::new().connect_layer(connect::from_fn(
            async |request: ConnectRequest, next: connect::Next| {
                let farewell = Farewell(request.socket().clone());
                request.greet(move |_| {
                    let Farewell(_) = &farewell;
                    ().into_reply()
                });
                let is_refused = request.auth().is_some();
                let accepted = next.run(request).await?;
                if is_refused { Err(WireError::new("no")) } else { Ok(accepted) }
            },
        ));
        let builder = SocketIo::builder().namespace("/", namespace);
        let io = match recovery {
            Some(recovery) => builder.recovery(recovery).build()?,
            None => builder.build()?,
        };
        let mut client = join(&io).await;
        assert_eq!(client.next::<String>("news").await?, "nobody listens early any more");
        let mut refused = TestClient::new(&io).auth(json!({ "refuse": true })).connect("/").await?;
        let told: Result<Value, _> = refused.next("news").await;
        assert!(matches!(told, Err(TestError::Closed)), "{told:?}");
    }
    Ok(())
}
