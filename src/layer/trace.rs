use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::hub::{Accepted, ConnectRequest, PacketRequest, Reply, Socket, Transport, WireError};

/// A span for each event, and for each attempt to enter a namespace: a layer for the packet tier, the connect tier or
/// both.
///
/// The fields have the names of OpenTelemetry's conventions for messaging, so that `tracing-opentelemetry` exports them
/// as they are: `messaging.destination.name` is the namespace, `messaging.operation.name` the event or `connect`, and
/// `error.type` the code of an error reply, `refused` for one without a code, or `cancelled`. What handlers trace is
/// inside of the span. Neither arguments nor headers are in it, nor the socket's id where that is a secret, which it is
/// for clients of EIO3.
///
/// # Example
///
/// ```
/// use tower_socketio::{SocketIo, TraceLayer};
///
/// let io = SocketIo::builder().connect_layer(TraceLayer::new()).packet_layer(TraceLayer::new()).build()?;
/// # Ok::<(), tower_socketio::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer {}

impl TraceLayer {
    /// Spans of the level `INFO` with the targets `socketio::event` and `socketio::connect`.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<N> Layer<N> for TraceLayer {
    type Service = Trace<N>;

    fn layer(&self, inner: N) -> Trace<N> {
        Trace { inner }
    }
}

/// The service of a [`TraceLayer`].
#[derive(Clone, Debug)]
pub struct Trace<N> {
    inner: N,
}

/// Clients choose the names of their events; this much of one is traced.
const NAME: usize = 128;

fn shortened(name: &str) -> &str {
    let end = (0..=NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or_default()]
}

macro_rules! span {
    ($target:literal, $kind:literal, $socket:expr, $operation:expr, $($field:tt)*) => {{
        let (socket, operation): (&Socket, &str) = ($socket, $operation);
        let (namespace, conn) = (socket.space().name(), socket.conn());
        info_span!(
            target: $target,
            "socket.io",
            "otel.name" = format_args!("{operation} {namespace}"),
            "otel.kind" = $kind,
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "messaging.system" = "socket.io",
            "messaging.destination.name" = namespace,
            "messaging.operation.name" = operation,
            "messaging.client.id" = (conn.protocol() == 5).then(|| socket.id()),
            "network.protocol.name" = if conn.transport() == Transport::WebSocket { "websocket" } else { "http" },
            "network.peer.address" = conn.address().map(|address| display(address.ip())),
            $($field)*
        )
    }};
}

impl<N> Service<PacketRequest> for Trace<N>
where
    N: Service<PacketRequest, Response = Reply, Error: Into<BoxError>>,
{
    type Response = Reply;
    type Error = BoxError;
    type Future = Traced<N::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: PacketRequest) -> Traced<N::Future> {
        let span = span!(
            "socketio::event",
            "consumer",
            request.socket(),
            shortened(request.event()),
            "messaging.operation.type" = "process",
            "messaging.message.body.size" = request.size()
        );
        Traced::new(span, || self.inner.call(request))
    }
}

impl<N> Service<ConnectRequest> for Trace<N>
where
    N: Service<ConnectRequest, Response = Accepted, Error: Into<BoxError>>,
{
    type Response = Accepted;
    type Error = BoxError;
    type Future = Traced<N::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: ConnectRequest) -> Traced<N::Future> {
        let span = span!("socketio::connect", "server", request.socket(), "connect",);
        Traced::new(span, || self.inner.call(request))
    }
}

pin_project! {
    /// The answer of a [`Trace`], in its span.
    #[derive(Debug)]
    pub struct Traced<R> {
        #[pin]
        future: R,
        span: Span,
        over: bool,
    }

    impl<R> PinnedDrop for Traced<R> {
        fn drop(this: Pin<&mut Self>) {
            if !this.over {
                failed(&this.span, "cancelled");
            }
        }
    }
}

impl<R> Traced<R> {
    fn new(span: Span, call: impl FnOnce() -> R) -> Self {
        let future = span.in_scope(call);
        Self { future, span, over: false }
    }
}

impl<R, T, E> Future for Traced<R>
where
    R: Future<Output = Result<T, E>>,
    T: Outcome,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let result = ready!(this.future.poll(cx)).map_err(Into::into);
        *this.over = true;
        match &result {
            Err(error) => failed(this.span, WireError::code_of_boxed(error)),
            Ok(outcome) => {
                if let Some(error) = outcome.error() {
                    failed(this.span, error.short_name());
                }
            }
        }
        Poll::Ready(result)
    }
}

fn failed(span: &Span, kind: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
}

/// What a tier answers.
trait Outcome {
    fn error(&self) -> Option<&WireError>;
}

impl Outcome for Reply {
    fn error(&self) -> Option<&WireError> {
        self.as_error()
    }
}

impl Outcome for Accepted {
    fn error(&self) -> Option<&WireError> {
        None
    }
}
