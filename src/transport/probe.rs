use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_socketio_proto::engineio::{Input, Kind, Packet, Version, decode_text};
use tower_socketio_proto::websocket::{CLOSE, TEXT, write_header};

use super::connection::CONTROL_LIMIT;
use super::io::Io;
use super::websocket::{Message, Read, Reader, Receive};
use super::writer::Writer;

/// A WebSocket that wants to take a polling session over (Engine.IO protocol, "Upgrade").
pub(super) struct Probe {
    io: Io,
    reader: Reader,
    writer: Writer,
    max_payload: usize,
    /// The status code to close with.
    code: Option<u16>,
    /// The client has closed already.
    closed: bool,
}

impl Probe {
    pub(super) fn new(io: Io, early: &[u8], max_payload: usize) -> Self {
        Self {
            io,
            reader: Reader::new(early),
            writer: Writer::default(),
            max_payload,
            code: None,
            closed: false,
        }
    }

    /// Answers the client's `2probe`.
    pub(super) fn pong(&mut self) {
        let mut frame = Vec::new();
        write_header(&mut frame, TEXT, 6);
        frame.extend_from_slice(b"3probe");
        self.writer.push(&frame);
    }

    pub(super) fn into_parts(self) -> (Io, Reader, Writer) {
        (self.io, self.reader, self.writer)
    }

    /// Writes and reads once; `false` if there is nothing to read. `feed` says whether more is wanted.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        version: Version,
        mut feed: impl FnMut(Input<'_>) -> bool,
    ) -> bool {
        while !self.writer.is_empty() {
            match self.writer.poll_write(&mut self.io, cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => {
                    feed(Input::ProbeClosed);
                    return true;
                }
                Poll::Pending => break,
            }
        }
        if let Io::Other(_) = self.io {
            // TLS keeps records back until it is flushed; an error shows at the next read.
            let _ = tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.io), cx);
        }
        let max_payload = self.max_payload;
        let mut inbound = Inbound { version, feed: &mut feed, writer: &mut self.writer, max_payload };
        let read = if self.reader.is_stopped() {
            Ok(self.reader.resume(&mut inbound))
        } else {
            match self.reader.poll_read(&mut self.io, cx, &mut inbound) {
                Poll::Pending => return false,
                Poll::Ready(read) => read,
            }
        };
        match read {
            Ok(Read::Bytes(_) | Read::Stopped) => return true,
            Ok(Read::Failed(failure)) => self.code = Some(failure.code()),
            Ok(Read::Closed | Read::Eof) | Err(_) => self.closed = true,
        }
        feed(Input::ProbeClosed);
        true
    }

    /// Closes with 1013, "try again later".
    pub(super) async fn turn_away(mut self, grace: Duration) {
        self.code = Some(1013);
        self.close(grace).await;
    }

    /// Sends what waits and a Close frame, and waits for the peer's end for a while.
    pub(super) async fn close(mut self, grace: Duration) {
        if !self.closed {
            let code = self.code.map(u16::to_be_bytes);
            let mut frame = Vec::new();
            write_header(&mut frame, CLOSE, code.map_or(0, |code| code.len()));
            frame.extend_from_slice(code.as_ref().map_or(&[], |code| code));
            self.writer.push(&frame);
        }
        let end = async {
            while !self.writer.is_empty() {
                poll_fn(|cx| self.writer.poll_write(&mut self.io, cx)).await?;
            }
            self.io.shutdown().await?;
            let mut sink = [0; 1024];
            while self.io.read(&mut sink).await? > 0 {}
            std::io::Result::Ok(())
        };
        let _ = tokio::time::timeout(grace, end).await;
    }
}

struct Inbound<'a, F> {
    version: Version,
    feed: &'a mut F,
    writer: &'a mut Writer,
    max_payload: usize,
}

impl<F: FnMut(Input<'_>) -> bool> Receive for Inbound<'_, F> {
    fn max_payload(&self) -> usize {
        self.max_payload
    }

    fn message(&mut self, message: Message<'_>) -> bool {
        let packet = match message {
            Message::Text(text) => decode_text(self.version, text).ok(),
            Message::Binary(_) => None,
        };
        match packet {
            Some(Packet::Text { kind: kind @ (Kind::Ping | Kind::Upgrade), data }) => {
                (self.feed)(Input::Probe { kind, data })
            }
            // Anything else ends the probe, not the session.
            _ => (self.feed)(Input::ProbeClosed),
        }
    }

    fn control(&mut self, frames: &[u8]) {
        if self.writer.len() < CONTROL_LIMIT {
            self.writer.push(frames);
        }
    }
}
