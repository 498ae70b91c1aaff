//! The log of a server that takes and refuses tokens, at its most talkative, holds no part of one.
#![cfg(feature = "jwt")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower_socketio::jwt::jsonwebtoken::jwk::Jwk;
use tower_socketio::jwt::jsonwebtoken::{EncodingKey, Header, encode};
use tower_socketio::jwt::{Algorithm, DecodingKey, JwkSet, JwtError};
use tower_socketio::{
    Ack, Claims, Data, JwtLayer, Namespace, Renewal, SocketIo, TestClient, TestError, TokenSource, WireError,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Test<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const SECRET: &[u8] = b"a signing secret that is not to be read anywhere";

#[derive(Clone, serde::Deserialize)]
struct User {
    sub: String,
}

/// Every token that was made, to be looked for.
#[derive(Default)]
struct Tokens(Mutex<Vec<String>>);

impl Tokens {
    fn add(&self, token: String) -> String {
        self.0.lock().expect("no panic").push(token.clone());
        token
    }

    fn sign(&self, secret: &[u8], kid: Option<&str>, more: Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let mut claims = json!({ "sub": "ada", "exp": now + 3600, "note": "very-secret-claim" });
        for (key, value) in more.as_object().expect("claims are an object") {
            claims[key] = value.clone();
        }
        let header = Header { kid: kid.map(Into::into), ..Header::default() };
        self.add(encode(&header, &claims, &EncodingKey::from_secret(secret)).expect("a token"))
    }

    fn good(&self) -> String {
        self.sign(SECRET, None, json!({}))
    }

    /// One for every refusal of a token.
    fn bad(&self) -> Vec<(String, &'static str)> {
        let good = self.good();
        let (message, signature) = good.rsplit_once('.').expect("three parts");
        let payload = message.split_once('.').expect("three parts").1;
        let none = BASE64.encode(r#"{"alg":"none"}"#);
        let header = BASE64.encode(r#"{"alg":"very-secret-claim"}"#);
        let made = [
            (self.sign(SECRET, None, json!({ "exp": 1 })), "token_expired"),
            (self.sign(SECRET, None, json!({ "nbf": 99_999_999_999_u64 })), "token_not_yet_valid"),
            (self.sign(SECRET, None, json!({ "aud": "very-secret-claim" })), "invalid_token"),
            (self.sign(SECRET, None, json!({ "sub": ["very-secret-claim"] })), "invalid_token"),
            (self.sign(SECRET, None, json!({ "exp": "very-secret-claim" })), "invalid_token"),
            (self.sign(SECRET, None, json!({ "sub": "revoked" })), "token_revoked"),
            (self.sign(SECRET, None, json!({ "sub": "down" })), "unavailable"),
            (self.sign(b"another secret", None, json!({})), "invalid_token"),
            (self.sign(b"another secret", Some("unknown"), json!({})), "unavailable"),
            (format!("{none}.{payload}."), "invalid_token"),
            (format!("{header}.{payload}.{signature}"), "invalid_token"),
            (format!("{message}.{signature}!"), "invalid_token"),
            (format!("{message}.{payload}"), "invalid_token"),
            (BASE64.encode("very-secret-claim").repeat(1000), "invalid_token"),
            (payload.to_owned(), "invalid_token"),
        ];
        made.map(|(token, code)| (self.add(token), code)).into()
    }
}

/// What a client is answered that opens a connection so and sends this, after it has entered `/open`.
async fn over_http(
    port: u16,
    query: &str,
    headers: &[(&'static str, String)],
    connect: &str,
) -> Test<String> {
    let url = format!("ws://localhost:{port}/socket.io/?EIO=4&transport=websocket{query}");
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse()?);
    }
    let bytes = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, bytes).await?;
    let mut answer = String::new();
    for packet in ["", "40/open,", connect] {
        if !packet.is_empty() {
            socket.send(Message::text(packet)).await?;
        }
        answer = socket.next().await.ok_or("closed")??.into_text()?.to_string();
    }
    Ok(answer)
}

#[tokio::test]
async fn no_part_of_a_token_reaches_the_log_or_a_client() -> Test {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;

    let tokens = Tokens::default();
    let mut told = Vec::new();
    let all_sources = [
        TokenSource::auth("token"),
        TokenSource::query("token"),
        TokenSource::bearer(),
        TokenSource::cookie("token"),
        TokenSource::subprotocol(),
    ];
    let rsa = EncodingKey::from_rsa_pem(include_bytes!("api/keys/rsa.pem"))?;
    let known = JwkSet { keys: vec![Jwk::from_encoding_key(&rsa, Algorithm::RS256)?] };
    let layer = JwtLayer::<User>::jwks(known)
        .key(Algorithm::HS256, DecodingKey::from_secret(SECRET))?
        .sources(all_sources)
        .user(|user| &user.sub)
        .refresh(async || Err::<JwkSet, _>(io::Error::other("the provider is down")))
        .revocation(async |user: User| match &*user.sub {
            "down" => Err(io::Error::other("the store is down")),
            sub => Ok(sub == "revoked"),
        })
        .recheck(Duration::from_secs(60))
        .warn_before(Duration::from_secs(7200), "expiring")
        .disconnect_on_expiry(true);
    let errors = Arc::new(Mutex::new(Vec::new()));
    let heard = errors.clone();
    let namespace = Namespace::new()
        .connect_layer(layer)
        .on("who", async |Claims(user): Claims<User>| Ack(user.sub))
        .on("renew", async |renewal: Renewal<User>, Data(token): Data<String>| -> Result<(), JwtError> {
            renewal.renew(&token).await.map(drop)
        })
        .on_error(async move |error: WireError| {
            heard.lock().expect("no panic").push(format!("{error} {error:?}"))
        });
    let io = SocketIo::builder()
        .namespace("/", namespace)
        .namespace("/open", Namespace::new())
        .subprotocols(["chat"])
        .expose_errors(true)
        .build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let app = axum::Router::new().layer(io.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let mut client = TestClient::new(&io).auth(tokens.good()).connect("/").await?;
    client.next::<u64>("expiring").await?;
    assert_eq!(client.emit_with_ack::<String>("who", ()).await?, "ada");
    client.emit_with_ack::<()>("renew", tokens.good()).await?;
    client.next::<u64>("expiring").await?;
    let other = tokens.sign(SECRET, None, json!({ "sub": "eve" }));
    let bad = tokens.bad();
    for (token, code) in bad.iter().map(|(token, code)| (token, *code)).chain([(&other, "other_user")]) {
        let Err(TestError::ErrorReply(error)) = client.emit_with_ack::<()>("renew", token).await else {
            panic!("{code} was expected");
        };
        assert!(format!("{error:?}").contains(code), "{error:?}");
        told.push(format!("{error:?}"));
    }
    for (token, code) in &bad {
        let Err(TestError::Refused(error)) = TestClient::new(&io).auth(token).connect("/").await else {
            panic!("{code} was expected");
        };
        assert!(format!("{error:?}").contains(code), "{error:?}");
        told.push(format!("{error:?}"));
    }

    for (token, code) in bad.iter().filter(|(token, _)| token.len() < 2000) {
        let answer = over_http(port, &format!("&token={token}"), &[], "40").await?;
        assert!(answer.starts_with("44{") && answer.contains(code), "{answer}");
        told.push(answer);
    }
    let (good, again) = (tokens.good(), tokens.good());
    let answer = over_http(port, &format!("&token={good}&token={again}"), &[], "40").await?;
    assert!(answer.contains("ambiguous_token"), "{answer}");
    assert!(over_http(port, &format!("&token={good}"), &[], "40").await?.starts_with("40{"));
    // Headers are gone when `/` is entered after another namespace: the log gives a hint.
    for header in [
        ("authorization", format!("Bearer {good}")),
        ("cookie", format!("token={good}")),
        ("sec-websocket-protocol", format!("chat, bearer.{good}")),
    ] {
        let answer = over_http(port, "", &[header], "40").await?;
        assert!(answer.contains("no_token"), "{answer}");
    }
    client.disconnect();
    io.close().await;

    let text = log.text();
    for shown in [
        "socketio::jwt",
        "keep_headers",
        "the provider is down",
        "the store is down",
        "the token is not valid",
        "the token has expired",
        "socketio::engine",
    ] {
        assert!(text.contains(shown), "`{shown}` is not in the log:\n{text}");
    }
    told.extend(errors.lock().expect("no panic").iter().cloned());
    let told = told.join("\n");
    for (name, text) in [("the log", &text), ("what clients and hooks were told", &told)] {
        assert!(!text.contains("very-secret-claim"), "a claim is in {name}:\n{text}");
        assert!(!text.contains("signing secret"), "the secret is in {name}:\n{text}");
        for token in tokens.0.lock().expect("no panic").iter() {
            // The header is no secret, and the same in all.
            for part in token.split('.').skip(usize::from(token.contains('.'))) {
                for window in part.as_bytes().windows(12) {
                    let window = std::str::from_utf8(window)?;
                    assert!(!text.contains(window), "`{window}` of a token is in {name}:\n{text}");
                }
            }
        }
    }
    Ok(())
}
