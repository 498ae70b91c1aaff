//! A client that is back before the server has noticed that its connection is dead.

use tower_socketio::{Namespace, Socket, SocketIo, TestClient, TestError};

use super::{SECOND, enter_with, news, noting, recovering};
use crate::support::{Gate, Log, Raw, Test, idle, join};

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_taken_over_at_once() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log).on_connect(async |socket: Socket| socket.join("room")));
    let mut old = join(&io).await;
    io.emit("news", "got");
    assert_eq!(old.next::<String>("news").await?, "got");
    let (pid, offset) = (old.pid().expect("a pid").to_owned(), old.offset());
    io.to("room").emit("news", "lost on the way");
    let mut back = enter_with(&io, &pid, offset).await;
    assert_eq!((back.id(), back.pid()), (old.id(), Some(&*pid)));
    io.to("room").emit("news", "live");
    assert_eq!(news(&mut back).await, ["lost on the way", "live"]);
    // The old connection is over, and its socket has left once.
    old.closed().await?;
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!((io.connections(), io.to("room").count()), (1, 1));
    let expected = ["connect false", "connected false", "transport close", "connect true", "connected true"];
    let mut all = log.all();
    all.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(all, sorted);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_other_namespaces_of_the_dead_connection_can_be_recovered_too() -> Test {
    let io = SocketIo::builder()
        .recovery(tower_socketio::Recovery::new())
        .namespace("/", Namespace::new())
        .namespace("/chat", Namespace::new())
        .build()?;
    let mut old = Raw::open(&io).await;
    let mut pids = Vec::new();
    for enter in ["40", "40/chat,"] {
        old.send(enter).await;
        let answer = old.next().await;
        let reply: serde_json::Value = serde_json::from_str(answer.strip_prefix(enter).expect("a CONNECT"))?;
        pids.push(reply["pid"].as_str().expect("a pid").to_owned());
    }
    let mut new = Raw::open(&io).await;
    new.send(&format!(r#"40{{"pid":"{}"}}"#, pids[0])).await;
    let root = new.next().await;
    io.of("/chat").emit("news", "missed");
    new.send(&format!(r#"40/chat,{{"pid":"{}"}}"#, pids[1])).await;
    let chat = new.next().await;
    assert!(root.contains(&pids[0]) && chat.contains(&pids[1]), "{root} {chat}");
    assert_eq!(new.next().await, r#"42/chat,["news","missed","1"]"#);
    idle().await;
    assert_eq!((io.of("/").count(), io.of("/chat").count()), (1, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn of_two_who_come_back_with_one_pid_the_later_has_it() -> Test {
    let gate = Gate::closed();
    let pass = gate.clone();
    let io = recovering(Namespace::new().on_connect(async move |socket: Socket| {
        if socket.recovered() {
            pass.pass().await;
        }
    }));
    let mut client = join(&io).await;
    let (pid, id) = (client.pid().expect("a pid").to_owned(), client.id().to_owned());
    super::lose(&mut client).await;
    io.emit("news", "missed");
    let enter = |io: SocketIo, pid: String| tokio::spawn(async move { enter_with(&io, pid, "0").await });
    let (first, second) = (enter(io.clone(), pid.clone()), enter(io.clone(), pid));
    idle().await;
    // Both are being decided about; the first is accepted, and then the second, to which it belongs by now.
    gate.open(2);
    let (mut first, mut second) = (first.await?, second.await?);
    assert_eq!((first.id(), second.id()), (&*id, &*id));
    tokio::time::sleep(SECOND * 5).await;
    assert_eq!((io.of("/").count(), io.connections()), (1, 1));
    let mut got = 0;
    for client in [&mut first, &mut second] {
        match client.next::<String>("news").await {
            Ok(text) => {
                assert_eq!(text, "missed");
                got += 1;
            }
            Err(error) => assert!(matches!(error, TestError::Closed)),
        }
    }
    assert!(got >= 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_and_comes_again_on_its_connection_is_a_stranger() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    let reply: serde_json::Value = serde_json::from_str(&raw.next().await[2..])?;
    let pid = reply["pid"].as_str().expect("a pid").to_owned();
    raw.send("41").await;
    raw.send(&format!(r#"40{{"pid":"{pid}"}}"#)).await;
    let again: serde_json::Value = serde_json::from_str(&raw.next().await[2..])?;
    assert_ne!(again["pid"], pid.as_str());
    assert!(log.all().contains(&"client namespace disconnect".to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_take_over_while_the_old_connection_is_closing_loses_nothing() -> Test {
    for noticed in [false, true] {
        let io = recovering(Namespace::new());
        let mut client = join(&io).await;
        io.emit("news", "got");
        assert_eq!(news(&mut client).await, ["got"]);
        io.emit("news", "on its way");
        client.lose_connection();
        if noticed {
            tokio::task::yield_now().await;
        }
        // The server reads the end of the one and the beginning of the other in the same breath.
        io.emit("news", "in between");
        let mut client = client.connect("/").await?;
        assert!(client.recovered());
        assert_eq!(news(&mut client).await.last().map(String::as_str), Some("in between"));
        assert_eq!(io.of("/").count(), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_take_over_leaves_the_session_for_another_try() -> Test {
    let io = recovering(Namespace::new().on_connect(
        async |socket: Socket, auth: Option<tower_socketio::Auth<Key>>| match auth {
            None if socket.recovered() => Err(tower_socketio::WireError::new("no key")),
            _ => Ok(()),
        },
    ));
    let old = join(&io).await;
    let pid = old.pid().expect("a pid").to_owned();
    let refused = TestClient::new(&io).auth(serde_json::json!({ "pid": &pid })).connect("/").await;
    assert!(matches!(refused, Err(TestError::Refused(_))));
    let auth = serde_json::json!({ "pid": &pid, "key": "yes" });
    let back = TestClient::new(&io).auth(auth).connect("/").await?;
    assert_eq!(back.id(), old.id());
    Ok(())
}

#[derive(serde::Deserialize)]
struct Key {
    #[serde(rename = "key")]
    _key: String,
}
