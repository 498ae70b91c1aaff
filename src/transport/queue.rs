use std::collections::VecDeque;

use bytes::Bytes;
use tower_socketio_adapter::{Frame, Frames};
use tower_socketio_proto::engineio::{ContentType, Item, Version, encode_payload, encoded_len};
use tower_socketio_proto::websocket::{TEXT, write_header};

use crate::hub::Overflow;

/// Frames of at least this size stand by themselves; smaller ones are copied behind one another.
pub(super) const LARGE: usize = 16 * 1024;

/// What waits for one connection, as WebSocket frames; polling slices the packets out of them.
#[derive(Debug)]
pub(super) struct OutQueue {
    store: Store,
    /// What waits, with what the task is writing at the moment.
    bytes: usize,
}

#[derive(Debug)]
enum Store {
    /// One stream of frames.
    Tail(Vec<u8>),
    /// A single frame, which other connections may share.
    One(Bytes),
    /// One stream of frames, some of which are large.
    Many(Box<Many>),
    /// Packets that stay apart: for polling, and where old ones may have to give way.
    Packets(Box<Packets>),
}

/// `chunks`, then `tail`.
#[derive(Debug, Default)]
struct Many {
    chunks: VecDeque<Bytes>,
    tail: Vec<u8>,
}

#[derive(Debug, Default)]
struct Packets(VecDeque<Packet>);

/// What is written together.
#[derive(Debug)]
pub(super) enum Batch {
    Nothing,
    Frames(Bytes),
    /// In a buffer of the thread's.
    Buffer(Vec<u8>),
    Many(VecDeque<Bytes>, Vec<u8>),
}

#[derive(Debug)]
struct Packet {
    frames: Frames,
    /// An event without an acknowledgement of its own; only those give way.
    droppable: bool,
}

/// Whether there is room for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// So many others gave way to it.
    Made(u64),
    /// The packet is dropped, and so were so many others before it showed that this does not help.
    Dropped(u64),
    /// The connection is to be closed.
    Overflow,
}

