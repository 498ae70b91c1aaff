//! Namespaces that come into being by their names.

use std::sync::Arc;

use serde_json::json;
use tower_socketio::{
    Ack, ConfigError, Data, Namespace, Path, Pattern, Socket, SocketIo, TestClient, TestError,
};

use crate::adapter::Noting;
use crate::support::{Gate, Log, Raw, Test, idle};

fn chat() -> Namespace {
    Namespace::new()
        .on("say", async |socket: Socket, Path(room): Path<String>, Data(text): Data<String>| {
            socket.namespace().emit("said", (room, text));
        })
        .on("name", async |socket: Socket| Ack(socket.namespace().name().to_owned()))
}

async fn refused(io: &SocketIo, name: &str) -> bool {
    let result = TestClient::new(io).connect(name).await;
    matches!(result, Err(TestError::Refused(error)) if error.message() == "Invalid namespace")
}

#[tokio::test(start_paused = true)]
async fn each_name_is_a_namespace_of_its_own() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", chat()).build()?;
    let mut one = TestClient::new(&io).connect("/chat/a").await?;
    let mut two = TestClient::new(&io).connect("/chat/b").await?;
    one.emit("say", "hello");
    assert_eq!(one.next::<(String, String)>("said").await?, ("a".to_owned(), "hello".to_owned()));
    assert!(matches!(two.next::<(String, String)>("said").await, Err(TestError::Silence)));
    assert_eq!(two.emit_with_ack::<String>("name", ()).await?, "/chat/b");
    for other in ["/chat", "/chat/", "/chat/a/b", "/chats/a", "/"] {
        assert!(refused(&io, other).await, "{other}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_pattern_reaches_every_child_and_the_childs_name_only_that_one() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", chat()).build()?;
    let mut one = TestClient::new(&io).connect("/chat/a").await?;
    let mut two = TestClient::new(&io).connect("/chat/b").await?;
    assert_eq!(io.of("/chat/{room}").emit("all", 1).reached(), 2);
    assert_eq!(one.next::<u32>("all").await?, 1);
    assert_eq!(two.next::<u32>("all").await?, 1);
    assert_eq!(io.of("/chat/a").emit("one", 2).reached(), 1);
    assert_eq!(one.next::<u32>("one").await?, 2);
    assert!(matches!(two.next::<u32>("one").await, Err(TestError::Silence)));
    assert_eq!(
        (io.of("/chat/{room}").count(), io.of("/chat/b").count(), io.of("/chat/c").count()),
        (2, 1, 0)
    );
    assert_eq!(io.of("/chat/{room}").fetch_sockets().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_declared_name_goes_before_a_pattern_and_patterns_go_by_their_order() -> Test {
    let named = |name: &'static str| Namespace::new().on("which", async move || Ack(name));
    let io = SocketIo::builder()
        .namespace("/{any}", named("any"))
        .namespace("/exact", named("exact"))
        .namespace("/{other}", named("other"))
        .build()?;
    for (name, which) in [("/exact", "exact"), ("/x", "any")] {
        let client = TestClient::new(&io).connect(name).await?;
        assert_eq!(client.emit_with_ack::<String>("which", ()).await?, which);
    }
    Ok(())
}

#[tokio::test]
async fn a_predicate_decides_by_name_and_auth() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let pattern = Pattern::predicate("/dynamic", move |name: String, auth: serde_json::Value| {
        seen.push(format!("{name} {auth}"));
        async move {
            tokio::task::yield_now().await;
            name.strip_prefix("/dynamic-").is_some_and(|number| number.parse::<u32>().is_ok())
                && auth["token"] == "t"
        }
    });
    let io = SocketIo::builder()
        .namespace(pattern, chat())
        .namespace("/{other}", Namespace::new().on("name", async || Ack("other")))
        .build()?;
    let client = TestClient::new(&io).auth("t").connect("/dynamic-101").await?;
    assert_eq!(client.emit_with_ack::<String>("name", ()).await?, "/dynamic-101");
    // Each client is judged anew, also when the namespace exists; then it is the next pattern's turn.
    let other = TestClient::new(&io).connect("/dynamic-101").await?;
    assert_eq!(other.emit_with_ack::<String>("name", ()).await?, "other");
    assert!(refused(&io, "/abc/d").await);
    assert_eq!(log.all(), [r#"/dynamic-101 {"token":"t"}"#, "/dynamic-101 null", "/abc/d null"]);
    assert_eq!(io.of("/dynamic").emit("e", ()).reached(), 1);
    Ok(())
}

#[tokio::test]
async fn events_wait_for_the_predicate() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let pattern = Pattern::predicate("/p", move |_, _| {
        let held = held.clone();
        async move {
            held.pass().await;
            true
        }
    });
    let io = SocketIo::builder().namespace(pattern, chat()).build()?;
    let mut raw = Raw::open(&io).await;
    raw.send("40/x,").await;
    raw.send(r#"42/x,0["name"]"#).await;
    gate.open(1);
    assert!(raw.next().await.starts_with("40/x,{"));
    assert_eq!(raw.next().await, r#"43/x,0["/x"]"#);
    Ok(())
}

/// How many namespaces exist, by their adapters.
fn existing(made: &Log, calls: &Log) -> usize {
    made.all().len() - calls.all().iter().filter(|call| *call == "close").count()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_names_leave_nothing_behind() -> Test {
    let (made, calls) = (Log::new(), Log::new());
    let (names, noted) = (made.clone(), calls.clone());
    let io = SocketIo::builder()
        .max_namespaces(20_000)
        .adapter_with(move |name| {
            names.push(name);
            Arc::new(Noting::new(&noted))
        })
        .namespace("/chat/{room}", chat())
        .build()?;
    let mut raw = Raw::open(&io).await;
    for n in 0..10_000 {
        raw.enter(&format!("/chat/{n}")).await;
    }
    assert_eq!((existing(&made, &calls), io.of("/chat/{room}").count()), (10_000, 10_000));
    for n in 0..5_000 {
        raw.send(&format!("41/chat/{n},")).await;
    }
    idle().await;
    assert_eq!((existing(&made, &calls), io.of("/chat/{room}").count()), (5_000, 5_000));
    drop(raw);
    idle().await;
    assert_eq!((existing(&made, &calls), io.of("/chat/{room}").count()), (0, 0));
    assert!(io.of("/chat/{room}").sockets().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refused_and_unknown_names_leave_nothing_behind() -> Test {
    let (made, calls) = (Log::new(), Log::new());
    let (names, noted) = (made.clone(), calls.clone());
    let refuse = async || Err::<(), _>(tower_socketio::WireError::new("no"));
    let io = SocketIo::builder()
        .adapter_with(move |name| {
            names.push(name);
            Arc::new(Noting::new(&noted))
        })
        .namespace("/no/{room}", Namespace::new().on_connect(refuse))
        .build()?;
    let mut raw = Raw::open(&io).await;
    for n in 0..1000 {
        raw.send(&format!("40/no/{n},")).await;
        assert!(raw.next().await.starts_with("44/no/"));
        raw.send(&format!("40/unknown/{n},")).await;
        assert!(raw.next().await.contains("Invalid namespace"));
    }
    idle().await;
    assert_eq!(existing(&made, &calls), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_namespace_stays_while_somebody_is_about_to_enter_it() -> Test {
    let gate = Gate::closed();
    let held = gate.clone();
    let io = SocketIo::builder()
        .namespace("/chat/{room}", chat().on_connect(async move || held.pass().await))
        .build()?;
    let (mut one, mut two) = (Raw::open(&io).await, Raw::open(&io).await);
    gate.open(1);
    one.enter("/chat/a").await;
    two.send("40/chat/a,").await;
    idle().await;
    one.send("41/chat/a,").await;
    idle().await;
    gate.open(2);
    assert!(two.next().await.starts_with("40/chat/a,{"));
    idle().await;
    assert_eq!(io.of("/chat/a").emit("e", ()).reached(), 1);
    assert_eq!(two.next().await, r#"42/chat/a,["e"]"#);
    one.enter("/chat/a").await;
    assert_eq!(io.of("/chat/a").count(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn beyond_max_dynamic_names_are_refused_until_one_ends() -> Test {
    let io = SocketIo::builder()
        .max_dynamic(2)
        .namespace("/chat/{room}", chat())
        .namespace("/other/{room}", chat())
        .build()?;
    let mut one = TestClient::new(&io).connect("/chat/a").await?;
    let _two = TestClient::new(&io).connect("/other/a").await?;
    assert!(refused(&io, "/chat/b").await);
    assert!(refused(&io, "/other/b").await);
    let _again = TestClient::new(&io).connect("/other/a").await?;
    one.disconnect();
    idle().await;
    TestClient::new(&io).connect("/chat/b").await?;
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", chat()).build()?;
    assert!(refused(&io, &format!("/chat/{}", "x".repeat(300))).await);
    TestClient::new(&io).connect(&format!("/chat/{}", "x".repeat(200))).await?;
    Ok(())
}

#[tokio::test]
async fn the_query_of_a_name_is_no_part_of_it() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", chat()).build()?;
    let mut raw = Raw::open(&io).await;
    raw.send(&format!("40/chat/a?token=1,{}", json!({}))).await;
    assert!(raw.next().await.starts_with("40/chat/a,{"));
    assert_eq!(io.of("/chat/a").count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_is_in_by_a_pattern_cannot_be_declared() -> Test {
    let io = SocketIo::builder().namespace("/chat/{room}", Namespace::new()).build()?;
    let mut client = TestClient::new(&io).connect("/chat/a").await?;
    let taken = io.namespace("/chat/a", Namespace::new());
    assert!(matches!(taken, Err(ConfigError::DuplicateNamespace(name)) if name == "/chat/a"));
    client.disconnect();
    idle().await;
    io.namespace("/chat/a", Namespace::new())?;
    Ok(())
}
