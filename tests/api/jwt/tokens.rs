//! What a token must be like.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use tower_socketio::jwt::Algorithm;
use tower_socketio::jwt::jsonwebtoken::EncodingKey;
use tower_socketio::{Claims, JwtLayer, Namespace, TestClient};

use super::{SECRET, User, ada, at, enter, layer, refused, signed, taken, token};
use crate::support::{Log, Test, code, refusal, serve};

#[tokio::test]
async fn a_good_token_gives_its_claims() {
    assert_eq!(taken(&layer(), &token(ada(json!({})))).await, "ada");
}

#[tokio::test]
async fn an_expired_token_is_refused_as_soon_as_the_leeway_is_over() {
    let expired = |ago: i64| token(ada(json!({ "exp": at(-ago) })));
    assert_eq!(refused(&layer(), &expired(61)).await, "token_expired");
    assert_eq!(taken(&layer(), &expired(50)).await, "ada");
    let strict = layer().leeway(Duration::ZERO);
    assert_eq!(refused(&strict, &expired(0)).await, "token_expired");
    assert_eq!(taken(&strict, &expired(-10)).await, "ada");
    let lenient = layer().leeway(Duration::MAX);
    assert_eq!(taken(&lenient, &expired(1_000_000)).await, "ada");
}

#[tokio::test]
async fn a_token_needs_an_expiry_unless_told_otherwise() {
    let endless = token(json!({ "sub": "ada" }));
    let null = token(json!({ "sub": "ada", "exp": null }));
    for token in [&endless, &null] {
        assert_eq!(refused(&layer(), token).await, "invalid_token");
        assert_eq!(taken(&layer().require_expiry(false), token).await, "ada");
    }
    let expired = token(ada(json!({ "exp": at(-100) })));
    assert_eq!(refused(&layer().require_expiry(false), &expired).await, "token_expired");
}

#[tokio::test]
async fn times_may_have_fractions_and_must_be_numbers() {
    assert_eq!(taken(&layer(), &token(ada(json!({ "exp": 99_999_999_999.5 })))).await, "ada");
    assert_eq!(taken(&layer(), &token(ada(json!({ "exp": 1e300 })))).await, "ada");
    assert_eq!(refused(&layer(), &token(ada(json!({ "exp": -1 })))).await, "token_expired");
    for bad in [json!("99999999999"), json!([1]), json!(true)] {
        assert_eq!(refused(&layer(), &token(ada(json!({ "exp": bad })))).await, "invalid_token");
        assert_eq!(refused(&layer(), &token(ada(json!({ "nbf": bad })))).await, "invalid_token");
    }
}

#[tokio::test]
async fn a_token_is_not_valid_before_its_time() {
    let later = |seconds| token(ada(json!({ "nbf": at(seconds) })));
    assert_eq!(refused(&layer(), &later(70)).await, "token_not_yet_valid");
    assert_eq!(taken(&layer(), &later(50)).await, "ada");
    assert_eq!(refused(&layer().leeway(Duration::ZERO), &later(10)).await, "token_not_yet_valid");
    assert_eq!(taken(&layer().leeway(Duration::ZERO), &later(-1)).await, "ada");
}

#[tokio::test]
async fn the_audience_must_be_ours_and_there_must_be_none_if_we_have_none() {
    let with = |aud: Value| token(ada(json!({ "aud": aud })));
    let without = token(ada(json!({})));
    let chat = layer().audience("chat").audience("voice");
    for good in [json!("chat"), json!("voice"), json!(["mail", "chat"])] {
        assert_eq!(taken(&chat, &with(good)).await, "ada");
    }
    for bad in
        [json!("mail"), json!("Chat"), json!([]), json!(["mail"]), json!(7), json!({}), json!([["chat"]])]
    {
        assert_eq!(refused(&chat, &with(bad)).await, "invalid_token");
    }
    assert_eq!(refused(&chat, &without).await, "invalid_token");
    assert_eq!(taken(&layer(), &without).await, "ada");
    for foreign in [json!("chat"), json!(["chat"]), json!([]), json!(7)] {
        assert_eq!(refused(&layer(), &with(foreign)).await, "invalid_token");
    }
}

