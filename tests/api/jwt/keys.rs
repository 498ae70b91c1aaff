//! Keys, and the one algorithm of each.

use serde_json::json;
use tower_socketio::JwtLayer;
use tower_socketio::jwt::jsonwebtoken::EncodingKey;
use tower_socketio::jwt::{Algorithm, DecodingKey, JwtKeyError};

use super::{
    ED25519, ED25519_PUBLIC, P384, P384_PUBLIC, RSA_PUBLIC, SECRET, User, ada, layer, p256, p256_public,
    refused, rsa, rsa_public, signed, taken, token,
};
use crate::support::Test;

#[tokio::test]
async fn keys_of_every_kind_verify_what_they_signed() -> Test {
    let secret = || EncodingKey::from_secret(SECRET.as_bytes());
    let p384 = || EncodingKey::from_ec_pem(P384).expect("a key");
    let all: [(JwtLayer<User>, Algorithm, EncodingKey); 12] = [
        (JwtLayer::hs256(SECRET), Algorithm::HS256, secret()),
        (JwtLayer::hs384(SECRET), Algorithm::HS384, secret()),
        (JwtLayer::hs512(SECRET), Algorithm::HS512, secret()),
        (JwtLayer::new(Algorithm::RS256, rsa_public())?, Algorithm::RS256, rsa()),
        (JwtLayer::new(Algorithm::RS384, rsa_public())?, Algorithm::RS384, rsa()),
        (JwtLayer::new(Algorithm::RS512, rsa_public())?, Algorithm::RS512, rsa()),
        (JwtLayer::new(Algorithm::PS256, rsa_public())?, Algorithm::PS256, rsa()),
        (JwtLayer::new(Algorithm::PS384, rsa_public())?, Algorithm::PS384, rsa()),
        (JwtLayer::new(Algorithm::PS512, rsa_public())?, Algorithm::PS512, rsa()),
        (JwtLayer::new(Algorithm::ES256, p256_public())?, Algorithm::ES256, p256()),
        (JwtLayer::new(Algorithm::ES384, DecodingKey::from_ec_pem(P384_PUBLIC)?)?, Algorithm::ES384, p384()),
        (
            JwtLayer::new(Algorithm::EdDSA, DecodingKey::from_ed_pem(ED25519_PUBLIC)?)?,
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(ED25519)?,
        ),
    ];
    let signed = all.each_ref().map(|(_, algorithm, key)| signed(*algorithm, None, key, &ada(json!({}))));
    for (verifier, (layer, algorithm, _)) in all.iter().enumerate() {
        for (signer, token) in signed.iter().enumerate() {
            if signer == verifier {
                assert_eq!(taken(layer, token).await, "ada", "{algorithm:?}");
            } else {
                assert_eq!(refused(layer, token).await, "invalid_token", "{algorithm:?} and {signer}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn another_key_of_the_same_kind_is_refused() {
    let other = EncodingKey::from_secret(b"another secret, of which nobody here knows anything");
    assert_eq!(
        refused(&layer(), &signed(Algorithm::HS256, None, &other, &ada(json!({})))).await,
        "invalid_token"
    );
}

#[tokio::test]
async fn a_public_key_is_no_secret() -> Test {
    let layer = JwtLayer::<User>::new(Algorithm::RS256, rsa_public())?;
    let der = pem_body(RSA_PUBLIC);
    for confused in [RSA_PUBLIC, RSA_PUBLIC.trim_ascii_end(), &der] {
        let forged = EncodingKey::from_secret(confused);
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(
                refused(&layer, &signed(algorithm, None, &forged, &ada(json!({})))).await,
                "invalid_token"
            );
        }
    }
    // Also beside a secret: its algorithm is then known, its key is not.
    let both = layer.key(Algorithm::HS256, DecodingKey::from_secret(SECRET.as_bytes()))?;
    let forged = signed(Algorithm::HS256, None, &EncodingKey::from_secret(RSA_PUBLIC), &ada(json!({})));
    assert_eq!(refused(&both, &forged).await, "invalid_token");
    assert_eq!(taken(&both, &token(ada(json!({})))).await, "ada");
    Ok(())
}

fn pem_body(pem: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let lines = std::str::from_utf8(pem).expect("PEM is text").lines().filter(|line| !line.starts_with('-'));
    base64::engine::general_purpose::STANDARD.decode(lines.collect::<String>()).expect("PEM is base64")
}

#[tokio::test]
async fn an_old_key_and_a_new_one_are_taken_while_one_replaces_the_other() -> Test {
    let both = layer().key(Algorithm::ES256, p256_public())?;
    assert_eq!(taken(&both, &token(ada(json!({})))).await, "ada");
    assert_eq!(taken(&both, &signed(Algorithm::ES256, Some("new"), &p256(), &ada(json!({})))).await, "ada");
    Ok(())
}

#[test]
fn what_is_wrong_with_a_key_shows_when_it_is_set() -> Test {
    let new = |algorithm, key| JwtLayer::<User>::new(algorithm, key).map(drop).expect_err("no key");
    let mismatch = JwtKeyError::Mismatch;
    assert_eq!(new(Algorithm::HS256, rsa_public()), mismatch(Algorithm::HS256));
    assert_eq!(new(Algorithm::RS256, DecodingKey::from_secret(RSA_PUBLIC)), mismatch(Algorithm::RS256));
    assert_eq!(new(Algorithm::ES384, p256_public()), mismatch(Algorithm::ES384));
    assert_eq!(new(Algorithm::RS256, DecodingKey::from_rsa_der(b"no key")), mismatch(Algorithm::RS256));
    assert_eq!(new(Algorithm::EdDSA, DecodingKey::from_ed_der(b"too short")), mismatch(Algorithm::EdDSA));
    assert_eq!(new(Algorithm::HS256, DecodingKey::from_secret(b"")), JwtKeyError::Empty);
    let short = DecodingKey::from_rsa_pem(include_bytes!("../keys/rsa1024.pub.pem"))?;
    assert_eq!(new(Algorithm::RS256, short), JwtKeyError::TooShort);
    let short = DecodingKey::from_rsa_raw_components(&[0xff; 128], &[1, 0, 1]);
    assert_eq!(new(Algorithm::PS256, short), JwtKeyError::TooShort);
    Ok(())
}
