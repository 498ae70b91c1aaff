//! Run with `cargo run --example tls`: rustls under an axum router, with a certificate of its own making.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::{Router, routing::get};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::{server::conn::auto, service::TowerToHyperService};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tower::{Layer, ServiceExt};
use tower_socketio::{Data, Namespace, Secure, Socket, SocketIoLayer, SocketIoService};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let layer = SocketIoLayer::new();
    let echo = async |socket: Socket, Data(text): Data<String>| socket.emit("echo", text);
    layer.io().namespace("/", Namespace::new().on("echo", echo))?;
    let service = layer.layer(Router::new().route("/", get("hello")));

    let acceptor = TlsAcceptor::from(Arc::new(config()?));
    let port: u16 = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on https://localhost:{}", listener.local_addr()?.port());
    loop {
        let (tcp, peer) = listener.accept().await?;
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(tcp, peer, acceptor, service).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

fn config() -> Result<ServerConfig, BoxError> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())?;
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    Ok(config)
}

async fn serve(
    tcp: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    service: SocketIoService<Router>,
) -> Result<(), BoxError> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http2().enable_connect_protocol(); // WebSockets over HTTP/2
    let service = service.client_address(peer).map_request(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Secure(true)); // for `socket.conn().is_secure()`
        request
    });
    let service = TowerToHyperService::new(service);
    server.serve_connection_with_upgrades(TokioIo::new(tls), service).await
}
