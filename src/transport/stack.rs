use std::task::{Context, Poll, ready};

use tower::{BoxError, Service};

use super::dispatch::{Entry, State};
use super::running::call;
use crate::hub::{Doors, Making, PacketRequest, PacketService, Reply, Replying, Stale, WireError};

/// The layers around a socket's events, made at its first one.
#[derive(Default)]
pub(super) enum Stack {
    #[default]
    Unmade,
    None,
    Layers(Box<Layers>),
}

pub(super) struct Layers {
    stack: PacketService,
    making: Option<Making>,
}

impl Stack {
    /// Gives an event to the layers, or to the handlers if there are none.
    #[inline]
    pub(super) fn call(&mut self, doors: &dyn Doors, request: PacketRequest) -> Replying {
        match self {
            Self::Layers(layers) => call(|| layers.stack.call(request)).unwrap_or_else(|error| {
                // What panicked must not be used again.
                *self = Self::Unmade;
                Replying::failed(error.into())
            }),
            Self::Unmade | Self::None => Replying::handlers(
                call(|| doors.packet(request))
                    .unwrap_or_else(|error| Box::pin(std::future::ready(Reply::error(error)))),
            ),
        }
    }
}

impl Entry {
    /// Whether the layers take the next event; asked only with one in hand, as readiness may hold what others wait for.
    ///
    /// An error is this event's, and the layers are made anew for the next.
    #[inline]
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        if let Stack::None = self.stack { Poll::Ready(Ok(())) } else { self.poll_layers(cx) }
    }

    fn poll_layers(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let mut again = true;
        self.give_back();
        loop {
            if let (Stack::Unmade, State::Entered(lease, _)) = (&self.stack, &self.state) {
                self.stack = match call(|| Making::of(|| lease.space().doors().stack())) {
                    Ok((stack, making)) => {
                        stack.map_or(Stack::None, |stack| Stack::Layers(Box::new(Layers { stack, making })))
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                };
            }
            let Stack::Layers(layers) = &mut self.stack else { return Poll::Ready(Ok(())) };
            if let Some(making) = &mut layers.making {
                making.register(cx.waker());
            }
            let Err(error) = ready!(poll(&mut layers.stack, cx)) else { return Poll::Ready(Ok(())) };
            self.stack = Stack::Unmade;
            // A part of it failed with an event before this one, which has been answered.
            if !(std::mem::take(&mut again) && error.is::<Stale>()) {
                return Poll::Ready(Err(WireError::from_boxed(error)));
            }
        }
    }

    pub(super) fn has_layers(&self) -> bool {
        matches!(self.stack, Stack::Layers(_))
    }

    /// Layers that are of no use, or hold what none of the socket's events wants, are given up.
    pub(super) fn give_back(&mut self) {
        if let Stack::Layers(layers) = &self.stack
            && layers.making.as_ref().is_some_and(Making::is_spoilt)
        {
            self.stack = Stack::Unmade;
        }
    }
}

fn poll(stack: &mut PacketService, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
    call(|| stack.poll_ready(cx)).unwrap_or_else(|error| Poll::Ready(Err(error.into())))
}
