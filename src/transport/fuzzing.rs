//! The frame reader for fuzz targets.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};

use super::websocket::{Message, Read, Reader, Receive};

/// What a stream of frames amounted to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Outcome {
    Text(String),
    Binary(Vec<u8>),
    Closed,
    Failed(u16),
}

/// Reads a stream of masked frames that arrives in pieces of these sizes.
pub fn read_messages(bytes: &[u8], cuts: &[u16], max_payload: usize) -> Vec<Outcome> {
    let mut pieces = VecDeque::new();
    let (mut rest, mut cuts) = (bytes, cuts.iter().map(|cut| usize::from(*cut).max(1)));
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(cuts.next().unwrap_or(rest.len()).min(rest.len()));
        pieces.push_back(piece.to_vec());
        rest = tail;
    }
    let mut wire = Wire(pieces);
    let mut reader = Reader::default();
    let mut outcomes = Outcomes { seen: Vec::new(), max_payload };
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match reader.poll_read(&mut wire, &mut cx, &mut outcomes) {
            Poll::Ready(Ok(Read::Bytes(_))) => {}
            Poll::Ready(Ok(Read::Closed)) => {
                outcomes.seen.push(Outcome::Closed);
                return outcomes.seen;
            }
            Poll::Ready(Ok(Read::Failed(failure))) => {
                outcomes.seen.push(Outcome::Failed(failure.code()));
                return outcomes.seen;
            }
            Poll::Ready(_) | Poll::Pending => return outcomes.seen,
        }
    }
}

struct Outcomes {
    seen: Vec<Outcome>,
    max_payload: usize,
}

impl Receive for Outcomes {
    fn max_payload(&self) -> usize {
        self.max_payload
    }

    fn message(&mut self, message: Message<'_>) -> bool {
        self.seen.push(match message {
            Message::Text(text) => Outcome::Text(text.to_owned()),
            Message::Binary(bytes) => Outcome::Binary(bytes.to_vec()),
        });
        true
    }

    fn control(&mut self, _: &[u8]) {}
}

struct Wire(VecDeque<Vec<u8>>);

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(piece) = self.0.front_mut() {
            let part = piece.len().min(buf.remaining());
            buf.put_slice(&piece[..part]);
            piece.drain(..part);
            if piece.is_empty() {
                self.0.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}
