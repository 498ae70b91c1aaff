use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::io::Io;
use super::queue::Batch;

/// How many buffers, and how many bytes in all of them, a thread keeps for the next connection: one of a large message,
/// or many that are small.
const KEPT: usize = 2 * 1024 * 1024;
const KEPT_NUMBER: usize = 32;
/// Above it a buffer is not left with a connection that waits with little in it.
const LARGE_BUFFER: usize = 32 * 1024;
/// How many chunks one vectored write takes.
const SLICES: usize = 32;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { buffers: Vec::new(), bytes: 0 }) };
}

struct Pool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// An empty buffer, of the thread's if it has one. An idle connection has none.
pub(super) fn buffer() -> Vec<u8> {
    POOL.with_borrow_mut(|pool| {
        let buffer = pool.buffers.pop().unwrap_or_default();
        pool.bytes -= buffer.capacity();
        buffer
    })
}

fn give_back(mut buffer: Vec<u8>) {
    buffer.clear();
    POOL.with_borrow_mut(|pool| {
        let fits = pool.buffers.len() < KEPT_NUMBER && pool.bytes + buffer.capacity() <= KEPT;
        if fits && buffer.capacity() > 0 {
            pool.bytes += buffer.capacity();
            pool.buffers.push(buffer);
        }
    });
}

/// What was taken from the queue, is being written and did not fit; unallocated almost always.
#[derive(Debug, Default)]
pub(super) struct Writer(Option<Box<Backlog>>);

#[derive(Debug, Default)]
struct Backlog {
    chunks: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// How much of `tail` is written; chunks are cut.
    written: usize,
}

impl Writer {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How much is left to write.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |backlog| backlog.len())
    }

    /// Appends bytes behind what is left.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.get_or_insert_default().tail.extend_from_slice(bytes);
    }

    /// Writes once, first of what is left, and says how much went; an error when the peer takes nothing any more.
    pub(super) fn poll_write(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(backlog) = &mut self.0 else { return Poll::Ready(Ok(0)) };
        let number = ready!(backlog.poll_write(io, cx))?;
        backlog.advance(number);
        if backlog.chunks.is_empty() && backlog.tail.is_empty() {
            self.0 = None;
        }
        Poll::Ready(Ok(number))
    }

    /// Writes a batch once, with nothing left before it, and keeps what does not fit.
    pub(super) fn poll_batch(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        batch: Batch,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "what was taken was written before more is taken");
        let bytes = match &batch {
            Batch::Nothing => return Poll::Ready(Ok(0)),
            Batch::Frames(bytes) => &bytes[..],
            Batch::Buffer(bytes) => &bytes[..],
            Batch::Many(..) => {
                self.keep(batch, 0);
                return self.poll_write(io, cx);
            }
        };
        let (all, poll) = (bytes.len(), Pin::new(io).poll_write(cx, bytes));
        match poll {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(number)) => {
                if number < all {
                    self.keep(batch, number);
                } else if let Batch::Buffer(buffer) = batch {
                    give_back(buffer);
                }
                Poll::Ready(Ok(number))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.keep(batch, 0);
                Poll::Pending
            }
        }
    }

    fn keep(&mut self, batch: Batch, written: usize) {
        let mut backlog = match batch {
            Batch::Nothing => return,
            Batch::Frames(bytes) => Backlog { chunks: [bytes].into(), ..Backlog::default() },
            Batch::Buffer(tail) => Backlog { tail, ..Backlog::default() },
            Batch::Many(chunks, tail) => Backlog { chunks, tail, written: 0 },
        };
        backlog.advance(written);
        backlog.shrink();
        self.0 = Some(Box::new(backlog));
    }
}

impl Backlog {
    fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum::<usize>() + self.tail.len() - self.written
    }

    fn poll_write(&self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
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
        Poll::Ready(Ok(number))
    }

    /// A peer that does not read may keep what is left for long: no large buffer for a small rest.
    fn shrink(&mut self) {
        let rest = &self.tail[self.written..];
        if self.tail.capacity() > LARGE_BUFFER && rest.len() < self.tail.capacity() / 4 {
            let rest = rest.to_vec();
            give_back(std::mem::replace(&mut self.tail, rest));
            self.written = 0;
        }
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
        if self.written == self.tail.len() {
            self.written = 0;
            give_back(std::mem::take(&mut self.tail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::OutQueue;
    use super::*;

    #[test]
    fn a_peer_that_does_not_read_keeps_no_large_buffer_for_a_small_rest() {
        give_back(Vec::with_capacity(1024 * 1024));
        let mut queue = OutQueue::new(false);
        queue.write(|out| out.extend_from_slice(b"small"));
        let mut writer = Writer::default();
        writer.keep(queue.take(), 2);
        queue.written(2);
        assert_eq!((writer.len(), queue.bytes()), (3, 3));
        let capacity = |writer: &Writer| writer.0.as_ref().map_or(0, |backlog| backlog.tail.capacity());
        assert!(capacity(&writer) < 1024, "{}", capacity(&writer));
        // Nor for what comes behind it.
        queue.write(|out| out.extend_from_slice(b"more"));
        let Batch::Buffer(behind) = queue.take() else { panic!("it is small") };
        assert!(behind.capacity() < 1024, "{}", behind.capacity());
        assert!(buffer().capacity() >= 1024 * 1024, "it is there for the next");
    }
}
