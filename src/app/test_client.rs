use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tower_socketio_proto::socketio::{Arguments, ArgumentsError, Encoded, Kind};

use super::test_wire::{Got, Incoming, read, write};
use crate::hub::{SocketIo, WireError};
use crate::transport::open_in_memory;

/// How much the client lets wait in memory before the server has to.
const BUFFER: usize = 64 * 1024;

/// A client without a network, to test handlers with: the real codec, connection and dispatch over bytes in memory.
///
/// # Example
///
/// ```
/// use tower_socketio::{Ack, Data, Namespace, SocketIo, TestClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let double = async |Data(n): Data<u32>| Ack(n * 2);
/// let io = SocketIo::builder().namespace("/", Namespace::new().on("double", double)).build()?;
/// let client = TestClient::new(&io).connect("/").await?;
/// assert_eq!(client.emit_with_ack::<u32>("double", 21).await?, 42);
/// # Ok(())
/// # }
/// ```
pub struct TestClient {
    io: SocketIo,
    auth: Option<Value>,
    timeout: Duration,
    id: String,
    joined: Option<Joined>,
    /// By which it comes back.
    pid: Option<String>,
    offset: Option<String>,
    recovered: bool,
    /// What came before it lost its connection, and was not asked for yet.
    unread: VecDeque<Incoming>,
}

struct Joined {
    namespace: String,
    out: mpsc::UnboundedSender<(Kind, Option<u64>, Option<Encoded>)>,
    events: mpsc::UnboundedReceiver<Incoming>,
    got: Arc<Mutex<Got>>,
}

/// Why a test's expectation of the server did not come true.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The namespace refused the client; this is its `connect_error`.
    #[error("refused: {0}")]
    Refused(WireError),
    /// The acknowledgement was an error.
    #[error("the reply is an error: {0}")]
    ErrorReply(WireError),
    /// Another event came.
    #[error("`{0}` came instead")]
    OtherEvent(String),
    /// Nothing came in time.
    #[error("nothing came in time")]
    Silence,
    /// The server ended the connection, or the client is not connected.
    #[error("the connection is closed")]
    Closed,
    /// What came, or was to be sent, is of another type.
    #[error(transparent)]
    Data(#[from] ArgumentsError),
    /// What was to be sent cannot be.
    #[error("cannot be sent: {0}")]
    Encode(String),
}

impl TestClient {
    /// A client of this server, not connected yet.
    pub fn new(io: &SocketIo) -> Self {
        Self {
            io: io.clone(),
            auth: None,
            timeout: Duration::from_secs(5),
            id: String::new(),
            joined: None,
            pid: None,
            offset: None,
            recovered: false,
            unread: VecDeque::new(),
        }
    }

