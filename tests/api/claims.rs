//! What layers give handlers as `Claims`.

use tower_socketio::{
    Ack, Claims, ConnectRequest, Data, Namespace, Socket, SocketIo, TestClient, WireError, connect,
};

use crate::support::{Log, Test, join, refusal, serve};

#[derive(Clone, Debug, PartialEq)]
struct User(&'static str);

async fn who(Claims(User(name)): Claims<User>) -> Ack<&'static str> {
    Ack(name)
}

async fn whoever(user: Option<Claims<User>>) -> Ack<String> {
    Ack(user.map_or_else(|| "a guest".into(), |Claims(User(name))| name.into()))
}

#[tokio::test]
async fn what_a_layer_gives_every_handler_gets_whatever_the_client_says() -> Test {
    let log = Log::new();
    let note = |moment: &'static str| {
        let log = log.clone();
        async move |Claims(User(name)): Claims<User>| log.push(format!("{moment} {name}"))
    };
    let namespace = Namespace::new()
        .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
            request.socket().extensions().insert(Claims(User("ada")));
            next.run(request).await
        }))
        .on_connect(note("connect"))
        .on_connected(note("connected"))
        .on("who", async |Claims(User(name)): Claims<User>, Data(_): Data<serde_json::Value>| Ack(name))
        .on("whoever", whoever)
        .on("leave", async |socket: Socket| socket.disconnect())
        .on("fail", async || Err::<(), _>(WireError::new("failed")))
        .on_error(note("error"))
        .on_disconnect(note("disconnect"));
    let client = TestClient::new(&serve(namespace)).auth(serde_json::json!({ "userId": "eve" }));
    let client = client.connect("/").await?;
    let forged = serde_json::json!({ "userId": "eve", "user": { "sub": "eve" } });
    assert_eq!(client.emit_with_ack::<String>("who", forged).await?, "ada");
    assert_eq!(client.emit_with_ack::<String>("whoever", ()).await?, "ada");
    client.emit("fail", ());
    log.reach(3).await;
    client.emit("leave", ());
    let mut all = log.reach(4).await;
    all[..3].sort();
    assert_eq!(all, ["connect ada", "connected ada", "error ada", "disconnect ada"]);
    Ok(())
}

#[tokio::test]
async fn claims_that_nobody_gives_are_an_error_of_the_server_that_names_the_layer() -> Test {
    let log = Log::new();
    let namespace = Namespace::new().on("who", who).on("whoever", whoever).on_error(log.errors());
    let client = join(&serve(namespace)).await;
    let (message, code) = refusal(client.emit_with_ack::<String>("who", ()).await);
    assert_eq!((&*message, code.as_deref()), ("internal error", Some("internal")));
    let error = log.reach(1).await.remove(0);
    assert!(error.contains("JwtLayer::<api::claims::User>") && error.contains("connect_layer"), "{error}");
    assert_eq!(client.emit_with_ack::<String>("whoever", ()).await?, "a guest");
    Ok(())
}

#[tokio::test]
async fn a_guest_is_told_that_a_token_is_needed() -> Test {
    let namespace = Namespace::new().on("who", who).on("whoever", whoever);
    let io = SocketIo::builder()
        .namespace("/", namespace)
        .connect_layer(connect::from_fn(async |request: ConnectRequest, next: connect::Next| {
            Claims::<User>::welcome_guest(request.socket());
            next.run(request).await
        }))
        .build()?;
    let client = join(&io).await;
    let (message, code) = refusal(client.emit_with_ack::<String>("who", ()).await);
    assert_eq!((&*message, code.as_deref()), ("a token is needed", Some("no_token")));
    assert_eq!(client.emit_with_ack::<String>("whoever", ()).await?, "a guest");
    Ok(())
}
