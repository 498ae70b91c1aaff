//! Pids and offsets: what they look like, and whatever else a client may give for them.

use serde_json::{Value, json};
use tower_socketio::{Namespace, Recovery, Socket, TestClient};

use super::{enter_with, lose, news, recovering, with};
use crate::support::{Raw, Test, join};

#[tokio::test(start_paused = true)]
async fn every_packet_that_is_kept_ends_with_its_number_and_others_with_the_last_one() -> Test {
    let io = recovering(Namespace::new().on("ask", async |socket: Socket| {
        tokio::spawn(async move { socket.emit_with_ack::<()>("question", "text").await });
    }));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    let reply: Value = serde_json::from_str(raw.next().await.strip_prefix("40").expect("a CONNECT"))?;
    let (id, pid) = (reply["sid"].as_str().expect("an id"), reply["pid"].as_str().expect("a pid"));
    assert_eq!((id.len(), pid.len()), (20, 40));
    assert!(pid.starts_with(id));
    // Nothing is kept yet, and yet the name of an event is not to become the client's offset.
    io.of("/").volatile().emit("tick", ());
    assert_eq!(raw.next().await, r#"42["tick","0"]"#);
    io.emit("news", ("a", json!({ "b": 1 })));
    assert_eq!(raw.next().await, r#"42["news","a",{"b":1},"1"]"#);
    io.socket(id).expect("it is here").emit("news", ());
    assert_eq!(raw.next().await, r#"42["news","2"]"#);
    io.to("nobody").emit("news", "not for it");
    io.of("/").volatile().emit("tick", "text");
    assert_eq!(raw.next().await, r#"42["tick","text","3"]"#);
    io.socket(id).expect("it is here").volatile().emit("tick", "text");
    assert_eq!(raw.next().await, r#"42["tick","text","3"]"#);
    io.emit("bytes", bytes::Bytes::from_static(b"\x01"));
    assert_eq!(raw.next().await, r#"451-["bytes",{"_placeholder":true,"num":0},"4"]"#);
    assert_eq!(raw.next().await, "[1]");
    // From these the client takes none.
    raw.send(r#"42["ask"]"#).await;
    assert_eq!(raw.next().await, r#"420["question","text"]"#);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn volatile_events_do_not_spoil_the_offset() -> Test {
    let io = recovering(Namespace::new());
    let mut client = join(&io).await;
    io.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    io.of("/").volatile().emit("tick", "a string");
    assert_eq!(client.next::<String>("tick").await?, "a string");
    io.of("/").volatile().emit("tock", ());
    assert_eq!(client.next::<String>("tock").await?, client.offset().expect("an offset"));
    lose(&mut client).await;
    io.emit("news", "missed");
    let mut client = client.connect("/").await?;
    assert!(client.recovered());
    assert_eq!(news(&mut client).await, ["missed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pid_that_is_none_or_of_nobody_is_that_of_a_stranger() -> Test {
    let io = recovering(Namespace::new());
    let mut client = join(&io).await;
    let pid = client.pid().expect("a pid").to_owned();
    let live = join(&io).await;
    let live_pid = live.pid().expect("a pid").to_owned();
    lose(&mut client).await;
    let (id, secret) = pid.split_at(20);
    let wrong: [Value; 14] = [
        json!(null),
        json!(7),
        json!(true),
        json!([pid]),
        json!({ "pid": pid }),
        json!(""),
        json!(id),
        json!(secret),
        json!(format!("{id}{}", "A".repeat(20))),
        json!(format!("{secret}{id}")),
        json!(format!("{pid}A")),
        json!("é".repeat(20)),
        // Another's id with one's own secret, and the other way round.
        json!(format!("{}{secret}", &live_pid[..20])),
        json!("A".repeat(100_000)),
    ];
    for pid in wrong {
        let stranger = enter_with(&io, &pid, "0").await;
        assert_ne!(stranger.id(), id, "{pid}");
        assert_ne!(stranger.id(), live.id(), "{pid}");
    }
    assert!(io.socket(live.id()).is_some(), "nobody was thrown out");
    let back = enter_with(&io, &pid, "0").await;
    assert_eq!(back.id(), id);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_is_none_is_that_of_a_stranger() -> Test {
    let io = recovering(Namespace::new());
    let mut client = join(&io).await;
    io.emit("news", "seen");
    assert_eq!(news(&mut client).await, ["seen"]);
    let (pid, id) = (client.pid().expect("a pid").to_owned(), client.id().to_owned());
    lose(&mut client).await;
    io.emit("news", "missed");
    let wrong = [
        json!(""),
        json!("-1"),
        json!("+1"),
        json!("01"),
        json!("1.0"),
        json!(" 1"),
        json!("1e0"),
        json!("one"),
        json!("Q7w5OoW"),
        json!("18446744073709551615"),
        json!("18446744073709551616"),
        json!("9".repeat(100_000)),
        json!(1),
        json!(true),
        json!([1]),
        json!({ "a": 1 }),
        // It cannot have got what came when it was away.
        json!("2"),
        json!("3"),
    ];
    for offset in wrong {
        let stranger = enter_with(&io, &pid, &offset).await;
        assert_ne!(stranger.id(), id, "{offset}");
    }
    let mut back = enter_with(&io, &pid, "1").await;
    assert_eq!(back.id(), id);
    assert_eq!(news(&mut back).await, ["missed"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pid_of_the_programs_own_goes_to_the_program() -> Test {
    let io = recovering(Namespace::new().on_connect(async |auth: tower_socketio::Auth<Value>| {
        assert_eq!(auth.0, json!({ "pid": "patient-1", "offset": "7" }));
    }));
    let client = TestClient::new(&io).auth(json!({ "pid": "patient-1", "offset": "7" })).connect("/").await?;
    assert!(!client.recovered());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn secrets_are_in_no_debug_output() -> Test {
    let io = with(Recovery::new(), Namespace::new());
    let client = join(&io).await;
    let socket = io.socket(client.id()).expect("it is here");
    let secret = &client.pid().expect("a pid")[20..];
    for text in [
        format!("{io:?}"),
        format!("{socket:?}"),
        format!("{client:?}"),
        format!("{:?}", socket.extensions()),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_pid_has_a_secret_of_its_own_for_each_client() -> Test {
    let io = recovering(Namespace::new());
    let mut secrets = std::collections::HashSet::new();
    for _ in 0..100 {
        let client = join(&io).await;
        secrets.insert(client.pid().expect("a pid")[20..].to_owned());
    }
    assert_eq!(secrets.len(), 100);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_number_from_another_node_or_from_before_a_restart_is_none_of_this_log() -> Test {
    let io = recovering(Namespace::new());
    let elsewhere = "A".repeat(40);
    // It has got nothing here, and goes on to say what it had got there.
    let client = enter_with(&io, &elsewhere, "5").await;
    let pid = client.pid().expect("a pid").to_owned();
    io.emit("news", "lost on the way");
    let mut back = enter_with(&io, &pid, "5").await;
    assert_eq!(back.id(), client.id());
    assert_eq!(news(&mut back).await, ["lost on the way"]);
    // From then on the numbers are this log's, and this one it cannot have.
    assert_eq!(back.offset().as_deref(), Some("1"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_number_that_may_be_of_either_log_is_that_of_a_stranger() -> Test {
    let io = recovering(Namespace::new());
    let client = enter_with(&io, "A".repeat(40), "5").await;
    let pid = client.pid().expect("a pid").to_owned();
    io.emit("news", "lost on the way");
    for _ in 0..9 {
        io.to("nobody").emit("news", "not for it");
    }
    // As if it had got the first five: better a stranger than one who has lost a packet and does not know.
    let stranger = enter_with(&io, &pid, "5").await;
    assert_ne!(stranger.id(), client.id());
    Ok(())
}
