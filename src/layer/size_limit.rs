use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use serde_json::json;
use tower::{Layer, Service};

use crate::hub::{PacketRequest, Reply, WireError};

/// Refuses events of more than so many bytes, as [`size`](PacketRequest::size) counts them, with the code `too_large`.
///
/// [`max_payload`](crate::Builder::max_payload) bounds what is read at all, and closes the connection; this bounds what a
/// namespace or one handler takes.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use tower_socketio::{Data, Handler, Namespace, SizeLimitLayer};
///
/// async fn upload(Data(file): Data<Bytes>) {}
/// async fn message(Data(text): Data<String>) {}
///
/// let namespace: Namespace = Namespace::new()
///     .on("upload", upload)
///     .on("message", message.layer(SizeLimitLayer::new(2000)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SizeLimitLayer {
    most: usize,
}

impl SizeLimitLayer {
    /// Events of at most so many bytes pass.
    pub fn new(bytes: usize) -> Self {
        Self { most: bytes }
    }
}

impl<N> Layer<N> for SizeLimitLayer {
    type Service = SizeLimit<N>;

    fn layer(&self, inner: N) -> SizeLimit<N> {
        SizeLimit { inner, most: self.most }
    }
}

/// The service of a [`SizeLimitLayer`].
#[derive(Clone, Debug)]
pub struct SizeLimit<N> {
    inner: N,
    most: usize,
}

impl<N: Service<PacketRequest, Response = Reply>> Service<PacketRequest> for SizeLimit<N> {
    type Response = Reply;
    type Error = N::Error;
    type Future = Either<N::Future, Ready<Result<Reply, N::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), N::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: PacketRequest) -> Self::Future {
        if request.size() <= self.most {
            return Either::Left(self.inner.call(request));
        }
        let error = WireError::new(format!("the event is larger than {} bytes", self.most));
        let error = error.code("too_large").data(json!({ "max": self.most }));
        Either::Right(ready(Ok(Reply::error(error))))
    }
}
