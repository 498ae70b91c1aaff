use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::{AsyncRead, ReadBuf};

use super::{BUFFER, Message, Read, Reader, Receive};

/// A message, its fragments by their sizes, and whether a ping stands between them.
type Sent = (bool, Vec<usize>, bool);

fn sent() -> impl Strategy<Value = Sent> {
    let size = prop_oneof![8 => 0..200_usize, 1 => BUFFER / 4 - 20..BUFFER / 4 + 20, 1 => 0..2 * BUFFER];
    (any::<bool>(), prop::collection::vec(size, 1..4), any::<bool>())
}

fn write_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    const MASK: [u8; 4] = [0x12, 0x9a, 0xf1, 0x07];
    out.push(first);
    match payload.len() {
        length @ ..126 => out.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

fn write(out: &mut Vec<u8>, number: usize, (text, sizes, pinged): &Sent) -> Vec<u8> {
    let mut whole = Vec::new();
    for (at, size) in sizes.iter().enumerate() {
        if at > 0 && *pinged {
            write_frame(out, 0x89, b"ping");
        }
        let start = whole.len();
        whole.extend((0..*size).map(|at| b'a' + u8::try_from((number + at) % 26).unwrap()));
        let opcode = if at > 0 { 0 } else { 2 - u8::from(*text) };
        let last = if at + 1 == sizes.len() { 0x80 } else { 0 };
        write_frame(out, last | opcode, &whole[start..]);
    }
    whole
}

struct Wire(VecDeque<Vec<u8>>);

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Wants no more after every so many messages.
struct Receiver {
    got: Vec<(bool, Vec<u8>)>,
    pongs: usize,
    stops: usize,
}

impl Receive for Receiver {
    fn max_payload(&self) -> usize {
        8 * BUFFER
    }

    fn message(&mut self, message: Message<'_>) -> bool {
        self.got.push(match message {
            Message::Text(text) => (true, text.as_bytes().to_vec()),
            Message::Binary(bytes) => (false, bytes.to_vec()),
        });
        !self.got.len().is_multiple_of(self.stops)
    }

    fn control(&mut self, frames: &[u8]) {
        assert_eq!(frames, b"\x8a\x04ping");
        self.pongs += 1;
    }
}

proptest! {
    #[test]
    fn messages_come_whole_and_in_order_however_they_are_cut_and_whenever_nobody_wants_them(
        sent in prop::collection::vec(sent(), 0..12),
        cuts in prop::collection::vec(prop_oneof![1..50_usize, 1..70_000_usize], 1..20),
        early in 0..300_usize,
        stops in 1..5_usize,
    ) {
        let (mut bytes, mut expected, mut pings) = (Vec::new(), Vec::new(), 0);
        for (number, message) in sent.iter().enumerate() {
            expected.push((message.0, write(&mut bytes, number, message)));
            pings += if message.2 { message.1.len() - 1 } else { 0 };
        }
        let mut rest = bytes.split_off(early.min(bytes.len()));
        let mut reader = Reader::new(&bytes);
        let mut cuts = cuts.into_iter().cycle();
        let mut pieces = VecDeque::new();
        while !rest.is_empty() {
            let tail = rest.split_off(cuts.next().expect("cuts repeat").min(rest.len()));
            pieces.push_back(std::mem::replace(&mut rest, tail));
        }
        let mut wire = Wire(pieces);
        let mut receiver = Receiver { got: Vec::new(), pongs: 0, stops };
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let read = if reader.is_stopped() {
                reader.resume(&mut receiver)
            } else {
                match reader.poll_read(&mut wire, &mut cx, &mut receiver) {
                    Poll::Ready(read) => read.unwrap(),
                    Poll::Pending => unreachable!(),
                }
            };
            match read {
                Read::Bytes(_) | Read::Stopped => {}
                Read::Eof => break,
                read => panic!("{read:?}"),
            }
        }
        prop_assert_eq!(receiver.got, expected);
        prop_assert_eq!(receiver.pongs, pings);
        // Nothing is kept for a connection that waits for nothing.
        prop_assert!(reader.begun.is_none());
    }
}
