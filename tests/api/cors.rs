//! Pages of other sites: CORS by tower-http outside of the layer, and who may connect at all.

use axum::Router;
use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS as CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS as HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS as METHODS, ACCESS_CONTROL_ALLOW_ORIGIN as ALLOWED,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderName, ORIGIN, VARY,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;
use tower_socketio::{Builder, ConfigError, Namespace, SocketIo, SocketIoService, WireError};

use crate::support::{Raw, Test, dial, idle, serve};

const URL: &str = "/socket.io/?EIO=4&transport=polling";
const HOME: &str = "https://example.com";
const ELSEWHERE: &str = "https://evil.example";

/// An application whose pages are at [`HOME`].
fn app(io: &SocketIo) -> Router {
    let cors = CorsLayer::new()
        .allow_origin([HeaderValue::from_static(HOME)])
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .allow_credentials(true);
    Router::new().layer(io.layer()).layer(cors)
}

fn request(method: Method, url: &str, headers: &[(HeaderName, &str)], body: &str) -> Request<Body> {
    let mut request = Request::new(Body::from(body.to_owned()));
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().expect("a url");
    for (name, value) in headers {
        request.headers_mut().append(name, value.parse().expect("a header"));
    }
    request
}

async fn get(app: &Router, origin: Option<&str>) -> Response<Body> {
    let headers: Vec<_> = origin.into_iter().map(|origin| (ORIGIN, origin)).collect();
    app.clone().oneshot(request(Method::GET, URL, &headers, "")).await.expect("an answer")
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn without_a_cors_layer_no_page_of_another_site_may_read() -> Test {
    let app = Router::new().layer(serve(Namespace::new()).layer());
    let response = get(&app, Some(ELSEWHERE)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    Ok(())
}

#[tokio::test]
async fn the_right_origin_may_read_every_polling_answer() -> Test {
    let app = app(&serve(Namespace::new()));
    let opened = get(&app, Some(HOME)).await;
    assert_eq!(opened.status(), StatusCode::OK);
    assert_eq!(opened.headers()[ALLOWED], HOME);
    assert_eq!(opened.headers()[CREDENTIALS], "true");
    assert!(
        opened
            .headers()
            .get_all(VARY)
            .iter()
            .any(|vary| { vary.to_str().is_ok_and(|vary| vary.to_ascii_lowercase().contains("origin")) })
    );
    let open: Value = serde_json::from_str(&text(opened).await[1..])?;
    let url = format!("{URL}&sid={}", open["sid"].as_str().ok_or("a sid")?);
    let headers = [(ORIGIN, HOME), (CONTENT_TYPE, "text/plain;charset=UTF-8")];
    let posted = app.clone().oneshot(request(Method::POST, &url, &headers, "40")).await?;
    assert_eq!(
        (posted.status(), &posted.headers()[ALLOWED]),
        (StatusCode::OK, &HeaderValue::from_static(HOME))
    );
    let polled = app.clone().oneshot(request(Method::GET, &url, &headers[..1], "")).await?;
    assert_eq!(polled.headers()[ALLOWED], HOME);
    assert!(text(polled).await.starts_with("40{"));
    // Errors of the engine are read by the page as well.
    let unknown = request(Method::GET, &format!("{URL}&sid=unknown"), &headers[..1], "");
    let refused = app.clone().oneshot(unknown).await?;
    assert_eq!(
        (refused.status(), &refused.headers()[ALLOWED]),
        (StatusCode::BAD_REQUEST, &HeaderValue::from_static(HOME))
    );
    Ok(())
}

#[tokio::test]
async fn another_origin_or_none_gets_no_permission() -> Test {
    let app = app(&serve(Namespace::new()));
    for origin in [
        None,
        Some(ELSEWHERE),
        Some("null"),
        Some("http://example.com"),
        Some("https://example.com.evil.example"),
    ] {
        let response = get(&app, origin).await;
        assert_eq!(response.headers().get(ALLOWED), None, "{origin:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_preflight_is_answered_before_us() -> Test {
    let io = serve(Namespace::new());
    let app = app(&io);
    for (origin, allowed) in [(HOME, Some(HOME)), (ELSEWHERE, None)] {
        let headers = [
            (ORIGIN, origin),
            (ACCESS_CONTROL_REQUEST_METHOD, "POST"),
            (ACCESS_CONTROL_REQUEST_HEADERS, "content-type"),
        ];
        let answer = app.clone().oneshot(request(Method::OPTIONS, URL, &headers, "")).await?;
        assert!(answer.status().is_success(), "{}", answer.status());
        assert_eq!(answer.headers().get(ALLOWED).map(|value| value.to_str().expect("text")), allowed);
        assert_eq!(answer.headers()[METHODS], "GET,POST");
        assert_eq!(answer.headers()[HEADERS], "content-type");
    }
    assert_eq!(io.connections(), 0);
    Ok(())
}

// ---- who may connect

fn guarded(origins: &[&str]) -> Builder {
    SocketIo::builder().allow_origins(origins.iter().copied()).namespace("/", Namespace::new())
}

async fn polling(io: &SocketIo, origins: &[&str]) -> (u16, String) {
    let headers: Vec<_> = origins.iter().map(|origin| (ORIGIN, *origin)).collect();
    let response = Router::new().layer(io.layer()).oneshot(request(Method::GET, URL, &headers, "")).await;
    let response = response.expect("an answer");
    (response.status().as_u16(), text(response).await)
}

/// The status and the body of a refused WebSocket.
async fn websocket(io: &SocketIo, origin: &str) -> Option<(u16, String)> {
    let mut request =
        "ws://localhost/socket.io/?EIO=4&transport=websocket".into_client_request().expect("a request");
    request.headers_mut().insert(ORIGIN, origin.parse().expect("a header"));
    match tokio_tungstenite::client_async(request, dial(SocketIoService::not_found(io.clone()), 4096)).await {
        Ok(_) => None,
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Some((response.status().as_u16(), String::from_utf8(body).expect("text")))
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn only_pages_of_the_named_origins_may_connect() -> Test {
    let io = guarded(&[HOME, "http://localhost:3000"]).build()?;
    let refused = r#"{"code":4,"message":"Origin not allowed"}"#;
    for origin in [HOME, "https://example.com:443", "HTTPS://Example.COM", "http://localhost:3000"] {
        assert_eq!(polling(&io, &[origin]).await.0, 200, "{origin}");
        assert_eq!(websocket(&io, origin).await, None, "{origin}");
    }
    idle().await;
    assert_eq!(io.connections(), 4);
    for origin in [
        ELSEWHERE,
        "null",
        "http://example.com",
        "https://example.com:8443",
        "https://example.com.evil.example",
        "https://evil.example/https://example.com",
        "https://example.com@evil.example",
        "http://localhost",
        "",
    ] {
        assert_eq!(polling(&io, &[origin]).await, (403, refused.to_owned()), "{origin}");
        assert_eq!(websocket(&io, origin).await, Some((400, "Origin not allowed".to_owned())), "{origin}");
    }
    assert_eq!(polling(&io, &[HOME, ELSEWHERE]).await.0, 403, "one of two origins is another");
    idle().await;
    assert_eq!(io.connections(), 4);
    // What is no browser sends no origin.
    assert_eq!(polling(&io, &[]).await.0, 200);
    Raw::open(&io).await.enter("/").await;
    Ok(())
}

#[tokio::test]
async fn a_default_port_may_be_written_on_either_side() -> Test {
    for (named, sent) in [
        ("https://example.com:443", "https://example.com"),
        ("https://example.com/", "https://example.com:443"),
        ("http://example.com:80", "http://example.com"),
    ] {
        assert_eq!(polling(&guarded(&[named]).build()?, &[sent]).await.0, 200, "{named} and {sent}");
    }
    assert_eq!(polling(&guarded(&["https://example.com:80"]).build()?, &[HOME]).await.0, 403);
    Ok(())
}

#[tokio::test]
async fn what_is_no_origin_is_an_error_of_build() -> Test {
    for text in ["example.com", "*", "https://", "https://example.com/path", ""] {
        let error = guarded(&[text]).build().err().ok_or("it is none")?;
        assert!(
            matches!(&error, ConfigError::MalformedOrigin(malformed) if malformed == text),
            "{text}: {error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_function_may_judge_the_origin_of_websockets_too() -> Test {
    let check = |parts: &http::request::Parts| match parts.headers.get(ORIGIN) {
        Some(origin) if origin == HOME => Ok(()),
        Some(_) => Err(WireError::new("wrong origin")),
        None => Err(WireError::new("no origin")),
    };
    let io = SocketIo::builder().allow_request(check).namespace("/", Namespace::new()).build()?;
    assert_eq!(polling(&io, &[]).await, (403, r#"{"code":4,"message":"no origin"}"#.to_owned()));
    assert_eq!(polling(&io, &[ELSEWHERE]).await, (403, r#"{"code":4,"message":"wrong origin"}"#.to_owned()));
    // As in Node, which answers a refused upgrade by hand.
    assert_eq!(websocket(&io, ELSEWHERE).await, Some((400, "wrong origin".to_owned())));
    assert_eq!(io.connections(), 0);
    assert_eq!(polling(&io, &[HOME]).await.0, 200);
    assert_eq!(websocket(&io, HOME).await, None);
    Ok(())
}