#[tokio::test]
async fn the_issuer_must_be_the_one_that_is_set() {
    let with = |iss: Value| token(ada(json!({ "iss": iss })));
    let ours = layer().issuer("https://id.example").issuer("https://old.example");
    assert_eq!(taken(&ours, &with(json!("https://id.example"))).await, "ada");
    assert_eq!(taken(&ours, &with(json!("https://old.example"))).await, "ada");
    for bad in [json!("https://evil.example"), json!(["https://id.example"]), json!(null)] {
        assert_eq!(refused(&ours, &with(bad)).await, "invalid_token");
    }
    assert_eq!(refused(&ours, &token(ada(json!({})))).await, "invalid_token");
    assert_eq!(taken(&layer(), &with(json!("anybody"))).await, "ada");
}

#[tokio::test]
async fn a_token_that_does_not_say_what_the_claims_need_is_refused() {
    assert_eq!(refused(&layer(), &token(json!({ "exp": at(60) }))).await, "invalid_token");
    assert_eq!(refused(&layer(), &token(ada(json!({ "sub": 7 })))).await, "invalid_token");
    assert_eq!(refused(&layer(), &token(json!(["ada"]))).await, "invalid_token");
}

#[tokio::test]
async fn no_token_is_refused_with_a_code_in_the_data() -> Test {
    let log = Log::new();
    let (message, code) = refusal(enter(layer(), &log, None).await);
    assert_eq!((&*message, code.as_deref()), ("a token is needed", Some("no_token")));
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let good = token(ada(json!({})));
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (header, payload) = message.split_once('.').expect("three parts");
    let bad = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "ключ.ключ.ключ".into(),
        message.into(),
        format!("{message}."),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}="),
        format!("{good} "),
        format!("{header}..{signature}"),
        format!("{header}.{payload}.{payload}"),
        format!("{header}.{}.{signature}", BASE64.encode(r#"{"sub":"eve","exp":99999999999}"#)),
    ];
    for bad in bad {
        assert_eq!(refused(&layer(), &bad).await, "invalid_token", "{bad}");
    }
}

#[tokio::test]
async fn a_token_of_which_one_character_was_changed_is_refused() -> Test {
    let good = token(ada(json!({})));
    let log = Log::new();
    let hook = log.clone();
    let io = serve(Namespace::new().connect_layer(layer()).on_connect(async move || hook.push("a hook ran")));
    for at in 0..good.len() {
        for other in ['A', '-', '.', '='] {
            let mut changed = good.clone();
            changed.replace_range(at..=at, &other.to_string());
            if changed != good {
                let client = TestClient::new(&io).auth(&changed);
                assert_eq!(code(client.connect("/").await), "invalid_token", "{changed}");
            }
        }
    }
    assert!(log.all().is_empty());
    TestClient::new(&io).auth(&good).connect("/").await?;
    Ok(())
}

#[tokio::test]
async fn a_token_without_a_signature_or_with_another_algorithm_is_refused() {
    let payload = BASE64.encode(ada(json!({})).to_string());
    let good = token(ada(json!({})));
    let signature = good.rsplit_once('.').expect("three parts").1;
    for alg in ["none", "None", "NONE", "", "HS512", "RS256", "hs256"] {
        let header = BASE64.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
        for signature in ["", signature] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(refused(&layer(), &token).await, "invalid_token", "{alg}");
        }
    }
    // Signed well with the key's own algorithm, and called another.
    for alg in ["none", "HS512", "RS256", "EdDSA"] {
        let header = BASE64.encode(json!({ "alg": alg }).to_string());
        let token = hmac_by_hand::sign(&format!("{header}.{payload}"));
        assert_eq!(refused(&layer(), &token).await, "invalid_token", "{alg}");
    }
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let token = signed(algorithm, None, &secret, &ada(json!({})));
        assert_eq!(refused(&layer(), &token).await, "invalid_token");
    }
}

