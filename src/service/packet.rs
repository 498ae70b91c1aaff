use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::BoxError;

use crate::hub::{
    AckSlot, BoxFuture, PacketRequest, PacketStack, Reply, ReplyKind, Replying, Socket, panicked,
};
use crate::namespace::{Listeners, Table, unhandled};

/// The door of a socket, inside of its layers: leads an event to its handlers.
///
/// They are looked up when it is called: a layer may have renamed the event, and the table may have changed.
pub(super) struct Handlers(pub(super) Arc<Table>);

impl PacketStack for Handlers {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: PacketRequest) -> Replying {
        Replying::wrapped(match catch_unwind(AssertUnwindSafe(|| dispatch(&self.0, request))) {
            Ok(reply) => reply,
            Err(panic) => Box::pin(std::future::ready(Reply::error(panicked(&*panic)))),
        })
    }
}

/// Starts the handlers of an event.
pub(super) fn dispatch(table: &Table, request: PacketRequest) -> BoxFuture<Reply> {
    match table.listeners(&request.socket, request.event()) {
        Listeners::One(endpoint) => endpoint.call(request),
        Listeners::None => Box::pin(std::future::ready(unhandled(&request))),
        Listeners::Many(endpoints) => {
            let (socket, ack) = (request.socket.clone(), request.ack.clone());
            let event = request.event().into();
            let start = |(endpoint, answers): (Arc<dyn crate::hub::Endpoint<_>>, bool)| {
                let mut request = request.clone();
                if !answers {
                    request.ack = None;
                }
                match catch_unwind(AssertUnwindSafe(|| endpoint.call(request))) {
                    Ok(future) => (Some(future), answers),
                    Err(panic) => {
                        let reply = Reply::error(panicked(&*panic));
                        (Some(Box::pin(std::future::ready(reply)) as BoxFuture<Reply>), answers)
                    }
                }
            };
            let replies = endpoints.into_iter().map(start).collect();
            Box::pin(All { replies, socket, event, ack, taken: false })
        }
    }
}

/// Several handlers of one event: each is entered in order, and the first answer is the acknowledgement.
struct All {
    replies: Vec<(Option<BoxFuture<Reply>>, bool)>,
    socket: Socket,
    event: Box<str>,
    ack: Option<Arc<AckSlot>>,
    taken: bool,
}

impl Future for All {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let this = &mut *self;
        let mut pending = false;
        for (future, answers) in &mut this.replies {
            let Some(running) = future else { continue };
            let reply = match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
                Ok(Poll::Ready(reply)) => reply,
                Ok(Poll::Pending) => {
                    pending = true;
                    continue;
                }
                Err(panic) => Reply::error(panicked(&*panic)),
            };
            *future = None;
            this.taken |= *answers && matches!(reply.0, ReplyKind::Taken);
            if *answers && let Some(ack) = &this.ack {
                ack.offer(&reply);
            }
            if let ReplyKind::Error(error) = reply.0 {
                this.socket.report(Some(&this.event), error);
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(if this.taken { Reply::none() } else { Reply::empty() })
    }
}
