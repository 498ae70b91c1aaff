//! Events that a client sends again, because it heard no acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tower::timeout::TimeoutLayer;
use tower_socketio::{
    Ack, AckSender, Auth, DeduplicateLayer, Namespace, PacketRequest, Reply, Socket, SocketIo, TestClient,
    WireError, packet,
};

use crate::support::{Gate, Test, code, idle, join, serve};

/// What the client gives as `auth`.
#[derive(serde::Deserialize)]
struct Login {
    user: String,
}

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(60);

/// Answers with how many events were handled.
fn counting(layer: DeduplicateLayer) -> Namespace {
    let runs = Arc::new(AtomicU32::new(0));
    let next = move || runs.fetch_add(1, Ordering::SeqCst) + 1;
    let (save, other, fails, binary) = (next.clone(), next.clone(), next.clone(), next.clone());
    Namespace::new()
        .packet_layer(layer)
        .on_connect(async |socket: Socket, login: Option<Auth<Login>>| {
            if let Some(Auth(Login { user })) = login {
                socket.set_user(user);
            }
        })
        .on("save", async move || Ack(save()))
        .on("other", async move || Ack(other()))
        .on("fails", async move || Err::<(), _>(WireError::new(format!("run {}", fails())).code("failed")))
        .on("binary", async move || Ack((binary(), bytes::Bytes::from_static(b"bytes"))))
        .on("by hand", async move |ack: AckSender| {
            ack.send(next());
        })
}

async fn user(io: &SocketIo, user: &str) -> TestClient {
    TestClient::new(io).auth(json!({ "user": user })).connect("/").await.expect("the client is accepted")
}

async fn save(client: &TestClient, text: &str, id: &str) -> u32 {
    client.emit_with_ack("save", (text, id)).await.expect("an answer")
}

#[tokio::test(start_paused = true)]
async fn a_repeat_has_the_reply_of_the_first_also_by_another_connection() -> Test {
    let io = serve(counting(DeduplicateLayer::new(WINDOW)));
    let (one, other) = (join(&io).await, join(&io).await);
    assert_eq!(save(&one, "a", "id-1").await, 1);
    assert_eq!(save(&one, "a", "id-1").await, 1);
    assert_eq!(save(&other, "a", "id-1").await, 1);
    assert_eq!(save(&one, "a", "id-2").await, 2);
    tokio::time::sleep(WINDOW).await;
    assert_eq!(save(&one, "a", "id-1").await, 3);
    Ok(())
}

#[tokio::test]
async fn an_id_counts_for_one_event_one_namespace_and_one_user() -> Test {
    let namespace = counting(DeduplicateLayer::new(WINDOW));
    let layer = DeduplicateLayer::new(WINDOW);
    let io = SocketIo::builder()
        .namespace("/", namespace)
        .namespace("/a", counting(layer.clone()))
        .namespace("/b", counting(layer))
        .build()?;
    let (ada, bob, nobody, unnamed) =
        (user(&io, "ada").await, user(&io, "bob").await, join(&io).await, user(&io, "").await);
    assert_eq!(save(&ada, "x", "id").await, 1);
    assert_eq!(save(&bob, "x", "id").await, 2);
    assert_eq!(save(&nobody, "x", "id").await, 3);
    assert_eq!(save(&unnamed, "x", "id").await, 4);
    assert_eq!(ada.emit_with_ack::<u32>("other", ("x", "id")).await?, 5);
    for (client, run) in [(&ada, 1), (&bob, 2), (&nobody, 3), (&unnamed, 4)] {
        assert_eq!(save(client, "x", "id").await, run);
    }
    assert_eq!(save(&user(&io, "ada").await, "x", "id").await, 1);
    let a = TestClient::new(&io).connect("/a").await?;
    let b = TestClient::new(&io).connect("/b").await?;
    assert_eq!((save(&a, "x", "id").await, save(&b, "x", "id").await), (1, 1));
    assert_eq!(save(&a, "x", "id 2").await, 2, "they were handled in each");
    Ok(())
}

#[tokio::test]
async fn events_without_an_id_or_without_an_acknowledgement_pass() -> Test {
    let io = serve(counting(DeduplicateLayer::new(WINDOW)));
    let client = join(&io).await;
    // A lone string is the message and no id; a number is none; nor is there one in nothing.
    for run in [1, 3, 5] {
        assert_eq!(client.emit_with_ack::<u32>("save", "text").await?, run);
        assert_eq!(client.emit_with_ack::<u32>("save", ("text", 7)).await?, run + 1);
    }
    client.emit("save", ("text", "id"));
    client.emit("save", ("text", "id"));
    assert_eq!(client.emit_with_ack::<u32>("save", ()).await?, 9);
    Ok(())
}

