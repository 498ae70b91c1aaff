//! What probes are told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_socketio::{Health, Host, HostService};

use super::{address, doubling, get, host, status};
use crate::support::Test;

struct Part(Mutex<Health>);

impl HostService for Part {
    fn health(&self) -> Health {
        *self.0.lock().expect("no panic holds it")
    }
}

#[tokio::test]
async fn health_is_that_of_the_host_and_of_all_services() -> Test {
    let parts = [(); 2].map(|()| Arc::new(Part(Mutex::default())));
    let handle = host().service(parts[0].clone()).service(parts[1].clone()).start().await?;
    let at = address(&handle);
    for part in &parts {
        for (wrong, statuses) in [
            (Health::default(), [200, 200, 200]),
            (Health { healthy: false, ..Health::default() }, [503, 200, 200]),
            (Health { ready: false, ..Health::default() }, [200, 503, 200]),
            (Health { live: false, ..Health::default() }, [200, 200, 503]),
            (Health::default(), [200, 200, 200]),
        ] {
            *part.0.lock().expect("no panic holds it") = wrong;
            assert_eq!(handle.health(), wrong);
            for (path, expected) in ["/healthy", "/ready", "/live"].into_iter().zip(statuses) {
                let (status, head, body) = get(at, path).await?;
                assert_eq!(status, expected, "{path} with {wrong:?}");
                assert_eq!(body, if status == 200 { "yes" } else { "no" });
                assert!(head.contains("cache-control: no-store"), "{head}");
            }
        }
    }
    let all =
        Health { healthy: false, ready: true, live: false } & Health { ready: false, ..Health::default() };
    assert_eq!(all, Health { healthy: false, ready: false, live: false });
    Ok(())
}

#[tokio::test]
async fn a_host_is_ready_from_when_it_listens_until_it_stops() -> Test {
    let listens = Arc::new(AtomicBool::new(true));
    let seen = listens.clone();
    let host = host().on_init(async move |host| {
        let health = host.health();
        seen.store(health.ready || health.live || !health.healthy, Ordering::Relaxed);
        Ok(())
    });
    // A server that is there before the host has started.
    let handle = host.handle();
    let routes: Router = handle.health_routes();
    let probe = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        routes.clone().oneshot(request).await.expect("an answer").status()
    };
    assert_eq!(host.health(), Health { healthy: true, ready: false, live: false });
    assert_eq!(probe("/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    host.start().await?;
    assert!(!listens.load(Ordering::Relaxed), "it was ready too early");
    assert_eq!(probe("/ready").await, StatusCode::OK);
    assert_eq!(status(address(&handle), "/ready").await?, 200);
    handle.shutdown(0);
    assert_eq!(probe("/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    handle.wait().await;
    for path in ["/healthy", "/ready", "/live"] {
        assert_eq!(probe(path).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    let dropped = Host::new(doubling()).handle();
    assert!(!dropped.health().healthy);
    Ok(())
}
