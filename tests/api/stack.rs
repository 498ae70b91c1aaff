//! Where the layer may stand in a stack, and who answers then.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_socketio::{Ack, Namespace, SocketIo, SocketIoLayer, SocketIoService};

use crate::support::{Raw, Test, dial, serve};

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

/// The status and the body of the answer; ours is `engine`.
async fn ask(app: &Router, uri: &str) -> (StatusCode, String) {
    let request = Request::get(uri).body(Body::empty()).expect("a request");
    let response = app.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("text");
    (status, if body.starts_with("0{\"sid\"") { "engine".to_owned() } else { body })
}

fn io() -> SocketIo {
    serve(Namespace::new().on("e", async || Ack(1)))
}

async fn answers(app: &Router, expected: &[(&str, &str)]) {
    for (uri, answer) in expected {
        assert_eq!(ask(app, uri).await, (StatusCode::OK, (*answer).to_owned()), "{uri}");
    }
}

#[tokio::test]
async fn only_our_path_is_ours() -> Test {
    let app =
        Router::new().route("/", get(async || "index")).fallback(async || "fallback").layer(io().layer());
    answers(
        &app,
        &[
            ("/", "index"),
            ("/other", "fallback"),
            ("/socket.iox", "fallback"),
            ("/socket.iox/?EIO=4&transport=polling", "fallback"),
            ("/socket", "fallback"),
            ("/x/socket.io/?EIO=4&transport=polling", "fallback"),
            (HANDSHAKE, "engine"),
            ("/socket.io?EIO=4&transport=polling", "engine"),
        ],
    )
    .await;
    assert_eq!(ask(&app, "/socket.io/").await.0, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn another_path_is_ours_if_we_say_so() -> Test {
    for path in ["/live", "/live/"] {
        let io = SocketIo::builder().path(path).namespace("/", Namespace::new()).build()?;
        let app = Router::new().fallback(async || "fallback").layer(io.layer());
        answers(
            &app,
            &[
                ("/live/?EIO=4&transport=polling", "engine"),
                ("/live?EIO=4&transport=polling", "engine"),
                (HANDSHAKE, "fallback"),
                ("/lively", "fallback"),
            ],
        )
        .await;
    }
    Ok(())
}

#[tokio::test]
async fn a_router_without_routes_serves_us_as_well() -> Test {
    let app = Router::new().layer(io().layer());
    answers(&app, &[(HANDSHAKE, "engine")]).await;
    assert_eq!(ask(&app, "/").await.0, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn routes_added_before_and_after_the_layer_are_reached() -> Test {
    let app = Router::new()
        .route("/before", get(async || "before"))
        .fallback(async || "fallback")
        .layer(io().layer())
        .route("/after", get(async || "after"));
    answers(&app, &[("/before", "before"), ("/after", "after"), (HANDSHAKE, "engine"), ("/x", "fallback")])
        .await;
    Ok(())
}

#[tokio::test]
async fn a_fallback_added_after_the_layer_takes_our_path_from_it() -> Test {
    // As documented: axum layers what is there, and replaces the layered fallback.
    let app = Router::new().layer(io().layer()).fallback(async || "fallback");
    answers(&app, &[(HANDSHAKE, "fallback")]).await;
    Ok(())
}

#[tokio::test]
async fn in_a_nested_router_the_path_is_behind_the_prefix() -> Test {
    let inner = Router::new().route("/x", get(async || "x")).fallback(async || "inner").layer(io().layer());
    let app = Router::new().nest("/api", inner).fallback(async || "outer");
    answers(
        &app,
        &[
            ("/api/socket.io/?EIO=4&transport=polling", "engine"),
            ("/api/x", "x"),
            ("/api/y", "inner"),
            (HANDSHAKE, "outer"),
        ],
    )
    .await;
    Ok(())
}

#[tokio::test]
async fn it_may_be_nested_as_a_service() -> Test {
    let app = Router::new()
        .route("/", get(async || "index"))
        .nest_service("/live", SocketIoService::not_found(io()));
    answers(&app, &[("/", "index"), ("/live/socket.io/?EIO=4&transport=polling", "engine")]).await;
    assert_eq!(ask(&app, "/live/x").await.0, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn a_route_of_our_path_is_behind_us() -> Test {
    let app = Router::new().route("/socket.io/", get(async || "route")).layer(io().layer());
    answers(&app, &[(HANDSHAKE, "engine")]).await;
    Ok(())
}

#[tokio::test]
async fn all_that_one_layer_makes_shares_the_sessions() -> Test {
    let layer = SocketIoLayer::new();
    layer.io().namespace("/", Namespace::new())?;
    let one =
        Router::new().route("/a", get(async || "a")).route("/b", get(async || "b")).layer(layer.clone());
    let two = Router::new().layer(layer.io().layer());
    let (mut a, mut b) =
        (Raw::over(dial(one, 4096), "", &[]).await, Raw::over(dial(two, 4096), "", &[]).await);
    a.enter("/").await;
    b.enter("/").await;
    assert_eq!(layer.io().connections(), 2);
    assert_eq!(layer.io().emit("e", ()).reached(), 2);
    assert_eq!(a.next().await, r#"42["e"]"#);
    assert_eq!(b.next().await, r#"42["e"]"#);
    Ok(())
}

#[tokio::test]
async fn two_servers_stand_behind_one_another_on_paths_of_their_own() -> Test {
    let one = SocketIo::builder().path("/one").namespace("/", Namespace::new()).build()?;
    let two = SocketIo::builder().path("/two").namespace("/", Namespace::new()).build()?;
    let app = Router::new().fallback(async || "fallback").layer(one.layer()).layer(two.layer());
    answers(
        &app,
        &[
            ("/one/?EIO=4&transport=polling", "engine"),
            ("/two/?EIO=4&transport=polling", "engine"),
            ("/two/?EIO=4&transport=polling", "engine"),
            (HANDSHAKE, "fallback"),
        ],
    )
    .await;
    assert_eq!((one.connections(), two.connections()), (1, 2));
    Ok(())
}

#[tokio::test]
async fn any_service_may_be_inside_and_any_layer_outside() -> Test {
    let inner = service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(request.uri().path().to_owned())))
    });
    let service = io().layer().layer(inner);
    let outer = tower::util::MapResponseLayer::new(|mut response: Response<_>| {
        response.headers_mut().insert("x-outer", http::HeaderValue::from_static("1"));
        response
    });
    let service = outer.layer(service);
    for (uri, engine) in [(HANDSHAKE, true), ("/x", false)] {
        let response = service.clone().oneshot(Request::get(uri).body(Body::empty())?).await?;
        assert_eq!(response.headers()["x-outer"], "1");
        let body = response.into_body().collect().await?.to_bytes();
        assert_eq!(body.starts_with(b"0{"), engine, "{uri}");
        assert!(engine || body == "/x");
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_passes_through_axums_server_and_routers() -> Test {
    let io = io();
    let inner = Router::new().route("/x", get(async || "x")).layer(io.layer());
    let app = Router::new().merge(inner).route("/y", get(async || "y"));
    let mut raw = Raw::over(dial(app, 4096), "", &[]).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    assert_eq!(raw.next().await, "430[1]");
    Ok(())
}

#[tokio::test]
async fn the_service_gives_its_inside_out() -> Test {
    let mut service = SocketIoService::new(7_u32, io());
    assert_eq!((*service.get_ref(), *service.get_mut()), (7, 7));
    assert_eq!(service.io().connections(), 0);
    assert_eq!(service.into_inner(), 7);
    Ok(())
}

#[tokio::test]
async fn a_layer_of_http_sees_our_requests_if_it_is_added_after_ours() -> Test {
    let log = crate::support::Log::new();
    let noting = |name: &'static str| {
        let log = log.clone();
        tower::util::MapRequestLayer::new(move |request: Request<Body>| {
            log.push(format!("{name} {}", request.uri().path()));
            request
        })
    };
    let app = Router::new()
        .fallback(async || "fallback")
        .layer(noting("before"))
        .layer(io().layer())
        .layer(noting("after"));
    answers(&app, &[(HANDSHAKE, "engine"), ("/page", "fallback")]).await;
    assert_eq!(log.all(), ["after /socket.io/", "after /page", "before /page"]);

    // It sees the request that opens a WebSocket, and nothing of what comes by that.
    let mut raw = Raw::over(dial(app, 4096), "", &[]).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    assert_eq!(raw.next().await, "430[1]");
    assert_eq!(log.all()[3..], ["after /socket.io/"]);
    Ok(())
}
