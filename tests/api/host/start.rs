//! What happens until a host serves, and what does not if it fails.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get as route;
use tokio::net::TcpListener;
use tower_socketio::{
    Ack, ConfigError, Host, HostError, HostHandle, HostService, Listen, Namespace, SocketIo,
};

use super::{address, assert_free, doubling, enter, get, host, served, status};
use crate::support::{Log, Test};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Notes what it is told, and whether the host listens then.
struct Noting {
    name: &'static str,
    log: Log,
    namespace: &'static str,
    works: bool,
}

impl Noting {
    fn new(name: &'static str, log: &Log, namespace: &'static str) -> Self {
        Self { name, log: log.clone(), namespace, works: true }
    }

    fn note(&self, what: &str, listening: bool) {
        let listening = if listening { " listening" } else { "" };
        self.log.push(format!("{} {what}{listening}", self.name));
    }
}

impl HostService for Noting {
    fn mount(self: Arc<Self>, io: &SocketIo) -> Result<(), ConfigError> {
        self.note("mount", false);
        let namespace = self.namespace;
        io.namespace(namespace, Namespace::new().on("who", async move || Ack(self.name)))
    }

    async fn on_init(&self, host: &HostHandle) -> Result<(), BoxError> {
        self.note("began", host.is_listening());
        tokio::task::yield_now().await;
        self.note("init", host.is_listening());
        if self.works { Ok(()) } else { Err("no database".into()) }
    }

    async fn on_ready(&self, host: &HostHandle) {
        self.note("ready", host.is_listening());
    }

    async fn on_exit(&self, code: i32) {
        tokio::task::yield_now().await;
        self.note(&format!("exit {code}"), false);
    }
}