#[tokio::test]
async fn the_key_may_be_anything_of_the_event() -> Test {
    let layer = DeduplicateLayer::new(WINDOW).key(|request: &PacketRequest| {
        let (id, _): (Option<u64>, Option<serde_json::Value>) = request.arguments().deserialize().ok()?;
        id.map(|id| id.to_string())
    });
    let client = join(&serve(counting(layer))).await;
    for (id, run) in [(1, 1), (1, 1), (2, 2), (1, 1)] {
        assert_eq!(client.emit_with_ack::<u32>("save", (id, "text")).await?, run);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn while_the_first_runs_its_repeats_wait_for_its_reply() -> Test {
    let gate = Gate::closed();
    let runs = Arc::new(AtomicU32::new(0));
    let (pass, count) = (gate.clone(), runs.clone());
    let namespace =
        Namespace::new().packet_layer(DeduplicateLayer::new(WINDOW)).on("save", async move || {
            let run = count.fetch_add(1, Ordering::SeqCst) + 1;
            pass.pass().await;
            Ack(run)
        });
    let io = serve(namespace);
    let mut first = join(&io).await;
    first.emit("other", ());
    let clients = [join(&io).await, join(&io).await];
    let asked = async {
        let all = [&first, &clients[0], &clients[1]].map(|client| save(client, "x", "id"));
        futures_util::future::join_all(all).await
    };
    let opened = async {
        idle().await;
        gate.open(1);
    };
    assert_eq!(futures_util::future::join(asked, opened).await.0, [1, 1, 1]);
    // The client has gone before its handler ends: the reply is for its next connection.
    let mut leaving = crate::support::Raw::open(&io).await;
    leaving.enter("/").await;
    leaving.send(r#"420["save","x","id 2"]"#).await;
    idle().await;
    drop(leaving);
    idle().await;
    gate.open(1);
    assert_eq!(save(&first, "x", "id 2").await, 2);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    first.disconnect();
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_not_handled_is_handled_by_a_repeat() -> Test {
    let gate = Gate::closed();
    let runs = Arc::new(AtomicU32::new(0));
    let (pass, count) = (gate.clone(), runs.clone());
    let namespace = Namespace::new()
        .packet_layer(TimeoutLayer::new(SECOND))
        .packet_layer(DeduplicateLayer::new(WINDOW))
        .packet_layer(packet::from_fn(async |request: PacketRequest, next: packet::Next| {
            let refused = request.arguments().deserialize_all::<(Option<bool>, String)>();
            if matches!(refused, Ok((Some(true), _))) {
                return Reply::error(WireError::new("not now").code("later"));
            }
            next.run(request).await
        }))
        .on("save", async move || {
            pass.pass().await;
            Ack(count.fetch_add(1, Ordering::SeqCst) + 1)
        });
    let io = serve(namespace);
    let client = join(&io).await;
    assert_eq!(code(client.emit_with_ack::<u32>("save", (true, "id")).await), "later");
    assert_eq!(code(client.emit_with_ack::<u32>("save", (false, "id")).await), "timeout");
    gate.open(1);
    assert_eq!(client.emit_with_ack::<u32>("save", (false, "id")).await?, 1);
    assert_eq!(client.emit_with_ack::<u32>("save", (true, "id")).await?, 1);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    Ok(())
}

#[tokio::test]
async fn errors_of_handlers_and_attachments_are_repeated_and_answers_by_hand_are_not_kept() -> Test {
    let client = join(&serve(counting(DeduplicateLayer::new(WINDOW)))).await;
    for _ in 0..2 {
        let failed = client.emit_with_ack::<()>("fails", (0, "id")).await;
        assert_eq!(crate::support::refusal(failed), ("run 1".into(), Some("failed".into())));
        let (run, bytes): (u32, bytes::Bytes) = client.emit_with_ack("binary", (0, "id")).await?;
        assert_eq!((run, &bytes[..]), (2, &b"bytes"[..]));
    }
    assert_eq!(client.emit_with_ack::<u32>("by hand", (0, "id")).await?, 3);
    assert_eq!(code(client.emit_with_ack::<u32>("by hand", (0, "id")).await), "answer_not_kept");
    Ok(())
}

#[tokio::test]
async fn the_number_and_the_bytes_of_kept_replies_are_bounded_and_the_oldest_go_first() -> Test {
    // One client has a sixteenth: two replies, and then six bytes.
    let client = join(&serve(counting(DeduplicateLayer::new(WINDOW).max_replies(32)))).await;
    for (id, run) in [("1", 1), ("2", 2), ("3", 3), ("2", 2), ("3", 3), ("1", 4), ("2", 5)] {
        assert_eq!(save(&client, "x", id).await, run, "{id}");
    }
    // `[1]` and its like are three bytes.
    let client = join(&serve(counting(DeduplicateLayer::new(WINDOW).max_bytes(96)))).await;
    for (id, run) in [("1", 1), ("2", 2), ("1", 1), ("3", 3), ("2", 2), ("1", 4)] {
        assert_eq!(save(&client, "x", id).await, run, "{id}");
    }
    let client = join(&serve(counting(DeduplicateLayer::new(WINDOW).max_bytes(2)))).await;
    assert_eq!(save(&client, "x", "id").await, 1);
    assert_eq!(code(client.emit_with_ack::<u32>("save", ("x", "id")).await), "answer_not_kept");
    assert_eq!(save(&client, "x", "id 2").await, 2);
    Ok(())
}

#[tokio::test]
async fn one_client_cannot_make_the_server_forget_the_replies_of_another() -> Test {
    let handled = Arc::<AtomicU32>::default();
    let h = handled.clone();
    let namespace = Namespace::new()
        .packet_layer(DeduplicateLayer::new(Duration::from_secs(600)))
        .on_connect(async |socket: Socket, auth: tower_socketio::Auth<serde_json::Value>| {
            socket.set_user(auth.0["token"].as_str().unwrap_or("nobody").to_owned());
        })
        .on("noise", async || {})
        .on("pay", move || {
            let h = h.clone();
            async move { Ack(h.fetch_add(1, Ordering::Relaxed)) }
        });
    let io = serve(namespace);
    let ada = TestClient::new(&io).auth("ada").connect("/").await?;
    let eve = TestClient::new(&io).auth("eve").connect("/").await?;
    let first: u32 = ada.emit_with_ack("pay", (5, "id-1")).await?;
    for n in 0..10_001 {
        eve.emit_with_ack::<()>("noise", (0, format!("{n}"))).await.ok();
    }
    let again: u32 = ada.emit_with_ack("pay", (5, "id-1")).await?;
    assert_eq!((first, again), (0, 0), "ada paid twice");
    Ok(())
}
