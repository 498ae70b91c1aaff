use super::FromContext;
use crate::hub::{
    AckSender, Broadcast, Context, Disconnect, DisconnectReason, Failure, Occasion, PacketRequest, Socket,
    SocketIo, WireError,
};

impl<C: Context, S: Sync> FromContext<C, S> for Socket {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        Ok(cx.socket().clone())
    }
}

impl<C: Occasion, S: Sync> FromContext<C, S> for SocketIo {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        Ok(cx.io().clone())
    }
}

/// Everybody in the namespace.
impl<C: Occasion, S: Sync> FromContext<C, S> for Broadcast {
    type Rejection = WireError;

    async fn from_context(cx: &mut C, _: &S) -> Result<Self, WireError> {
        Ok(cx.everybody())
    }
}

/// The first of several in one handler has the acknowledgement; the others expect none.
impl<S: Sync> FromContext<PacketRequest, S> for AckSender {
    type Rejection = WireError;

    async fn from_context(cx: &mut PacketRequest, _: &S) -> Result<Self, WireError> {
        cx.ack_taken = true;
        Ok(Self(cx.ack.take()))
    }
}

impl<S: Sync> FromContext<Failure, S> for WireError {
    type Rejection = WireError;

    async fn from_context(cx: &mut Failure, _: &S) -> Result<Self, WireError> {
        Ok(cx.error().clone())
    }
}

impl<S: Sync> FromContext<Disconnect, S> for DisconnectReason {
    type Rejection = WireError;

    async fn from_context(cx: &mut Disconnect, _: &S) -> Result<Self, WireError> {
        Ok(cx.reason())
    }
}
