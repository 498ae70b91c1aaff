//! How a token ages while its socket is connected: it expires, is renewed, is revoked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tower_socketio::{
    Ack, Claims, Data, DisconnectReason, JwtError, JwtLayer, Namespace, Renewal, SocketIo, TestClient,
};

use super::{User, ada, at, enter, layer, refused, taken, token, who};
use crate::support::{Gate, Log, Raw, Test, code, idle, refusal, serve};

const SECOND: Duration = Duration::from_secs(1);

async fn renew(renewal: Renewal<User>, Data(token): Data<String>) -> Result<Ack<String>, JwtError> {
    Ok(Ack(renewal.renew(&token).await?.sub))
}

fn namespace(layer: JwtLayer<User>) -> Namespace {
    Namespace::new().connect_layer(layer).on("who", who).on("renew", renew)
}

/// A client in `/` by a token that ends in so many seconds.
async fn join(layer: JwtLayer<User>, seconds: i64) -> TestClient {
    let client = TestClient::new(&serve(namespace(layer))).timeout(SECOND * 10_000);
    client.auth(lasting(seconds)).connect("/").await.expect("the token is taken")
}

fn lasting(seconds: i64) -> String {
    token(ada(json!({ "exp": at(seconds) })))
}

async fn user(client: &TestClient) -> Option<String> {
    client.emit_with_ack("who", ()).await.expect("an answer")
}

