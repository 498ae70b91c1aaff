use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_socketio_adapter::{Frame, Frames};
use tower_socketio_proto::websocket::{TEXT, write_header};

use super::super::io::Io;
use super::super::writer::Writer;
use super::{Batch, LARGE, OutQueue, Room};
use crate::hub::Overflow;

#[derive(Clone, Debug)]
enum Step {
    /// A frame that is written behind the others.
    Write(usize),
    /// A packet of frames.
    Push(Vec<usize>, bool),
    /// A packet of the engine's own.
    Text,
    /// A packet for which there has to be room.
    Admit(usize),
    /// The peer takes so many bytes at once, and then none.
    Drive(Vec<usize>),
    Clear,
    Upgrade,
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 8..200_usize, 1 => LARGE - 20..LARGE + 20, 1 => LARGE..3 * LARGE]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => sizes().prop_map(Step::Write),
        6 => (prop::collection::vec(sizes(), 1..4), any::<bool>()).prop_map(|(sizes, droppable)| Step::Push(sizes, droppable)),
        2 => Just(Step::Text),
        3 => sizes().prop_map(Step::Admit),
        6 => prop::collection::vec(prop_oneof![1..40_usize, 1..60_000_usize], 0..4).prop_map(Step::Drive),
        1 => Just(Step::Clear),
        1 => Just(Step::Upgrade),
    ];
    prop::collection::vec(step, 0..60)
}

/// A peer that takes what it is told to take.
#[derive(Clone, Default)]
struct Peer(Arc<Mutex<(Vec<usize>, Vec<u8>)>>);

impl AsyncRead for Peer {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Peer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (takes, got) = &mut *self.0.lock().unwrap();
        let Some(number) = takes.pop() else { return Poll::Pending };
        let number = number.min(bytes.len());
        got.extend_from_slice(&bytes[..number]);
        Poll::Ready(Ok(number))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (takes, got) = &mut *self.0.lock().unwrap();
        let Some(mut number) = takes.pop() else { return Poll::Pending };
        let before = got.len();
        for slice in slices {
            let part = number.min(slice.len());
            got.extend_from_slice(&slice[..part]);
            number -= part;
        }
        Poll::Ready(Ok(got.len() - before))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The connection's task, as far as it writes.
struct Task {
    queue: OutQueue,
    writer: Writer,
    io: Io,
    peer: Peer,
    next: u32,
    /// What may be missing at the end, by number.
    may_miss: Vec<bool>,
    dropped: u64,
}

impl Task {
    fn payload(&mut self, size: usize, may_miss: bool) -> String {
        let payload = format!("{:08}{}", self.next, "x".repeat(size - 8));
        self.next += 1;
        self.may_miss.push(may_miss);
        payload
    }

    fn frame(&mut self, size: usize, may_miss: bool) -> Frame {
        let payload = self.payload(size, may_miss);
        let mut bytes = Vec::new();
        write_header(&mut bytes, TEXT, payload.len());
        let head = u8::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(payload.as_bytes());
        Frame { bytes: bytes.into(), head, binary: false }
    }

    fn push(&mut self, sizes: &[usize], droppable: bool) {
        let mut frames: Vec<_> = sizes.iter().map(|size| self.frame(*size, droppable)).collect();
        let first = frames.remove(0);
        self.queue.push(&Frames::new(first, frames), droppable);
    }

    fn drive(&mut self, mut takes: Vec<usize>) {
        takes.reverse();
        self.peer.0.lock().unwrap().0 = takes;
        let mut cx = Context::from_waker(Waker::noop());
        let mut batch = if self.writer.is_empty() { self.queue.take() } else { Batch::Nothing };
        loop {
            let written = match batch {
                Batch::Nothing if self.writer.is_empty() => break,
                Batch::Nothing => self.writer.poll_write(&mut self.io, &mut cx),
                batch => self.writer.poll_batch(&mut self.io, &mut cx, batch),
            };
            let Poll::Ready(written) = written else { break };
            self.queue.written(written.unwrap());
            batch = if self.writer.is_empty() { self.queue.take() } else { Batch::Nothing };
        }
    }

