//! Who a client is, is decided anew.

use serde_json::json;
use tower_socketio::{
    Ack, Auth, Claims, ConnectRequest, Extension, Namespace, Recovery, Socket, SocketIo, SocketIoService,
    TestClient, WireError, connect,
};

use super::{lose, news, noting, recovering, with};
use crate::support::{Log, Raw, Test, dial, idle};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User {
    name: String,
}

/// The client says who it is, by `auth.user`; whoever says nothing is let in as a guest.
fn by_name() -> Namespace {
    Namespace::new()
        .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
            let name = request.auth().and_then(|auth| auth.deserialize::<serde_json::Value>().ok());
            match name.as_ref().and_then(|auth| auth["user"].as_str()) {
                Some("banned") => return Err(WireError::new("go away").code("banned")),
                Some(name) => {
                    let socket = request.socket();
                    socket.set_user(name);
                    socket.extensions().insert(Claims(User { name: name.to_owned() }));
                    socket.extensions().insert_for_connection(Rights(name.len()));
                }
                None => Claims::<User>::welcome_guest(request.socket()),
            }
            next.run(request).await
        }))
        .on("who", async |claims: Option<Claims<User>>, rights: Option<Extension<Rights>>| {
            Ack((claims.map(|Claims(user)| user.name), rights.map(|Extension(rights)| rights.0)))
        })
        .on("mine", async |Claims(user): Claims<User>| Ack(user.name))
        .on("remember", async |socket: Socket| {
            socket.extensions().insert(Cart(7));
            Ack(())
        })
        .on("cart", async |cart: Option<Extension<Cart>>| Ack(cart.map(|Extension(Cart(n))| n)))
}

#[derive(Clone)]
struct Rights(usize);

#[derive(Clone)]
struct Cart(u32);

type Who = (Option<String>, Option<usize>);

async fn enter(io: &SocketIo, user: Option<&str>, before: Option<&TestClient>) -> Test<TestClient> {
    let mut auth = json!({});
    if let Some(user) = user {
        auth["user"] = user.into();
    }
    if let Some(before) = before {
        auth["pid"] = before.pid().expect("a pid").into();
    }
    Ok(TestClient::new(io).auth(auth).connect("/").await?)
}

#[tokio::test(start_paused = true)]
async fn the_same_user_comes_back_with_its_data_and_claims_that_were_given_anew() -> Test {
    let io = recovering(by_name());
    let mut client = enter(&io, Some("ada"), None).await?;
    client.emit_with_ack::<()>("remember", ()).await?;
    lose(&mut client).await;
    let back = enter(&io, Some("ada"), Some(&client)).await?;
    assert_eq!(back.id(), client_id(&client));
    assert_eq!(back.emit_with_ack::<Who>("who", ()).await?, (Some("ada".to_owned()), Some(3)));
    assert_eq!(back.emit_with_ack::<Option<u32>>("cart", ()).await?, Some(7));
    Ok(())
}

fn client_id(client: &TestClient) -> &str {
    &client.pid().expect("a pid")[..20]
}