/// Asserts that about so many seconds have passed: a token's end is a whole second of the wall's clock.
fn passed(since: Instant, seconds: u32) {
    let (elapsed, expected) = (since.elapsed(), SECOND * seconds);
    assert!(elapsed > expected.saturating_sub(SECOND * 5 / 2), "{elapsed:?}");
    assert!(elapsed < expected + SECOND / 2, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_disconnected_when_its_token_expires() -> Test {
    let log = Log::new();
    let hook = log.clone();
    let namespace = namespace(layer().disconnect_on_expiry(true))
        .on_disconnect(async move |reason: DisconnectReason| hook.push(reason));
    let io = serve(namespace);
    let mut client = TestClient::new(&io).timeout(SECOND * 60).auth(lasting(20)).connect("/").await?;
    let start = Instant::now();
    client.closed().await?;
    passed(start, 20);
    assert_eq!(log.reach(1).await, ["server namespace disconnect"]);
    assert_eq!(io.of("/").count(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_its_namespace_ends_and_only_if_told_so() -> Test {
    let io = SocketIo::builder()
        .namespace("/strict", namespace(layer().disconnect_on_expiry(true)))
        .namespace("/lax", namespace(layer()))
        .build()?;
    let mut raw = Raw::with(&io, 64 * 1024, &format!("&token={}", lasting(5)), &[]).await;
    raw.enter("/strict").await;
    raw.enter("/lax").await;
    assert_eq!(raw.next().await, "41/strict,");
    tokio::time::sleep(SECOND * 15).await;
    assert_eq!((io.of("/strict").count(), io.of("/lax").count()), (0, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_token_taken_within_the_leeway_lasts_until_its_end() -> Test {
    let mut client = join(layer().disconnect_on_expiry(true), -40).await;
    let start = Instant::now();
    client.closed().await?;
    passed(start, 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_token_without_an_end_lasts() -> Test {
    let layer = layer().disconnect_on_expiry(true).warn_before(SECOND, "expiring").require_expiry(false);
    for claims in [json!({ "sub": "ada" }), json!({ "sub": "ada", "exp": 1e300 })] {
        let client = TestClient::new(&serve(namespace(layer.clone())));
        let client = client.timeout(SECOND).auth(token(claims)).connect("/").await?;
        tokio::time::sleep(SECOND * 3600 * 24).await;
        assert_eq!(user(&client).await.as_deref(), Some("ada"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_is_warned_with_the_seconds_that_are_left() -> Test {
    let mut client = join(layer().disconnect_on_expiry(true).warn_before(SECOND * 10, "expiring"), 100).await;
    let start = Instant::now();
    assert_eq!(client.next::<u64>("expiring").await?, 10);
    passed(start, 90);
    client.closed().await?;
    passed(start, 100);

    // At once, if the token does not last as long.
    let mut client = join(layer().warn_before(Duration::MAX, "expiring"), 50).await;
    let start = Instant::now();
    assert!((49..=50).contains(&client.next::<u64>("expiring").await?));
    assert!(start.elapsed() < SECOND);
    tokio::time::sleep(SECOND * 100).await;
    assert_eq!(user(&client).await.as_deref(), Some("ada"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_keeps_the_socket_and_moves_its_end() -> Test {
    let layer = layer().user(|user| &user.sub).disconnect_on_expiry(true).warn_before(SECOND * 5, "expiring");
    let mut client = join(layer, 10).await;
    let (id, start) = (client.id().to_owned(), Instant::now());
    assert_eq!(client.next::<u64>("expiring").await?, 5);
    assert_eq!(client.emit_with_ack::<String>("renew", lasting(100)).await?, "ada");
    let renewed = Instant::now();
    // It is warned of the new end, not disconnected at the old one.
    assert_eq!(client.next::<u64>("expiring").await?, 5);
    passed(renewed, 95);
    assert_eq!(client.id(), id);
    client.closed().await?;
    passed(renewed, 100);
    passed(start, 105);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_renewal_replaces_the_claims() -> Test {
    let client = join(layer(), 10).await;
    let eve = token(json!({ "sub": "eve", "exp": at(60) }));
    // Nobody has said what a user is.
    assert_eq!(client.emit_with_ack::<String>("renew", eve).await?, "eve");
    assert_eq!(user(&client).await.as_deref(), Some("eve"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_renewal_by_another_user_or_with_a_bad_token_changes_nothing() -> Test {
    let layer = layer().user(|user| &user.sub).disconnect_on_expiry(true).revocation(async |user: User| {
        if user.sub == "down" { Err(std::io::Error::other("down")) } else { Ok(user.sub == "revoked") }
    });
    let mut client = join(layer, 10).await;
    let start = Instant::now();
    let of = |sub: &str, seconds| token(json!({ "sub": sub, "exp": at(seconds) }));
    for (bad, expected) in [
        (of("eve", 1000), "other_user"),
        (of("ada", -1000), "token_expired"),
        (of("revoked", 1000), "token_revoked"),
        (of("down", 1000), "unavailable"),
        (token(ada(json!({ "aud": "other" }))), "invalid_token"),
        (String::new(), "invalid_token"),
        ("x".repeat(9000), "invalid_token"),
    ] {
        assert_eq!(code(client.emit_with_ack::<String>("renew", bad).await), expected);
    }
    assert_eq!(user(&client).await.as_deref(), Some("ada"));
    client.closed().await?;
    passed(start, 10);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_guest_becomes_a_user_by_a_renewal_and_ages_from_then_on() -> Test {
    let layer = layer().optional().user(|user| &user.sub).disconnect_on_expiry(true);
    let io = serve(namespace(layer));
    let mut guest = TestClient::new(&io).timeout(SECOND * 1000).connect("/").await?;
    assert_eq!(user(&guest).await, None);
    tokio::time::sleep(SECOND * 600).await;
    assert_eq!(guest.emit_with_ack::<String>("renew", lasting(30)).await?, "ada");
    let start = Instant::now();
    assert_eq!(user(&guest).await.as_deref(), Some("ada"));
    assert_eq!(io.to_user("ada").emit("hello", 1).reached(), 1);
    assert_eq!(guest.next::<u32>("hello").await?, 1);
    let eve = token(json!({ "sub": "eve", "exp": at(60) }));
    assert_eq!(code(guest.emit_with_ack::<String>("renew", eve).await), "other_user");
    guest.closed().await?;
    passed(start, 30);
    Ok(())
}

#[tokio::test]
async fn a_renewal_without_a_layer_is_an_error_of_the_server_that_names_it() -> Test {
    let log = Log::new();
    let client = TestClient::new(&serve(Namespace::new().on("renew", renew).on_error(log.errors())));
    let client = client.connect("/").await?;
    let (message, code) = refusal(client.emit_with_ack::<String>("renew", "x").await);
    assert_eq!((&*message, code.as_deref()), ("internal error", Some("internal")));
    assert!(log.reach(1).await[0].contains("JwtLayer::<api::jwt::User>"));
    Ok(())
}

#[tokio::test]
async fn the_user_of_a_token_is_reached_on_all_sockets() -> Test {
    let io = serve(namespace(layer().user(|user| &user.sub)));
    let join = async |claims: Value| TestClient::new(&io).auth(token(claims)).connect("/").await;
    let (mut one, mut two, _eve) = (
        join(ada(json!({}))).await?,
        join(ada(json!({}))).await?,
        join(json!({ "sub": "eve", "exp": at(9) })).await?,
    );
    assert_eq!(io.to_user("ada").emit("hello", 1).reached(), 2);
    assert_eq!((one.next::<u32>("hello").await?, two.next::<u32>("hello").await?), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_one_that_cannot_be_asked_about_is_not_called_bad() {
    let layer = layer().revocation(async |user: User| match &*user.sub {
        "revoked" => Ok(true),
        "down" => Err("the store is down"),
        "bug" => panic!("the store has a bug"),
        _ => Ok(false),
    });
    let of = |sub: &str| token(json!({ "sub": sub, "exp": at(60) }));
    assert_eq!(taken(&layer, &of("ada")).await, "ada");
    assert_eq!(refused(&layer, &of("revoked")).await, "token_revoked");
    assert_eq!(refused(&layer, &of("down")).await, "unavailable");
    assert_eq!(refused(&layer, &of("bug")).await, "unavailable");
    let (message, _) = refusal(enter(layer, &Log::new(), Some(&of("down"))).await);
    assert_eq!(message, "the token cannot be checked at the moment");
}

/// A list of revoked tokens: 0 says no, 1 yes, 2 fails, 3 panics.
#[derive(Clone, Default)]
struct Store {
    answer: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
}

impl Store {
    fn layer(&self) -> JwtLayer<User> {
        let store = self.clone();
        layer()
            .revocation(move |_| {
                store.asked.fetch_add(1, Ordering::SeqCst);
                let answer = store.answer.load(Ordering::SeqCst);
                async move {
                    match answer {
                        0 | 1 => Ok(answer == 1),
                        2 => Err("the store is down"),
                        _ => panic!("the store has a bug"),
                    }
                }
            })
            .recheck(SECOND * 10)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_disconnected_when_its_token_is_revoked() -> Test {
    let store = Store::default();
    let mut client = join(store.layer(), 3600).await;
    let start = Instant::now();
    tokio::time::sleep(SECOND * 35).await;
    assert_eq!(store.asked(), 4);
    store.answer.store(1, Ordering::SeqCst);
    client.closed().await?;
    passed(start, 40);
    tokio::time::sleep(SECOND * 100).await;
    assert_eq!(store.asked(), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_socket_stays_while_nobody_can_be_asked_and_still_expires() -> Test {
    let store = Store::default();
    let mut client = join(store.layer().disconnect_on_expiry(true), 100).await;
    let start = Instant::now();
    store.answer.store(2, Ordering::SeqCst);
    tokio::time::sleep(SECOND * 35).await;
    store.answer.store(3, Ordering::SeqCst);
    tokio::time::sleep(SECOND * 30).await;
    assert_eq!(user(&client).await.as_deref(), Some("ada"));
    assert_eq!(store.asked(), 7);
    client.closed().await?;
    passed(start, 100);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_keep_a_token_from_expiring() -> Test {
    let asked = Arc::new(AtomicUsize::new(0));
    let layer = layer()
        .revocation(move |_| {
            let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if first { Ok::<_, std::io::Error>(false) } else { std::future::pending().await } }
        })
        .recheck(SECOND)
        .disconnect_on_expiry(true);
    let mut client = join(layer, 50).await;
    let start = Instant::now();
    client.closed().await?;
    passed(start, 50);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_replaced_while_its_list_was_asked_is_not_held_against_the_new_one() -> Test {
    #[derive(Clone, serde::Deserialize)]
    struct Numbered {
        jti: u8,
    }
    let gate = Gate::closed();
    let pass = gate.clone();
    let log = Log::new();
    let asked = log.clone();
    let layer = JwtLayer::<Numbered>::hs256(super::SECRET)
        .revocation(move |token: Numbered| {
            let (pass, again) = (pass.clone(), asked.all().contains(&token.jti.to_string()));
            asked.push(token.jti);
            async move {
                if token.jti == 1 && again {
                    pass.pass().await;
                }
                Ok::<_, std::io::Error>(token.jti == 1 && again)
            }
        })
        .recheck(SECOND * 10);
    let namespace = Namespace::new()
        .connect_layer(layer)
        .on("renew", async |renewal: Renewal<Numbered>, Data(token): Data<String>| {
            renewal.renew(&token).await.map(|token| Ack(token.jti))
        })
        .on("number", async |Claims(token): Claims<Numbered>| Ack(token.jti));
    let numbered = |jti: u8| token(json!({ "jti": jti, "exp": at(3600) }));
    let client =
        TestClient::new(&serve(namespace)).timeout(SECOND * 60).auth(numbered(1)).connect("/").await?;
    tokio::time::sleep(SECOND * 11).await;
    assert_eq!(client.emit_with_ack::<u8>("renew", numbered(2)).await?, 2);
    gate.open(1);
    idle().await;
    // Asked at the CONNECT, at the recheck, for the renewal, and at once about what the renewal brought.
    assert_eq!(log.all(), ["1", "1", "2", "2"]);
    assert_eq!(client.emit_with_ack::<u8>("number", ()).await?, 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_a_token_that_is_watched_has_a_task_which_ends_with_its_socket() -> Test {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut counts = Vec::new();
    for layer in
        [layer(), layer().recheck(SECOND), layer().disconnect_on_expiry(true), Store::default().layer()]
    {
        let io = serve(namespace(layer));
        let mut raw = Raw::with(&io, 64 * 1024, &format!("&token={}", lasting(3600)), &[]).await;
        raw.enter("/").await;
        let with = tasks();
        raw.send("41").await;
        idle().await;
        counts.push(with - tasks());
        drop(raw);
        io.close().await;
        idle().await;
    }
    assert_eq!(counts, [0, 0, 1, 1]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_token_expires_while_a_hook_runs_is_refused() -> Test {
    let slow = async || tokio::time::sleep(SECOND * 20).await;
    let io = serve(namespace(layer().disconnect_on_expiry(true)).on_connect(slow));
    let client = TestClient::new(&io).timeout(SECOND * 60).auth(lasting(10));
    let start = Instant::now();
    assert_eq!(code(client.connect("/").await), "token_expired");
    passed(start, 20);
    Ok(())
}
