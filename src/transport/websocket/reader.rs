use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tower_socketio_proto::websocket::{Header, TEXT, unmask};

use super::judge::{Judge, Verdict};

/// The thread's read buffer; a connection keeps only what is left of a frame that has not arrived whole.
const BUFFER: usize = 64 * 1024;
/// A larger spare buffer is given back to the allocator.
const SPARE_KEPT: usize = 40 * BUFFER;

thread_local! {
    // Taken and put back, never borrowed: a handler that blocks inside its poll may drive another connection here.
    static READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    /// For the next message that does not arrive whole.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A whole message from the peer.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// How a peer broke the WebSocket protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Protocol,
    InvalidUtf8,
    TooBig,
}

impl Failure {
    /// The Close frame's status code (RFC 6455 §7.4.1).
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::InvalidUtf8 => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// What reading led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// This many bytes were read.
    Bytes(usize),
    /// The peer ended the stream.
    Eof,
    /// The peer sent a Close frame; it is answered.
    Closed,
    /// The peer broke the protocol.
    Failed(Failure),
    /// The receiver of the messages wants no more; the rest is kept.
    Stopped,
}

/// Turns a byte stream into messages.
#[derive(Default)]
pub(crate) struct Reader {
    /// What is begun; there almost never.
    begun: Option<Box<Begun>>,
}

#[derive(Default)]
struct Begun {
    /// The beginning of a frame.
    rest: Vec<u8>,
    /// `rest` may begin with whole frames: they came before the upgrade, or the receiver wanted no more.
    stopped: bool,
    /// Has the fragments of a message.
    judge: Option<Judge>,
}

/// Receives messages and the bytes of control frames to answer with; `false` stops the reading.
pub(crate) trait Receive {
    /// The largest message that it takes, in bytes.
    fn max_payload(&self) -> usize;
    fn message(&mut self, message: Message<'_>) -> bool;
    fn control(&mut self, frames: &[u8]);
}

impl Reader {
    /// With what was read of the connection before.
    pub(crate) fn new(early: &[u8]) -> Self {
        let mut reader = Self::default();
        if !early.is_empty() {
            reader.keep(early.to_vec(), true);
        }
        reader
    }

    /// Whether [`resume`](Self::resume) comes before the next read.
    pub(crate) fn is_stopped(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.stopped)
    }

    /// Keeps bytes for the next read, and gives memory back that nothing is kept in.
    fn keep(&mut self, rest: Vec<u8>, stopped: bool) {
        if self.begun.is_none() && rest.is_empty() {
            return;
        }
        let begun = self.begun.get_or_insert_default();
        (begun.rest, begun.stopped) = (rest, stopped);
        if begun.rest.is_empty() && begun.judge.is_none() && !stopped {
            self.begun = None;
        }
    }

    fn take_rest(&mut self) -> Vec<u8> {
        self.begun.as_mut().map(|begun| std::mem::take(&mut begun.rest)).unwrap_or_default()
    }

    /// Handles what was kept by [`Read::Stopped`], or read before the upgrade.
    pub(crate) fn resume(&mut self, receiver: &mut impl Receive) -> Read {
        let mut rest = self.take_rest();
        let (used, read) = self.frames(&mut rest, receiver);
        rest.drain(..used);
        if rest.is_empty() {
            spare(std::mem::take(&mut rest));
        }
        self.keep(rest, read == Some(Read::Stopped));
        read.unwrap_or(Read::Bytes(used))
    }

