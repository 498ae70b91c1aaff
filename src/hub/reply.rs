use serde::Serialize;
use tower_socketio_proto::socketio::{Any, Arguments, Encoded};

use super::{PublicError, Responder, Sent, WireError};

/// What a handler answered: nothing in particular, an acknowledgement, or an error.
#[derive(Debug)]
pub struct Reply(pub(crate) ReplyKind);

#[derive(Debug)]
pub(crate) enum ReplyKind {
    /// No answer of its own; acknowledged with nothing if nobody else answers.
    Empty,
    Ack(Encoded),
    Error(WireError),
    /// An `AckSender` took the acknowledgement over.
    Taken,
}

impl Reply {
    /// No answer of its own: the client's acknowledgement, if it asked for one, carries nothing.
    pub fn empty() -> Self {
        Self(ReplyKind::Empty)
    }

    /// An acknowledgement: a tuple is its argument list, anything else one argument.
    pub fn ack(data: impl Serialize) -> Self {
        match Encoded::arguments(&data) {
            Ok(encoded) => Self(ReplyKind::Ack(encoded)),
            Err(error) => Self::error(error.into()),
        }
    }

    /// An error: `{"error": {message, code?, data?}}` for a client that asked for an acknowledgement.
    pub fn error(error: WireError) -> Self {
        Self(ReplyKind::Error(error))
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        matches!(self.0, ReplyKind::Error(_))
    }

    /// The error, if this is one.
    pub fn as_error(&self) -> Option<&WireError> {
        match &self.0 {
            ReplyKind::Error(error) => Some(error),
            _ => None,
        }
    }

    /// No answer at all, also if the client asked for one: somebody else answers, or nobody does.
    pub fn none() -> Self {
        Self(ReplyKind::Taken)
    }

    /// What was answered, to be read; `None` if nothing was, or an error.
    pub fn arguments(&self) -> Option<Arguments> {
        match &self.0 {
            ReplyKind::Ack(encoded) => Some(Arguments::from_encoded("", encoded)),
            _ => None,
        }
    }

    /// Another one like it. `None` if an [`AckSender`](crate::AckSender) answers, whose answer nobody else knows.
    pub(crate) fn copy(&self) -> Option<Self> {
        Some(Self(match &self.0 {
            ReplyKind::Empty => ReplyKind::Empty,
            ReplyKind::Ack(encoded) => ReplyKind::Ack(encoded.clone()),
            ReplyKind::Error(error) => ReplyKind::Error(error.clone()),
            ReplyKind::Taken => return None,
        }))
    }

    /// The number of bytes of an answer.
    pub(crate) fn size(&self) -> usize {
        match &self.0 {
            ReplyKind::Empty | ReplyKind::Taken => 0,
            ReplyKind::Ack(Encoded { json, attachments }) => {
                json.len() + attachments.iter().map(bytes::Bytes::len).sum::<usize>()
            }
            ReplyKind::Error(error) => error.to_ack(true).len(),
        }
    }

    /// The reply in the shape that a namespace's responder gives it.
    pub(super) fn shaped(&self, responder: &dyn Responder) -> Self {
        match &self.0 {
            ReplyKind::Empty => responder.success(Any::Null),
            ReplyKind::Ack(encoded) => {
                let answers = Arguments::from_encoded("", encoded).deserialize_all::<Vec<Any>>();
                match answers {
                    Ok(mut all) if all.len() <= 1 => responder.success(all.pop().unwrap_or_default()),
                    Ok(all) => responder.success(Any::Array(all)),
                    Err(error) => responder.failure(&error.into()),
                }
            }
            ReplyKind::Error(error) => responder.failure(error),
            ReplyKind::Taken => Self::none(),
        }
    }
}

/// What a handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reply",
    note = "return `Ack(value)` to acknowledge with a value, `()` to acknowledge with nothing"
)]
pub trait IntoReply {
    /// Turns the value into a reply.
    fn into_reply(self) -> Reply;
}

/// An acknowledgement: `Ack(value)` answers with one argument, `Ack((a, b))` with two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

impl IntoReply for Reply {
    fn into_reply(self) -> Reply {
        self
    }
}

impl IntoReply for () {
    fn into_reply(self) -> Reply {
        Reply::empty()
    }
}

/// As `()`, so that a one-line handler may end with an emit.
impl IntoReply for Sent {
    fn into_reply(self) -> Reply {
        Reply::empty()
    }
}

impl<T: Serialize> IntoReply for Ack<T> {
    fn into_reply(self) -> Reply {
        Reply::ack(self.0)
    }
}

impl<T: IntoReply, E: PublicError> IntoReply for Result<T, E> {
    fn into_reply(self) -> Reply {
        match self {
            Ok(value) => value.into_reply(),
            Err(error) => Reply::error(error.into_wire()),
        }
    }
}