#[tokio::test(start_paused = true)]
async fn another_user_or_none_enters_as_a_stranger_and_gets_nothing() -> Test {
    let log = Log::new();
    let io = recovering(by_name());
    for (before, now) in [(Some("ada"), Some("bob")), (Some("ada"), None), (None, Some("ada"))] {
        let mut client = enter(&io, before, None).await?;
        client.emit_with_ack::<()>("remember", ()).await?;
        lose(&mut client).await;
        io.emit("news", "secret");
        let mut other = enter(&io, now, Some(&client)).await?;
        assert_ne!(other.id(), client_id(&client));
        assert_ne!(other.pid(), client.pid());
        let who = now.map(str::to_owned);
        assert_eq!(other.emit_with_ack::<Who>("who", ()).await?, (who, now.map(str::len)));
        assert_eq!(other.emit_with_ack::<Option<u32>>("cart", ()).await?, None);
        assert!(news(&mut other).await.is_empty());
        // And whose session it is can still come back.
        let back = enter(&io, before, Some(&client)).await?;
        assert_eq!(back.id(), client_id(&client));
        drop((other, back));
        idle().await;
    }
    assert!(log.all().is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn whoever_had_claims_and_comes_back_without_is_a_stranger() -> Test {
    // No user of `set_user` tells the two apart: the claims alone do.
    let io = recovering(
        Namespace::new()
            .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
                let auth = request.auth().and_then(|auth| auth.deserialize::<User>().ok());
                if let Some(user) = auth {
                    request.socket().extensions().insert(Claims(user.clone()));
                    request.socket().extensions().insert(Cart(1));
                }
                next.run(request).await
            }))
            .on("who", async |socket: Socket, claims: Option<Claims<User>>| {
                let inserted = socket.extensions().get::<Claims<User>>();
                assert_eq!(inserted, claims);
                Ack((claims.is_some(), socket.extensions().get::<Cart>().is_some()))
            }),
    );
    let mut client = TestClient::new(&io).auth(json!({ "name": "ada" })).connect("/").await?;
    assert_eq!(client.emit_with_ack::<(bool, bool)>("who", ()).await?, (true, true));
    lose(&mut client).await;
    let pid = client.pid().expect("a pid").to_owned();
    let back = TestClient::new(&io).auth(json!({ "pid": pid })).connect("/").await?;
    assert_ne!(back.id(), client_id(&client));
    assert_eq!(back.emit_with_ack::<(bool, bool)>("who", ()).await?, (false, false));
    // And the other way round: a guest that has become somebody.
    drop(back);
    let mut guest = TestClient::new(&io).connect("/").await?;
    lose(&mut guest).await;
    let auth = json!({ "pid": guest.pid(), "name": "ada" });
    let ada = TestClient::new(&io).auth(auth).connect("/").await?;
    assert_ne!(ada.id(), client_id(&guest));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn claims_of_the_same_type_without_a_user_may_be_those_of_another() -> Test {
    let io = recovering(
        Namespace::new()
            .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
                let user = request.auth().and_then(|auth| auth.deserialize::<User>().ok());
                let user = user.ok_or_else(|| WireError::new("who are you?"))?;
                request.socket().extensions().insert(Claims(user.clone()));
                next.run(request).await
            }))
            .on("remember", async |socket: Socket| {
                socket.extensions().insert(Cart(7));
                socket.join("a room of ada's");
                Ack(())
            })
            .on("cart", async |cart: Option<Extension<Cart>>| Ack(cart.map(|Extension(Cart(n))| n))),
    );
    let mut ada = TestClient::new(&io).auth(json!({ "name": "ada" })).connect("/").await?;
    ada.emit_with_ack::<()>("remember", ()).await?;
    lose(&mut ada).await;
    io.to("a room of ada's").emit("news", "secret");
    // On the same page another one has logged in.
    let auth = json!({ "name": "bob", "pid": ada.pid() });
    let mut bob = TestClient::new(&io).auth(auth).connect("/").await?;
    assert_ne!(bob.id(), client_id(&ada));
    assert_eq!(bob.emit_with_ack::<Option<u32>>("cart", ()).await?, None);
    assert!(news(&mut bob).await.is_empty());
    assert_eq!(io.to("a room of ada's").count(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_user_who_was_banned_meanwhile_does_not_come_back() -> Test {
    let io = recovering(by_name());
    let mut client = enter(&io, Some("ada"), None).await?;
    lose(&mut client).await;
    io.to_user("ada").emit("news", "secret");
    let refused = enter(&io, Some("banned"), Some(&client)).await;
    assert!(refused.is_err());
    assert_eq!(io.of("/").count(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_is_another_user_leaves_without_hooks() -> Test {
    let log = Log::new();
    let io = recovering(noting(&log).connect_layer(connect::from_fn(
        async |request: ConnectRequest, next: connect::Next| {
            if let Some(user) = request.auth().and_then(|auth| auth.deserialize::<User>().ok()) {
                request.socket().set_user(user.name);
            }
            next.run(request).await
        },
    )));
    let mut client = TestClient::new(&io).auth(json!({ "name": "ada" })).connect("/").await?;
    lose(&mut client).await;
    let pid = client.pid().expect("a pid").to_owned();
    let other = TestClient::new(&io).auth(json!({ "name": "bob", "pid": pid })).connect("/").await?;
    idle().await;
    // The hooks ran for the candidate, and for the stranger that it turned out to be; nobody left twice.
    let expected = [
        "connect false",
        "connected false",
        "transport close",
        "connect true",
        "connect false",
        "connected false",
    ];
    assert_eq!(log.all(), expected);
    drop(other);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn with_skipped_middleware_everything_is_restored() -> Test {
    let io = with(Recovery::new().skip_middleware(true), by_name());
    let mut client = enter(&io, Some("ada"), None).await?;
    client.emit_with_ack::<()>("remember", ()).await?;
    lose(&mut client).await;
    io.to_user("ada").emit("news", "for ada");
    let mut back = enter(&io, None, Some(&client)).await?;
    assert_eq!(back.id(), client_id(&client));
    assert_eq!(news(&mut back).await, ["for ada"]);
    assert_eq!(back.emit_with_ack::<Who>("who", ()).await?, (Some("ada".to_owned()), Some(3)));
    assert_eq!(back.emit_with_ack::<Option<u32>>("cart", ()).await?, Some(7));
    assert_eq!(io.to_user("ada").count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn hooks_get_the_auth_that_they_get_of_clients_who_were_never_here() -> Test {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Login {
        name: String,
    }
    let log = Log::new();
    let seen = log.clone();
    let io = recovering(Namespace::new().on_connect(async move |login: Option<Auth<Login>>| {
        seen.push(login.map_or("none".to_owned(), |Auth(login)| login.name));
    }));
    for auth in [None, Some(json!({ "name": "ada" }))] {
        let mut client = TestClient::new(&io);
        if let Some(auth) = auth {
            client = client.auth(auth);
        }
        let client = super::again(client.connect("/").await?).await?;
        assert!(client.recovered());
    }
    assert_eq!(log.all(), ["none", "none", "ada", "ada"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn data_that_cannot_be_cloned_costs_the_recovery_and_nothing_else() -> Test {
    struct Brittle;
    impl Clone for Brittle {
        fn clone(&self) -> Self {
            panic!("it breaks");
        }
    }
    let log = Log::new();
    let io = recovering(noting(&log).on("break", async |socket: Socket| {
        socket.extensions().insert(Brittle);
        Ack(())
    }));
    let client = crate::support::join(&io).await;
    client.emit_with_ack::<()>("break", ()).await?;
    let client = super::again(client).await?;
    assert!(!client.recovered());
    assert_eq!(log.reach(3).await[2], "transport close");
    Ok(())
}

/// What an outer HTTP layer says of the request's user.
#[derive(Clone)]
struct Login(&'static str);

#[tokio::test(start_paused = true)]
async fn what_the_former_request_said_is_not_said_of_the_new_one() -> Test {
    use tower::Service;
    let io =
        recovering(Namespace::new().on_connect(async |socket: Socket, login: Option<Extension<Login>>| {
            socket.emit("login", login.map(|Extension(Login(name))| name));
        }));
    let request = async |login: Option<Login>, packet: String| -> Test<(Raw, String, String)> {
        let service = SocketIoService::not_found(io.clone());
        let service = tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            login.clone().and_then(|login| request.extensions_mut().insert(login));
            service.clone().call(request)
        });
        let mut raw = Raw::over(dial(service, 1 << 16), "", &[]).await;
        raw.send(&packet).await;
        let (reply, login) = (raw.next().await, raw.next().await);
        Ok((raw, reply, login))
    };
    let (raw, reply, login) = request(Some(Login("ada")), "40".to_owned()).await?;
    assert!(login.starts_with(r#"42["login","ada","#), "{login}");
    drop(raw);
    idle().await;
    let pid: serde_json::Value = serde_json::from_str(&reply[2..])?;
    let packet = format!(r#"40{{"pid":{},"offset":"1"}}"#, pid["pid"]);
    let (_raw, again, login) = request(None, packet).await?;
    assert_eq!(again, reply);
    assert!(login.starts_with(r#"42["login",null,"#), "{login}");
    Ok(())
}

#[cfg(feature = "jwt")]
mod jwt {
    use std::time::{SystemTime, UNIX_EPOCH};

    use jsonwebtoken::{EncodingKey, Header, encode};
    use tower_socketio::{JwtLayer, TestError};

    use super::*;
    use crate::support::code;

    const SECRET: &str = "a secret of 32 bytes or more ....";

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Token {
        sub: String,
        exp: u64,
    }

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Nameless {
        role: String,
        exp: u64,
    }

    fn in_an_hour() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() + 3600
    }

    fn token(sub: &str) -> String {
        sign(&Token { sub: sub.to_owned(), exp: in_an_hour() })
    }

    fn sign(claims: &impl serde::Serialize) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token")
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_had_a_token_and_comes_back_without_has_neither_user_nor_claims() -> Test {
        let jwt = JwtLayer::<Token>::hs256(SECRET).optional().user(|token| &token.sub);
        let io = recovering(
            Namespace::new()
                .connect_layer(jwt)
                .on("mine", async |Claims(token): Claims<Token>| Ack(token.sub)),
        );
        let mut client = TestClient::new(&io).auth(token("ada")).connect("/").await?;
        assert_eq!(client.emit_with_ack::<String>("mine", ()).await?, "ada");
        lose(&mut client).await;
        io.to_user("ada").emit("news", "secret");
        let pid = client.pid().expect("a pid").to_owned();
        let mut guest = TestClient::new(&io).auth(json!({ "pid": &pid })).connect("/").await?;
        assert_ne!(guest.id(), client_id(&client));
        let refused = guest.emit_with_ack::<String>("mine", ()).await;
        assert!(matches!(refused, Err(TestError::ErrorReply(_))));
        assert_eq!(code(refused), "no_token");
        assert!(news(&mut guest).await.is_empty());
        // With the token it is ada again.
        let mut back =
            TestClient::new(&io).auth(json!({ "pid": pid, "token": token("ada") })).connect("/").await?;
        assert_eq!(back.id(), client_id(&client));
        assert_eq!(back.emit_with_ack::<String>("mine", ()).await?, "ada");
        assert_eq!(news(&mut back).await, ["secret"]);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_gives_no_user_leaves_nothing_behind_either() -> Test {
        let jwt = JwtLayer::<Nameless>::hs256(SECRET).optional();
        let io = recovering(
            Namespace::new()
                .connect_layer(jwt)
                .on("mine", async |Claims(token): Claims<Nameless>| Ack(token.role)),
        );
        let mut client = TestClient::new(&io)
            .auth(sign(&Nameless { role: "ada".to_owned(), exp: in_an_hour() }))
            .connect("/")
            .await?;
        assert_eq!(client.emit_with_ack::<String>("mine", ()).await?, "ada");
        lose(&mut client).await;
        let pid = client.pid().expect("a pid").to_owned();
        let guest = TestClient::new(&io).auth(json!({ "pid": pid })).connect("/").await?;
        assert_ne!(guest.id(), client_id(&client));
        assert_eq!(code(guest.emit_with_ack::<String>("mine", ()).await), "no_token");
        Ok(())
    }
}
