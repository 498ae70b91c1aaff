//! The server under test.
//!
//! [`start`] listens on a free port of 127.0.0.1 and serves, under [`Options::path`], Socket.IO with the given options.
//! Every request for another path gets `200` with the body `inner` from the service inside. Handlers:
//!
//! | namespace | who gets in |
//! |---|---|
//! | `/`, `/custom` | everybody |
//! | `/slow` | everybody, 100 ms after the CONNECT (a connect layer or an `on_connect` hook that waits) |
//! | `/private` | nobody: refused with the message `Not authorized` and the data `{"code":"E1"}` |
//! | `/closed` | nobody: refused with the message `Closed` and no data |
//! | any other | nobody: `Invalid namespace` |
//!
//! In `/`, `/custom` and `/slow`, the server, on connecting, emits `auth` with the payload of the CONNECT (`{}` if there
//! was none; for Engine.IO 3 the query of the namespace), and handles:
//!
//! | event | what it does |
//! |---|---|
//! | `message` | emits `message-back` with the same arguments, any number, of any kind, binary included |
//! | `message-with-ack` | acknowledges with the same arguments; does nothing where no acknowledgement is asked |
//! | `ask` | emits `question` with the same arguments and asks for an acknowledgement, whose arguments it emits as `answer` |
//! | `id` | acknowledges with the id of the socket |
//! | `leave` | disconnects the socket from its namespace |
//! | `quit` | disconnects the client: all its namespaces, then the transport |

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower_socketio::{
    Ack, AckSender, Any, Args, Auth, Cookie, Namespace, Socket, SocketIo, Transport, WireError,
};

use crate::options::Options;

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

/// Starts a server.
pub(crate) async fn start(options: Options) -> Running {
    let io = server(&options).expect("the options fit");
    let app = Router::new().fallback(async || "inner").layer(io.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let serve = axum::serve(listener, app);
        tokio::select! {
            _ = serve => {}
            _ = stopped => io.close().await,
        }
    });
    Running { address, _stop: stop }
}

fn server(options: &Options) -> Result<SocketIo, tower_socketio::ConfigError> {
    let transports = options.transports.iter().map(|name| match *name {
        "polling" => Transport::Polling,
        _ => Transport::WebSocket,
    });
    let mut builder = SocketIo::builder()
        .path(options.path)
        .transports(transports)
        .allow_eio3(options.allow_eio3)
        .max_payload(options.max_payload)
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .upgrade_timeout(options.upgrade_timeout)
        .connect_timeout(options.connect_timeout)
        .namespace("/", open())
        .namespace("/custom", open())
        .namespace("/slow", Namespace::new().on_connect(a_while).merge(open()))
        .namespace("/private", Namespace::new().on_connect(private))
        .namespace("/closed", Namespace::new().on_connect(closed));
    if !options.allow_request {
        builder = builder.allow_request(|_| Err(WireError::new("Forbidden")));
    }
    if options.cookie {
        builder = builder.cookie(Cookie::new("io"));
    }
    if options.serve_client {
        builder = builder
            .serve_client(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protocol/client-package/client-dist"));
    }
    builder.build()
}

fn open() -> Namespace {
    Namespace::new()
        .on_connect(greet)
        .on("message", async |socket: Socket, Args(all): Args<Vec<Any>>| {
            socket.emit("message-back", Args(all))
        })
        .on("message-with-ack", async |ack: AckSender, Args(all): Args<Vec<Any>>| {
            ack.send(Args(all));
        })
        .on("ask", ask)
        .on("id", async |socket: Socket| Ack(socket.id().to_owned()))
        .on("leave", async |socket: Socket| socket.disconnect())
        .on("quit", async |socket: Socket| socket.disconnect_transport())
}

async fn greet(socket: Socket, auth: Option<Auth<Value>>) {
    socket.emit("auth", auth.map_or_else(|| json!({}), |Auth(auth)| auth));
}

async fn ask(socket: Socket, Args(all): Args<Vec<Any>>) -> Result<(), WireError> {
    let answer: Args<Vec<Any>> = socket.emit_with_ack("question", Args(all)).await?;
    socket.emit("answer", answer);
    Ok(())
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn private() -> Result<(), WireError> {
    Err(WireError::new("Not authorized").data(json!({ "code": "E1" })))
}

async fn closed() -> Result<(), WireError> {
    Err(WireError::new("Closed"))
}
