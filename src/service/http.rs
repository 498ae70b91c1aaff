use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use http_body_util::Empty;
use pin_project_lite::pin_project;
use tower::{Service, util::ServiceFn};

use super::{ResponseBody, files};
use crate::hub::{BoxFuture, SocketIo};
use crate::transport::{self, Answer};

/// Answers Socket.IO's requests itself and passes every other one to the inner service.
///
/// See the [crate's documentation](crate) for an example.
#[derive(Clone, Debug)]
pub struct SocketIoService<N> {
    inner: N,
    io: SocketIo,
    peer: Option<SocketAddr>,
}

impl<N> SocketIoService<N> {
    /// Puts a server in front of a service.
    pub fn new(inner: N, io: SocketIo) -> Self {
        Self { inner, io, peer: None }
    }

    /// Says whose connection this service serves; for plain hyper, which does not tell.
    pub fn client_address(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// The server.
    pub fn io(&self) -> &SocketIo {
        &self.io
    }

    /// The inner service.
    pub fn get_ref(&self) -> &N {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut N {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> N {
        self.inner
    }
}

/// The service behind [`SocketIoService::not_found`].
pub type NotFound<B> =
    ServiceFn<fn(Request<B>) -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>>>;

impl<B> SocketIoService<NotFound<B>> {
    /// A server with nothing behind it: every other request is answered 404.
    pub fn not_found(io: SocketIo) -> Self {
        let answer: fn(Request<B>) -> _ = |_| {
            let mut response = Response::new(Empty::new());
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            std::future::ready(Ok(response))
        };
        Self::new(tower::service_fn(answer), io)
    }
}

impl<N, B, R> Service<Request<B>> for SocketIoService<N>
where
    N: Service<Request<B>, Response = Response<R>>,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody<R>>;
    type Error = N::Error;
    type Future = ResponseFuture<N::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), N::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let config = &self.io.hub().config;
        let Some(rest) = ours(request.uri().path(), &config.path) else {
            return ResponseFuture { kind: Kind::Inner { future: self.inner.call(request) } };
        };
        if let Some(directory) = &config.client_files
            && let Some(file) = files::find(rest)
        {
            let future = Box::pin(files::serve(directory.clone(), file, request.into_parts().0));
            return ResponseFuture { kind: Kind::File { future } };
        }
        let answer =
            transport::serve(self.io.hub(), request, |extensions| self.peer.or_else(|| address(extensions)));
        ResponseFuture { kind: Kind::Ours { answer } }
    }
}

/// What of a path is behind ours: `/socket.io`, `/socket.io/` and `/socket.io/x` are ours, `/socket.iox` is not.
fn ours<'a>(path: &'a str, own: &str) -> Option<&'a str> {
    path.strip_prefix(own).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The address that axum's `into_make_service_with_connect_info` leaves in the request.
fn address(extensions: &Extensions) -> Option<SocketAddr> {
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(info.0);
    }
    extensions.get::<SocketAddr>().copied()
}

pin_project! {
    /// Answers one request.
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum Kind<F> {
        Inner { #[pin] future: F },
        Ours { answer: Answer },
        File { future: BoxFuture<Response<Bytes>> },
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            Projected::Inner { future } => {
                future.poll(cx).map_ok(|response| response.map(ResponseBody::inner))
            }
            Projected::Ours { answer } => {
                Pin::new(answer).poll(cx).map(|response| Ok(response.map(ResponseBody::ours)))
            }
            Projected::File { future } => {
                future.as_mut().poll(cx).map(|response| Ok(response.map(ResponseBody::ours)))
            }
        }
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::ours;

    #[test]
    fn only_whole_segments_are_ours() {
        assert_eq!(ours("/socket.io", "/socket.io"), Some(""));
        assert_eq!(ours("/socket.io/", "/socket.io"), Some("/"));
        assert_eq!(ours("/socket.io/x", "/socket.io"), Some("/x"));
        assert_eq!(ours("/socket.iox", "/socket.io"), None);
        assert_eq!(ours("/", "/socket.io"), None);
    }
}
