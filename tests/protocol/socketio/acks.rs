//! Acknowledgements both ways (D9, D24).

use crate::client::{Link, Packet, Way};
use crate::matrix::in_every_way;
use crate::options::Options;
use crate::support::server;

in_every_way![
    an_event_is_acknowledged_with_its_id,
    an_acknowledgement_without_arguments_is_an_empty_list,
    an_event_without_an_id_is_not_acknowledged,
    an_acknowledgement_carries_binary,
    a_client_acknowledges,
    a_client_acknowledges_with_binary,
    questions_are_told_apart_by_their_ids,
    an_answer_nobody_asked_for_is_ignored,
    an_answer_counts_once,
];

async fn an_event_is_acknowledged_with_its_id(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    for id in ["0", "1", "456", "1000000", "4294967296", "9007199254740991"] {
        link.send(&format!(r#"42{id}["message-with-ack",1,"2",{{"3":[false]}}]"#)).await;
        assert_eq!(link.text().await, format!(r#"43{id}[1,"2",{{"3":[false]}}]"#));
        link.send(&format!(r#"42/custom,{id}["message-with-ack",null]"#)).await;
        assert_eq!(link.text().await, format!("43/custom,{id}[null]"));
    }
}

async fn an_acknowledgement_without_arguments_is_an_empty_list(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send(r#"425["message-with-ack"]"#).await;
    assert_eq!(link.text().await, "435[]");
    link.send(r#"42/custom,6["message-with-ack"]"#).await;
    assert_eq!(link.text().await, "43/custom,6[]");
}

async fn an_event_without_an_id_is_not_acknowledged(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send(r#"42["message-with-ack",1]"#).await;
    link.assert_alive().await;
}

async fn an_acknowledgement_carries_binary(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    for (namespace, id) in [("", 789), ("/custom,", 0)] {
        let event = format!(
            r#"452-{namespace}{id}["message-with-ack",{{"_placeholder":true,"num":0}},"x",{{"_placeholder":true,"num":1}}]"#
        );
        link.send_all(&[Packet::Text(event), Packet::binary([1, 2, 3]), Packet::binary([])]).await;
        let answer = format!(
            r#"462-{namespace}{id}[{{"_placeholder":true,"num":0}},"x",{{"_placeholder":true,"num":1}}]"#
        );
        link.assert_receives(&[Packet::Text(answer), Packet::binary([1, 2, 3]), Packet::binary([])]).await;
    }
}

async fn a_client_acknowledges(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    for namespace in ["", "/custom,"] {
        for answer in ["", "1", r#""a",{"b":["c"]},null"#] {
            link.send(&format!(r#"42{namespace}["ask","really?"]"#)).await;
            let id = question_id(&link.text().await, namespace, r#"["question","really?"]"#);
            link.send(&format!("43{namespace}{id}[{answer}]")).await;
            let comma = if answer.is_empty() { "" } else { "," };
            assert_eq!(link.text().await, format!(r#"42{namespace}["answer"{comma}{answer}]"#));
        }
    }
}

async fn a_client_acknowledges_with_binary(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send(r#"42["ask"]"#).await;
    let id = question_id(&link.text().await, "", r#"["question"]"#);
    let answer = format!(r#"461-{id}[{{"_placeholder":true,"num":0}}]"#);
    link.send_all(&[Packet::Text(answer), Packet::binary([9, 8])]).await;
    let event = r#"451-["answer",{"_placeholder":true,"num":0}]"#;
    link.assert_receives(&[Packet::text(event), Packet::binary([9, 8])]).await;
}

async fn questions_are_told_apart_by_their_ids(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        link.send(&format!(r#"42["ask",{number}]"#)).await;
        let id = question_id(&link.text().await, "", &format!(r#"["question",{number}]"#));
        assert!(!ids.contains(&id), "an id twice");
        ids.push(id);
    }
    for (number, id) in ids.iter().enumerate().rev() {
        link.send(&format!("43{id}[{number}]")).await;
        assert_eq!(link.text().await, format!(r#"42["answer",{number}]"#));
    }
}

async fn an_answer_nobody_asked_for_is_ignored(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    for answer in ["4399[1]", "43/custom,0[]", "439007199254740991[]"] {
        link.send(answer).await;
        link.assert_alive().await;
    }
    let answer = Packet::text(r#"461-99[{"_placeholder":true,"num":0}]"#);
    link.send_all(&[answer, Packet::binary([1])]).await;
    link.assert_alive().await;
}

async fn an_answer_counts_once(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send(r#"42["ask"]"#).await;
    let id = question_id(&link.text().await, "", r#"["question"]"#);
    let answer = |text: &str| Packet::Text(format!(r#"43{id}["{text}"]"#));
    link.send_all(&[answer("first"), answer("second")]).await;
    assert_eq!(link.text().await, r#"42["answer","first"]"#);
    link.assert_alive().await;
}

/// The id in an event that asks for an acknowledgement.
fn question_id(event: &str, namespace: &str, payload: &str) -> u64 {
    let id = event.strip_prefix(&format!("42{namespace}")).and_then(|rest| rest.strip_suffix(payload));
    id.and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{event}"))
}
