use std::io::{self, Read, Write};

use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{self, Error};

use super::Failure;

/// Judges fragments, control frames and closing: a tungstenite context that is fed one frame at a time, and that
/// lives only while a message is in fragments.
pub(super) struct Judge {
    context: WebSocketContext,
    /// Frames of a message were fed, and its last is missing.
    open: bool,
}

/// What a frame amounted to.
pub(super) enum Verdict {
    Nothing,
    Text(String),
    Binary(Vec<u8>),
    Closed,
}

impl Judge {
    pub(super) fn new(max_payload: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(64)
            .write_buffer_size(0)
            .max_write_buffer_size(512)
            .max_message_size(Some(max_payload))
            .max_frame_size(Some(max_payload));
        Self { context: WebSocketContext::new(Role::Server, Some(config)), open: false }
    }

    /// Whether fragments are missing, so that this context must be kept.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Feeds exactly one frame; what tungstenite answers goes to `out`.
    pub(super) fn feed(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<Verdict, Failure> {
        let (fin, data) = (frame[0] & 0x80 != 0, frame[0] & 0x0f < 0x8);
        let mut wire = Wire { input: frame, out };
        let verdict = loop {
            match self.context.read(&mut wire) {
                Ok(tungstenite::Message::Text(text)) => break Verdict::Text(text.as_str().to_owned()),
                Ok(tungstenite::Message::Binary(bytes)) => break Verdict::Binary(bytes.into()),
                Ok(tungstenite::Message::Close(_)) => {
                    // The reply is queued inside until it is flushed.
                    let _ = self.context.flush(&mut wire);
                    break Verdict::Closed;
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break Verdict::Nothing,
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => break Verdict::Closed,
                Err(error) => return Err(failure(&error)),
            }
        };
        let _ = self.context.flush(&mut wire);
        if data {
            self.open = !fin;
        }
        Ok(verdict)
    }
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Failure::TooBig,
        Error::Utf8(_) => Failure::InvalidUtf8,
        _ => Failure::Protocol,
    }
}

/// One frame to read, and a place to write to.
struct Wire<'a> {
    input: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buf)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