#[tokio::test]
async fn extensions_that_must_be_understood_are_refused() {
    use hmac_by_hand::sign;
    let payload = BASE64.encode(ada(json!({})).to_string());
    let with = |header: Value| sign(&format!("{}.{payload}", BASE64.encode(header.to_string())));
    assert_eq!(taken(&layer(), &with(json!({ "alg": "HS256" }))).await, "ada");
    for crit in [json!(["b64"]), json!([]), json!("x")] {
        let token = with(json!({ "alg": "HS256", "crit": crit, "b64": false }));
        assert_eq!(refused(&layer(), &token).await, "invalid_token");
    }
}

/// A signature of a header that `jsonwebtoken` would not write.
mod hmac_by_hand {
    use tower_socketio::jwt::Algorithm;
    use tower_socketio::jwt::jsonwebtoken::{EncodingKey, crypto};

    pub(super) fn sign(message: &str) -> String {
        let key = EncodingKey::from_secret(super::SECRET.as_bytes());
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
        format!("{message}.{signature}")
    }
}

#[tokio::test]
async fn a_claim_that_comes_twice_is_refused() {
    let header = BASE64.encode(r#"{"alg":"HS256"}"#);
    let twice = format!(r#"{{"sub":"ada","exp":1,"exp":{}}}"#, at(60));
    let token = hmac_by_hand::sign(&format!("{header}.{}", BASE64.encode(twice)));
    assert_eq!(refused(&layer(), &token).await, "invalid_token");
}

#[tokio::test]
async fn a_token_may_be_so_long_and_no_longer() {
    let padded = |bytes: usize| token(ada(json!({ "pad": "x".repeat(bytes) })));
    assert_eq!(taken(&layer(), &padded(5000)).await, "ada");
    assert_eq!(refused(&layer(), &padded(7000)).await, "invalid_token");
    assert_eq!(refused(&layer(), &"x".repeat(900_000)).await, "invalid_token");
    let exact = padded(100);
    assert_eq!(taken(&layer().max_token(exact.len()), &exact).await, "ada");
    assert_eq!(refused(&layer().max_token(exact.len() - 1), &exact).await, "invalid_token");
}

#[tokio::test]
async fn guests_have_no_claims_and_bad_tokens_are_no_guests() -> Test {
    let optional = layer().optional();
    let client = enter(optional.clone(), &Log::new(), None).await?;
    assert_eq!(client.emit_with_ack::<Option<String>>("who", ()).await?, None);
    assert_eq!(taken(&optional, &token(ada(json!({})))).await, "ada");
    assert_eq!(refused(&optional, &token(ada(json!({ "exp": at(-100) })))).await, "token_expired");
    assert_eq!(refused(&optional, "").await, "invalid_token");

    let namespace = Namespace::new()
        .connect_layer(optional)
        .on("needed", async |Claims(user): Claims<User>| tower_socketio::Ack(user.sub));
    let guest = TestClient::new(&serve(namespace)).connect("/").await?;
    assert_eq!(code(guest.emit_with_ack::<String>("needed", ()).await), "no_token");
    Ok(())
}

#[tokio::test]
async fn an_empty_secret_is_no_key() {
    let empty: JwtLayer<User> = JwtLayer::hs256("");
    let forged = signed(Algorithm::HS256, None, &EncodingKey::from_secret(b""), &ada(json!({})));
    assert_eq!(refused(&empty, &forged).await, "invalid_token");
}

#[tokio::test]
async fn the_debug_output_shows_no_secret() {
    let shown = format!("{:?}", layer());
    assert!(shown.contains("JwtLayer") && !shown.contains("secret"), "{shown}");
}
