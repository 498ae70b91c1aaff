//! The host, over real sockets of the loopback.

mod foreign;
mod health;
mod start;
mod stop;
#[cfg(feature = "tls")]
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_socketio::{Ack, Data, Host, HostHandle, Namespace, Socket, SocketIo};

use crate::support::{Raw, Test, serve};

/// Nothing takes this long unless something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server whose `/` doubles numbers and says who is there.
fn doubling() -> SocketIo {
    let conn = async |socket: Socket| {
        let conn = socket.conn();
        Ack((conn.is_secure(), conn.address().map(|address| address.ip())))
    };
    serve(Namespace::new().on("double", async |Data(n): Data<u32>| Ack(n * 2)).on("conn", conn))
}

/// A host of it at a free port of the loopback.
fn host() -> Host {
    Host::new(doubling()).listen("127.0.0.1:0")
}

fn address(host: &HostHandle) -> SocketAddr {
    host.local_addr().expect("it listens")
}

/// A client by a WebSocket, which is in `/`.
async fn enter(address: SocketAddr) -> Raw<TcpStream> {
    let mut raw = Raw::over(TcpStream::connect(address).await.expect("somebody listens"), "", &[]).await;
    raw.enter("/").await;
    raw
}

/// A client that is served.
async fn served(address: SocketAddr) -> Raw<TcpStream> {
    let mut raw = enter(address).await;
    raw.send(r#"420["double",21]"#).await;
    assert_eq!(raw.next().await, "430[42]");
    raw
}

/// The status, the head and the body of a response.
async fn get(address: SocketAddr, path: &str) -> Test<(u16, String, String)> {
    let mut tcp = TcpStream::connect(address).await?;
    tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut response = String::new();
    timeout(PATIENCE, tcp.read_to_string(&mut response)).await??;
    let (head, body) = response.split_once("\r\n\r\n").ok_or("a whole response")?;
    let status = head.split(' ').nth(1).ok_or("a status")?.parse()?;
    Ok((status, head.to_owned(), body.to_owned()))
}

async fn status(address: SocketAddr, path: &str) -> Test<u16> {
    Ok(get(address, path).await?.0)
}

/// Nobody listens at the address, and everybody may.
async fn assert_free(address: SocketAddr) -> Test {
    assert!(TcpStream::connect(address).await.is_err(), "somebody listens at {address}");
    tokio::net::TcpListener::bind(address).await?;
    Ok(())
}
