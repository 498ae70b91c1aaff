//! Run with `cargo run --example hyper`: plain hyper with HTTP/1.1 and HTTP/2, where WebSockets need no connection of
//! their own.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::{server::conn::auto, service::TowerToHyperService};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};
use tower_socketio::{Ack, Data, Namespace, SocketIo};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let double = async |Data(n): Data<u32>| Ack(n * 2);
    let io = SocketIo::builder().namespace("/", Namespace::new().on("double", double)).build()?;
    let service = io.layer().layer(service_fn(hello));

    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://localhost:{}", listener.local_addr()?.port());
    loop {
        let (tcp, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let service = TowerToHyperService::new(service.clone().client_address(peer));
        tokio::spawn(async move {
            let mut server = auto::Builder::new(TokioExecutor::new());
            // Lets HTTP/2 clients open WebSockets (RFC 8441); without it they stay with polling.
            server.http2().enable_connect_protocol();
            // `with_upgrades`, or there are no WebSockets with HTTP/1.1.
            if let Err(error) = server.serve_connection_with_upgrades(TokioIo::new(tcp), service).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
    io.drain(Duration::from_secs(1)).await; // no new sessions; clients are told to go, spread over a second
    Ok(())
}

/// Every request that is not Socket.IO's.
async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello")))
}
