//! What a connect hook knows of the client: its `auth`, and the HTTP request that opened the connection.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Query;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tower_socketio::{
    Ack, Auth, ConnectRequest, Extension, Http, Namespace, Socket, SocketIo, TestClient, Transport,
    WireError, connect,
};

use crate::support::{Log, Raw, Test, code, dial, refusal, serve};

#[derive(Debug, Deserialize)]
struct Token {
    token: String,
}

#[tokio::test]
async fn auth_is_the_object_that_the_client_gave() -> Test {
    let namespace = Namespace::new().on_connect(async |socket: Socket, Auth(auth): Auth<Token>| {
        socket.extensions().insert(auth.token);
    });
    let io = serve(namespace.on("token", async |Extension(token): Extension<String>| Ack(token)));
    let client = TestClient::new(&io).auth(json!({"token": "abc", "more": [1]})).connect("/").await?;
    assert_eq!(client.emit_with_ack::<String>("token", ()).await?, "abc");
    assert_eq!(code(TestClient::new(&io).connect("/").await), "no_auth");
    assert_eq!(code(TestClient::new(&io).auth(json!({"token": 7})).connect("/").await), "invalid_data");
    assert_eq!(code(TestClient::new(&io).auth(json!({})).connect("/").await), "invalid_data");
    assert_eq!(io.of("/").count(), 1);
    Ok(())
}

#[tokio::test]
async fn optional_auth_is_none_if_nothing_came_and_refused_if_it_is_wrong() -> Test {
    let namespace = Namespace::new().on_connect(async |socket: Socket, auth: Option<Auth<Token>>| {
        socket.emit("auth", auth.map(|Auth(auth)| auth.token))
    });
    let io = serve(namespace);
    let mut client = TestClient::new(&io).connect("/").await?;
    assert_eq!(client.next::<Option<String>>("auth").await?, None);
    let mut client = TestClient::new(&io).auth("abc").connect("/").await?;
    assert_eq!(client.next::<Option<String>>("auth").await?.as_deref(), Some("abc"));
    assert_eq!(code(TestClient::new(&io).auth(json!({"token": []})).connect("/").await), "invalid_data");
    Ok(())
}

