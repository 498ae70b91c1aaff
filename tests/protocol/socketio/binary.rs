//! BINARY_EVENT and its attachments (D10, D35, D38).

use crate::client::{Link, Packet, Way};
use crate::matrix::in_every_way;
use crate::options::Options;
use crate::support::server;

in_every_way![
    binary_is_found_anywhere,
    one_to_ten_attachments_are_accepted,
    attachments_may_come_one_by_one,
    attachments_of_any_size_are_echoed,
    placeholders_need_not_be_in_order,
    more_attachments_than_ten_close_the_connection,
    a_malformed_number_of_attachments_closes_the_connection,
    text_while_attachments_are_missing_closes_the_connection,
    binary_that_belongs_to_nothing_closes_the_connection,
    a_placeholder_out_of_range_closes_the_connection,
    a_client_may_leave_while_attachments_are_missing,
];

const EVENT: &str = r#"451-["message",{"_placeholder":true,"num":0}]"#;
const ANSWER: &str = r#"451-["message-back",{"_placeholder":true,"num":0}]"#;

async fn binary_is_found_anywhere(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    for namespace in ["", "/custom,"] {
        let packets = |name: &str| {
            let [a, b, c] = [0, 1, 2].map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#));
            let event = format!(r#"453-{namespace}["{name}",1,{a},"3",[4],{b},[{c},"swag",{{"d":null}}]]"#);
            [Packet::Text(event), Packet::binary(*b"one"), Packet::binary([]), Packet::binary([0, 255, 30])]
        };
        link.send_all(&packets("message")).await;
        link.assert_receives(&packets("message-back")).await;
    }
}

async fn one_to_ten_attachments_are_accepted(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for count in 1..=10 {
        let packets = |name: &str| {
            let mut packets = vec![Packet::Text(event(name, count))];
            packets.extend((0..count).map(|number| Packet::binary([number])));
            packets
        };
        link.send_all(&packets("message")).await;
        link.assert_receives(&packets("message-back")).await;
    }
}

async fn attachments_may_come_one_by_one(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send(&event("message", 3)).await;
    for number in 0..3 {
        link.send_all(&[Packet::binary([number])]).await;
    }
    let attachments = [Packet::binary([0]), Packet::binary([1]), Packet::binary([2])];
    assert_eq!(link.packet().await, Packet::Text(event("message-back", 3)));
    link.assert_receives(&attachments).await;
}

async fn attachments_of_any_size_are_echoed(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for size in [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 500_000] {
        link.send_all(&[Packet::text(EVENT), Packet::binary(vec![0x1e; size])]).await;
        link.assert_receives(&[Packet::text(ANSWER), Packet::binary(vec![0x1e; size])]).await;
    }
}

/// An echo numbers its attachments anew.
async fn placeholders_need_not_be_in_order(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    let event = r#"452-["message",{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}]"#;
    link.send_all(&[Packet::text(event), Packet::binary([0]), Packet::binary([1])]).await;
    let answer = r#"452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    link.assert_receives(&[Packet::text(answer), Packet::binary([1]), Packet::binary([0])]).await;
}

async fn more_attachments_than_ten_close_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for count in ["11", "12", "1000000", "4294967297", "18446744073709551617", "99999999999999999999999999"] {
        let link = Link::joined(server.address, way).await;
        link.assert_closed_by(&[Packet::Text(format!(r#"45{count}-["message"]"#))]).await;
    }
}

async fn a_malformed_number_of_attachments_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for head in
        ["450-", "45-", "45", "451", "45a-", "451a-", "45-1-", "451.5-", "45 -", "46-", "460-", "4611-"]
    {
        let link = Link::joined(server.address, way).await;
        link.assert_closed_by(&[Packet::Text(format!(r#"{head}["message"]"#))]).await;
    }
}

async fn text_while_attachments_are_missing_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for text in [r#"42["message"]"#, "41", "43", "40/custom,", EVENT] {
        let link = Link::joined(server.address, way).await;
        link.assert_closed_by(&[Packet::text(EVENT), Packet::text(text)]).await;
    }
    let link = Link::joined(server.address, way).await;
    let second = [Packet::Text(event("message", 2)), Packet::binary([0]), Packet::text("42[\"message\"]")];
    link.assert_closed_by(&second).await;
}

async fn binary_that_belongs_to_nothing_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for data in [&[][..], &[0], b"42[\"message\"]"] {
        let link = Link::joined(server.address, way).await;
        link.assert_closed_by(&[Packet::binary(data)]).await;
    }
    let mut link = Link::joined(server.address, way).await;
    link.send_all(&[Packet::text(EVENT), Packet::binary([1])]).await;
    link.assert_receives(&[Packet::text(ANSWER), Packet::binary([1])]).await;
    link.assert_closed_by(&[Packet::binary([2])]).await;
}

async fn a_placeholder_out_of_range_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for number in ["1", "-1", "10", "4294967296", r#""0""#, "null", "[0]"] {
        let event = format!(r#"451-["message",{{"_placeholder":true,"num":{number}}}]"#);
        let link = Link::joined(server.address, way).await;
        link.assert_closed_by(&[Packet::Text(event), Packet::binary([0])]).await;
    }
    let link = Link::joined(server.address, way).await;
    let event = Packet::text(r#"451-["message",{"_placeholder":true}]"#);
    link.assert_closed_by(&[event, Packet::binary([0])]).await;
}

async fn a_client_may_leave_while_attachments_are_missing(way: Way) {
    let server = server(Options::default()).await;
    let mut witness = Link::joined(server.address, way).await;
    for _ in 0..10 {
        let mut link = Link::joined(server.address, way).await;
        link.send_all(&[Packet::Text(event("message", 10)), Packet::binary(vec![1; 10_000])]).await;
        drop(link);
        witness.assert_alive().await;
    }
}

/// An event with placeholders for `count` attachments.
fn event(name: &str, count: u8) -> String {
    let placeholders = (0..count).map(|num| format!(r#",{{"_placeholder":true,"num":{num}}}"#));
    format!(r#"45{count}-["{name}"{}]"#, placeholders.collect::<String>())
}
