//! Packets no client of good will sends: each closes the connection, without a word, and hurts nobody else (B23, D38,
//! D39).

use crate::client::{Link, Packet, Way};
use crate::matrix::{in_both_ways_of_engine_io_4, in_every_way};
use crate::options::Options;
use crate::support::{reference, server};

in_both_ways_of_engine_io_4![
    arguments_which_are_no_json_are_refused_with_the_acknowledgement,
    a_first_packet_which_is_no_connect_closes_the_connection,
    a_connect_with_anything_but_an_object_closes_the_connection,
];

async fn a_first_packet_which_is_no_connect_closes_the_connection(way: Way) {
    let packets = [
        r#"42["message"]"#,
        r#"421["message-with-ack"]"#,
        r#"42/custom,["message"]"#,
        "41",
        "41/custom,",
        "430[]",
        r#"44{"message":"x"}"#,
        "4",
        "4abc",
    ];
    for packet in packets {
        assert_closed(way, Joined::Nothing, &[Packet::text(packet)]).await;
    }
    let event = Packet::text(r#"451-["message",{"_placeholder":true,"num":0}]"#);
    assert_closed(way, Joined::Nothing, &[event, Packet::binary([1])]).await;
    assert_closed(way, Joined::Nothing, &[Packet::binary([1])]).await;
}

async fn a_connect_with_anything_but_an_object_closes_the_connection(way: Way) {
    for auth in [r#""token""#, "[]", "[1]", "null", "true", "{", "{}x", r#"{"a":1"#, "{a:1}", "x"] {
        assert_closed(way, Joined::Nothing, &[Packet::Text(format!("40{auth}"))]).await;
        assert_closed(way, Joined::Nothing, &[Packet::Text(format!("40/custom,{auth}"))]).await;
    }
}

in_every_way![
    a_packet_of_no_known_type_closes_the_connection,
    an_event_which_is_no_list_with_a_name_closes_the_connection,
    malformed_json_closes_the_connection,
    an_event_with_a_reserved_name_closes_the_connection,
    an_acknowledgement_which_is_no_list_closes_the_connection,
    a_packet_for_a_namespace_not_joined_closes_the_connection,
    a_refusal_by_the_client_closes_the_connection,
    nothing_behind_an_offence_is_heard,
];

async fn a_packet_of_no_known_type_closes_the_connection(way: Way) {
    for packet in ["4", "4abc", "47", "48[]", "49", "4-1", "4 2[\"message\"]", "4/custom,", "4\u{661}"] {
        assert_closed(way, Joined::Root, &[Packet::text(packet)]).await;
    }
}

async fn an_event_which_is_no_list_with_a_name_closes_the_connection(way: Way) {
    for payload in [
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "[null]",
        "[true]",
        "[false,1]",
        r#""message""#,
        "null",
        "true",
        "1{}",
        "7[]",
        "abc",
        "abc[\"message\"]",
    ] {
        assert_closed(way, Joined::Root, &[Packet::Text(format!("42{payload}"))]).await;
        assert_closed(way, Joined::Custom, &[Packet::Text(format!("42/custom,{payload}"))]).await;
    }
}

async fn malformed_json_closes_the_connection(way: Way) {
    for payload in [
        "[",
        r#"["message""#,
        r#"["message","#,
        r#"["message",]"#,
        r#"["message"]x"#,
        r#"["message"1]"#,
        r#"1-["message"]"#,
    ] {
        assert_closed(way, Joined::Root, &[Packet::Text(format!("42{payload}"))]).await;
    }
}

/// Arguments stay text until a handler asks for them; then they are that event's error, and the socket lives.
async fn arguments_which_are_no_json_are_refused_with_the_acknowledgement(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for argument in ["x", "'x'", "01", "NaN", r#""\x""#, r#""\u12""#, "\"\u{1}\"", r#"{"a"}"#, r#"{"a":1,}"#]
    {
        if reference() {
            continue;
        }
        link.send(&format!(r#"421["message-with-ack",{argument}]"#)).await;
        let answer = link.text().await;
        assert!(answer.starts_with(r#"431[{"error":{"message":"invalid data: "#), "{argument}: {answer}");
    }
    link.assert_alive().await;
}

async fn an_event_with_a_reserved_name_closes_the_connection(way: Way) {
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        assert_closed(way, Joined::Root, &[Packet::Text(format!(r#"42["{name}"]"#))]).await;
        assert_closed(way, Joined::Root, &[Packet::Text(format!(r#"425["{name}","x"]"#))]).await;
        assert_closed(way, Joined::Custom, &[Packet::Text(format!(r#"42/custom,["{name}"]"#))]).await;
        let binary = format!(r#"451-["{name}",{{"_placeholder":true,"num":0}}]"#);
        assert_closed(way, Joined::Root, &[Packet::Text(binary), Packet::binary([1])]).await;
    }
    assert_closed(way, Joined::Root, &[Packet::text(r#"42["\u0063onnect"]"#)]).await;
}

async fn an_acknowledgement_which_is_no_list_closes_the_connection(way: Way) {
    for payload in ["1{}", r#"1"x""#, "1null", "1abc", "1[", "x[]"] {
        assert_closed(way, Joined::Root, &[Packet::Text(format!("43{payload}"))]).await;
    }
}

async fn a_packet_for_a_namespace_not_joined_closes_the_connection(way: Way) {
    for packet in [r#"42/custom,["message"]"#, "41/custom,", "43/custom,1[]", r#"42/random,["message"]"#] {
        assert_closed(way, Joined::Root, &[Packet::text(packet)]).await;
    }
    let event = Packet::text(r#"451-/custom,["message",{"_placeholder":true,"num":0}]"#);
    assert_closed(way, Joined::Root, &[event, Packet::binary([1])]).await;
}

async fn a_refusal_by_the_client_closes_the_connection(way: Way) {
    for packet in [r#"44{"message":"x"}"#, r#"44"x""#, r#"44/custom,{"message":"x"}"#, "44"] {
        assert_closed(way, Joined::Custom, &[Packet::text(packet)]).await;
    }
}

async fn nothing_behind_an_offence_is_heard(way: Way) {
    let packets = [Packet::text("42{}"), Packet::text(r#"42["message"]"#), Packet::text("40/custom,")];
    assert_closed(way, Joined::Root, &packets).await;
}

#[derive(Clone, Copy)]
enum Joined {
    Nothing,
    Root,
    Custom,
}

/// Asserts that packets close the connection of the client that sent them, and not that of another one.
async fn assert_closed(way: Way, joined: Joined, packets: &[Packet]) {
    let server = server(Options::default()).await;
    let mut witness = Link::joined(server.address, way).await;
    let link = match joined {
        Joined::Nothing => Link::open(server.address, way).await,
        Joined::Root => Link::joined(server.address, way).await,
        Joined::Custom => Link::joined_to(server.address, way, "/custom").await,
    };
    link.assert_closed_by(packets).await;
    witness.assert_alive().await;
}