#[tokio::test]
async fn each_namespace_has_its_own_auth() -> Test {
    let namespace = || {
        Namespace::new()
            .on_connect(async |socket: Socket, Auth(auth): Auth<Token>| socket.emit("auth", auth.token))
    };
    let io = SocketIo::builder().namespace("/", namespace()).namespace("/x", namespace()).build()?;
    let mut raw = Raw::open(&io).await;
    raw.send(r#"40{"token":"one"}"#).await;
    assert!(raw.next().await.starts_with("40{"));
    assert_eq!(raw.next().await, r#"42["auth","one"]"#);
    raw.send(r#"40/x,{"token":"two"}"#).await;
    assert!(raw.next().await.starts_with("40/x,{"));
    assert_eq!(raw.next().await, r#"42/x,["auth","two"]"#);
    Ok(())
}

#[tokio::test]
async fn http_gives_whatever_axum_extracts_from_a_request() -> Test {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let namespace = Namespace::new().on_connect(
        async |socket: Socket,
               Http(headers): Http<HeaderMap>,
               Http(Query(Version { v })): Http<Query<Version>>| {
            let authorization =
                headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok().map(str::to_owned));
            socket.emit("seen", (authorization, v))
        },
    );
    let io = serve(namespace);
    let mut raw = Raw::with(&io, 4096, "&v=7", &[("authorization", "Bearer abc")]).await;
    raw.enter("/").await;
    assert_eq!(raw.next().await, r#"42["seen","Bearer abc",7]"#);
    Ok(())
}

#[tokio::test]
async fn what_axum_rejects_refuses_the_client_with_the_status() -> Test {
    #[derive(Deserialize)]
    struct Version {
        #[serde(rename = "v")]
        _v: u32,
    }
    let io = serve(Namespace::new().on_connect(async |_: Http<Query<Version>>| {}));
    let mut raw = Raw::with(&io, 4096, "&v=seven", &[]).await;
    raw.send("40").await;
    let refused = raw.next().await;
    let error: serde_json::Value = serde_json::from_str(refused.strip_prefix("44").expect("a refusal"))?;
    assert_eq!(error, json!({"message": "Bad Request", "data": {"code": "http", "status": 400}}));
    Ok(())
}

#[tokio::test]
async fn of_a_namespace_entered_later_only_kept_headers_and_the_url_are_left() -> Test {
    let show = async |socket: Socket, Http(headers): Http<HeaderMap>, Http(uri): Http<http::Uri>| {
        let has = |name: http::HeaderName| headers.contains_key(name);
        socket.emit(
            "seen",
            (has(COOKIE), has(AUTHORIZATION), uri.query().is_some_and(|query| query.contains("v=7"))),
        )
    };
    let io = SocketIo::builder()
        .keep_headers([COOKIE])
        .namespace("/", Namespace::new().on_connect(show))
        .namespace(
            "/later",
            Namespace::new().on_connect(show).on("kept", async |socket: Socket| {
                let kept = |name: http::HeaderName| {
                    let value =
                        socket.conn().header(name).map(|value| value.to_str().unwrap_or_default().to_owned());
                    value.unwrap_or_else(|| "gone".to_owned())
                };
                Ack((kept(COOKIE), kept(AUTHORIZATION)))
            }),
        )
        .build()?;
    let mut raw = Raw::with(&io, 4096, "&v=7", &[("authorization", "Bearer abc"), ("cookie", "a=b")]).await;
    raw.enter("/").await;
    assert_eq!(raw.next().await, r#"42["seen",true,true,true]"#);
    raw.enter("/later").await;
    assert_eq!(raw.next().await, r#"42/later,["seen",true,false,true]"#);
    raw.send(r#"42/later,0["kept"]"#).await;
    assert_eq!(raw.next().await, r#"43/later,0["a=b","gone"]"#);
    Ok(())
}

#[tokio::test]
async fn what_an_outer_layer_left_in_the_request_is_an_extension_of_the_socket() -> Test {
    #[derive(Clone)]
    struct Login(String);
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket, Extension(Login(name)): Extension<Login>| socket.set_user(name))
        .on("who", async |Extension(Login(name)): Extension<Login>| Ack(name));
    let io = serve(namespace);
    let app = Router::new().layer(io.layer()).layer(axum::Extension(Login("ada".to_owned())));
    let mut raw = Raw::over(dial(app, 4096), "", &[]).await;
    raw.enter("/").await;
    assert_eq!(io.to_user("ada").count(), 1);
    raw.send(r#"420["who"]"#).await;
    assert_eq!(raw.next().await, r#"430["ada"]"#);
    Ok(())
}

#[tokio::test]
async fn the_connection_says_what_it_is() -> Test {
    let log = Log::new();
    let seen = log.clone();
    let io = serve(Namespace::new().on_connect(async move |socket: Socket| {
        let conn = socket.conn();
        seen.push(conn.transport() == Transport::WebSocket);
        seen.push(conn.is_upgraded());
        seen.push(conn.protocol());
        seen.push(conn.query());
        seen.push(conn.is_closed());
        seen.push(conn.issued() <= std::time::SystemTime::now());
    }));
    let mut raw = Raw::with(&io, 4096, "&a=b%20c", &[]).await;
    raw.enter("/").await;
    assert_eq!(log.all(), ["true", "false", "5", "EIO=4&transport=websocket&a=b%20c", "false", "true"]);
    Ok(())
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn the_peers_address_is_known_where_the_server_tells_it() -> Test {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    let show = async |socket: Socket, info: Result<Http<ConnectInfo<SocketAddr>>, WireError>| {
        let info = info.ok().map(|Http(ConnectInfo(address))| address);
        socket.emit("address", (socket.conn().address(), info))
    };
    let io = serve(Namespace::new().on_connect(show));
    let app = Router::new().layer(io.layer()).into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let stream = tokio::net::TcpStream::connect(server).await?;
    let own = stream.local_addr()?;
    let mut raw = Raw::over(stream, "", &[]).await;
    raw.enter("/").await;
    assert_eq!(raw.next().await, format!(r#"42["address","{own}","{own}"]"#));
    serving.abort();
    Ok(())
}

#[tokio::test]
async fn a_refused_request_opens_no_session() -> Test {
    let io = SocketIo::builder()
        .allow_request(|parts| match parts.headers.get("origin") {
            Some(origin) if origin == "https://example.org" => Ok(()),
            _ => Err(WireError::new("wrong origin")),
        })
        .namespace("/", Namespace::new())
        .build()?;
    let request = |origin: &'static str| {
        let request = http::Request::get("/socket.io/?EIO=4&transport=polling").header("origin", origin);
        request.body(axum::body::Body::empty()).expect("a request")
    };
    let app = Router::new().layer(io.layer());
    let answer = |request| tower::ServiceExt::oneshot(app.clone(), request);
    assert_eq!(answer(request("https://example.com")).await?.status(), StatusCode::FORBIDDEN);
    assert_eq!(io.connections(), 0);
    assert_eq!(answer(request("https://example.org")).await?.status(), StatusCode::OK);
    assert_eq!(io.connections(), 1);
    Ok(())
}

#[tokio::test]
async fn the_refusal_of_a_connect_hook_has_message_and_data() -> Test {
    let refuse =
        async || Err::<(), _>(WireError::new("admins only").code("forbidden").data(json!({"need": "admin"})));
    let io = serve(Namespace::new().on_connect(refuse));
    let refused = refusal(TestClient::new(&io).connect("/").await);
    assert_eq!(refused, ("admins only".to_owned(), Some("forbidden".to_owned())));
    let mut raw = Raw::open(&io).await;
    raw.send("40").await;
    let refused = raw.next().await;
    let error: serde_json::Value = serde_json::from_str(refused.strip_prefix("44").expect("a refusal"))?;
    assert_eq!(error, json!({"message": "admins only", "data": {"code": "forbidden", "need": "admin"}}));
    Ok(())
}

#[tokio::test]
async fn clients_of_the_old_protocol_enter_the_root_by_themselves_and_authenticate_by_query() -> Test {
    let show = async |socket: Socket, auth: Option<Auth<Token>>| {
        socket.emit("seen", (socket.conn().protocol(), socket.id(), auth.map(|Auth(auth)| auth.token)))
    };
    let io = SocketIo::builder()
        .allow_eio3(true)
        .namespace("/", Namespace::new().on_connect(show))
        .namespace("/x", Namespace::new().on_connect(show))
        .build()?;
    let mut raw = Raw::with(&io, 4096, "&EIO=3&token=handshake", &[]).await;
    assert_eq!(raw.next().await, "40");
    let id = |name: &str| io.of(name).sockets()[0].id().to_owned();
    assert_eq!(raw.next().await, format!(r#"42["seen",4,"{}",null]"#, id("/")));
    assert!(io.of("/").sockets()[0].conn().query().ends_with("token=handshake"));
    raw.send("40/x?token=abc,").await;
    assert_eq!(raw.next().await, "40/x,");
    assert_eq!(raw.next().await, format!(r#"42/x,["seen",4,"{}","abc"]"#, id("/x")));
    Ok(())
}

#[tokio::test]
async fn an_old_client_reads_the_text_of_a_refusal_or_its_data() -> Test {
    let refuse = |error: fn() -> WireError| Namespace::new().on_connect(async move || Err::<(), _>(error()));
    let io = SocketIo::builder()
        .allow_eio3(true)
        .namespace("/", Namespace::new())
        .namespace("/text", refuse(|| WireError::new("no")))
        .namespace("/code", refuse(|| WireError::new("no").code("forbidden")))
        .namespace("/data", refuse(|| WireError::new("no").data(json!({"a": "b"}))))
        .build()?;
    let mut raw = Raw::with(&io, 4096, "&EIO=3", &[]).await;
    assert_eq!(raw.next().await, "40");
    for (name, payload) in [("/text", r#""no""#), ("/code", r#""no""#), ("/data", r#"{"a":"b"}"#)] {
        raw.send(&format!("40{name},")).await;
        assert_eq!(raw.next().await, format!("44{name},{payload}"));
    }
    Ok(())
}

#[tokio::test]
async fn without_a_declared_root_old_clients_find_it_empty() -> Test {
    let io = SocketIo::builder().allow_eio3(true).build()?;
    let mut raw = Raw::with(&io, 4096, "&EIO=3", &[]).await;
    assert_eq!(raw.next().await, "40");
    raw.send(r#"420["e"]"#).await;
    assert!(raw.next().await.contains("unknown_event"));
    assert_eq!(io.emit("e", 1).reached(), 1);
    assert_eq!(raw.next().await, r#"42["e",1]"#);
    let mut new = Raw::open(&io).await;
    new.send("40").await;
    assert_eq!(new.next().await, r#"44{"message":"Invalid namespace"}"#);
    Ok(())
}

#[tokio::test]
async fn every_handler_may_ask_for_the_query_and_the_headers() -> Test {
    use tower_socketio::{Headers, Query};
    #[derive(Deserialize)]
    struct Client {
        v: u32,
        name: Option<String>,
    }
    let log = Log::new();
    let (connected, gone) = (log.clone(), log.clone());
    let show = |moment: &'static str, log: Log| {
        move |Query(query): Query<Client>, Headers(headers): Headers| {
            let seen = (headers.contains_key(COOKIE), headers.contains_key(AUTHORIZATION));
            log.push(format!("{moment} {} {:?} {seen:?}", query.v, query.name));
            std::future::ready(())
        }
    };
    let namespace = Namespace::new()
        .on_connect(show("connect", log.clone()))
        .on_connected(show("connected", connected))
        .on("e", async |Query(query): Query<Client>, Headers(headers): Headers| {
            Ack((query.v, headers.get_all(COOKIE).iter().count(), headers.len()))
        })
        .on_disconnect(show("disconnect", gone));
    let io = SocketIo::builder().keep_headers([COOKIE]).namespace("/", namespace).build()?;
    let headers = [("cookie", "a=b"), ("cookie", "c=d"), ("authorization", "Bearer abc")];
    let mut raw = Raw::with(&io, 4096, "&v=7&name=a%20b+c", &headers).await;
    raw.enter("/").await;
    raw.send(r#"420["e"]"#).await;
    assert_eq!(raw.next().await, "430[7,2,2]");
    drop(raw);
    assert_eq!(
        log.reach(3).await,
        [
            r#"connect 7 Some("a b c") (true, true)"#,
            r#"connected 7 Some("a b c") (true, false)"#,
            r#"disconnect 7 Some("a b c") (true, false)"#,
        ]
    );
    let mut raw = Raw::with(&io, 4096, "&v=seven", &[]).await;
    raw.send("40").await;
    let refused = raw.next().await;
    assert!(refused.starts_with("44") && refused.contains(r#""code":"invalid_query""#), "{refused}");
    Ok(())
}

#[tokio::test]
async fn the_query_of_the_connection_and_what_a_namespace_is_asked_with_are_apart() -> Test {
    use tower_socketio::Query;
    let show = async |socket: Socket, Query(query): Query<Token>, auth: Option<Auth<Token>>| {
        socket.emit("seen", (query.token, auth.map(|Auth(auth)| auth.token)))
    };
    let io = SocketIo::builder()
        .allow_eio3(true)
        .namespace("/", Namespace::new().on_connect(show))
        .namespace("/connection2", Namespace::new().on_connect(show))
        .build()?;
    let mut old = Raw::with(&io, 4096, "&EIO=3&token=main", &[]).await;
    assert_eq!(old.next().await, "40");
    assert_eq!(old.next().await, r#"42["seen","main",null]"#);
    old.send("40/connection2?token=second,").await;
    assert_eq!(old.next().await, "40/connection2,");
    assert_eq!(old.next().await, r#"42/connection2,["seen","main","second"]"#);

    let mut new = Raw::with(&io, 4096, "&token=main", &[]).await;
    new.send(r#"40{"token":"one"}"#).await;
    assert!(new.next().await.starts_with("40{"));
    assert_eq!(new.next().await, r#"42["seen","main","one"]"#);
    new.send(r#"40/connection2,{"token":"two"}"#).await;
    assert!(new.next().await.starts_with("40/connection2,{"));
    assert_eq!(new.next().await, r#"42/connection2,["seen","main","two"]"#);
    Ok(())
}

#[tokio::test]
async fn the_connection_knows_its_url_and_whether_a_page_is_behind_it() -> Test {
    let show = async |socket: Socket| {
        let conn = socket.conn();
        socket.emit("seen", (conn.path(), conn.url(), conn.is_cross_domain(), conn.is_secure()))
    };
    let io = serve(Namespace::new().on_connect(show));
    let mut raw = Raw::with(&io, 4096, "&a=b%20c", &[]).await;
    raw.enter("/").await;
    let url = "/socket.io/?EIO=4&transport=websocket&a=b%20c";
    assert_eq!(raw.next().await, format!(r#"42["seen","/socket.io/","{url}",false,false]"#));
    let mut raw = Raw::with(&io, 4096, "", &[("origin", "null")]).await;
    raw.enter("/").await;
    assert!(raw.next().await.ends_with("true,false]"));
    Ok(())
}

#[tokio::test]
async fn the_debug_of_a_connect_request_shows_no_secrets() -> Test {
    let text = Arc::<Mutex<String>>::default();
    let shown = text.clone();
    let layer = connect::from_fn(move |request: ConnectRequest, next: connect::Next| {
        let _ = request.query("token");
        *shown.lock().expect("no panic") = format!("{request:?}");
        next.run(request)
    });
    let io = serve(Namespace::new().connect_layer(layer));
    let mut raw = Raw::with(
        &io,
        65536,
        "&token=hunter2-query",
        &[("authorization", "Bearer hunter2-header"), ("cookie", "session=hunter2-cookie")],
    )
    .await;
    raw.send(r#"40{"token":"hunter2-auth"}"#).await;
    let _ = raw.next().await;
    let text = text.lock().expect("no panic").clone();
    assert!(!text.is_empty());
    assert!(!text.contains("hunter2"), "{text}");
    Ok(())
}
