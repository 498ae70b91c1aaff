//! DISCONNECT, from either side (D18, D26, D27, D38).

use crate::client::{Link, Packet, Version, Way};
use crate::matrix::in_every_way;
use crate::options::Options;
use crate::support::{reference, server};

in_every_way![
    a_client_leaves_one_namespace,
    a_client_which_left_may_come_back,
    a_client_which_left_everything_may_come_back,
    an_event_behind_a_disconnect_closes_the_connection,
    the_server_ends_one_namespace,
    the_server_ends_all_of_them,
    a_disconnect_with_a_payload_closes_the_connection,
];

async fn a_client_leaves_one_namespace(way: Way) {
    let server = server(Options::default()).await;
    for disconnect in ["41/custom,", "41/custom"] {
        let mut link = Link::joined_to(server.address, way, "/custom").await;
        link.send(disconnect).await;
        link.assert_alive().await;
    }
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send("41").await;
    link.send(r#"42/custom,["message",1]"#).await;
    assert_eq!(link.text().await, r#"42/custom,["message-back",1]"#);
}

async fn a_client_which_left_may_come_back(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for _ in 0..3 {
        link.join("/custom").await;
        link.send("41/custom,").await;
        if reference() {
            // The reference has not done with it when the next packet comes right behind.
            link.assert_alive().await;
        }
    }
    link.send_all(&[Packet::text("40/custom,"), Packet::text("42[\"message\"]")]).await;
    let mut answers = [link.text().await, link.text().await, link.text().await];
    answers.sort();
    assert!(answers[0].starts_with("40/custom,"), "{answers:?}");
    assert_eq!(answers[1..], [r#"42/custom,["auth",{}]"#, r#"42["message-back"]"#]);
}

async fn a_client_which_left_everything_may_come_back(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("41").await;
    link.join("/custom").await;
    link.send("41/custom,").await;
    link.send("40").await;
    let reply = link.text().await;
    match way.version {
        Version::Four => assert!(reply.starts_with(r#"40{"sid":"#), "{reply}"),
        Version::Three => assert_eq!(reply, "40"),
    }
    assert_eq!(link.text().await, r#"42["auth",{}]"#);
    link.assert_alive().await;
}

async fn an_event_behind_a_disconnect_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send("41/custom,").await;
    link.assert_alive().await;
    link.assert_closed_by(&[Packet::text(r#"42/custom,["message"]"#)]).await;
}

async fn the_server_ends_one_namespace(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send(r#"42/custom,["leave"]"#).await;
    assert_eq!(link.text().await, "41/custom,");
    link.assert_alive().await;
    link.join("/custom").await;
    link.send(r#"42["leave"]"#).await;
    assert_eq!(link.text().await, "41");
    link.send(r#"42/custom,["message",1]"#).await;
    assert_eq!(link.text().await, r#"42/custom,["message-back",1]"#);
}

async fn the_server_ends_all_of_them(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send(r#"42["quit"]"#).await;
    let mut ends = [link.text().await, link.text().await];
    ends.sort();
    assert_eq!(ends, ["41", "41/custom,"]);
    link.assert_ends().await;
}

async fn a_disconnect_with_a_payload_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for disconnect in ["41{}", "41[]", "41/custom,\"bye\"", "41null"] {
        let link = Link::joined_to(server.address, way, "/custom").await;
        link.assert_closed_by(&[Packet::text(disconnect)]).await;
    }
}
