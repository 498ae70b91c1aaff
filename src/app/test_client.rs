use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tower_socketio_proto::engineio;
use tower_socketio_proto::socketio::{
    Arguments, ArgumentsError, Decoder, Encoded, Kind, Limits, Message, OutPacket, Packet, Parser,
};
use tower_socketio_proto::websocket::{BINARY, Header, TEXT};

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
    joined: Option<Joined>,
}

struct Joined {
    id: String,
    namespace: String,
    out: mpsc::UnboundedSender<(Kind, Option<u64>, Option<Encoded>)>,
    events: mpsc::UnboundedReceiver<Incoming>,
    acks: Arc<Mutex<Acks>>,
}

#[derive(Default)]
struct Acks {
    next: u64,
    pending: HashMap<u64, oneshot::Sender<Arguments>>,
}

enum Incoming {
    Event(Arguments, Option<u64>),
    Accepted(String),
    Refused(Value),
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
        Self { io: io.clone(), auth: None, timeout: Duration::from_secs(5), joined: None }
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

    /// Opens a connection and enters a namespace.
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
        let acks = Arc::<Mutex<Acks>>::default();
        tokio::spawn(write(writing, outgoing, ponging, namespace.to_owned(), parser.clone()));
        tokio::spawn(read(reading, incoming, pongs, acks.clone(), parser));
        let auth =
            self.auth.take().map(|auth| Encoded { json: auth.to_string().into(), ..Encoded::default() });
        out.send((Kind::Connect, None, auth)).map_err(|_| TestError::Closed)?;
        let id = match within(self.timeout, events.recv()).await? {
            Incoming::Accepted(id) => id,
            Incoming::Refused(error) => return Err(TestError::Refused(wire_error(&error))),
            Incoming::Event(event, _) => return Err(TestError::OtherEvent(event.name().to_owned())),
        };
        self.joined = Some(Joined { id, namespace: namespace.to_owned(), out, events, acks });
        Ok(self)
    }

    /// The socket's id; empty before [`connect`](Self::connect).
    pub fn id(&self) -> &str {
        self.joined.as_ref().map_or("", |joined| &joined.id)
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
            let mut acks = joined.acks.lock().unwrap_or_else(PoisonError::into_inner);
            acks.next += 1;
            let id = acks.next;
            acks.pending.insert(id, answer);
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
        if let Some(joined) = self.joined.take() {
            let _ = joined.out.send((Kind::Disconnect, None, None));
        }
    }

    async fn next_event(&mut self) -> Result<(Arguments, Option<u64>), TestError> {
        let joined = self.joined.as_mut().ok_or(TestError::Closed)?;
        match within(self.timeout, joined.events.recv()).await? {
            Incoming::Event(arguments, id) => Ok((arguments, id)),
            Incoming::Accepted(_) | Incoming::Refused(_) => Err(TestError::Closed),
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

/// Writes packets as frames with a mask of zeros until the client is dropped.
async fn write(
    mut io: WriteHalf<DuplexStream>,
    mut packets: mpsc::UnboundedReceiver<(Kind, Option<u64>, Option<Encoded>)>,
    mut pongs: mpsc::UnboundedReceiver<()>,
    namespace: String,
    parser: Parser,
) {
    loop {
        let mut out = Vec::new();
        tokio::select! {
            packet = packets.recv() => {
                let Some((kind, id, encoded)) = packet else { break };
                let encoded = encoded.as_ref();
                let json = encoded.map(|encoded| std::str::from_utf8(&encoded.json).expect("JSON is UTF-8"));
                let attachments = encoded.map_or(&[][..], |encoded| &encoded.attachments);
                let packet = OutPacket { kind, namespace: &namespace, id, json, attachments };
                for message in parser.encode(&packet).expect("the packet can be encoded") {
                    match message {
                        Message::Text(text) => frame(&mut out, TEXT, format!("4{text}").as_bytes()),
                        Message::Binary(bytes) => frame(&mut out, BINARY, &bytes),
                    }
                }
            }
            Some(()) = pongs.recv() => frame(&mut out, TEXT, b"3"),
        }
        if io.write_all(&out).await.is_err() {
            break;
        }
    }
    let _ = io.shutdown().await;
}

fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.extend_from_slice(&[0x80 | opcode, 0xff]);
    out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Reads frames until the server ends the connection.
async fn read(
    mut io: ReadHalf<DuplexStream>,
    events: mpsc::UnboundedSender<Incoming>,
    pongs: mpsc::UnboundedSender<()>,
    acks: Arc<Mutex<Acks>>,
    parser: Parser,
) {
    let mut decoder = Decoder::for_client(&parser);
    let mut limits = Limits::default();
    (limits.max_attachments, limits.max_payload) = (usize::MAX, usize::MAX);
    let mut buffer = Vec::new();
    'connected: while io.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
        while let Some((opcode, payload)) = take_frame(&mut buffer) {
            let packet = match opcode {
                TEXT => {
                    let text = std::str::from_utf8(&payload).expect("a server's text is UTF-8");
                    match engineio::decode_text(engineio::Version::V4, text) {
                        Ok(engineio::Packet::Text { kind: engineio::Kind::Message, data }) => {
                            decoder.text(data, &limits)
                        }
                        Ok(engineio::Packet::Text { kind: engineio::Kind::Ping, .. }) => {
                            let _ = pongs.send(());
                            continue;
                        }
                        _ => continue,
                    }
                }
                BINARY => decoder.binary(&payload, &limits),
                _ => break 'connected,
            };
            match packet {
                Ok(Some(packet)) if receive(&packet, &events, &acks) => {}
                Ok(Some(_)) | Err(_) => break 'connected,
                Ok(None) => {}
            }
        }
    }
    acks.lock().unwrap_or_else(PoisonError::into_inner).pending.clear();
}

fn take_frame(buffer: &mut Vec<u8>) -> Option<(u8, Bytes)> {
    let header = Header::parse(buffer)?;
    let end = header.size + usize::try_from(header.length).ok()?;
    let payload = Bytes::copy_from_slice(buffer.get(header.size..end)?);
    buffer.drain(..end);
    Some((header.opcode, payload))
}

/// `false` when the namespace is over.
fn receive(packet: &Packet<'_>, events: &mpsc::UnboundedSender<Incoming>, acks: &Mutex<Acks>) -> bool {
    let payload = || Arguments::auth(packet).ok().flatten().and_then(|data| data.deserialize::<Value>().ok());
    let incoming = match packet.kind {
        Kind::Connect => {
            let sid = payload().and_then(|payload| Some(payload.get("sid")?.as_str()?.to_owned()));
            Incoming::Accepted(sid.unwrap_or_default())
        }
        Kind::ConnectError => Incoming::Refused(payload().unwrap_or_default()),
        Kind::Event => match Arguments::event(packet) {
            Ok(event) => Incoming::Event(event, packet.id),
            Err(_) => return false,
        },
        Kind::Ack => {
            let pending = packet
                .id
                .and_then(|id| acks.lock().unwrap_or_else(PoisonError::into_inner).pending.remove(&id));
            if let (Some(pending), Ok(answer)) = (pending, Arguments::ack(packet)) {
                let _ = pending.send(answer);
            }
            return true;
        }
        Kind::Disconnect => return false,
    };
    events.send(incoming).is_ok()
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.joined.as_ref().map(|joined| &joined.namespace);
        f.debug_struct("TestClient").field("namespace", &namespace).finish_non_exhaustive()
    }
}
