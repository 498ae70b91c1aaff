use std::future::pending;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;

use super::HostHandle;
use super::handle::Stage;
use crate::hub::Secure;

/// How long a connection may take until its first request.
const FIRST: Duration = Duration::from_secs(30);

/// After so long without a word, a connection of HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// A listener and its connections, which end with it.
pub(super) struct Server {
    pub(super) listener: TcpListener,
    pub(super) router: Router,
    pub(super) handle: HostHandle,
    pub(super) connections: JoinSet<()>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::tls::Tls>,
}

impl Server {
    /// Tells where it listens.
    pub(super) fn open(&self) {
        #[cfg(feature = "tls")]
        let secure = self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        let secure = false;
        self.handle.listening(self.listener.local_addr().ok(), secure);
    }

    /// Serves everybody who comes. It never ends; whoever was accepted is served also when it is dropped.
    pub(super) async fn accept(&mut self) {
        loop {
            tokio::select! {
                (tcp, peer) = accept(&self.listener) => self.serve(tcp, peer),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn serve(&mut self, tcp: TcpStream, peer: SocketAddr) {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(target: "socketio::host", %error, "cannot set TCP_NODELAY");
        }
        let connection = Connection { peer, router: self.router.clone(), handle: self.handle.clone() };
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            let (handshake, closing) = (tls.handshake(tcp), self.handle.reached(Stage::Closing));
            self.connections.spawn(async move {
                let outcome = tokio::select! {
                    outcome = handshake => outcome,
                    () = closing => return,
                };
                match outcome {
                    Ok(io) => connection.serve(io, true).await,
                    Err(error) => tracing::debug!(target: "socketio::host", %peer, %error, "no TLS"),
                }
            });
            return;
        }
        self.connections.spawn(connection.serve(tcp, false));
    }

    /// Closes the port, and waits until this time for connections to end.
    pub(super) async fn close(self, end: Instant) {
        let Self { listener, handle, mut connections, .. } = self;
        drop(listener);
        handle.listening(None, false);
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout_at(end, all).await.is_err() {
            tracing::warn!(target: "socketio::host", left = connections.len(), "requests did not end in time");
        }
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // This client's own.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
                ) => {}
            // Such as too many open files: as soon as one is closed, or else in a moment.
            Err(error) => {
                tracing::error!(target: "socketio::host", %error, "cannot accept a connection");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

struct Connection {
    peer: SocketAddr,
    router: Router,
    handle: HostHandle,
}

impl Connection {
    async fn serve<I>(self, io: I, secure: bool)
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { peer, router, handle } = self;
        let begun = Arc::new(Notify::new());
        let begins = begun.clone();
        let service = router.map_request(move |mut request: Request<Incoming>| {
            begins.notify_one();
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(Secure(secure));
            request
        });
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new());
        http.http2().timer(TokioTimer::new()).keep_alive_interval(PING).enable_connect_protocol();
        let service = TowerToHyperService::new(service);
        let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(io), service));
        let mut silent = pin!(async {
            if timeout(FIRST, begun.notified()).await.is_ok() {
                pending().await
            }
        });
        let mut closing = pin!(handle.reached(Stage::Closing));
        let mut closed = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(target: "socketio::host", %peer, error, "a connection failed");
                    }
                    return;
                }
                () = silent.as_mut() => return,
                () = closing.as_mut(), if !closed => {
                    closed = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}