impl OutQueue {
    pub(super) fn new(apart: bool) -> Self {
        let store = if apart { Store::Packets(Box::default()) } else { Store::Tail(Vec::new()) };
        Self { store, bytes: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.store {
            Store::Tail(tail) => tail.is_empty(),
            Store::One(_) | Store::Many(_) => false,
            Store::Packets(packets) => packets.0.is_empty(),
        }
    }

    /// Whether packets are kept apart; then they come by [`push`](Self::push).
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.store, Store::Packets(_))
    }

    /// Room for `size` more bytes; may drop old packets to make it. What waits alone always has room.
    pub(super) fn room(&mut self, size: usize, budget: usize, overflow: Overflow) -> Room {
        if self.bytes == 0 || self.bytes + size <= budget {
            return Room::Enough;
        }
        match overflow {
            Overflow::Disconnect => Room::Overflow,
            Overflow::DropNewest => Room::Dropped(0),
            Overflow::DropOldest => self.make_room(size, budget),
        }
    }

    fn make_room(&mut self, size: usize, budget: usize) -> Room {
        let Store::Packets(packets) = &mut self.store else { return Room::Dropped(0) };
        let packets = &mut packets.0;
        // Some more than is needed, so that what must stay in front is not walked over for every packet.
        let mut excess = (self.bytes + size).saturating_sub(budget);
        let spare = if packets.front().is_some_and(|packet| packet.droppable) { 0 } else { budget / 8 };
        let (mut freed, before) = (0, packets.len());
        while freed < excess
            && let Some(packet) = pop_droppable(packets)
        {
            freed += packet.frames.size();
        }
        if freed < excess {
            excess += spare;
            packets.retain(|packet| {
                let keep = freed >= excess || !packet.droppable;
                if !keep {
                    freed += packet.frames.size();
                }
                keep
            });
        }
        self.bytes -= freed;
        let dropped = (before - packets.len()) as u64;
        if self.bytes + size <= budget { Room::Made(dropped) } else { Room::Dropped(dropped) }
    }

    /// Appends frames by a function that writes them.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let tail = self.tail();
        let before = tail.len();
        write(tail);
        self.bytes += tail.len() - before;
    }

    /// Appends a packet that is framed already.
    pub(super) fn push(&mut self, frames: &Frames, droppable: bool) {
        if let Store::Packets(packets) = &mut self.store {
            packets.0.push_back(Packet { frames: frames.clone(), droppable });
        } else {
            frames.iter().for_each(|frame| self.push_frame(&frame.bytes));
        }
        self.bytes += frames.size();
    }

    fn push_frame(&mut self, bytes: &Bytes) {
        if let Store::Tail(tail) = &self.store
            && tail.is_empty()
        {
            self.store = Store::One(bytes.clone());
        } else if bytes.len() >= LARGE {
            self.cut();
            self.many().chunks.push_back(bytes.clone());
        } else {
            self.tail().extend_from_slice(bytes);
        }
    }

    /// The buffer at the end of the stream, with room for more.
    fn tail(&mut self) -> &mut Vec<u8> {
        // Behind what the peer does not take it may stay for long, and is to be no larger than it must.
        let waits = match &self.store {
            Store::Tail(tail) => tail.is_empty() && self.bytes > 0,
            Store::One(bytes) => self.bytes > bytes.len(),
            Store::Many(_) | Store::Packets(_) => true,
        };
        let buffer = || if waits { Vec::new() } else { super::writer::buffer() };
        if let Store::One(bytes) = &self.store {
            if bytes.len() < LARGE {
                let mut tail = buffer();
                tail.extend_from_slice(bytes);
                self.store = Store::Tail(tail);
            } else {
                self.many();
            }
        }
        let is_full = match &self.store {
            Store::Tail(tail) => tail.len() >= LARGE,
            Store::Many(many) => many.tail.len() >= LARGE,
            Store::One(_) | Store::Packets(_) => false,
        };
        if is_full {
            self.cut();
        }
        let tail = match &mut self.store {
            Store::Tail(tail) => tail,
            Store::Many(many) => &mut many.tail,
            Store::One(_) | Store::Packets(_) => unreachable!("packets that stay apart are pushed"),
        };
        if tail.capacity() == 0 {
            *tail = buffer();
        }
        tail
    }

    /// The stream as one that has chunks.
    fn many(&mut self) -> &mut Many {
        match std::mem::replace(&mut self.store, Store::Tail(Vec::new())) {
            Store::Tail(tail) => self.store = Store::Many(Box::new(Many { chunks: VecDeque::new(), tail })),
            Store::One(bytes) => {
                self.store = Store::Many(Box::new(Many { chunks: [bytes].into(), tail: Vec::new() }));
            }
            other => self.store = other,
        }
        let Store::Many(many) = &mut self.store else {
            unreachable!("packets that stay apart are pushed");
        };
        many
    }

    /// Makes a chunk of the buffer at the end.
    fn cut(&mut self) {
        let many = self.many();
        if !many.tail.is_empty() {
            many.chunks.push_back(std::mem::take(&mut many.tail).into());
        }
    }

    /// Appends a text packet of the engine's own: `2`, `3`, `6`, `1`, or the open packet.
    pub(super) fn push_text(&mut self, text: &str) {
        if !self.is_apart() {
            self.write(|out| {
                write_header(out, TEXT, text.len());
                out.extend_from_slice(text.as_bytes());
            });
            return;
        }
        let mut out = Vec::with_capacity(text.len() + 4);
        write_header(&mut out, TEXT, text.len());
        let head = u8::try_from(out.len()).expect("a frame's header has at most 10 bytes");
        out.extend_from_slice(text.as_bytes());
        self.push(&Frames::from(Frame { bytes: out.into(), head, binary: false }), false);
    }

    /// Appends bytes that are frames already and no packets: control frames of the WebSocket.
    pub(super) fn push_raw(&mut self, bytes: &[u8]) {
        if !self.is_apart() {
            self.write(|out| out.extend_from_slice(bytes));
            return;
        }
        let frame = Frame { bytes: Bytes::copy_from_slice(bytes), head: 0, binary: true };
        self.push(&Frames::from(frame), false);
    }

    /// Hands everything over for writing, in order; of packets that may give way only the next few.
    pub(super) fn take(&mut self) -> Batch {
        if let Store::Packets(packets) = &mut self.store {
            return packets.take();
        }
        match std::mem::replace(&mut self.store, Store::Tail(Vec::new())) {
            Store::Tail(tail) if tail.is_empty() => Batch::Nothing,
            Store::Tail(tail) => Batch::Buffer(tail),
            Store::One(bytes) => Batch::Frames(bytes),
            Store::Many(many) => Batch::Many(many.chunks, many.tail),
            Store::Packets(_) => Batch::Nothing,
        }
    }

    /// So many of the bytes that were taken are written.
    pub(super) fn written(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// The answer to a poll: as many packets as `max_payload` allows, but at least one.
    pub(super) fn payload(
        &mut self,
        version: Version,
        base64: bool,
        max_payload: usize,
    ) -> (ContentType, Bytes) {
        let Store::Packets(packets) = &mut self.store else {
            return (ContentType::Text, Bytes::new());
        };
        let packets = &mut packets.0;
        // As it is most of the time: one packet of text, which in version 4 is a payload as it is.
        if version == Version::V4
            && packets.len() == 1
            && let Some(payload) = packets.front().and_then(|packet| packet.frames.alone())
            && let Some(packet) = packets.pop_front()
        {
            self.bytes -= packet.frames.size();
            return (ContentType::Text, payload);
        }
        let (mut frames, mut size) = (Vec::new(), 0);
        // A packet and its attachments may be split between polls: the order is what counts.
        while let Some(packet) = packets.front() {
            let items = packet.frames.iter().map(|frame| encoded_len(version, &item(version, frame)));
            size += items.sum::<usize>();
            // A close packet comes alone or behind a noop: socket.io-client 4 acts on it at once, and only then looks at
            // the packets in front of it, a DISCONNECT for example.
            let parts =
                is_text(packet.frames.first(), b"1") && !frames.iter().all(|frame| is_text(frame, b"6"));
            if !frames.is_empty() && (parts || size > max_payload) {
                break;
            }
            self.bytes -= packet.frames.size();
            frames.extend(
                packets
                    .pop_front()
                    .into_iter()
                    .flat_map(|packet| packet.frames.iter().cloned().collect::<Vec<_>>()),
            );
        }
        let mut out = Vec::with_capacity(size.min(max_payload) + 16);
        let content =
            encode_payload(version, base64, frames.iter().map(|frame| item(version, frame)), &mut out);
        (content, out.into())
    }

    /// So many bytes wait elsewhere, and will be reported as written.
    pub(super) fn adopt(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Polling has ended: what waits leaves over a WebSocket, without the noops that were for polls.
    pub(super) fn upgrade(&mut self, apart: bool) {
        let Store::Packets(packets) = std::mem::replace(&mut self.store, Self::new(apart).store) else {
            return;
        };
        self.bytes = 0;
        for packet in packets.0 {
            if !is_text(packet.frames.first(), b"6") {
                self.push(&packet.frames, packet.droppable);
            }
        }
    }

    /// Forgets everything but the bytes that the task is writing.
    pub(super) fn clear(&mut self, writing: usize) {
        self.store = Self::new(self.is_apart()).store;
        self.bytes = writing;
    }
}

impl Packets {
    fn take(&mut self) -> Batch {
        let (mut chunks, mut taken) = (VecDeque::new(), 0);
        while taken < LARGE
            && let Some(packet) = self.0.pop_front()
        {
            for frame in &packet.frames {
                taken += frame.bytes.len();
                chunks.push_back(frame.bytes.clone());
            }
        }
        if chunks.is_empty() { Batch::Nothing } else { Batch::Many(chunks, Vec::new()) }
    }
}

fn pop_droppable(packets: &mut VecDeque<Packet>) -> Option<Packet> {
    if packets.front()?.droppable { packets.pop_front() } else { None }
}

fn is_text(frame: &Frame, text: &[u8]) -> bool {
    !frame.binary && frame.bytes[usize::from(frame.head)..] == *text
}

fn item(version: Version, frame: &Frame) -> Item<'_> {
    let payload = &frame.bytes[usize::from(frame.head)..];
    if !frame.binary {
        return Item::Text(std::str::from_utf8(payload).expect("text frames are made from text"));
    }
    // Version 3's type byte is written by the payload's codec.
    Item::Binary(if version == Version::V3 { payload.get(1..).unwrap_or_default() } else { payload })
}

#[cfg(test)]
mod tests;
