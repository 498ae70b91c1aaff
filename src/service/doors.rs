use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::Service;

use super::connect::{Hooks, decide};
use super::packet::{Handlers, dispatch};
use super::returns::Returns;
use crate::extract::{By, Reconnected};
use crate::hub::{
    Accepted, BoxFuture, ConfigError, ConnectRequest, ConnectService, Connected, Context, Disconnect, Doors,
    EmitError, EmitService, Endpoint, Failure, PacketRequest, PacketService, Reply, ReplyKind, Responder,
    ServerEvent, Socket, Turns, WireError, panicked,
};
use crate::namespace::Table;

/// How many errors of a namespace are told to its hooks at a time.
const TOLD_AT_ONCE: usize = 1024;

/// How many events of other nodes' programs a namespace handles at a time.
const ANSWERED_AT_ONCE: usize = 1024;

/// The doors of one declared namespace.
pub(super) struct TableDoors {
    table: Arc<Table>,
    /// The layers around the hooks, which all clients share, if there are layers.
    connect: Option<Turns<ConnectService>>,
    emits: Option<EmitService>,
    returns: Option<Returns>,
    /// Clients cause errors faster than hooks may tell of them.
    telling: Arc<Semaphore>,
    /// And so may other nodes cause events.
    answering: Arc<Semaphore>,
}

impl TableDoors {
    pub(super) fn new(table: Table) -> Self {
        let table = Arc::new(table);
        let connect = (!table.fixed.connect_layers.is_empty()).then(|| {
            let table = table.clone();
            Turns::building(move || {
                let hooks = ConnectService::new(Hooks(table.clone()));
                table.fixed.connect_layers.iter().rev().fold(hooks, |inner, wrap| wrap(inner))
            })
        });
        let layers = &table.fixed.emit_layers;
        let emits = (!layers.is_empty())
            .then(|| layers.iter().rev().fold(EmitService::innermost(), |inner, wrap| wrap(inner)));
        let returns = table.fixed.reconnect_window.map(Returns::new);
        Self {
            table,
            connect,
            emits,
            returns,
            telling: Arc::new(Semaphore::new(TOLD_AT_ONCE)),
            answering: Arc::new(Semaphore::new(ANSWERED_AT_ONCE)),
        }
    }
}

impl TableDoors {
    /// Whether a client that was accepted is one that comes back; each departure makes one return.
    fn back(&self, socket: &Socket) -> Option<Reconnected> {
        let returned = || self.returns.as_ref().and_then(|returns| returns.returned(socket));
        match socket.came_back() {
            Some((away, counted)) => {
                if counted {
                    returned();
                }
                Some(Reconnected::new(By::Recovery, away))
            }
            None => returned().map(|away| Reconnected::new(By::User, away)),
        }
    }
}

impl Doors for TableDoors {
    fn connect(&self, request: ConnectRequest) -> BoxFuture<Result<Accepted, WireError>> {
        match &self.connect {
            None => Hooks(self.table.clone()).call(request),
            Some(layers) => {
                let turn = layers.turn();
                Box::pin(async move { turn.run(request).await.map_err(WireError::from_boxed) })
            }
        }
    }

    fn open(&self, request: ConnectRequest) -> Option<BoxFuture<Result<Accepted, WireError>>> {
        let hooks = self.table.opening();
        (!hooks.is_empty()).then(|| -> BoxFuture<_> { Box::pin(decide(hooks, request)) })
    }

    fn connected(&self, moment: Connected) -> Option<BoxFuture<Reply>> {
        let back = self.back(&moment.socket);
        if let Some(back) = back {
            moment.socket.extensions().insert_for_connection(back);
        }
        let hooks = self.table.connected(back.is_some());
        (!hooks.is_empty()).then(|| -> BoxFuture<Reply> { Box::pin(run(hooks, moment)) })
    }

    fn packet(&self, request: PacketRequest) -> BoxFuture<Reply> {
        dispatch(&self.table, request)
    }

    fn stack(&self) -> Option<PacketService> {
        let layers = &self.table.fixed.packet_layers;
        (!layers.is_empty()).then(|| {
            let handlers = PacketService::innermost(Handlers(self.table.clone()));
            layers.iter().rev().fold(handlers, |inner, wrap| wrap(inner))
        })
    }

    fn emits(&self) -> Option<EmitService> {
        self.emits.clone()
    }

