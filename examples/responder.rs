//! Run with `cargo run --example responder`: acknowledgements in an envelope, or in a shape of one's own.

use serde::Serialize;
use serde_json::json;
use tower_socketio::{Ack, Any, Data, Namespace, Reply, Responder, ResultEnvelope, SocketIo, WireError};

/// What the clients of this server have always been answered.
struct OwnShape;

/// A type and no `json!`, in which there are no attachments.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    my_body: Any,
}

impl Responder for OwnShape {
    fn success(&self, answer: Any) -> Reply {
        Reply::ack(Shape { my_body: answer })
    }

    fn failure(&self, error: &WireError) -> Reply {
        // The message is what clients may read; `Display` is for the log and has the cause of an internal error, too.
        Reply::ack(json!({ "myAppErrorMessage": error.message() }))
    }
}

fn methods() -> Namespace {
    Namespace::new()
        .on("oneEvent", async |Data(n): Data<u32>| Ack(json!({ "text": format!("the number is {n}") })))
        .on("nothing", async || {})
        .on("picture", async || Ack(bytes::Bytes::from_static(b"pixels")))
        .on("bad", async || Err::<(), _>(WireError::new("Bad method name").code("bad_name")))
        .on("plain", async || Err::<(), _>(WireError::text("nothing but a text")))
        .on("internal", async || Err::<(), WireError>(std::io::Error::other("the password is 1234").into()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = SocketIo::builder()
        .allow_eio3(true)
        .namespace("/", methods().respond_with(ResultEnvelope))
        .namespace("/own", methods().respond_with(OwnShape))
        .build()?;
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, axum::Router::new().layer(io.layer())).await?)
}
