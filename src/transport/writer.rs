use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::io::Io;

/// Buffers of this size and below are kept for the next connection.
const KEPT: usize = 32 * 1024;
const KEPT_NUMBER: usize = 32;
/// How many chunks one vectored write takes.
const SLICES: usize = 32;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer, of the thread's if it has one. An idle connection has none.
pub(super) fn buffer() -> Vec<u8> {
    BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default()
}

fn give_back(mut buffer: Vec<u8>) {
    if buffer.capacity() > 0 && buffer.capacity() <= KEPT {
        buffer.clear();
        BUFFERS.with_borrow_mut(|buffers| {
            if buffers.len() < KEPT_NUMBER {
                buffers.push(buffer);
            }
        });
    }
}

/// What the connection's task has taken from the queue and is writing.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) chunks: VecDeque<Bytes>,
    pub(super) tail: Vec<u8>,
    /// How much of `tail` is written; chunks are cut.
    written: usize,
}

impl Writer {
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    /// How much is left to write.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum::<usize>() + self.tail.len() - self.written
    }

    /// Writes once and says how much went; an error when the peer takes nothing any more.
    pub(super) fn poll_write(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(io);
        let number = match self.chunks.len() {
            0 => ready!(io.poll_write(cx, &self.tail[self.written..]))?,
            1 if self.tail.is_empty() => ready!(io.poll_write(cx, &self.chunks[0]))?,
            _ => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let mut used = 0;
                for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
                    *slice = IoSlice::new(chunk);
                    used += 1;
                }
                if used < SLICES && !self.tail.is_empty() {
                    slices[used] = IoSlice::new(&self.tail);
                    used += 1;
                }
                ready!(io.poll_write_vectored(cx, &slices[..used]))?
            }
        };
        if number == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(number);
        Poll::Ready(Ok(number))
    }

    fn advance(&mut self, mut number: usize) {
        while number > 0
            && let Some(chunk) = self.chunks.front_mut()
        {
            let part = number.min(chunk.len());
            chunk.advance(part);
            number -= part;
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
        self.written += number;
        if self.chunks.is_empty() && self.chunks.capacity() > 0 {
            self.chunks = VecDeque::new();
        }
        if self.written == self.tail.len() {
            self.written = 0;
            give_back(std::mem::take(&mut self.tail));
        }
    }
}
