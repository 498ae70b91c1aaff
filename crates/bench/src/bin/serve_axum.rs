//! axum alone: `serve-axum PORT [WORKER THREADS]` answers the generator's handshakes and polls by hand.
//!
//! It is the floor of whatever is reached through axum and hyper: requests are parsed and routed, and connections are
//! upgraded by them; of Socket.IO there is nothing but the bytes that the generator wants to see.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How a handshake with the generator's key is answered.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const OPEN: &str = r#"0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const CONNECTED: &str = r#"40{"sid":"abcdefghijklmnopqrst"}"#;
/// A masked CONNECT with the generator's key, which is zero.
const CONNECT: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, b'4', b'0'];

/// What the next poll of a session gets.
type Answers = Mutex<HashMap<String, Bytes>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tower_socketio_bench::serve(async |listener, _| {
        let answers = Arc::new(Answers::default());
        let app = axum::Router::new().fallback(move |request| answer(answers.clone(), request));
        Ok(tokio::spawn(async move { axum::serve(listener, app).await }).await??)
    })
}

async fn answer(answers: Arc<Answers>, mut request: Request) -> Response {
    if let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() {
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await { connection(upgraded).await } else { Ok(()) }
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let response = response.header(CONNECTION, "Upgrade").header(UPGRADE, "websocket");
        return finished(response.header(SEC_WEBSOCKET_ACCEPT, ACCEPT), Bytes::new());
    }
    let body = poll(&answers, request).await;
    finished(Response::builder().header(CONTENT_TYPE, "text/plain; charset=UTF-8"), body)
}

fn finished(response: axum::http::response::Builder, body: Bytes) -> Response {
    response.body(Body::from(body)).expect("all parts are valid")
}

/// Sends what the generator waits for, and reads until it leaves.
async fn connection(upgraded: Upgraded) -> std::io::Result<()> {
    let parts = downcast::<TokioIo<TcpStream>>(upgraded);
    let mut stream = parts.expect("axum serves TCP").io.into_inner();
    stream.set_nodelay(true)?;
    stream.write_all(&frame(OPEN)).await?;
    let mut input = [0; 512];
    loop {
        match stream.read(&mut input).await? {
            0 => return Ok(()),
            length if input[..length] == *CONNECT => stream.write_all(&frame(CONNECTED)).await?,
            _ => {}
        }
    }
}

/// The answer to a request of a polling client: an echo comes with its next poll.
async fn poll(answers: &Answers, request: Request) -> Bytes {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let lock = || answers.lock().unwrap_or_else(PoisonError::into_inner);
    let query = request.uri().query().unwrap_or_default();
    let Some((_, sid)) = query.split_once("&sid=") else {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        return OPEN.replace("abcdefghijklmnopqrst", &format!("{number:020}")).into();
    };
    let sid = sid.to_owned();
    if *request.method() == Method::POST {
        let packet = Bytes::from_request(request, &()).await.unwrap_or_default();
        let packet = if &*packet == b"40" { CONNECTED.into() } else { packet };
        lock().insert(sid, packet);
        return Bytes::from_static(b"ok");
    }
    lock().remove(&sid).unwrap_or(Bytes::from_static(b"6"))
}

/// A short text frame.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
    [&[0x81, length], text.as_bytes()].concat()
}
