use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;

use super::connect::ConnectService;
use super::packet::PacketService;
use crate::hub::{
    Accepted, BoxFuture, ConfigError, ConnectRequest, Connected, Context, Disconnect, Doors, EmitError,
    Endpoint, PacketRequest, Reply, ReplyKind, Socket, WireError, panicked,
};
use crate::namespace::Table;
use tower::Service;

/// The doors of one declared namespace.
pub(super) struct TableDoors(pub(super) Arc<Table>);

impl Doors for TableDoors {
    fn connect(&self, request: ConnectRequest) -> BoxFuture<Result<Accepted, WireError>> {
        ConnectService(self.0.clone()).call(request)
    }

    fn connected(&self, moment: Connected) -> Option<BoxFuture<Reply>> {
        let hooks = self.0.connected();
        (!hooks.is_empty()).then(|| -> BoxFuture<Reply> { Box::pin(run(hooks, moment)) })
    }

    fn packet(&self, request: PacketRequest) -> BoxFuture<Reply> {
        PacketService(self.0.clone()).call(request).into_inner()
    }

    fn disconnect(&self, moment: Disconnect) -> Option<BoxFuture<Reply>> {
        let (disconnecting, disconnect) = self.0.disconnect();
        if disconnecting.is_empty() && disconnect.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            each(disconnecting, &moment).await;
            moment.socket.forget_rooms();
            each(disconnect, &moment).await;
            Reply::empty()
        }))
    }

    fn error(&self, socket: &Socket, error: WireError) {
        match error.source() {
            // The connection has logged that already, once.
            Some(source) if source.is::<EmitError>() => {}
            Some(_) => {
                tracing::error!(target: "socketio::namespace", socket = socket.id(), %error, "a handler failed")
            }
            None => tracing::debug!(target: "socketio::namespace", socket = socket.id(), %error, "refused"),
        }
        if let Some(hook) = self.0.error() {
            let socket = socket.clone();
            let io = socket.io().clone();
            io.hub().spawn(async move { hook(socket, error).await });
        }
    }

    fn add(&self, event: &str, endpoint: Arc<dyn Endpoint<PacketRequest>>) -> Result<u64, ConfigError> {
        self.0.add(event, endpoint)
    }

    fn remove(&self, id: u64) -> bool {
        self.0.remove(id)
    }

    fn sequential(&self) -> bool {
        self.0.is_sequential()
    }
}

/// Runs hooks in order; the first error ends them.
async fn run<C: Clone + 'static>(hooks: Vec<Arc<dyn Endpoint<C>>>, moment: C) -> Reply {
    for hook in hooks {
        let reply = hook.call(moment.clone()).await;
        if reply.is_error() {
            return reply;
        }
    }
    Reply::empty()
}

/// Runs every hook, whatever became of those before it: cleaning up is nobody else's affair.
async fn each<C: Context + Clone>(hooks: Vec<Arc<dyn Endpoint<C>>>, moment: &C) {
    for hook in hooks {
        let call = catch_unwind(AssertUnwindSafe(|| hook.call(moment.clone())));
        let reply = match call {
            Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
            Err(panic) => Err(panic),
        };
        if let ReplyKind::Error(error) = reply.unwrap_or_else(|panic| Reply::error(panicked(&*panic))).0 {
            moment.socket().report(error);
        }
    }
}
