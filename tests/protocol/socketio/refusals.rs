//! CONNECT_ERROR, which version 4 calls ERROR (D22, D38, D42).

use crate::client::{Link, Packet, Version, Way};
use crate::matrix::{in_both_ways_of_engine_io_3, in_both_ways_of_engine_io_4, in_every_way};
use crate::options::Options;
use crate::support::server;

in_every_way![
    an_unknown_namespace_is_refused_and_the_connection_lives,
    an_event_to_a_namespace_that_refused_closes_the_connection,
    a_refused_client_may_try_again,
];

async fn an_unknown_namespace_is_refused_and_the_connection_lives(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for namespace in ["/random", "/custom/", "/customs", "/cust", "/CUSTOM", "/__proto__", "/constructor"] {
        link.send(&format!("40{namespace},")).await;
        assert_eq!(link.text().await, format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#));
        link.assert_alive().await;
    }
    link.send("40/random").await;
    assert_eq!(link.text().await, r#"44/random,{"message":"Invalid namespace"}"#);
    link.assert_alive().await;
}

async fn an_event_to_a_namespace_that_refused_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    for namespace in ["/random", "/private", "/closed"] {
        let mut link = Link::joined(server.address, way).await;
        link.send(&format!("40{namespace},")).await;
        assert!(link.text().await.starts_with(&format!("44{namespace},")));
        let event = Packet::Text(format!(r#"42{namespace},["message"]"#));
        link.assert_closed_by(&[event]).await;
    }
}

async fn a_refused_client_may_try_again(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    for _ in 0..3 {
        link.send("40/closed,").await;
        assert_eq!(
            link.text().await,
            if way.version == Version::Four {
                r#"44/closed,{"message":"Closed"}"#
            } else {
                r#"44/closed,"Closed""#
            }
        );
    }
    link.assert_alive().await;
}

in_both_ways_of_engine_io_4![a_refusal_has_a_message_and_data];

async fn a_refusal_has_a_message_and_data(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    link.send(r#"40/private,{"token":"x"}"#).await;
    assert_eq!(link.text().await, r#"44/private,{"message":"Not authorized","data":{"code":"E1"}}"#);
    link.send("40/closed").await;
    assert_eq!(link.text().await, r#"44/closed,{"message":"Closed"}"#);
}

in_both_ways_of_engine_io_3![a_refusal_is_its_data_or_its_message];

async fn a_refusal_is_its_data_or_its_message(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("40/private?token=x,").await;
    assert_eq!(link.text().await, r#"44/private,{"code":"E1"}"#);
    link.send("40/closed").await;
    assert_eq!(link.text().await, r#"44/closed,"Closed""#);
}
