//! Documents of keys, and how they are kept up to date.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tower_socketio::JwtLayer;
use tower_socketio::jwt::jsonwebtoken::EncodingKey;
use tower_socketio::jwt::jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use tower_socketio::jwt::{Algorithm, JwkSet};

use super::{ED25519, P384, SECRET, User, ada, p256, refused, rsa, signed, taken};
use crate::support::{Gate, Test, idle};

fn jwk(kid: &str, algorithm: Algorithm, key: &EncodingKey) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).expect("a key");
    jwk.common.key_id = (!kid.is_empty()).then(|| kid.into());
    jwk
}

fn set(keys: impl IntoIterator<Item = Jwk>) -> JwkSet {
    JwkSet { keys: keys.into_iter().collect() }
}

fn by(kid: &str, algorithm: Algorithm, key: &EncodingKey) -> String {
    signed(algorithm, (!kid.is_empty()).then_some(kid), key, &ada(json!({})))
}

#[tokio::test]
async fn a_token_names_its_key_in_the_set() {
    let layer = JwtLayer::<User>::jwks(set([
        jwk("r", Algorithm::RS256, &rsa()),
        jwk("e", Algorithm::ES256, &p256()),
    ]));
    assert_eq!(taken(&layer, &by("r", Algorithm::RS256, &rsa())).await, "ada");
    assert_eq!(taken(&layer, &by("e", Algorithm::ES256, &p256())).await, "ada");
    for (kid, algorithm, key) in [
        ("e", Algorithm::RS256, rsa()),
        ("r", Algorithm::ES256, p256()),
        ("x", Algorithm::RS256, rsa()),
        ("", Algorithm::RS256, rsa()),
        ("r", Algorithm::RS512, rsa()),
        ("r", Algorithm::PS256, rsa()),
    ] {
        assert_eq!(refused(&layer, &by(kid, algorithm, &key)).await, "invalid_token", "{kid} {algorithm:?}");
    }
}

#[tokio::test]
async fn a_token_that_names_none_is_of_the_only_key_or_of_one_without_a_name() {
    let only = JwtLayer::<User>::jwks(set([jwk("r", Algorithm::RS256, &rsa())]));
    assert_eq!(taken(&only, &by("", Algorithm::RS256, &rsa())).await, "ada");
    let nameless =
        JwtLayer::<User>::jwks(set([jwk("", Algorithm::RS256, &rsa()), jwk("e", Algorithm::ES256, &p256())]));
    assert_eq!(taken(&nameless, &by("", Algorithm::RS256, &rsa())).await, "ada");
    assert_eq!(taken(&nameless, &by("any", Algorithm::RS256, &rsa())).await, "ada");
    assert_eq!(refused(&nameless, &by("", Algorithm::ES256, &p256())).await, "invalid_token");
}

#[tokio::test]
async fn the_algorithm_follows_from_the_type_and_the_curve() -> Test {
    let p384 = EncodingKey::from_ec_pem(P384)?;
    let ed25519 = EncodingKey::from_ed_pem(ED25519)?;
    for (algorithm, others, key) in [
        (Algorithm::RS256, &[Algorithm::RS512, Algorithm::PS256][..], rsa()),
        (Algorithm::ES256, &[], p256()),
        (Algorithm::ES384, &[], p384),
        (Algorithm::EdDSA, &[], ed25519),
    ] {
        let mut key_alone = jwk("k", algorithm, &key);
        key_alone.common.key_algorithm = None;
        let layer = JwtLayer::<User>::jwks(set([key_alone]));
        assert_eq!(taken(&layer, &by("k", algorithm, &key)).await, "ada");
        for other in others {
            assert_eq!(refused(&layer, &by("k", *other, &key)).await, "invalid_token");
        }
    }
    Ok(())
}

#[tokio::test]
async fn keys_of_no_use_are_left_out() -> Test {
    let mut for_encryption = jwk("enc", Algorithm::RS256, &rsa());
    for_encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    let mut other_algorithm = jwk("other", Algorithm::ES256, &p256());
    other_algorithm.common.key_algorithm = Some(Algorithm::RS256.into());
    let other_curve = jwk("curve", Algorithm::ES384, &EncodingKey::from_ec_pem(P384)?);
    let mut other_curve = other_curve;
    other_curve.common.key_algorithm = Some(Algorithm::ES256.into());
    let broken = |json: Value| -> Jwk { serde_json::from_value(json).expect("the shape of a key") };
    let layer = JwtLayer::<User>::jwks(set([
        for_encryption,
        other_algorithm,
        other_curve,
        broken(json!({ "kid": "short", "kty": "OKP", "crv": "Ed25519", "x": "AAAA" })),
        broken(json!({ "kid": "point", "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" })),
        broken(json!({ "kid": "weak", "kty": "RSA", "n": "w____w", "e": "AQAB" })),
        broken(json!({ "kid": "new", "kty": "XYZ", "z": "AAAA" })),
        jwk("good", Algorithm::RS256, &rsa()),
    ]));
    assert_eq!(taken(&layer, &by("good", Algorithm::RS256, &rsa())).await, "ada");
    assert_eq!(refused(&layer, &by("enc", Algorithm::RS256, &rsa())).await, "invalid_token");
    assert_eq!(refused(&layer, &by("other", Algorithm::ES256, &p256())).await, "invalid_token");
    for kid in ["curve", "short", "point", "weak", "new"] {
        for (algorithm, key) in
            [(Algorithm::ES256, p256()), (Algorithm::EdDSA, EncodingKey::from_ed_pem(ED25519)?)]
        {
            assert_eq!(refused(&layer, &by(kid, algorithm, &key)).await, "invalid_token");
        }
    }
    Ok(())
}

