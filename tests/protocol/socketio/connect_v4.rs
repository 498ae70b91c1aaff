//! CONNECT in Socket.IO 4, under Engine.IO 3 (D40, D42).

use crate::client::{Link, Packet, Polling, Version, Way, WebSocket};
use crate::matrix::in_both_ways_of_engine_io_3;
use crate::options::Options;
use crate::support::{reference, server};

in_both_ways_of_engine_io_3![
    the_root_is_joined_without_being_asked_for,
    a_namespace_is_joined_with_a_bare_reply,
    the_query_of_a_namespace_is_its_auth,
    a_namespace_may_come_without_its_comma,
    a_query_may_come_in_every_packet,
    a_second_connect_closes_the_connection,
];

async fn the_root_is_joined_without_being_asked_for(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::open(server.address, way).await;
    assert_eq!(link.text().await, "40");
    assert_eq!(link.text().await, r#"42["auth",{}]"#);
    link.assert_alive().await;
}

async fn a_namespace_is_joined_with_a_bare_reply(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("40/custom,").await;
    assert_eq!(link.text().await, "40/custom,");
    assert_eq!(link.text().await, r#"42/custom,["auth",{}]"#);
}

async fn the_query_of_a_namespace_is_its_auth(way: Way) {
    let server = server(Options::default()).await;
    for connect in ["40/custom?token=a%20%26b", "40/custom?token=a+%26b,", "40/custom?token=x&token=a+%26b,"]
    {
        let mut link = Link::joined(server.address, way).await;
        link.send(connect).await;
        assert_eq!(link.text().await, "40/custom,");
        assert_eq!(link.text().await, r#"42/custom,["auth",{"token":"a &b"}]"#);
    }
}

async fn a_namespace_may_come_without_its_comma(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined(server.address, way).await;
    link.send("40/custom").await;
    assert_eq!(link.text().await, "40/custom,");
    assert_eq!(link.text().await, r#"42/custom,["auth",{}]"#);
}

async fn a_query_may_come_in_every_packet(way: Way) {
    let server = server(Options::default()).await;
    let mut link = Link::joined_to(server.address, way, "/custom").await;
    link.send(r#"42/custom?x=1,["message",1]"#).await;
    assert_eq!(link.text().await, r#"42/custom,["message-back",1]"#);
    link.send(r#"42/custom?x=1,12["message-with-ack",2]"#).await;
    assert_eq!(link.text().await, r#"43/custom,12[2]"#);
    let event = Packet::text(r#"451-/custom?x=1,["message",{"_placeholder":true,"num":0}]"#);
    link.send_all(&[event, Packet::binary([3])]).await;
    assert_eq!(link.text().await, r#"451-/custom,["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(link.packet().await, Packet::binary([3]));
    link.send("41/custom?x=1,").await;
    if reference() {
        // The reference has not done with it when the next packet comes right behind.
        link.assert_alive().await;
    }
    link.join("/custom").await;
}

async fn a_second_connect_closes_the_connection(way: Way) {
    let server = server(Options::default()).await;
    let link = Link::joined(server.address, way).await;
    link.assert_closed_by(&[Packet::text("40")]).await;
    let link = Link::joined_to(server.address, way, "/custom").await;
    link.assert_closed_by(&[Packet::text("40/custom,")]).await;
    let link = Link::joined_to(server.address, way, "/custom").await;
    link.assert_closed_by(&[Packet::text("40/custom?again=1,")]).await;
}

/// The client computes its ids itself, so there the server has no choice.
#[tokio::test]
async fn the_socket_id_is_the_session_id() {
    let server = server(Options::default()).await;
    let mut session = Polling::open(server.address, Version::Three).await;
    session.join().await;
    session.post_text(r#"421["id"]"#).await;
    assert_eq!(session.poll().await, [Packet::Text(format!(r#"431["{}"]"#, session.sid))]);

    let mut websocket = WebSocket::connect(server.address, Version::Three, "").await;
    let open = websocket.text().await;
    let sid = &open[r#"0{"sid":""#.len()..][..20];
    websocket.join().await;
    websocket.send_text("40/custom,").await;
    assert_eq!(websocket.text().await, "40/custom,");
    assert_eq!(websocket.text().await, r#"42/custom,["auth",{}]"#);
    websocket.send_text(r#"42/custom,1["id"]"#).await;
    assert_eq!(websocket.text().await, format!(r#"43/custom,1["/custom#{sid}"]"#));
}
