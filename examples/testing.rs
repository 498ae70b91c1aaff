//! Run with `cargo run --example testing`: tests of one's own handlers, over the real protocol but without a network.
//! In a program of yours each function is a `#[tokio::test]`.

use tower_socketio::{Ack, Auth, Data, Namespace, Socket, SocketIo, TestClient, TestError, WireError};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The server under test.
fn server() -> Result<SocketIo> {
    let namespace = Namespace::new()
        .on_connect(login)
        .on_connected(greet)
        .on("double", async |Data(n): Data<u32>| Ack(n * 2))
        .on("say", async |socket: Socket, Data(text): Data<String>| socket.broadcast().emit("said", text));
    Ok(SocketIo::builder().namespace("/", namespace).build()?)
}

#[derive(serde::Deserialize)]
struct Token {
    token: String,
}

async fn login(Auth(Token { token }): Auth<Token>) -> Result<(), WireError> {
    if token == "secret" { Ok(()) } else { Err(WireError::new("wrong token").code("forbidden")) }
}

async fn greet(socket: Socket) -> Result<(), WireError> {
    let name: String = socket.emit_with_ack("who are you?", ()).await?;
    socket.emit("hello", name);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    answers_are_acknowledgements().await?;
    others_hear_what_is_said().await?;
    the_server_asks_who_it_is().await?;
    strangers_are_refused().await?;
    println!("4 tests passed");
    Ok(())
}

async fn answers_are_acknowledgements() -> Result {
    let io = server()?;
    let client = TestClient::new(&io).auth("secret").connect("/").await?;
    assert_eq!(client.emit_with_ack::<u32>("double", 21).await?, 42);
    let answer = client.emit_with_ack::<u32>("double", "a word").await;
    let Err(TestError::ErrorReply(error)) = answer else { return Err(format!("{answer:?}").into()) };
    assert!(error.message().starts_with("invalid data"));
    Ok(())
}

async fn others_hear_what_is_said() -> Result {
    let io = server()?;
    let ada = TestClient::new(&io).auth("secret").connect("/").await?;
    let mut grace = TestClient::new(&io).auth("secret").connect("/").await?;
    grace.answer::<()>("who are you?", "Grace").await?;
    assert_eq!(grace.next::<String>("hello").await?, "Grace");
    ada.emit("say", "good morning");
    assert_eq!(grace.next::<String>("said").await?, "good morning");
    Ok(())
}

async fn the_server_asks_who_it_is() -> Result {
    let mut client = TestClient::new(&server()?).auth("secret").connect("/").await?;
    client.answer::<()>("who are you?", "Ada").await?;
    assert_eq!(client.next::<String>("hello").await?, "Ada");
    Ok(())
}

async fn strangers_are_refused() -> Result {
    let io = server()?;
    let refused = TestClient::new(&io).auth("guess").connect("/").await;
    assert!(matches!(refused, Err(TestError::Refused(error)) if error.message() == "wrong token"));
    Ok(())
}
