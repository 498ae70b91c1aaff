//! JSON Web Tokens: which are taken, where they come from, and how they age.

mod ageing;
mod key_sets;
mod keys;
mod sources;
mod tokens;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_socketio::jwt::jsonwebtoken::{EncodingKey, Header, encode};
use tower_socketio::jwt::{Algorithm, DecodingKey};
use tower_socketio::{Ack, Claims, JwtLayer, Namespace, TestClient, TestError};

use crate::support::{Log, code, serve};

/// Long enough for HS512.
const SECRET: &str = "a secret for tests that has as many bytes as the longest hash has";

#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
struct User {
    sub: String,
}

/// Seconds since 1970, so many from now.
fn at(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    i64::try_from(now).expect("it is before the end") + seconds
}

/// The claims of a token of Ada's that is good for an hour, and some more or others.
fn ada(more: Value) -> Value {
    let mut claims = json!({ "sub": "ada", "exp": at(3600) });
    for (key, value) in more.as_object().expect("claims are an object") {
        claims[key] = value.clone();
    }
    claims
}

fn signed(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey, claims: &Value) -> String {
    let header = Header { kid: kid.map(Into::into), ..Header::new(algorithm) };
    encode(&header, claims, key).expect("a token")
}

/// Signed by [`SECRET`].
fn token(claims: Value) -> String {
    signed(Algorithm::HS256, None, &EncodingKey::from_secret(SECRET.as_bytes()), &claims)
}

fn layer() -> JwtLayer<User> {
    JwtLayer::hs256(SECRET)
}

async fn who(user: Option<Claims<User>>) -> Ack<Option<String>> {
    Ack(user.map(|Claims(user)| user.sub))
}

async fn enter(layer: JwtLayer<User>, log: &Log, token: Option<&str>) -> Result<TestClient, TestError> {
    let log = log.clone();
    let namespace =
        Namespace::new().connect_layer(layer).on_connect(async move || log.push("a hook ran")).on("who", who);
    let client = TestClient::new(&serve(namespace)).timeout(std::time::Duration::from_secs(60));
    match token {
        Some(token) => client.auth(token).connect("/").await,
        None => client.connect("/").await,
    }
}

/// The `sub` that handlers read of a client that comes with this token.
async fn taken(layer: &JwtLayer<User>, token: &str) -> String {
    let client = enter(layer.clone(), &Log::new(), Some(token)).await.expect("the token is taken");
    client.emit_with_ack::<Option<String>>("who", ()).await.expect("an answer").expect("claims")
}

/// The code of the refusal of a client that comes with this token; no handler has run.
async fn refused(layer: &JwtLayer<User>, token: &str) -> String {
    let log = Log::new();
    let code = code(enter(layer.clone(), &log, Some(token)).await);
    assert!(log.all().is_empty());
    code
}

// Made by openssl for these tests and nothing else.
const RSA: &[u8] = include_bytes!("../keys/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../keys/rsa.pub.pem");
const P256: &[u8] = include_bytes!("../keys/p256.pem");
const P256_PUBLIC: &[u8] = include_bytes!("../keys/p256.pub.pem");
const P384: &[u8] = include_bytes!("../keys/p384.pem");
const P384_PUBLIC: &[u8] = include_bytes!("../keys/p384.pub.pem");
const ED25519: &[u8] = include_bytes!("../keys/ed25519.pem");
const ED25519_PUBLIC: &[u8] = include_bytes!("../keys/ed25519.pub.pem");

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_pem(RSA).expect("a key")
}

fn p256() -> EncodingKey {
    EncodingKey::from_ec_pem(P256).expect("a key")
}

fn rsa_public() -> DecodingKey {
    DecodingKey::from_rsa_pem(RSA_PUBLIC).expect("a key")
}

fn p256_public() -> DecodingKey {
    DecodingKey::from_ec_pem(P256_PUBLIC).expect("a key")
}
