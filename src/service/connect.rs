use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use crate::hub::{Accepted, BoxFuture, ConnectRequest, Endpoint, Reply, ReplyKind, WireError};
use crate::namespace::Table;

/// The door of a namespace, inside of its layers: runs its connect hooks, in order, and accepts the client if none
/// refuses.
#[derive(Clone)]
pub(super) struct Hooks(pub(super) Arc<Table>);

impl Service<ConnectRequest> for Hooks {
    type Response = Accepted;
    type Error = WireError;
    type Future = BoxFuture<Result<Accepted, WireError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ConnectRequest) -> Self::Future {
        let hooks = self.0.connect();
        if hooks.is_empty() {
            return Box::pin(std::future::ready(Ok(Accepted::default())));
        }
        Box::pin(decide(hooks, request))
    }
}

/// Runs hooks in order, until one refuses.
pub(super) async fn decide(
    hooks: Vec<Arc<dyn Endpoint<ConnectRequest>>>,
    request: ConnectRequest,
) -> Result<Accepted, WireError> {
    for hook in hooks {
        // It may have left while a layer or a hook took its time.
        if request.socket().has_ended() {
            return Err(WireError::new("the client has left"));
        }
        if let Reply(ReplyKind::Error(error)) = hook.call(request.clone()).await {
            return Err(error);
        }
    }
    Ok(Accepted::default())
}