    /// The numbers of the frames that came, which must be whole.
    fn got(&self) -> Vec<u32> {
        let (_, got) = &*self.peer.0.lock().unwrap();
        let (mut rest, mut numbers) = (&got[..], Vec::new());
        while !rest.is_empty() {
            assert_eq!(rest[0], 0x81);
            let (head, length) = match rest[1] {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                127 => (10, usize::try_from(u64::from_be_bytes(rest[2..10].try_into().unwrap())).unwrap()),
                length => (2, usize::from(length)),
            };
            let (frame, after) = rest.split_at(head + length);
            numbers.push(std::str::from_utf8(&frame[head..head + 8]).unwrap().parse().unwrap());
            assert!(frame[head + 8..].iter().all(|byte| *byte == b'x'));
            rest = after;
        }
        numbers
    }
}

fn check(begins_apart: bool, ends_apart: bool, steps: Vec<Step>) {
    const BUDGET: usize = 3 * LARGE;
    let peer = Peer::default();
    let io = Io::Other(Box::new(peer.clone()));
    let queue = OutQueue::new(begins_apart);
    let mut task =
        Task { queue, writer: Writer::default(), io, peer, next: 0, may_miss: Vec::new(), dropped: 0 };
    let mut polling = begins_apart;
    for step in steps {
        match step {
            Step::Write(size) if !task.queue.is_apart() => {
                let frame = task.frame(size, false);
                task.queue.write(|out| out.extend_from_slice(&frame.bytes));
            }
            Step::Write(size) => task.push(&[size], false),
            Step::Push(sizes, droppable) => task.push(&sizes, droppable && task.queue.is_apart()),
            Step::Text => {
                let text = task.payload(8, false);
                task.queue.push_text(&text);
            }
            Step::Admit(size) => {
                let before = task.queue.bytes();
                match task.queue.room(size + 4, BUDGET, Overflow::DropOldest) {
                    Room::Enough => {
                        assert_eq!(before, task.queue.bytes());
                        task.push(&[size], true);
                    }
                    Room::Made(dropped) => {
                        assert!(task.queue.bytes() + size + 4 <= BUDGET && dropped > 0);
                        task.dropped += dropped;
                        task.push(&[size], true);
                    }
                    Room::Dropped(dropped) => task.dropped += dropped,
                    Room::Overflow => unreachable!(),
                }
            }
            // Over polling nothing is written.
            Step::Drive(_) if polling => {}
            Step::Drive(takes) => task.drive(takes),
            Step::Clear => {
                task.queue.clear(task.writer.len());
                assert_eq!(task.queue.bytes(), task.writer.len());
                task.may_miss.fill(true);
            }
            Step::Upgrade if polling => {
                let before = task.queue.bytes();
                task.queue.push_text("6");
                task.queue.upgrade(ends_apart);
                assert_eq!((before, ends_apart), (task.queue.bytes(), task.queue.is_apart()));
                polling = false;
            }
            Step::Upgrade => {}
        }
        let empty = task.queue.is_empty() && task.writer.is_empty();
        assert_eq!(empty, task.queue.bytes() == 0, "{:?}", task.queue);
    }
    if polling {
        task.queue.upgrade(ends_apart);
    }
    task.drive(vec![usize::MAX; 10_000]);
    assert!(task.queue.is_empty() && task.writer.is_empty());
    assert_eq!(task.queue.bytes(), 0);
    let got = task.got();
    assert!(got.is_sorted_by(|one, other| one < other));
    let missing = (0..task.next).filter(|number| got.binary_search(number).is_err());
    for number in missing {
        assert!(task.may_miss[number as usize], "{number} is missing");
    }
    if task.dropped == 0 && !task.may_miss.iter().any(|may| *may) {
        assert_eq!(got.len(), task.next as usize);
    }
}

proptest! {
    #[test]
    fn whatever_is_queued_and_however_the_peer_takes_it_frames_come_whole_and_in_order(
        begins_apart: bool, ends_apart: bool, steps in steps(),
    ) {
        check(begins_apart, ends_apart, steps);
    }
}
