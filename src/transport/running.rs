use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use crate::hub::{Accepted, AckSlot, BoxFuture, Lease, Reply, ReplyKind, Socket, WireError, panicked};

/// Work of the layers above that a connection's task drives: a handler, a hook, a namespace's decision.
pub(super) struct Running {
    /// Which entry of the dispatcher it belongs to.
    pub(super) key: u32,
    pub(super) work: Work,
    /// The work did not end at once.
    pub(super) waited: bool,
    pub(super) deadline: Option<Pin<Box<Sleep>>>,
}

pub(super) enum Work {
    Resolve(BoxFuture<Option<Lease>>),
    Connect(BoxFuture<Result<Accepted, WireError>>),
    Event { future: BoxFuture<Reply>, socket: Socket, ack: Option<Arc<AckSlot>> },
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
        Self { key, work, waited: false, deadline: None }
    }

    /// Gives the work so much time from now on.
    pub(super) fn within(mut self, time: Duration) -> Self {
        self.deadline = Some(Box::pin(tokio::time::sleep(time)));
        self
    }

    /// Whether the client waits for its end before it is in the namespace.
    pub(super) fn is_entering(&self) -> bool {
        matches!(self.work, Work::Resolve(_) | Work::Connect(_))
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
            Work::Connect(future) => {
                let result = ready!(caught(future, cx));
                Poll::Ready(Done::Connected(result.and_then(|accepted| accepted)))
            }
            Work::Event { future, socket, ack } => {
                finish(ready!(caught(future, cx)), socket, ack.as_deref());
                Poll::Ready(Done::Event)
            }
            Work::Hook { future, socket } => {
                finish(ready!(caught(future, cx)), socket, None);
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
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            let late = match this.work {
                Work::Resolve(_) => Done::Resolved(None),
                _ => Done::Connected(Err(WireError::new("the server took too long").code("timeout"))),
            };
            return Poll::Ready((this.key, late));
        }
        Poll::Pending
    }
}

fn caught<T>(future: &mut BoxFuture<T>, cx: &mut Context<'_>) -> Poll<Result<T, WireError>> {
    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panicked(&*panic))),
    }
}

/// Answers the client, and tells of an error.
fn finish(reply: Result<Reply, WireError>, socket: &Socket, ack: Option<&AckSlot>) {
    let reply = reply.unwrap_or_else(Reply::error);
    if let Some(ack) = ack {
        ack.reply(&reply);
    }
    if let ReplyKind::Error(error) = reply.0 {
        socket.report(error);
    }
}

/// Runs the call that makes a future, which may panic before there is one.
pub(super) fn call<T>(make: impl FnOnce() -> T) -> Result<T, WireError> {
    catch_unwind(AssertUnwindSafe(make)).map_err(|panic| panicked(&*panic))
}
