//! EVENT packets (B23, D8, D11, D39, D41).

use crate::client::{Link, Packet, Way};
use crate::matrix::in_every_way;
use crate::options::Options;
use crate::support::{reference, server};

in_every_way![
    arguments_are_echoed,
    names_and_arguments_may_be_escaped,
    space_in_the_json_is_no_matter,
    a_numeric_name_is_no_error,
    an_event_without_a_payload_hurts_nobody,
    names_of_the_life_cycle_of_others_touch_no_hook,
    an_event_nobody_handles_is_ignored,
    an_argument_may_look_like_a_placeholder,
    events_are_handled_in_order,
    deep_nesting_hurts_nobody,
    a_message_just_below_the_limit_is_echoed,
];

async fn arguments_are_echoed(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    for arguments in [
        "",
        r#","hello""#,
        ",1,\"2\",[3]",
        ",null",
        ",null,null,true,false",
        r#",{"4":["5",6]}"#,
        r#",[],{},"",[[[]]]"#,
        r#","€😀 \u0000\u001f\\\"","/custom,12""#,
        ",0,-1,1.5,9007199254740991,-9007199254740991",
        ",\"\u{2028}\u{2029}\u{fffd}\u{7f}\"",
    ] {
        link.send(&format!(r#"42["message"{arguments}]"#)).await;
        assert_eq!(link.text().await, format!(r#"42["message-back"{arguments}]"#));
        link.send(&format!(r#"42/custom,["message"{arguments}]"#)).await;
        assert_eq!(link.text().await, format!(r#"42/custom,["message-back"{arguments}]"#));
    }
}

async fn names_and_arguments_may_be_escaped(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send(r#"42["\u006dess\u0061ge","\u0061\/\ud83d\ude00"]"#).await;
    assert_eq!(link.text().await, r#"42["message-back","a/😀"]"#);
    link.send(r#"422["message\u002dwith-ack",{"\u0061":"\u0062"}]"#).await;
    assert_eq!(link.text().await, r#"432[{"a":"b"}]"#);
    // Names nobody handles: an escape in them is no error.
    for name in [r#"a\"b"#, r"a\\b", r"\n", r"\u0000", r"\ud83d\ude00", ""] {
        link.send(&format!(r#"42["{name}",1]"#)).await;
        link.assert_alive().await;
    }
}

async fn space_in_the_json_is_no_matter(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("42[ \"message\" ,\t1 ,\r\n[ ] ] ").await;
    assert_eq!(link.text().await, r#"42["message-back",1,[]]"#);
    link.send(r#"424[ "message-with-ack" ]"#).await;
    assert_eq!(link.text().await, "434[]");
}

async fn a_numeric_name_is_no_error(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for event in ["42[1]", r#"42[1,"a"]"#, "42[-1]", "42[1.5]", "42[1e3]"] {
        link.send(event).await;
        link.assert_alive().await;
    }
}

/// The reference takes it for an event without a name; to close is as good.
async fn an_event_without_a_payload_hurts_nobody(way: Way) {
    let server = server(Options::default()).await;
    let mut witness = Link::joined(server.address, way).await;
    for event in ["42", "425", "42/,", "42/", "42/custom"] {
        let mut link = Link::joined_to(server.address, way, "/custom").await;
        link.send_dubious(&[Packet::text(event)]).await;
        witness.assert_alive().await;
    }
}

async fn names_of_the_life_cycle_of_others_touch_no_hook(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for name in ["error", "connection", "reconnect", "close", "end", "ping", "__proto__", "toString"] {
        link.send(&format!(r#"42["{name}","x"]"#)).await;
        link.assert_alive().await;
    }
}

async fn an_event_nobody_handles_is_ignored(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for name in ["messag", "messages", "Message", "message ", "message-back", "auth"] {
        link.send(&format!(r#"42["{name}",1]"#)).await;
        link.assert_alive().await;
    }
}

async fn an_argument_may_look_like_a_placeholder(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send(r#"42["message",{"_placeholder":true,"num":0}]"#).await;
    assert_eq!(link.text().await, r#"42["message-back",{"_placeholder":true,"num":0}]"#);
}

async fn events_are_handled_in_order(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    let mut events = Vec::new();
    let mut answers = Vec::new();
    for number in 0..300 {
        let namespace = if number % 3 == 0 { "/custom," } else { "" };
        if number % 5 == 0 {
            events.push(Packet::Text(format!(r#"42{namespace}{number}["message-with-ack",{number}]"#)));
            answers.push(Packet::Text(format!("43{namespace}{number}[{number}]")));
        } else {
            events.push(Packet::Text(format!(r#"42{namespace}["message",{number}]"#)));
            answers.push(Packet::Text(format!(r#"42{namespace}["message-back",{number}]"#)));
        }
    }
    link.send_all(&events).await;
    link.assert_receives(&answers).await;
}

/// The reference overflows its stack as it echoes it.
async fn deep_nesting_hurts_nobody(way: Way) {
    if reference() {
        return;
    }
    let server = server(Options::default()).await;
    let mut witness = Link::joined(server.address, way).await;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let depth = 900_000 / (open.len() + close.len());
        let mut link = Link::joined(server.address, way).await;
        let nested = format!("{}0{}", open.repeat(depth), close.repeat(depth));
        link.send_dubious(&[Packet::Text(format!(r#"42["message",{nested}]"#))]).await;
        witness.assert_alive().await;
        let mut link = Link::joined(server.address, way).await;
        link.send_dubious(&[Packet::Text(format!(r#"42["message",{}"#, open.repeat(depth)))]).await;
        witness.assert_alive().await;
    }
}

async fn a_message_just_below_the_limit_is_echoed(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    let text = "€".repeat(330_000);
    link.send(&format!(r#"42["message","{text}"]"#)).await;
    assert_eq!(link.text().await, format!(r#"42["message-back","{text}"]"#));
    link.assert_alive().await;
}
