use std::borrow::Cow;

use axum_core::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_socketio_proto::socketio::is_reserved;

use crate::hub::PublicError;

/// An event to publish, and to whom: what a [`Publisher`](super::Publisher) takes.
///
/// As JSON its members are `event`, `data`, `namespace`, `room`, `socketId` and `broadcast`, of which `event` and `data`
/// must be there. An unknown one is an error: a misspelt `room` must not widen the circle of those who are meant.
///
/// | `room` | `socketId` | `broadcast` | who is meant |
/// |---|---|---|---|
/// | – | – | any | everybody in the namespace |
/// | given | – | any | the room |
/// | – | given | `false` | the socket's own room, in which it is alone unless another was let join it by that name |
/// | – | given | `true` | everybody in the namespace but this socket |
/// | given | given | `true` | the room but this socket |
/// | given | given | `false` | [`PublishError::RoomWithSocketNeedsBroadcast`] |
///
/// ```
/// use serde_json::json;
/// use tower_socketio::{PublishError, PublishMessage, Recipients};
///
/// let message = PublishMessage::new("ArticleUpdated", ["7"]).namespace("blog").room("members");
/// assert_eq!(message.recipients()?, Recipients::Members("members"));
/// let json = json!({"event": "ArticleUpdated", "data": ["7"], "namespace": "blog", "room": "members"});
/// assert_eq!(serde_json::from_value::<PublishMessage>(json)?, message);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct PublishMessage {
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub data: Vec<Value>,
    /// The namespace; `default` and an empty text mean `/`, `blog` means `/blog`.
    ///
    /// Without it `/` is meant, but for one socket alone: that is found in whichever namespace of this node it is, on any
    /// node. A namespace that came from a pattern and has nobody here is to be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A room, by the plain name it has; no name is that of a user's room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The id of a socket, on whichever node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_id: Option<String>,
    /// Whether the socket is the one that is left out, and not the one that is meant; `false` by default.
    #[serde(default)]
    pub broadcast: bool,
}

/// Who is meant by a [`PublishMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients<'a> {
    /// Everybody in the namespace.
    Everybody,
    /// The sockets in this room.
    Members(&'a str),
    /// This socket.
    Single(&'a str),
    /// Everybody in the namespace but this socket.
    EverybodyExcept(&'a str),
    /// The sockets in a room but one.
    MembersExcept {
        /// The room.
        room: &'a str,
        /// The socket that is left out.
        socket: &'a str,
    },
}

/// What is wrong with a [`PublishMessage`]; nothing of it was sent.
///
/// Each is the fault of who made the message. As axum's response it is [`status`](Self::status) with the JSON
/// `{"error": {message, code}}`, and as the error of a handler the same as acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event, the room or the socket's id is given and empty; the text is the member's name.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// Socket.IO keeps this event's name for itself.
    #[error("the event `{0}` is reserved")]
    ReservedEvent(String),
    /// No such namespace or pattern is declared, nor does a namespace of this name exist that came from a pattern; in a
    /// cluster one that a pattern fits is known, too.
    #[error("there is no namespace `{0}`")]
    UnknownNamespace(String),
    /// A room and a socket that is not to be left out of it: nobody can say who is meant.
    #[error("a room with a socket needs `broadcast`: then it is the room without the socket")]
    RoomWithSocketNeedsBroadcast,
}

impl PublishMessage {
    /// An event with these arguments for everybody in `/`.
    pub fn new(event: impl Into<String>, data: impl IntoIterator<Item: Into<Value>>) -> Self {
        Self {
            event: event.into(),
            data: data.into_iter().map(Into::into).collect(),
            namespace: None,
            room: None,
            socket_id: None,
            broadcast: false,
        }
    }

    /// Sets the namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets the room.
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.room = Some(room.into());
        self
    }

    /// Sets the socket that is meant, or with [`broadcast`](Self::broadcast) left out.
    pub fn socket_id(mut self, id: impl Into<String>) -> Self {
        self.socket_id = Some(id.into());
        self
    }

    /// Sets whether the socket is left out, and not meant.
    pub fn broadcast(mut self, on: bool) -> Self {
        self.broadcast = on;
        self
    }

    /// Says who is meant, having checked everything but whether the namespace exists.
    ///
    /// # Errors
    ///
    /// Every [`PublishError`] but [`UnknownNamespace`](PublishError::UnknownNamespace).
    pub fn recipients(&self) -> Result<Recipients<'_>, PublishError> {
        let (room, socket) = (self.room.as_deref(), self.socket_id.as_deref());
        let given = [("event", Some(&*self.event)), ("room", room), ("socketId", socket)];
        if let Some((member, _)) = given.into_iter().find(|(_, text)| *text == Some("")) {
            return Err(PublishError::Empty(member));
        }
        if is_reserved(&self.event) {
            return Err(PublishError::ReservedEvent(self.event.clone()));
        }
        match (room, socket, self.broadcast) {
            (None, None, _) => Ok(Recipients::Everybody),
            (Some(room), None, _) => Ok(Recipients::Members(room)),
            (None, Some(socket), false) => Ok(Recipients::Single(socket)),
            (None, Some(socket), true) => Ok(Recipients::EverybodyExcept(socket)),
            (Some(room), Some(socket), true) => Ok(Recipients::MembersExcept { room, socket }),
            (Some(_), Some(_), false) => Err(PublishError::RoomWithSocketNeedsBroadcast),
        }
    }

    /// The namespace by its full name, if one is given.
    pub(super) fn full_name(&self) -> Option<Cow<'_, str>> {
        Some(match self.namespace.as_deref()? {
            "" | "default" => "/".into(),
            name if name.starts_with('/') => name.into(),
            name => format!("/{name}").into(),
        })
    }
}

impl PublishError {
    /// The HTTP status for a REST route: 404 for an unknown namespace, 422 otherwise, as axum has it for JSON that does
    /// not fit.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownNamespace(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl PublicError for PublishError {
    fn code(&self) -> Option<&str> {
        Some(match self {
            Self::Empty(_) => "empty",
            Self::ReservedEvent(_) => "reserved_event",
            Self::UnknownNamespace(_) => "unknown_namespace",
            Self::RoomWithSocketNeedsBroadcast => "needs_broadcast",
        })
    }
}

impl IntoResponse for PublishError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.to_string(), "code": self.code()}});
        (self.status(), [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}
