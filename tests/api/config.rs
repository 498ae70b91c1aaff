//! What `build`, `namespace` and `on` refuse, and what the options mean.

use std::time::Duration;

use tower_socketio::{
    Broadcast, Builder, ConfigError, Cookie, Namespace, Overflow, Pattern, SocketIo, Transport,
};

use crate::support::{Test, join};

fn error(builder: Builder) -> ConfigError {
    builder.build().expect_err("the configuration is wrong")
}

#[test]
fn malformed_names_are_refused() {
    for name in ["chat", "/a,b", "/a?b", "/{", "/{}", "/x{room}", "/{a}b", "/}"] {
        let refused = error(SocketIo::builder().namespace(name, Namespace::new()));
        assert!(
            matches!(&refused, ConfigError::MalformedNamespace(text) if text == name),
            "{name}: {refused}"
        );
    }
    let refused = error(
        SocketIo::builder().namespace(Pattern::predicate("label", async |_, _| true), Namespace::new()),
    );
    assert!(matches!(refused, ConfigError::MalformedNamespace(text) if text == "label"));
}

#[test]
fn a_name_is_taken_once() -> Test {
    let twice =
        || SocketIo::builder().namespace("/chat", Namespace::new()).namespace("/chat", Namespace::new());
    assert!(matches!(error(twice()), ConfigError::DuplicateNamespace(name) if name == "/chat"));
    let root = SocketIo::builder().namespace("/", Namespace::new()).namespace("", Namespace::new());
    assert!(matches!(error(root), ConfigError::DuplicateNamespace(name) if name == "/"));
    let io = SocketIo::builder().namespace("/{room}", Namespace::new()).build()?;
    let again = io.namespace("/{room}", Namespace::new());
    assert!(matches!(again, Err(ConfigError::DuplicateNamespace(name)) if name == "/{room}"));
    io.namespace("/room", Namespace::new())?;
    Ok(())
}

#[test]
fn reserved_events_are_refused() {
    for event in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let refused = error(SocketIo::builder().namespace("/", Namespace::new().on(event, async || {})));
        assert!(matches!(&refused, ConfigError::ReservedEvent(name) if name == event), "{refused}");
        let refused = SocketIo::default().namespace("/", Namespace::new().on(event, async || {}));
        assert!(matches!(refused, Err(ConfigError::ReservedEvent(name)) if name == event));
    }
}

#[test]
fn handlers_of_an_undeclared_namespace_are_refused() {
    let io = SocketIo::default();
    let refused = Broadcast::on(&io.of("/x"), "e", async || {});
    assert!(matches!(refused, Err(ConfigError::UnknownNamespace(name)) if name == "/x"));
}

#[test]
fn malformed_paths_are_refused() {
    for path in ["", "/", "socket.io", "/a?b", "/a#b", "//"] {
        let refused = error(SocketIo::builder().path(path));
        assert!(matches!(&refused, ConfigError::MalformedPath(text) if text == path), "{path}: {refused}");
    }
}

#[test]
fn what_must_not_be_zero_is_refused_by_its_name() {
    type Set = fn(Builder) -> Builder;
    let options: [(&str, Set); 13] = [
        ("ping_interval", |builder| builder.ping_interval(Duration::ZERO)),
        ("ping_timeout", |builder| builder.ping_timeout(Duration::ZERO)),
        ("upgrade_timeout", |builder| builder.upgrade_timeout(Duration::ZERO)),
        ("connect_timeout", |builder| builder.connect_timeout(Duration::ZERO)),
        ("ack_timeout", |builder| builder.ack_timeout(Duration::ZERO)),
        ("write_timeout", |builder| builder.write_timeout(Duration::ZERO)),
        ("max_payload", |builder| builder.max_payload(0)),
        ("max_packets", |builder| builder.max_packets(0)),
        ("max_namespaces", |builder| builder.max_namespaces(0)),
        ("max_query", |builder| builder.max_query(0)),
        ("send_budget", |builder| builder.send_budget(0, Overflow::DropNewest)),
        ("receive_budget", |builder| builder.receive_budget(0)),
        ("max_in_flight", |builder| builder.max_in_flight(0)),
    ];
    for (option, set) in options {
        let refused = error(set(SocketIo::builder()));
        assert!(matches!(refused, ConfigError::Zero(name) if name == option), "{option}: {refused}");
    }
}

#[test]
fn without_any_transport_nobody_could_come() {
    assert!(matches!(error(SocketIo::builder().transports([])), ConfigError::NoTransport));
}

#[test]
fn a_cookie_that_cannot_stand_in_a_header_is_refused() {
    let refused = error(SocketIo::builder().cookie(Cookie::new("a\nb")));
    assert!(matches!(refused, ConfigError::MalformedHeader(name) if name == "a\nb"));
}

#[test]
fn every_error_says_what_is_wrong() {
    for (error, text) in [
        (ConfigError::DuplicateNamespace("/x".to_owned()), "the namespace `/x` exists already"),
        (
            ConfigError::ReservedEvent("connect".to_owned()),
            "`connect` is reserved by Socket.IO or by a layer",
        ),
        (ConfigError::Zero("ping_interval"), "`ping_interval` must not be zero"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_first_mistake_is_told_and_nothing_panics_later() {
    let builder = SocketIo::builder()
        .transports([Transport::Polling])
        .namespace("/ok", Namespace::new())
        .namespace("bad", Namespace::new())
        .namespace("/ok", Namespace::new());
    assert!(matches!(error(builder), ConfigError::MalformedNamespace(name) if name == "bad"));
}

#[tokio::test]
async fn a_server_without_any_declaration_accepts_nobody_and_can_emit() -> Test {
    let io = SocketIo::builder().build()?;
    assert_eq!(io.emit("e", ()).reached(), 0);
    let refused = tower_socketio::TestClient::new(&io).connect("/").await;
    assert!(
        matches!(refused, Err(tower_socketio::TestError::Refused(error)) if error.message() == "Invalid namespace")
    );
    io.namespace("/", Namespace::new())?;
    join(&io).await;
    Ok(())
}