#[tokio::test]
async fn everything_happens_in_order() -> Test {
    let log = Log::new();
    let (init, ready, exit) = (log.clone(), log.clone(), log.clone());
    let host = host()
        .service(Noting::new("a", &log, "/a"))
        .on_init(async move |host| {
            init.push(format!("hook init {}", host.is_listening()));
            Ok(())
        })
        .on_ready(async move |host| ready.push(format!("hook ready {}", host.health().ready)))
        .on_exit(async move |code| exit.push(format!("hook exit {code}")))
        .service(Arc::new(Noting::new("b", &log, "/b")));
    assert_eq!(log.all().len(), 0);
    let handle = host.start().await?;
    let start = [
        "a mount",
        "b mount",
        "a began",
        "a init",
        "hook init false",
        "b began",
        "b init",
        "a ready listening",
        "hook ready true",
        "b ready listening",
    ];
    assert_eq!(log.all(), start);

    let mut raw = enter(address(&handle)).await;
    raw.enter("/b").await;
    raw.send(r#"42/b,0["who"]"#).await;
    assert_eq!(raw.next().await, r#"43/b,0["b"]"#);
    drop(raw);
    handle.shutdown(7);
    assert_eq!(handle.wait().await, 7);
    assert_eq!(log.all()[start.len()..], ["a exit 7", "hook exit 7", "b exit 7"]);
    Ok(())
}

#[tokio::test]
async fn a_failing_on_init_ends_the_start_and_nothing_listens() -> Test {
    let place = TcpListener::bind("127.0.0.1:0").await?;
    let at = place.local_addr()?;
    drop(place);
    for panics in [false, true] {
        let log = Log::new();
        let failing = Noting { works: panics, ..Noting::new("b", &log, "/b") };
        let host = Host::new(doubling()).listen(at).service(Noting::new("a", &log, "/a")).service(failing);
        let host = host.on_init(async |_| panic!("a panic of the test's"));
        let (handle, host) = (host.handle(), host.service(Noting::new("c", &log, "/c")));
        let error = host.signals(false).run().await.expect_err("`b` or the hook fails");
        assert!(matches!(error, HostError::Init(_)), "{error:?}");
        let mut expected = vec!["a mount", "b mount", "c mount", "a began", "a init", "b began", "b init"];
        expected.push("a exit 1");
        if panics {
            expected.push("b exit 1");
        }
        assert_eq!(log.all(), expected);
        assert_eq!((handle.is_listening(), handle.wait().await), (false, 1));
        assert_free(at).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_namespace_of_two_services_ends_the_start_before_any_hook() -> Test {
    let log = Log::new();
    let host = host().service(Noting::new("a", &log, "/same")).service(Noting::new("b", &log, "/same"));
    let error = host.start().await.expect_err("the name is taken");
    assert!(matches!(error, HostError::Mount(ConfigError::DuplicateNamespace(_))), "{error:?}");
    assert_eq!(log.all(), ["a mount", "b mount"]);
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_and_all_are_told_to_exit() -> Test {
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let at = other.local_addr()?;
    let log = Log::new();
    let host = Host::new(doubling()).listen(at).service(Noting::new("a", &log, "/a"));
    match host.start().await {
        Err(HostError::Listen { address, source }) => {
            assert_eq!((address, source.kind()), (at.to_string(), ErrorKind::AddrInUse));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.all(), ["a mount", "a began", "a init", "a exit 1"]);
    Ok(())
}

#[tokio::test]
async fn a_host_without_any_configuration_listens_at_port_3001() -> Test {
    assert_eq!(Listen::default().address(), Some("0.0.0.0:3001"));
    let log = Log::new();
    let exit = log.clone();
    match Host::new(doubling()).on_exit(async move |code| exit.push(code)).start().await {
        Ok(handle) => {
            assert_eq!(handle.local_addr(), Some("0.0.0.0:3001".parse()?));
            assert_eq!(handle.url().as_deref(), Some("http://127.0.0.1:3001"));
            served("127.0.0.1:3001".parse()?).await;
            handle.stop().await;
            assert_eq!(log.all(), ["0"]);
        }
        // Somebody else on this machine has the port.
        Err(HostError::Listen { address, source }) => {
            assert_eq!((&*address, source.kind()), ("0.0.0.0:3001", ErrorKind::AddrInUse));
            assert_eq!(log.all(), ["1"]);
        }
        Err(other) => return Err(other.into()),
    }
    Ok(())
}

#[tokio::test]
async fn a_host_serves_sockets_routes_and_health_at_a_free_port() -> Test {
    let peer = async |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| peer.ip().to_string();
    let routes = Router::new()
        .route("/peer", route(peer))
        .route("/ready", route(async || "mine"))
        .fallback(async || "nothing here");
    let handle = host().router(routes.clone()).start().await?;
    let at = address(&handle);
    assert_ne!(at.port(), 0);
    assert_eq!(handle.url(), Some(format!("http://{at}")));
    let mut raw = served(at).await;
    raw.send(r#"421["conn"]"#).await;
    assert_eq!(raw.next().await, r#"431[false,"127.0.0.1"]"#);
    assert_eq!(get(at, "/peer").await?.2, "127.0.0.1");
    assert_eq!(get(at, "/else").await?.2, "nothing here");
    assert_eq!(get(at, "/ready").await?.2, "yes");
    assert_eq!(status(at, "/socket.io/?EIO=4&transport=polling").await?, 200);

    let handle = host().router(routes).health_routes(false).start().await?;
    assert_eq!(get(address(&handle), "/ready").await?.2, "mine");
    assert_eq!(get(address(&handle), "/live").await?.2, "nothing here");
    Ok(())
}

#[tokio::test]
async fn a_listener_that_exists_already_is_used() -> Test {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let handle = Host::new(doubling()).listen(listener).start().await?;
    assert_eq!(handle.local_addr(), Some(at));
    assert_eq!(status(at, "/nothing").await?, 404);
    served(at).await;
    handle.stop().await;
    assert_free(at).await
}

#[tokio::test]
async fn a_host_that_is_told_to_end_while_it_starts_does_not_wait_for_its_hooks() -> Test {
    for run in [true, false] {
        let log = Log::new();
        let exit = log.clone();
        let host = host().on_exit(async move |code| exit.push(code)).on_init(async |host: HostHandle| {
            host.shutdown(5);
            pending().await
        });
        if run {
            assert_eq!(host.signals(false).run().await?, 5);
        } else {
            let outcome = host.start().await;
            assert!(matches!(outcome, Err(HostError::Stopped(5))), "{outcome:?}");
        }
        assert_eq!(log.all(), ["5"]);
    }
    Ok(())
}

#[tokio::test]
async fn clients_are_served_while_on_ready_runs() -> Test {
    let log = Log::new();
    let done = log.clone();
    let hook = async move |host: HostHandle| {
        served(address(&host)).await;
        done.push(host.health().ready);
    };
    let panics = async |_| panic!("a panic of the test's");
    let handle = host().on_ready(panics).on_ready(hook).start().await?;
    assert_eq!(log.all(), ["true"]);
    served(address(&handle)).await;
    Ok(())
}
