use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tower::BoxError;

/// An error whose `Display` is meant for the client.
///
/// It is the mark that a client may read this error's text. As a handler's error it becomes the acknowledgement
/// `{"error": {message, code?, data?}}`; as a connect hook's or a layer's error it becomes the `connect_error`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that clients may read",
    note = "if they may, say so: `impl PublicError for {Self} {{}}`",
    note = "if not, return `WireError`: by `?` they read \"internal error\", and the log has the rest"
)]
pub trait PublicError: fmt::Display {
    /// A short, stable name of the error for programs, `not_found` for example.
    fn code(&self) -> Option<&str> {
        None
    }

    /// More about the error, any JSON value.
    fn data(&self) -> Option<Value> {
        None
    }

    /// This error as the one type that replies carry.
    fn into_wire(self) -> WireError
    where
        Self: Sized,
    {
        let mut error = WireError::new(self.to_string());
        error.0.code = self.code().map(|code| Cow::Owned(code.to_owned()));
        error.0.data = self.data();
        error
    }
}

/// An error on its way to a client: `{message, code?, data?}`.
///
/// Made from any other error by `?`, the client reads "internal error" while the log and the `on_error` hook get the
/// whole of it. [`Builder::expose_errors`](crate::Builder::expose_errors) shows clients the text, for development.
#[derive(Clone, Debug)]
pub struct WireError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    message: Cow<'static, str>,
    code: Option<Cow<'static, str>>,
    data: Option<Value>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// Not an object with a message, but the text alone.
    bare: bool,
    /// It came from a handler, not from a layer in front of it.
    handled: bool,
    close_after: Option<Duration>,
    /// What `Display` and with it the log say instead of the message, which holds what the client sent.
    logged: Option<&'static str>,
}

impl WireError {
    /// An error with a text for the client.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            code: None,
            data: None,
            source: None,
            bare: false,
            handled: false,
            close_after: None,
            logged: None,
        }))
    }

    /// An error that is nothing but a text: its acknowledgement is `{"error": "the text"}`.
    pub fn text(message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(message);
        error.0.bare = true;
        error
    }

    /// What an error of a layer is to the client.
    ///
    /// A `WireError` in a box is itself, tower's `Elapsed` is `timeout` and its `Overloaded` is `overloaded`; any other
    /// error is "internal error".
    pub fn from_boxed(error: BoxError) -> Self {
        let error = match error.downcast::<Boxed>() {
            Ok(boxed) => return boxed.0,
            Err(error) => error,
        };
        if let Some((message, code)) = known(&error) {
            return Self::new(message).code(code);
        }
        let mut wire = Self::internal();
        wire.0.source = Some(Arc::from(error));
        wire
    }

    /// A short name of a layer's error, as [`from_boxed`](Self::from_boxed) would give it.
    pub(crate) fn code_of_boxed(error: &BoxError) -> &str {
        match error.downcast_ref::<Boxed>() {
            Some(Boxed(error)) => error.short_name(),
            None => known(error).map_or("internal", |(_, code)| code),
        }
    }

    /// Its code, or a word in the place of one.
    pub(crate) fn short_name(&self) -> &str {
        self.0.code.as_deref().unwrap_or("refused")
    }

    /// As a `connect_error` it also ends the whole connection, after so long; the client has read the error by then.
    pub fn close_after(mut self, time: Duration) -> Self {
        self.0.close_after = Some(time);
        self
    }

    /// Keeps a message that quotes the client's data out of the log.
    pub(crate) fn logged_as(mut self, text: &'static str) -> Self {
        self.0.logged = Some(text);
        self
    }

    pub(crate) fn closes_after(&self) -> Option<Duration> {
        self.0.close_after
    }

    pub(crate) fn by_handler(mut self) -> Self {
        self.0.handled = true;
        self
    }

    pub(crate) fn is_by_handler(&self) -> bool {
        self.0.handled
    }

    /// Adds a short, stable name for programs; read with [`PublicError::code`].
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds any data for the client; read with [`PublicError::data`]. What cannot be serialised counts as none.
    pub fn data(mut self, data: impl Serialize) -> Self {
        self.0.data = serde_json::to_value(data).ok();
        self
    }

    /// The text that clients read.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What this error was made from, if a client must not read it.
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    pub(crate) fn internal() -> Self {
        Self::new("internal error").code("internal")
    }

    fn shown(&self, expose: bool) -> Cow<'_, str> {
        match &self.0.source {
            Some(source) if expose => Cow::Owned(source.to_string()),
            _ => Cow::Borrowed(&self.0.message),
        }
    }

    /// An acknowledgement's arguments: `[{"error": {message, code?, data?}}]`.
    pub(crate) fn to_ack(&self, expose: bool) -> String {
        if self.0.bare {
            return json!([{ "error": self.shown(expose) }]).to_string();
        }
        let shape =
            Shape { message: &self.shown(expose), code: self.0.code.as_deref(), data: self.0.data.as_ref() };
        format!(r#"[{{"error":{}}}]"#, shape.to_json())
    }

    /// `{message, code?, data?}`, for an event.
    pub(crate) fn to_value(&self, expose: bool) -> Value {
        let message = &self.shown(expose);
        json!(Shape { message, code: self.0.code.as_deref(), data: self.0.data.as_ref() })
    }

    /// The payload of a CONNECT_ERROR: v5 clients rebuild an `Error` with `message` and `data` of it and drop the rest,
    /// so the code travels in `data`; v4 clients get `data`, or else the bare message.
    pub(crate) fn to_connect_error(&self, v5: bool, expose: bool) -> String {
        let message = self.shown(expose);
        let data = match (&self.0.data, &self.0.code) {
            (None, None) => None,
            (None, Some(code)) => Some(json!({ "code": code })),
            (Some(Value::Object(data)), Some(code)) if !data.contains_key("code") => {
                let mut data = data.clone();
                data.insert("code".into(), Value::from(code.as_ref()));
                Some(Value::Object(data))
            }
            (Some(data), _) => Some(data.clone()),
        };
        match (v5, data) {
            (true, data) => Shape { message: &message, code: None, data: data.as_ref() }.to_json(),
            (false, _) => match &self.0.data {
                Some(data) => data.to_string(),
                None => Value::from(message).to_string(),
            },
        }
    }
}

