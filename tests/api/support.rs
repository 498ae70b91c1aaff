//! What many of these tests need.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::Ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::{Semaphore, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::Service;
use tower_socketio::{Namespace, PublicError, SocketIo, SocketIoService, TestClient, TestError, WireError};

/// What a test returns, so that it may use `?`.
pub(crate) type Test<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A server with `/` alone.
pub(crate) fn serve(namespace: Namespace) -> SocketIo {
    SocketIo::builder().namespace("/", namespace).build().expect("a namespace that fits")
}

/// A client in `/`.
pub(crate) async fn join(io: &SocketIo) -> TestClient {
    TestClient::new(io).connect("/").await.expect("the client is accepted")
}

/// The message and the code of an error reply.
pub(crate) fn refusal<T: Debug>(result: Result<T, TestError>) -> (String, Option<String>) {
    match result {
        Err(TestError::ErrorReply(error) | TestError::Refused(error)) => {
            (error.message().to_owned(), PublicError::code(&error).map(str::to_owned))
        }
        other => panic!("no error came but {other:?}"),
    }
}

/// The code of an error reply.
pub(crate) fn code<T: Debug>(result: Result<T, TestError>) -> String {
    refusal(result).1.expect("the error has a code")
}

/// Waits until nobody has anything left to do; only where time is paused, which then moves on by this moment.
pub(crate) async fn idle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// What happened, in order.
#[derive(Clone, Debug)]
pub(crate) struct Log(watch::Sender<Vec<String>>);

impl Log {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::default())
    }

    pub(crate) fn push(&self, entry: impl ToString) {
        self.0.send_modify(|log| log.push(entry.to_string()));
    }

    /// A hook for `on_error` that notes what it hears.
    pub(crate) fn errors(&self) -> impl Fn(WireError) -> Ready<()> + Clone + Send + Sync + 'static {
        let log = self.clone();
        move |error| {
            log.push(error);
            std::future::ready(())
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// Everything, as soon as there are so many entries.
    pub(crate) async fn reach(&self, entries: usize) -> Vec<String> {
        let mut log = self.0.subscribe();
        let reached =
            tokio::time::timeout(Duration::from_secs(10), log.wait_for(|log| log.len() >= entries)).await;
        match reached {
            Ok(Ok(log)) => log.clone(),
            _ => panic!("{entries} entries were expected: {:?}", self.all()),
        }
    }
}

/// Holds handlers until the test lets them go, one by one.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) async fn pass(&self) {
        self.0.acquire().await.expect("a gate stays").forget();
    }

    pub(crate) fn open(&self, handlers: usize) {
        self.0.add_permits(handlers);
    }
}

/// A connection to an HTTP service, in memory; so much fits in between in each direction.
pub(crate) fn dial<S, B>(service: S, buffer: usize) -> DuplexStream
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(buffer);
    let service = TowerToHyperService::new(service);
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
    tokio::spawn(connection.with_upgrades());
    ours
}

/// A client that speaks packets, and reads only when it is told to.
pub(crate) struct Raw<T = DuplexStream>(WebSocketStream<T>);

impl Raw {
    /// Opens a session over a WebSocket.
    pub(crate) async fn open(io: &SocketIo) -> Self {
        Self::with(io, 64 * 1024, "", &[]).await
    }

    /// As [`open`](Self::open), with a network that holds so many bytes, a query and headers.
    pub(crate) async fn with(
        io: &SocketIo,
        buffer: usize,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Self {
        Self::over(dial(SocketIoService::not_found(io.clone()), buffer), query, headers).await
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Raw<T> {
    /// Opens a session over these bytes.
    pub(crate) async fn over(bytes: T, query: &str, headers: &[(&'static str, &str)]) -> Self {
        let url = format!("ws://localhost/socket.io/?EIO=4&transport=websocket{query}");
        let mut request: Request<()> = url.into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        Self::upgrade(bytes, request).await
    }

    /// Opens a session by this request.
    pub(crate) async fn upgrade(bytes: T, request: Request<()>) -> Self {
        let (stream, _) = tokio_tungstenite::client_async(request, bytes).await.expect("a WebSocket");
        let mut raw = Self(stream);
        let open = raw.next().await;
        assert!(open.starts_with("0{"), "no open packet but {open}");
        raw
    }

    /// Enters a namespace and returns the socket's id.
    pub(crate) async fn enter(&mut self, namespace: &str) -> String {
        let prefix = if namespace == "/" { "40".to_owned() } else { format!("40{namespace},") };
        self.send(&prefix).await;
        let answer = self.next().await;
        let sid = answer.strip_prefix(&prefix).and_then(|json| json.strip_prefix(r#"{"sid":""#));
        match sid.and_then(|rest| rest.strip_suffix(r#""}"#)) {
            Some(sid) => sid.to_owned(),
            None => panic!("not accepted: {answer}"),
        }
    }

    /// Sends a packet of the engine: `4` and a packet of Socket.IO.
    pub(crate) async fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).await.expect("the connection takes it");
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.expect("the connection takes it");
    }

    /// Ends the stream of bytes to the server, without a Close frame.
    pub(crate) async fn end(&mut self) {
        self.0.get_mut().shutdown().await.expect("the connection is open");
    }

    /// The next packet; pings are answered and left out.
    pub(crate) async fn next(&mut self) -> String {
        self.maybe_next().await.expect("the connection is open")
    }

    /// The next packet, or `None` when the server has closed the connection.
    pub(crate) async fn maybe_next(&mut self) -> Option<String> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(60), self.0.next()).await;
            match message.expect("something comes") {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Some(format!("{:?}", &bytes[..])),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
