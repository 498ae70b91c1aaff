//! The API of the tour's programs, through the test client.
use tower_socketio::{Ack, Data, Namespace, SocketIo, TestClient};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::test]
async fn doubles() -> Result {
    let double = async |Data(n): Data<u32>| Ack(n * 2);
    let io = SocketIo::builder().namespace("/", Namespace::new().on("double", double)).build()?;
    let mut client = TestClient::new(&io).auth("token").connect("/").await?;
    assert_eq!(client.emit_with_ack::<u32>("double", 21).await?, 42);
    io.emit("news", ("rain", 7));
    assert_eq!(client.next::<(String, u32)>("news").await?, ("rain".to_owned(), 7));
    Ok(())
}