    fn responder(&self) -> Option<Arc<dyn Responder>> {
        self.table.fixed.responder.clone()
    }

    fn disconnect(&self, moment: Disconnect) -> Option<BoxFuture<Reply>> {
        if let Some(returns) = &self.returns
            && moment.socket.departs()
        {
            returns.left(&moment.socket);
        }
        let (disconnecting, disconnect) = self.table.disconnect();
        if disconnecting.is_empty() && disconnect.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let report = |socket: &Socket, error| socket.report(None, error);
            each(disconnecting, &moment, report).await;
            moment.socket.forget_rooms();
            each(disconnect, &moment, report).await;
            Reply::empty()
        }))
    }

    fn error(&self, socket: &Socket, event: Option<&str>, error: WireError) {
        match error.source() {
            // The connection has logged that already, once.
            Some(source) if source.is::<EmitError>() => {}
            Some(_) => {
                tracing::error!(target: "socketio::namespace", socket = socket.tag(), event, %error, "a handler failed");
            }
            None => {
                tracing::debug!(target: "socketio::namespace", socket = socket.tag(), event, %error, "refused");
            }
        }
        let hooks = self.table.error();
        if !hooks.is_empty() {
            let failure = Failure { socket: socket.clone(), event: event.map(Box::from), error };
            let Ok(permit) = self.telling.clone().try_acquire_owned() else {
                tracing::debug!(target: "socketio::namespace", "too many error hooks run: one is left out");
                return;
            };
            socket.io().hub().spawn(async move {
                each(hooks, &failure, |socket, error| {
                    tracing::error!(target: "socketio::namespace", socket = socket.tag(), %error, "an error hook failed");
                })
                .await;
                drop(permit);
            });
        }
    }

    fn server_event(&self, event: ServerEvent) -> BoxFuture<Reply> {
        let Ok(permit) = self.answering.clone().try_acquire_owned() else {
            tracing::warn!(target: "socketio::namespace", event = event.event(), "too many events of other nodes");
            let error = WireError::new("too many events at a time").code("overloaded");
            return Box::pin(std::future::ready(Reply::error(error)));
        };
        let handlers = self.table.server(event.event());
        Box::pin(async move {
            let answer = answers(handlers, event).await;
            drop(permit);
            answer
        })
    }

    fn add(&self, event: &str, endpoint: Arc<dyn Endpoint<PacketRequest>>) -> Result<u64, ConfigError> {
        self.table.add(event, endpoint)
    }

    fn reserves(&self, event: &str) -> bool {
        self.table.reserves(event)
    }

    fn remove(&self, id: u64) -> bool {
        self.table.remove(id)
    }

    fn sequential(&self) -> bool {
        self.table.fixed.sequential
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

/// Runs the handlers of an event between servers side by side, and gives the first answer that is none of `()`.
async fn answers(handlers: Vec<Arc<dyn Endpoint<ServerEvent>>>, event: ServerEvent) -> Reply {
    if handlers.is_empty() {
        return Reply::error(WireError::unhandled());
    }
    let running = handlers.into_iter().map(|handler| {
        let call = catch_unwind(AssertUnwindSafe(|| handler.call(event.clone())));
        async move {
            let reply = match call {
                Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            reply.unwrap_or_else(|panic| Reply::error(panicked(&*panic)))
        }
    });
    let replies = futures_util::future::join_all(running).await;
    let mut answer = Reply::empty();
    for reply in replies {
        if let ReplyKind::Error(error) = &reply.0 {
            tracing::error!(target: "socketio::namespace", event = event.event(), %error, "a handler failed");
        }
        if matches!(answer.0, ReplyKind::Empty) {
            answer = reply;
        }
    }
    answer
}

/// Runs every hook, whatever became of those before it: cleaning up is nobody else's affair.
pub(crate) async fn each<C: Context + Clone>(
    hooks: Vec<Arc<dyn Endpoint<C>>>,
    moment: &C,
    report: impl Fn(&Socket, WireError) + Copy,
) {
    for hook in hooks {
        let call = catch_unwind(AssertUnwindSafe(|| hook.call(moment.clone())));
        let reply = match call {
            Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
            Err(panic) => Err(panic),
        };
        if let ReplyKind::Error(error) = reply.unwrap_or_else(|panic| Reply::error(panicked(&*panic))).0 {
            report(moment.socket(), error);
        }
    }
}
