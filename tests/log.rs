//! What the log shows at the debug level, and what it never shows.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tower_socketio::{Ack, Auth, Data, Namespace, Socket, SocketIo, TestClient};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn packets_show_in_the_log_and_secrets_do_not() -> Result<(), Box<dyn std::error::Error>> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;

    let sids = Arc::new(Mutex::new(Vec::new()));
    let made = sids.clone();
    let namespace = Namespace::new()
        .on_connect(async |socket: Socket, Auth(auth): Auth<serde_json::Value>| {
            socket.emit("hello", auth.is_object())
        })
        .on("login", async |Data((name, password)): Data<(String, String)>| Ack(name.len() + password.len()));
    let io = SocketIo::builder()
        .id_generator(move |_| {
            let mut made = made.lock().expect("no panic");
            let sid = format!("secret-session-{}", made.len());
            made.push(sid.clone());
            sid
        })
        .namespace("/", namespace)
        .build()?;
    let mut client = TestClient::new(&io).auth(json!({ "token": "secret-token" })).connect("/").await?;
    client.next::<bool>("hello").await?;
    client.emit_with_ack::<usize>("login", ("ada", "secret-password")).await?;
    client.emit("unknown", "secret-data");
    assert!(client.emit_with_ack::<()>("login", 7).await.is_err());
    client.disconnect();
    io.close().await;

    let log = String::from_utf8(log.0.lock().expect("no panic").clone())?;
    for shown in
        ["socketio::engine", "socketio::socket", "socketio::parser", "event=\"login\"", "session closed"]
    {
        assert!(log.contains(shown), "{shown} is not in the log:\n{log}");
    }
    assert!(!log.contains("secret"), "a secret is in the log:\n{log}");
    Ok(())
}
