use serde_json::{Value, json};

use crate::server::Server;

#[tokio::test]
async fn serves_its_page() {
    let server = Server::start("chat").await;
    for (path, kind, part) in [
        ("/", "text/html", "/app.js"),
        ("/app.js", "text/javascript", "./socket.js"),
        ("/socket.js", "text/javascript", "class Socket"),
        ("/style.css", "text/css", "body"),
    ] {
        let (status, head, body) = server.http("GET", path, "", "").await;
        assert_eq!(status, 200, "{path}");
        assert!(head.contains(&format!("content-type: {kind}; charset=utf-8")), "{head}");
        assert!(body.contains(part), "{path}");
    }
    assert_eq!(server.http("GET", "/nothing", "", "").await.0, 404);
}

#[tokio::test]
async fn carries_what_is_said_to_the_room() {
    let server = Server::start("chat").await;
    let (mut ada, mut grace) = (server.enter("", "").await, server.enter("", "").await);
    let homes = json!([{"name": "general", "members": 0}, {"name": "help", "members": 0}, {"name": "random", "members": 0}]);
    assert_eq!(ada.event("rooms").await, [homes]);
    grace.event("rooms").await;

    let joined = ada.ask("join", json!({"room": "general", "name": "Ada"})).await;
    let seat = json!({"id": ada.id, "name": "Ada"});
    assert_eq!(joined, json!({"room": "general", "members": [seat], "history": []}));
    assert_eq!(ada.event("rooms").await[0][0]["members"], 1);
    grace.event("rooms").await;
    let joined = grace.ask("join", json!({"room": " general ", "name": "Grace"})).await;
    assert_eq!(joined["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(ada.event("joined").await, [json!({"id": grace.id, "name": "Grace"})]);
    for client in [&mut ada, &mut grace] {
        assert_eq!(client.event("rooms").await[0][0]["members"], 2);
    }

    ada.emit("typing", true).await;
    assert_eq!(grace.event("typing").await, [json!({"id": ada.id, "name": "Ada", "typing": true})]);
    let receipt = ada.ask("message", "hello").await;
    let heard = grace.event("message").await;
    let line = json!({"id": receipt["id"], "room": "general", "author": "Ada", "from": ada.id, "text": "hello", "at": receipt["at"]});
    assert_eq!(heard, [line]);

    grace.ask("rename", "Admiral").await;
    for client in [&mut ada, &mut grace] {
        assert_eq!(client.event("renamed").await[0]["name"], "Admiral");
    }
    ada.ask("join", json!({"room": "elsewhere", "name": "Ada"})).await;
    assert_eq!(grace.event("left").await[0]["name"], "Ada");
    grace.ask("message", "anyone?").await;
    grace.event("rooms").await;
    ada.event("rooms").await;
    assert_eq!(ada.event("activity").await, [json!("general")]);

    let id = grace.id.clone();
    grace.ws.close(None).await.unwrap();
    assert_eq!(ada.event("rooms").await[0].as_array().map(Vec::len), Some(4));
    let joined = ada.ask("join", json!({"room": "general", "name": "Ada"})).await;
    assert_eq!(joined["members"], json!([{"id": ada.id, "name": "Ada"}]));
    let texts: Vec<_> = joined["history"].as_array().unwrap().iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["hello", "anyone?"]);
    assert_eq!(joined["history"][1]["from"], id);
}

#[tokio::test]
async fn says_why_something_is_not_possible() {
    let server = Server::start("chat").await;
    let mut client = server.enter("", "").await;
    let refusal = |answer: Value| answer["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(refusal(client.ask("message", "hello").await), "Please join a room first.");
    let join = |room: &str, name: &str| json!({ "room": room, "name": name });
    let long = "é".repeat(33);
    for wrong in [join("", "Ada"), join(&long, "Ada"), join("general", " "), join("general", &long)] {
        assert!(refusal(client.ask("join", wrong).await).contains("1 to 32"));
    }
    client.ask("join", join(&long[2..], &long[2..])).await["members"].as_array().unwrap();
    assert!(refusal(client.ask("message", " \n ").await).contains("1 to 2000"));
    assert!(refusal(client.ask("message", "x".repeat(2001)).await).contains("1 to 2000"));
    for number in 0..60 {
        client.ask("message", format!("{number}")).await["id"].as_u64().unwrap();
    }
    let answer = client.ask("join", join(&long[2..], "Ada")).await;
    let history = answer["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["text"], &history[49]["text"]), (50, &json!("10"), &json!("59")));
    // Rooms that everybody has left make place for new ones.
    for number in 0..150 {
        assert_eq!(
            client.ask("join", join(&format!("room {number}"), "Ada")).await["room"],
            format!("room {number}")
        );
        client.heard.clear();
    }
    client.ask("join", join("general", "Ada")).await;
    assert!(client.event("rooms").await[0].as_array().unwrap().len() <= 100);
}

#[tokio::test]
async fn reaches_clients_that_only_poll() {
    let server = Server::start("chat").await;
    let (status, _, body) = server.http("GET", "/socket.io/?EIO=4&transport=polling", "", "").await;
    assert_eq!(status, 200);
    let open: Value = serde_json::from_str(&body[1..]).unwrap();
    let session = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
    let join = r#"40"#.to_owned() + "\x1e" + r#"420["join",{"room":"general","name":"Polly"}]"#;
    assert_eq!(server.http("POST", &session, "", &join).await.2, "ok");
    let mut polled = String::new();
    while !polled.contains("430[{") {
        polled += &server.http("GET", &session, "", "").await.2;
    }
    let mut ada = server.enter("", "").await;
    let joined = ada.ask("join", json!({"room": "general", "name": "Ada"})).await;
    assert_eq!(joined["members"].as_array().map(Vec::len), Some(2));
    ada.ask("message", "hello").await;
    while !polled.contains(r#""text":"hello""#) {
        polled += &server.http("GET", &session, "", "").await.2;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn ends_by_an_interrupt_and_tells_its_clients() {
    let server = Server::start("chat").await;
    let mut client = server.enter("", "").await;
    client.event("rooms").await;
    server.interrupt().await;
    client.closed().await;
    server.ended().await;
}