#[tokio::test]
async fn secrets_in_a_document_are_keys_only_if_told_so() {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let keys = set([jwk("s", Algorithm::HS256, &secret)]);
    let token = by("s", Algorithm::HS256, &secret);
    let layer = JwtLayer::<User>::jwks(keys.clone());
    assert_eq!(refused(&layer, &token).await, "invalid_token");
    assert_eq!(taken(&layer.symmetric_keys(true), &token).await, "ada");
    let mut without = keys;
    without.keys[0].common.key_algorithm = None;
    assert_eq!(refused(&JwtLayer::<User>::jwks(without).symmetric_keys(true), &token).await, "invalid_token");
}

/// A provider of keys that counts how often it is asked.
#[derive(Clone, Default)]
struct Provider(Arc<AtomicUsize>);

impl Provider {
    fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A layer that begins with the key `r` and asks for more, of which it gets `e` as well.
    fn layer(&self) -> JwtLayer<User> {
        let asked = self.0.clone();
        JwtLayer::jwks(set([jwk("r", Algorithm::RS256, &rsa())])).refresh(move || {
            asked.fetch_add(1, Ordering::SeqCst);
            async {
                Ok::<_, std::io::Error>(set([
                    jwk("r", Algorithm::RS256, &rsa()),
                    jwk("e", Algorithm::ES256, &p256()),
                ]))
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_asked_for_once() {
    let provider = Provider::default();
    let layer = provider.layer();
    assert_eq!(taken(&layer, &by("r", Algorithm::RS256, &rsa())).await, "ada");
    assert_eq!(provider.asked(), 0);
    assert_eq!(taken(&layer, &by("e", Algorithm::ES256, &p256())).await, "ada");
    assert_eq!(taken(&layer, &by("e", Algorithm::ES256, &p256())).await, "ada");
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_knows_cause_one_refresh_in_the_interval() {
    let provider = Provider::default();
    let layer = provider.layer();
    for n in 0..50 {
        assert_eq!(refused(&layer, &by(&format!("x{n}"), Algorithm::RS256, &rsa())).await, "invalid_token");
    }
    assert_eq!(provider.asked(), 1);
    tokio::time::advance(Duration::from_secs(29)).await;
    assert_eq!(refused(&layer, &by("y", Algorithm::RS256, &rsa())).await, "invalid_token");
    assert_eq!(provider.asked(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(refused(&layer, &by("y", Algorithm::RS256, &rsa())).await, "invalid_token");
    assert_eq!(provider.asked(), 2);
    // A known key with a bad signature is no reason to ask.
    tokio::time::advance(Duration::from_secs(60)).await;
    let (good, other) = (by("r", Algorithm::RS256, &rsa()), by("x", Algorithm::RS256, &rsa()));
    let message = good.rsplit_once('.').expect("three parts").0;
    let forged = format!("{message}.{}", other.rsplit_once('.').expect("three parts").1);
    assert_eq!(refused(&layer, &forged).await, "invalid_token");
    assert_eq!(provider.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_at_once_share_one_refresh_which_none_can_break_off() {
    let gate = Gate::closed();
    let (provider, pass) = (Provider::default(), gate.clone());
    let asked = provider.0.clone();
    let layer = JwtLayer::<User>::jwks(set([])).refresh(move || {
        asked.fetch_add(1, Ordering::SeqCst);
        let pass = pass.clone();
        async move {
            pass.pass().await;
            Ok::<_, std::io::Error>(set([jwk("e", Algorithm::ES256, &p256())]))
        }
    });
    let come = || {
        let layer = layer.clone();
        tokio::spawn(async move { taken(&layer, &by("e", Algorithm::ES256, &p256())).await })
    };
    let first = come();
    idle().await;
    first.abort();
    let others = [come(), come(), come()];
    idle().await;
    assert_eq!(provider.asked(), 1);
    gate.open(1);
    for other in others {
        assert_eq!(other.await.expect("it is taken"), "ada");
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_leaves_the_known_keys_and_is_asked_again_later() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let layer = JwtLayer::<User>::jwks(set([jwk("r", Algorithm::RS256, &rsa())])).refresh(move || {
        let attempt = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match attempt {
                0 => Err(std::io::Error::other("the provider is down")),
                1 => panic!("the source has a bug"),
                2 => std::future::pending().await,
                _ => Ok(set([jwk("e", Algorithm::ES256, &p256())])),
            }
        }
    });
    let unknown = by("e", Algorithm::ES256, &p256());
    for attempt in 1..=3 {
        assert_eq!(refused(&layer, &unknown).await, "unavailable");
        assert_eq!(refused(&layer, &unknown).await, "unavailable");
        assert_eq!(taken(&layer, &by("r", Algorithm::RS256, &rsa())).await, "ada");
        assert_eq!(asked.load(Ordering::SeqCst), attempt);
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert_eq!(taken(&layer, &unknown).await, "ada");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_provider_has_withdrawn_goes_when_the_keys_are_old() {
    let layer = JwtLayer::<User>::jwks(set([jwk("r", Algorithm::RS256, &rsa())]))
        .refresh(async || Ok::<_, std::io::Error>(set([jwk("e", Algorithm::ES256, &p256())])))
        .max_key_age(Duration::from_secs(600));
    let withdrawn = by("r", Algorithm::RS256, &rsa());
    assert_eq!(taken(&layer, &withdrawn).await, "ada");
    tokio::time::advance(Duration::from_secs(600)).await;
    // The client that finds them old does not wait.
    assert_eq!(taken(&layer, &withdrawn).await, "ada");
    idle().await;
    assert_eq!(refused(&layer, &withdrawn).await, "invalid_token");
}