/// The members in the order in which Node has them.
#[derive(Serialize)]
struct Shape<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

impl Shape<'_> {
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text and JSON values can be serialised")
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.logged.unwrap_or(&self.0.message))?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl PublicError for WireError {
    fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    fn data(&self) -> Option<Value> {
        self.0.data.clone()
    }

    fn into_wire(self) -> WireError {
        self
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for WireError {
    fn from(error: E) -> Self {
        let mut wire = Self::internal();
        wire.0.source = Some(Arc::new(error));
        wire
    }
}

/// The message and the code of a layer's error that clients may know.
fn known(error: &BoxError) -> Option<(&'static str, &'static str)> {
    if error.is::<tower::timeout::error::Elapsed>() {
        Some(("timeout", "timeout"))
    } else if error.is::<tower::load_shed::error::Overloaded>() {
        Some(("overloaded", "overloaded"))
    } else if error.is::<super::Stale>() {
        Some(("try again", "unavailable"))
    } else {
        None
    }
}

/// A `WireError` is no error itself, so that any error can become one by `?`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Boxed(WireError);

/// For the services of layers, whose errors are boxed.
impl From<WireError> for BoxError {
    fn from(error: WireError) -> Self {
        Box::new(Boxed(error))
    }
}

/// Why an emit reached nobody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The socket or its connection is closed.
    #[error("the socket is closed")]
    Closed,
    /// The connection's `send_budget` is spent and the overflow policy dropped the packet.
    #[error("the connection's send budget is spent")]
    Full,
    /// The packet was volatile and the connection not ready for it.
    #[error("the packet was volatile and the connection was not ready")]
    Dropped,
    /// A layer around emits was not ready at once.
    #[error("a layer around emits was not ready")]
    NotReady,
    /// A layer around emits refused it.
    #[error("a layer around emits refused: {0}")]
    Layer(BoxError),
    /// The data or the event's name cannot be sent.
    #[error(transparent)]
    Encode(#[from] tower_socketio_proto::socketio::EncodeError),
}

/// Why there is no answer to an emit that asked for one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The time ran out; `missing` clients had not answered.
    #[error("no answer in time from {missing}")]
    Timeout {
        /// How many clients did not answer.
        missing: usize,
    },
    /// The client left before it answered.
    #[error("the client left before it answered")]
    Closed,
    /// The client is not accepted yet: ask in `on_connected`.
    #[error("`on_connect` runs before the client can answer: ask in `on_connected`")]
    NotYetConnected,
    /// The question could not be sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The answer is not of the type that was asked for.
    #[error("the answer is of another type")]
    Answer(#[from] tower_socketio_proto::socketio::ArgumentsError),
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A namespace must be `/`, or begin with `/`, and hold neither `,` nor `?`.
    #[error("`{0}` is no namespace: it must begin with `/` and hold neither `,` nor `?`")]
    MalformedNamespace(String),
    /// A namespace of this name exists.
    #[error("the namespace `{0}` exists already")]
    DuplicateNamespace(String),
    /// Another namespace is called so.
    #[error("another namespace is called `{0}`")]
    DuplicateName(String),
    /// No namespace of this name exists.
    #[error("there is no namespace `{0}`")]
    UnknownNamespace(String),
    /// Socket.IO, or a layer that authenticates clients by it, keeps this event's name for itself.
    #[error("`{0}` is reserved by Socket.IO or by a layer")]
    ReservedEvent(String),
    /// The path must begin with `/` and name something.
    #[error("the path `{0}` must begin with `/` and name something")]
    MalformedPath(String),
    /// The option must not be zero.
    #[error("`{0}` must not be zero")]
    Zero(&'static str),
    /// No transport is left.
    #[error("at least one transport is needed")]
    NoTransport,
    /// A cookie's name or a header's value has bytes that cannot be sent.
    #[error("`{0}` cannot stand in a header")]
    MalformedHeader(String),
    /// An origin is a scheme and a host, with or without a port.
    #[error("`{0}` is no origin, such as `https://example.com`")]
    MalformedOrigin(String),
}
