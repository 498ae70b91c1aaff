use serde::Serialize;
use tower_socketio_proto::socketio::Any;

use super::{Reply, WireError};

/// Gives the acknowledgements of a namespace their shape.
///
/// It is asked for what handlers and layers reply, not for what an [`AckSender`](crate::AckSender) sends by hand.
///
/// # Example
///
/// ```
/// use serde_json::json;
/// use tower_socketio::{Any, Namespace, Reply, Responder, WireError};
///
/// struct Status;
///
/// impl Responder for Status {
///     fn success(&self, answer: Any) -> Reply {
///         Reply::ack(("ok", answer))
///     }
///
///     fn failure(&self, error: &WireError) -> Reply {
///         Reply::ack(("failed", error.message()))
///     }
/// }
///
/// let namespace: Namespace = Namespace::new().respond_with(Status);
/// ```
pub trait Responder: Send + Sync + 'static {
    /// The reply where a handler succeeded: with its one value, with the list of several, or with `null` for none.
    fn success(&self, answer: Any) -> Reply;

    /// The reply where it failed. Clients may read [`message`](WireError::message), `code` and `data`; what `Display`
    /// writes is for the log, and tells of internal errors.
    fn failure(&self, error: &WireError) -> Reply;
}

/// Acknowledges with `{"result": value}` or `{"error": {message, code?, data?}}`.
///
/// An error made from a text by [`WireError::text`] is `{"error": "the text"}`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResultEnvelope;

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Envelope {
    Result(Any),
}

impl Responder for ResultEnvelope {
    fn success(&self, answer: Any) -> Reply {
        Reply::ack(Envelope::Result(answer))
    }

    /// The shape that errors have anyway.
    fn failure(&self, error: &WireError) -> Reply {
        Reply::error(error.clone())
    }
}
