use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use tower_socketio_adapter::Flags;
use tower_socketio_proto::socketio::Kind;

use crate::hub::{
    Accepted, AckSlot, BoxFuture, Lease, Name, Outbound, Reply, ReplyKind, Replying, Socket, WireError,
    panicked,
};

/// Work of the layers above that a connection's task drives: a handler, a hook, a namespace's decision.
pub(super) struct Running {
    /// Which entry of the dispatcher it belongs to.
    pub(super) key: u32,
    pub(super) work: Work,
    /// The work did not end at once.
    pub(super) waited: bool,
    pub(super) deadline: Option<(Pin<Box<Sleep>>, Duration)>,
    /// The namespace, if its socket has left it.
    pub(super) held: Option<Arc<Lease>>,
}

pub(super) enum Work {
    Resolve(BoxFuture<Option<Lease>>),
    Connect { future: BoxFuture<Result<Accepted, WireError>>, socket: Socket },
    Event { future: Replying, socket: Socket, ack: Option<Arc<AckSlot>>, event: Name },
    Hook { future: BoxFuture<Reply>, socket: Socket },
}

/// How work ended.
pub(super) enum Done {
    Resolved(Option<Lease>),
    Connected(Result<Accepted, WireError>),
    Event,
    /// With whether it had to wait.
    Hook(bool),
}

impl Running {
    pub(super) fn new(key: u32, work: Work) -> Self {
        Self { key, work, waited: false, deadline: None, held: None }
    }

    /// Gives the work so much time from now on.
    pub(super) fn within(mut self, time: Duration) -> Self {
        self.deadline = Some((Box::pin(tokio::time::sleep(time)), time));
        self
    }

    /// Whether the client waits for its end before it is in the namespace.
    pub(super) fn is_entering(&self) -> bool {
        matches!(self.work, Work::Resolve(_) | Work::Connect { .. })
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        match &mut self.work {
            Work::Resolve(future) => match caught(future, cx) {
                Poll::Ready(lease) => Poll::Ready(Done::Resolved(lease.unwrap_or_else(|error| {
                    tracing::error!(target: "socketio::namespace", %error, "a namespace's predicate failed");
                    None
                }))),
                Poll::Pending => Poll::Pending,
            },
            Work::Connect { future, .. } => {
                let result = ready!(caught(future, cx));
                Poll::Ready(Done::Connected(result.and_then(|accepted| accepted)))
            }
            Work::Event { future, socket, ack, event } => {
                let reply = ready!(future.poll_reply(cx));
                if let Some(ack) = ack {
                    ack.reply(&reply);
                }
                if let ReplyKind::Error(error) = reply.0 {
                    if ack.is_none() && future.is_layered() && !error.is_by_handler() {
                        refused(socket, &error);
                    }
                    socket.report(Some(event), error);
                }
                Poll::Ready(Done::Event)
            }
            Work::Hook { future, socket } => {
                let reply = ready!(caught(future, cx)).unwrap_or_else(Reply::error);
                if let ReplyKind::Error(error) = reply.0 {
                    socket.report(None, error);
                }
                Poll::Ready(Done::Hook(self.waited))
            }
        }
    }
}

impl Future for Running {
    type Output = (u32, Done);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(done) = this.poll_work(cx) {
            return Poll::Ready((this.key, done));
        }
        if let Some((deadline, time)) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            let late = match &this.work {
                Work::Resolve(_) => Done::Resolved(None),
                // A layer has told the client that it is connected, and decides about it in its own time.
                Work::Connect { socket, .. } if socket.was_greeted() && !socket.has_ended() => {
                    // It is looked at again, for the client may have left by then.
                    deadline.as_mut().reset(tokio::time::Instant::now() + *time);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                _ => Done::Connected(Err(WireError::new("the server took too long").code("timeout"))),
            };
            return Poll::Ready((this.key, late));
        }
        Poll::Pending
    }
}

fn caught<F: Future + Unpin>(future: &mut F, cx: &mut Context<'_>) -> Poll<Result<F::Output, WireError>> {
    match catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panicked(&*panic))),
    }
}

/// Clients of the old protocol hear of an event that a layer refused, by an ERROR packet; those of the new one would take
/// such a packet for the end of their socket.
fn refused(socket: &Socket, error: &WireError) {
    if socket.link().protocol().is_v5() {
        return;
    }
    let json = error.to_connect_error(false, socket.io().hub().config.expose_errors);
    let packet = Outbound {
        kind: Kind::ConnectError,
        namespace: socket.space().name(),
        id: None,
        json: Some(json.as_bytes()),
        attachments: &[],
        offset: None,
    };
    let _ = socket.link().send(&packet, Flags::default());
}

/// Runs the call that makes a future, which may panic before there is one.
pub(super) fn call<T>(make: impl FnOnce() -> T) -> Result<T, WireError> {
    catch_unwind(AssertUnwindSafe(make)).map_err(|panic| panicked(&*panic))
}