    /// Reads once and gives every whole message.
    pub(crate) fn poll_read(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        receiver: &mut impl Receive,
    ) -> Poll<io::Result<Read>> {
        let mut buffer = READ.take().unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice());
        let result = self.read_into(&mut buffer, io, cx, receiver);
        READ.set(Some(buffer));
        result
    }

    fn read_into(
        &mut self,
        buffer: &mut [u8],
        io: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        receiver: &mut impl Receive,
    ) -> Poll<io::Result<Read>> {
        // A short rest is put in front; behind a long one what comes is appended, without a copy of it each time.
        let rest = self.begun.as_ref().map_or(&[][..], |begun| &begun.rest);
        let (kept, is_long) = if rest.len() <= BUFFER / 4 { (rest.len(), false) } else { (0, true) };
        buffer[..kept].copy_from_slice(&rest[..kept]);
        let mut free = ReadBuf::new(&mut buffer[kept..]);
        std::task::ready!(Pin::new(io).poll_read(cx, &mut free))?;
        let read = free.filled().len();
        if read == 0 {
            return Poll::Ready(Ok(Read::Eof));
        }
        let end = kept + read;
        if !is_long {
            drop(self.take_rest());
            let (used, stop) = self.frames(&mut buffer[..end], receiver);
            self.keep(kept_apart(&buffer[used..end]), used < end && stop == Some(Read::Stopped));
            return Poll::Ready(Ok(stop.unwrap_or(Read::Bytes(read))));
        }
        let max_payload = receiver.max_payload();
        let rest = &mut self.begun.get_or_insert_default().rest;
        rest.extend_from_slice(&buffer[..end]);
        let whole = Header::parse(rest).is_some_and(|header| {
            header.length > max_payload as u64 || (rest.len() - header.size) as u64 >= header.length
        });
        let stopped = if whole { self.resume(receiver) } else { Read::Bytes(read) };
        Poll::Ready(Ok(if let Read::Bytes(_) = stopped { Read::Bytes(read) } else { stopped }))
    }

    /// Takes whole frames off the front; gives how many bytes they had, and why it stopped early.
    fn frames(&mut self, bytes: &mut [u8], receiver: &mut impl Receive) -> (usize, Option<Read>) {
        let (mut at, max_payload) = (0, receiver.max_payload());
        while let Some(header) = Header::parse(&bytes[at..]) {
            // Announced sizes cost nothing, but need not be waited for either.
            if header.length > max_payload as u64 {
                return (at, Some(Read::Failed(Failure::TooBig)));
            }
            let length = usize::try_from(header.length).expect("at most `max_payload`");
            let end = at + header.size + length;
            if end > bytes.len() {
                break;
            }
            let frame = &mut bytes[at..end];
            at = end;
            let go_on = match header.whole_message() {
                Some(mask) if !self.has_fragments() => {
                    let payload = &mut frame[header.size..];
                    unmask(payload, mask);
                    if header.opcode != TEXT {
                        receiver.message(Message::Binary(payload))
                    } else if let Ok(text) = std::str::from_utf8(payload) {
                        receiver.message(Message::Text(text))
                    } else {
                        return (at, Some(Read::Failed(Failure::InvalidUtf8)));
                    }
                }
                _ => match self.judge(frame, receiver) {
                    Ok(Verdict::Nothing) => true,
                    Ok(Verdict::Text(text)) => receiver.message(Message::Text(&text)),
                    Ok(Verdict::Binary(bytes)) => receiver.message(Message::Binary(&bytes)),
                    Ok(Verdict::Closed) => return (at, Some(Read::Closed)),
                    Err(failure) => return (at, Some(Read::Failed(failure))),
                },
            };
            if !go_on {
                return (at, Some(Read::Stopped));
            }
        }
        (at, None)
    }

    fn has_fragments(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.judge.is_some())
    }

    fn judge(&mut self, frame: &[u8], receiver: &mut impl Receive) -> Result<Verdict, Failure> {
        let max_payload = receiver.max_payload();
        let begun = self.begun.get_or_insert_default();
        let judge = begun.judge.get_or_insert_with(|| Judge::new(max_payload));
        let mut out = Vec::new();
        let verdict = judge.feed(frame, &mut out);
        if !judge.is_open() {
            begun.judge = None;
        }
        if !out.is_empty() && verdict.is_ok() {
            receiver.control(&out);
        }
        verdict
    }
}

/// The beginning of a message, in the thread's spare buffer if more of it is to come than is read at once.
fn kept_apart(rest: &[u8]) -> Vec<u8> {
    if rest.len() <= BUFFER / 4 {
        return rest.to_vec();
    }
    let mut buffer = SPARE.take();
    buffer.extend_from_slice(rest);
    buffer
}

/// Takes back a buffer that a large message was in.
fn spare(mut buffer: Vec<u8>) {
    if (BUFFER..=SPARE_KEPT).contains(&buffer.capacity()) {
        buffer.clear();
        SPARE.set(buffer);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("rest", &self.begun.as_ref().map_or(0, |begun| begun.rest.len()))
            .field("fragments", &self.has_fragments())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
