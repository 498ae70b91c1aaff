//! Where a token may come from, over real HTTP, and for which namespaces it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::ServiceExt;
use tower_socketio::{
    Ack, Claims, ConfigError, JwtLayer, Namespace, SocketIo, SocketIoService, TestClient, TokenSource,
};

use super::{User, ada, at, layer, token, who};
use crate::support::{Raw, Test, code, dial, serve};

type Headers<'a> = &'a [(&'static str, &'a str)];

/// What a client is answered that opens a connection so and enters `/` with this `auth`: whose claims it has, or a code.
async fn answer(layer: JwtLayer<User>, query: &str, headers: Headers<'_>, auth: &str) -> String {
    let io = serve(Namespace::new().connect_layer(layer).on("who", who));
    let mut raw = Raw::with(&io, 64 * 1024, query, headers).await;
    enter(&mut raw, "/", auth).await
}

async fn enter(raw: &mut Raw, namespace: &str, auth: &str) -> String {
    let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
    raw.send(&format!("40{prefix}{auth}")).await;
    let reply = raw.next().await;
    if let Some(refusal) = reply.strip_prefix(&format!("44{prefix}")) {
        let refusal: serde_json::Value = serde_json::from_str(refusal).expect("JSON");
        return refusal["data"]["code"].as_str().expect("a code").to_owned();
    }
    assert!(reply.starts_with(&format!("40{prefix}{{")), "{reply}");
    raw.send(&format!(r#"42{prefix}0["who"]"#)).await;
    let reply = raw.next().await;
    let who: [Option<String>; 1] =
        serde_json::from_str(reply.strip_prefix(&format!("43{prefix}0")).expect("an answer")).expect("JSON");
    let [who] = who;
    who.unwrap_or_else(|| "a guest".into())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn by_default_a_token_comes_in_auth_in_the_query_or_as_a_bearer() {
    let token = token(ada(json!({})));
    assert_eq!(answer(layer(), "", &[], &json!({ "token": token }).to_string()).await, "ada");
    assert_eq!(answer(layer(), &format!("&token={token}"), &[], "").await, "ada");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let value = format!("{scheme} {token}");
        assert_eq!(answer(layer(), "", &[("authorization", &value)], "").await, "ada");
    }
    assert_eq!(answer(layer(), "", &[], "").await, "no_token");
    for other in ["Basic YTpi", "Bearer", "B", "Token abc"] {
        assert_eq!(answer(layer(), "", &[("authorization", other)], "").await, "no_token");
    }
    let cookie = format!("token={token}");
    assert_eq!(answer(layer(), "", &[("cookie", &cookie)], "").await, "no_token");
}

#[tokio::test]
async fn two_tokens_are_refused_even_if_they_are_the_same() {
    let token = token(ada(json!({})));
    let (auth, query, bearer) =
        (json!({ "token": token }).to_string(), format!("&token={token}"), bearer(&token));
    let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
    for (query, headers, auth) in [
        (&*format!("{query}{query}"), &[][..], ""),
        (&*format!("{query}&token="), &[], ""),
        (&query, &[], &*auth),
        (&query, &twice[..1], ""),
        ("", &twice[..1], &auth),
        ("", &twice[..], ""),
        ("", &[], &*format!(r#"{{"token":"{token}","token":"{token}"}}"#)),
    ] {
        for layer in [layer(), layer().optional()] {
            assert_eq!(answer(layer, query, headers, auth).await, "ambiguous_token");
        }
    }
}

#[tokio::test]
async fn what_is_there_and_no_token_is_not_the_same_as_none() {
    for (auth, expected) in [
        ("{}", "a guest"),
        (r#"{"token":null}"#, "a guest"),
        (r#"{"token":""}"#, "invalid_token"),
        (r#"{"token":7}"#, "invalid_token"),
        (r#"{"token":["a"]}"#, "invalid_token"),
        (r#"{"token":{"a":1}}"#, "invalid_token"),
    ] {
        assert_eq!(answer(layer().optional(), "", &[], auth).await, expected, "{auth}");
    }
    assert_eq!(answer(layer().optional(), "&token=", &[], "").await, "invalid_token");
    assert_eq!(answer(layer().optional(), "", &[("authorization", "Bearer a b")], "").await, "invalid_token");
}

#[tokio::test]
async fn other_keys_and_a_cookie_can_be_chosen_and_then_the_usual_ones_are_nothing() {
    let token = token(ada(json!({})));
    let own = layer().sources([
        TokenSource::auth("jwt"),
        TokenSource::query("jwt"),
        TokenSource::cookie("session"),
    ]);
    assert_eq!(answer(own.clone(), "", &[], &json!({ "jwt": token }).to_string()).await, "ada");
    assert_eq!(answer(own.clone(), &format!("&jwt={token}"), &[], "").await, "ada");
    for cookie in [
        format!("session={token}"),
        format!("a=b; session={token}; c=d"),
        format!("xsession=1;session=\"{token}\";sessionx=2; session_=3"),
    ] {
        assert_eq!(answer(own.clone(), "", &[("cookie", &cookie)], "").await, "ada", "{cookie}");
    }
    let twice = format!("session={token}; session={token}");
    assert_eq!(answer(own.clone(), "", &[("cookie", &twice)], "").await, "ambiguous_token");
    assert_eq!(answer(own.clone(), "", &[("cookie", "session=; a=b")], "").await, "invalid_token");
    let usual = [("authorization", &*bearer(&token))];
    let auth = json!({ "token": token }).to_string();
    assert_eq!(answer(own, &format!("&token={token}"), &usual, &auth).await, "no_token");
}

#[tokio::test]
async fn a_polling_client_gives_its_bearer_with_the_first_request() -> Test {
    let io = serve(Namespace::new().connect_layer(layer()));
    let ask = async |method: &str, sid: &str, body: &'static str, authorization: Option<String>| {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/socket.io/?EIO=4&transport=polling{sid}"))
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        if let Some(value) = authorization {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::try_from(value).expect("a header"));
        }
        let response = SocketIoService::not_found(io.clone()).oneshot(request).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(body.to_vec()).expect("text")
    };
    for (authorization, expected) in
        [(Some(bearer(&token(ada(json!({}))))), "40{\"sid\""), (None, "44{\"message\"")]
    {
        let open = ask("GET", "", "", authorization).await;
        let open: serde_json::Value = serde_json::from_str(open.trim_start_matches('0'))?;
        let sid = format!("&sid={}", open["sid"].as_str().expect("a session id"));
        assert_eq!(ask("POST", &sid, "40", None).await, "ok");
        let reply = ask("GET", &sid, "", None).await;
        assert!(reply.starts_with(expected), "{reply}");
    }
    Ok(())
}

#[tokio::test]
async fn a_subprotocol_carries_a_token_beside_the_one_that_is_chosen() -> Test {
    let token = token(ada(json!({})));
    let layer = layer().sources([TokenSource::subprotocol()]);
    let namespace = Namespace::new().connect_layer(layer).on("who", who);
    let io = SocketIo::builder().namespace("/", namespace).subprotocols(["chat", "chat2"]).build()?;
    let offer = async |offers: &str| {
        let mut request = "ws://localhost/socket.io/?EIO=4&transport=websocket".into_client_request()?;
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::try_from(offers).expect("a header"));
        let bytes = dial(SocketIoService::not_found(io.clone()), 64 * 1024);
        tokio_tungstenite::client_async(request, bytes).await
    };
    for (offers, chosen) in
        [(format!("chat, bearer.{token}"), "chat"), (format!("bearer.{token},other,chat2,chat"), "chat2")]
    {
        let (_, response) = offer(&offers).await?;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], chosen);
        let mut raw = Raw::with(&io, 64 * 1024, "", &[("sec-websocket-protocol", &offers)]).await;
        assert_eq!(enter(&mut raw, "/", "").await, "ada");
    }
    // As browsers do, this client gives up without an answer to its offers.
    for unknown in [format!("bearer.{token}"), "Chat, other".to_owned()] {
        assert!(matches!(offer(&unknown).await, Err(WebSocketError::Protocol(_))));
    }
    let mut raw = Raw::with(&io, 64 * 1024, "", &[("sec-websocket-protocol", "chat")]).await;
    assert_eq!(enter(&mut raw, "/", "").await, "no_token");
    let twice = format!("chat, bearer.{token}, bearer.{token}");
    let mut raw = Raw::with(&io, 64 * 1024, "", &[("sec-websocket-protocol", &twice)]).await;
    assert_eq!(enter(&mut raw, "/", "").await, "ambiguous_token");
    let bad = SocketIo::builder().subprotocols(["not a token"]).build();
    assert!(matches!(bad, Err(ConfigError::MalformedHeader(_))));
    Ok(())
}

#[tokio::test]
async fn namespaces_that_are_entered_later_count_what_came_in_a_header() -> Test {
    let namespace = |layer: JwtLayer<User>| Namespace::new().connect_layer(layer).on("who", who);
    let io = SocketIo::builder()
        .namespace("/", namespace(layer()))
        .namespace("/open", Namespace::new())
        .build()?;
    let shared = layer();
    let io_shared = SocketIo::builder()
        .namespace("/", namespace(shared.clone()))
        .namespace("/same", namespace(shared.clone()))
        .namespace("/optional", namespace(shared.clone().optional()))
        .namespace("/other", namespace(shared.clone().audience("other")))
        .namespace("/open", Namespace::new())
        .build()?;
    let token = token(ada(json!({})));
    let headers = [("authorization", &*bearer(&token))];

    let mut raw = Raw::with(&io_shared, 64 * 1024, "", &headers).await;
    assert_eq!(enter(&mut raw, "/same", "").await, "ada");
    assert_eq!(enter(&mut raw, "/", "").await, "ada");
    assert_eq!(enter(&mut raw, "/optional", "").await, "ada");
    assert_eq!(enter(&mut raw, "/other", "").await, "no_token");
    // Who gives a token of its own is judged by that.
    raw.send("41/same,").await;
    assert_eq!(enter(&mut raw, "/same", r#"{"token":"bad"}"#).await, "invalid_token");

    // Nobody looked at the header while it was there.
    let mut raw = Raw::with(&io, 64 * 1024, "", &headers).await;
    raw.enter("/open").await;
    assert_eq!(enter(&mut raw, "/", "").await, "no_token");
    // What a client gave one namespace as `auth` is not for another.
    let mut raw = Raw::open(&io_shared).await;
    assert_eq!(enter(&mut raw, "/", &json!({ "token": token }).to_string()).await, "ada");
    assert_eq!(enter(&mut raw, "/same", "").await, "no_token");
    // The query stays.
    let mut raw = Raw::with(&io, 64 * 1024, &format!("&token={token}"), &[]).await;
    raw.enter("/open").await;
    assert_eq!(enter(&mut raw, "/", "").await, "ada");
    Ok(())
}

#[tokio::test]
async fn a_header_that_is_kept_is_read_again() -> Test {
    let io = SocketIo::builder()
        .namespace("/", Namespace::new().connect_layer(layer()).on("who", who))
        .namespace("/open", Namespace::new())
        .keep_headers([AUTHORIZATION])
        .build()?;
    let token = token(ada(json!({})));
    let mut raw = Raw::with(&io, 64 * 1024, "", &[("authorization", &bearer(&token))]).await;
    raw.enter("/open").await;
    assert_eq!(enter(&mut raw, "/", "").await, "ada");
    Ok(())
}

#[tokio::test]
async fn what_came_in_a_header_counts_no_longer_when_it_is_revoked_or_expired() -> Test {
    let revoked = Arc::new(AtomicBool::new(false));
    let answer = revoked.clone();
    let shared = layer().leeway(Duration::ZERO).revocation(move |_: User| {
        let answer = answer.load(Ordering::SeqCst);
        async move { Ok::<_, std::io::Error>(answer) }
    });
    let namespace = || Namespace::new().connect_layer(shared.clone()).on("who", who);
    let io = SocketIo::builder().namespace("/", namespace()).namespace("/later", namespace()).build()?;

    let token_for = |seconds| bearer(&token(ada(json!({ "exp": at(seconds) }))));
    let mut raw = Raw::with(&io, 64 * 1024, "", &[("authorization", &token_for(3600))]).await;
    assert_eq!(enter(&mut raw, "/", "").await, "ada");
    assert_eq!(enter(&mut raw, "/later", "").await, "ada");
    raw.send("41/later,").await;
    revoked.store(true, Ordering::SeqCst);
    assert_eq!(enter(&mut raw, "/later", "").await, "token_revoked");

    revoked.store(false, Ordering::SeqCst);
    let mut raw = Raw::with(&io, 64 * 1024, "", &[("authorization", &token_for(2))]).await;
    assert_eq!(enter(&mut raw, "/", "").await, "ada");
    // The clock of a token's end is the wall's: it takes a second or two.
    loop {
        match &*enter(&mut raw, "/later", "").await {
            "ada" => raw.send("41/later,").await,
            code => break assert_eq!(code, "token_expired"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn namespaces_entered_at_once_each_have_the_claims_of_their_own_token() -> Test {
    let mut builder = SocketIo::builder();
    for n in 0..20 {
        builder = builder.namespace(format!("/{n}"), Namespace::new().connect_layer(layer()).on("who", who));
    }
    let io = builder.build()?;
    let mut raw = Raw::open(&io).await;
    for n in 0..20 {
        let auth = json!({ "token": token(json!({ "sub": format!("user {n}"), "exp": at(60) })) });
        if n % 5 == 0 {
            raw.send(&format!("40/{n},")).await;
        } else {
            raw.send(&format!("40/{n},{auth}")).await;
            raw.send(&format!(r#"42/{n},0["who"]"#)).await;
        }
    }
    let mut answers = Vec::new();
    while answers.len() < 36 {
        answers.push(raw.next().await);
    }
    for n in 0..20 {
        let expected = if n % 5 == 0 {
            format!(r#"44/{n},{{"message":"a token is needed","data":{{"code":"no_token"}}}}"#)
        } else {
            format!(r#"43/{n},0["user {n}"]"#)
        };
        assert!(answers.contains(&expected), "{expected} is missing: {answers:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_client_says_later_does_not_change_its_claims() -> Test {
    let namespace = Namespace::new().connect_layer(layer()).on(
        "save",
        async |Claims(user): Claims<User>,
               tower_socketio::Data(_): tower_socketio::Data<serde_json::Value>| { Ack(user.sub) },
    );
    let client = TestClient::new(&serve(namespace))
        .auth(json!({ "token": token(ada(json!({}))), "sub": "eve", "userId": "eve" }))
        .connect("/")
        .await?;
    let forged =
        json!({ "sub": "eve", "userId": "eve", "token": token(json!({ "sub": "eve", "exp": at(60) })) });
    assert_eq!(client.emit_with_ack::<String>("save", forged).await?, "ada");
    Ok(())
}

#[tokio::test]
async fn a_layer_of_the_server_guards_every_namespace() -> Test {
    let io = SocketIo::builder()
        .namespace("/", Namespace::new())
        .namespace("/{any}", Namespace::new())
        .connect_layer(layer())
        .build()?;
    for name in ["/", "/x"] {
        assert_eq!(code(TestClient::new(&io).connect(name).await), "no_token");
        TestClient::new(&io).auth(token(ada(json!({})))).connect(name).await?;
    }
    Ok(())
}