    /// What it gives as `auth`; anything but an object is sent as `{"token": ..}`.
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.auth = serde_json::to_value(auth).ok().map(|auth| match auth {
            Value::Object(_) => auth,
            token => serde_json::json!({ "token": token }),
        });
        self
    }

    /// How long it waits for something to come (default: 5 s).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens a connection and enters a namespace; if it has been there and [lost](Self::lose_connection) its connection, it
    /// asks to get back what it had, as official clients do.
    ///
    /// # Errors
    ///
    /// [`TestError::Refused`] with the `connect_error`, [`TestError::Closed`] or [`TestError::Silence`].
    pub async fn connect(mut self, namespace: &str) -> Result<Self, TestError> {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let parts = Request::get("/socket.io/?EIO=4&transport=websocket").body(()).expect("a valid request");
        if !open_in_memory(self.io.hub(), parts.into_parts().0, theirs) {
            return Err(TestError::Closed);
        }
        let parser = self.io.hub().config.parser.clone();
        let (reading, writing) = tokio::io::split(ours);
        let (out, outgoing) = mpsc::unbounded_channel();
        let (incoming, mut events) = mpsc::unbounded_channel();
        let (pongs, ponging) = mpsc::unbounded_channel();
        let got = Arc::new(Mutex::new(Got { offset: self.offset(), ..Got::default() }));
        tokio::spawn(write(writing, outgoing, ponging, namespace.to_owned(), parser.clone()));
        tokio::spawn(read(reading, incoming, pongs, got.clone(), parser));
        let auth = self.credentials();
        let auth = auth.map(|auth| Encoded { json: auth.to_string().into(), ..Encoded::default() });
        out.send((Kind::Connect, None, auth)).map_err(|_| TestError::Closed)?;
        let (id, pid) = match within(self.timeout, events.recv()).await? {
            Incoming::Accepted { id, pid } => (id, pid),
            Incoming::Refused(error) => return Err(TestError::Refused(wire_error(&error))),
            Incoming::Event(event, _) => return Err(TestError::OtherEvent(event.name().to_owned())),
        };
        self.recovered = pid.is_some() && pid == self.pid;
        (self.id, self.pid) = (id, pid);
        self.joined = Some(Joined { namespace: namespace.to_owned(), out, events, got });
        Ok(self)
    }

    /// The socket's id; empty before [`connect`](Self::connect).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the server gave it to come back by, where connections that were lost are [recovered](crate::Recovery).
    pub fn pid(&self) -> Option<&str> {
        self.pid.as_deref()
    }

    /// The number of the last packet that it got and that it would get again, as the server wrote it.
    pub fn offset(&self) -> Option<String> {
        match &self.joined {
            Some(joined) => joined.got.lock().unwrap_or_else(PoisonError::into_inner).offset.clone(),
            None => self.offset.clone(),
        }
    }

    /// Whether it lost its connection and has got back what it had.
    pub fn recovered(&self) -> bool {
        self.recovered
    }

    /// Loses its connection, as if the network had failed; by [`connect`](Self::connect) it comes back.
    ///
    /// What has come before is there to be read.
    pub fn lose_connection(&mut self) {
        self.part();
    }

    fn part(&mut self) -> Option<Joined> {
        let mut joined = self.joined.take()?;
        {
            let mut got = joined.got.lock().unwrap_or_else(PoisonError::into_inner);
            self.offset = got.offset.clone();
            got.lost = true;
        }
        self.unread.extend(std::iter::from_fn(|| joined.events.try_recv().ok()));
        Some(joined)
    }

    fn credentials(&self) -> Option<Value> {
        let Some(pid) = &self.pid else { return self.auth.clone() };
        let mut auth = serde_json::json!({ "pid": pid });
        if let Some(offset) = self.offset() {
            auth["offset"] = offset.into();
        }
        if let (Value::Object(auth), Some(Value::Object(own))) = (&mut auth, self.auth.clone()) {
            auth.extend(own);
        }
        Some(auth)
    }

    /// Emits an event.
    ///
    /// # Panics
    ///
    /// If the data cannot be serialised or the event is reserved.
    pub fn emit(&self, event: &str, data: impl Serialize) {
        let event = Encoded::event(event, &data).expect("the event can be sent");
        if let Some(joined) = &self.joined {
            let _ = joined.out.send((Kind::Event, None, Some(event)));
        }
    }

    /// Emits an event and waits for its acknowledgement.
    ///
    /// # Errors
    ///
    /// [`TestError::ErrorReply`] if it is `{"error": ..}`, else as the variants say.
    pub async fn emit_with_ack<A: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> Result<A, TestError> {
        let joined = self.joined.as_ref().ok_or(TestError::Closed)?;
        let event = Encoded::event(event, &data).map_err(|error| TestError::Encode(error.to_string()))?;
        drop(data);
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut got = joined.got.lock().unwrap_or_else(PoisonError::into_inner);
            got.next += 1;
            let id = got.next;
            got.pending.insert(id, answer);
            id
        };
        joined.out.send((Kind::Event, Some(id), Some(event))).map_err(|_| TestError::Closed)?;
        let arguments = within(self.timeout, async { answered.await.ok() }).await?;
        if let Ok(Value::Object(object)) = arguments.deserialize::<Value>()
            && let Some(error) = object.get("error")
        {
            return Err(TestError::ErrorReply(wire_error(error)));
        }
        Ok(arguments.deserialize()?)
    }

    /// The data of the next event, which must have this name.
    ///
    /// # Errors
    ///
    /// [`TestError::OtherEvent`], [`TestError::Silence`], [`TestError::Closed`] or [`TestError::Data`].
    pub async fn next<T: DeserializeOwned>(&mut self, event: &str) -> Result<T, TestError> {
        let (arguments, _) = self.next_event().await?;
        if arguments.name() != event {
            return Err(TestError::OtherEvent(arguments.name().to_owned()));
        }
        Ok(arguments.deserialize()?)
    }

    /// Waits for an event of this name that asks for an answer, and answers it.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn answer<T: DeserializeOwned>(
        &mut self,
        event: &str,
        answer: impl Serialize,
    ) -> Result<T, TestError> {
        let (arguments, id) = self.next_event().await?;
        if arguments.name() != event || id.is_none() {
            return Err(TestError::OtherEvent(arguments.name().to_owned()));
        }
        let answer = Encoded::arguments(&answer).map_err(|error| TestError::Encode(error.to_string()))?;
        let joined = self.joined.as_ref().ok_or(TestError::Closed)?;
        joined.out.send((Kind::Ack, id, Some(answer))).map_err(|_| TestError::Closed)?;
        Ok(arguments.deserialize()?)
    }

    /// Waits until the server has ended the connection or the namespace; events that come first are dropped.
    ///
    /// # Errors
    ///
    /// [`TestError::Silence`].
    pub async fn closed(&mut self) -> Result<(), TestError> {
        loop {
            match self.next_event().await {
                Ok(_) => {}
                Err(TestError::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves the namespace and ends the connection.
    pub fn disconnect(&mut self) {
        if let Some(joined) = self.part() {
            self.id.clear();
            let _ = joined.out.send((Kind::Disconnect, None, None));
        }
    }

    async fn next_event(&mut self) -> Result<(Arguments, Option<u64>), TestError> {
        let incoming = match (self.unread.pop_front(), &mut self.joined) {
            (Some(unread), _) => unread,
            (None, Some(joined)) => within(self.timeout, joined.events.recv()).await?,
            (None, None) => return Err(TestError::Closed),
        };
        match incoming {
            Incoming::Event(arguments, id) => Ok((arguments, id)),
            Incoming::Accepted { .. } | Incoming::Refused(_) => Err(TestError::Closed),
        }
    }
}

async fn within<T>(timeout: Duration, future: impl Future<Output = Option<T>>) -> Result<T, TestError> {
    let some = tokio::time::timeout(timeout, future).await.map_err(|_| TestError::Silence)?;
    some.ok_or(TestError::Closed)
}

fn wire_error(json: &Value) -> WireError {
    let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let data = json.get("data").cloned();
    let code = text("code").or_else(|| Some(data.as_ref()?.get("code")?.as_str()?.to_owned()));
    let mut error = match json {
        Value::String(text) => WireError::text(text.clone()),
        _ => WireError::new(text("message").unwrap_or_else(|| json.to_string())),
    };
    if let Some(code) = code {
        error = error.code(code);
    }
    match data {
        Some(data) => error.data(data),
        None => error,
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.joined.as_ref().map(|joined| &joined.namespace);
        f.debug_struct("TestClient").field("namespace", &namespace).finish_non_exhaustive()
    }
}
