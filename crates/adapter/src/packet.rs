use std::fmt;
use std::iter::{Chain, Once, once};
use std::slice;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// How many wire forms a packet can have: revisions of the protocol and parsers; the server numbers them from 0.
pub const FORMS: usize = 4;

/// A packet for many, encoded at most once for each wire form that some recipient needs.
pub struct Outgoing {
    args: Bytes,
    attachments: Vec<Bytes>,
    ack: Option<u64>,
    offset: Option<Box<str>>,
    is_placed: bool,
    encoder: Arc<dyn Encode>,
    forms: [OnceLock<Frames>; FORMS],
}

impl Outgoing {
    /// Creates a packet from the text of a JSON array that starts with the event's name and has a placeholder for each
    /// attachment; `ack` is the id with which recipients answer.
    pub fn new(args: Bytes, attachments: Vec<Bytes>, ack: Option<u64>, encoder: Arc<dyn Encode>) -> Self {
        let (offset, forms) = (None, Default::default());
        Self { args, attachments, ack, offset, is_placed: false, encoder, forms }
    }

    /// Says where the packet stands in this node's log of its namespace; clients that recover lost connections get it
    /// behind the arguments.
    ///
    /// It is no argument and does not go to other nodes, which have logs of their own.
    pub fn with_offset(mut self, offset: impl Into<Box<str>>) -> Self {
        self.offset = Some(offset.into());
        self.is_placed = true;
        self
    }

    /// Says behind which packet of the log this one comes, which is not in it: clients take their last argument for an
    /// offset, and so get one that they have already.
    pub fn behind_offset(mut self, offset: impl Into<Box<str>>) -> Self {
        self.offset = Some(offset.into());
        self
    }

    /// Returns the text of the JSON array: the event's name, then its arguments.
    pub fn args(&self) -> &Bytes {
        &self.args
    }

    /// Returns the binary attachments, in the order of their placeholders.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Returns the acknowledgement id, if recipients are asked to answer.
    pub fn ack(&self) -> Option<u64> {
        self.ack
    }

    /// Returns where the packet stands in this node's log, if there is one.
    pub fn offset(&self) -> Option<&str> {
        self.offset.as_deref()
    }

    /// Returns whether the offset is the packet's own.
    pub fn is_placed(&self) -> bool {
        self.is_placed
    }

    /// Returns the packet in a wire form, encoding it if nobody needed that form before.
    ///
    /// # Panics
    ///
    /// If `wire` is not below [`FORMS`].
    pub fn form(&self, wire: usize) -> &Frames {
        self.forms[wire].get_or_init(|| self.encoder.encode(self, wire))
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("args", &self.args)
            .field("attachments", &self.attachments.len())
            .field("ack", &self.ack)
            .finish_non_exhaustive()
    }
}

/// Encodes packets of one namespace; the server implements it, as do closures.
pub trait Encode: Send + Sync + 'static {
    /// Encodes `packet` in the wire form `wire`, which is below [`FORMS`].
    ///
    /// Called while others wait for this form, so it must not ask `packet` for it.
    fn encode(&self, packet: &Outgoing, wire: usize) -> Frames;
}

impl<F> Encode for F
where
    F: Fn(&Outgoing, usize) -> Frames + Send + Sync + 'static,
{
    fn encode(&self, packet: &Outgoing, wire: usize) -> Frames {
        self(packet, wire)
    }
}

/// The frames of one packet: the packet itself, then one for each attachment.
#[derive(Clone, Debug)]
pub struct Frames {
    first: Frame,
    attachments: Vec<Frame>,
}

impl Frames {
    /// Creates the frames of a packet with attachments.
    pub fn new(first: Frame, attachments: Vec<Frame>) -> Self {
        Self { first, attachments }
    }

    /// Returns what the one frame of a packet carries that is text without attachments, without copying.
    pub fn alone(&self) -> Option<Bytes> {
        (self.attachments.is_empty() && !self.first.binary).then(|| self.first.payload())
    }

    /// Returns the frame of the packet itself.
    pub fn first(&self) -> &Frame {
        &self.first
    }

    /// Returns the frames of the attachments.
    pub fn attachments(&self) -> &[Frame] {
        &self.attachments
    }

    /// Returns the only frame, if there are no attachments.
    pub fn single(&self) -> Option<&Frame> {
        self.attachments.is_empty().then_some(&self.first)
    }

    /// Visits the frames in the order in which they go out.
    pub fn iter(&self) -> Chain<Once<&Frame>, slice::Iter<'_, Frame>> {
        once(&self.first).chain(&self.attachments)
    }

    /// Returns the number of bytes of all frames, with their WebSocket headers.
    pub fn size(&self) -> usize {
        self.iter().map(|frame| frame.bytes.len()).sum()
    }
}

impl From<Frame> for Frames {
    fn from(only: Frame) -> Self {
        Self::new(only, Vec::new())
    }
}

impl<'a> IntoIterator for &'a Frames {
    type Item = &'a Frame;
    type IntoIter = Chain<Once<&'a Frame>, slice::Iter<'a, Frame>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One complete, unmasked WebSocket frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The whole frame, header first.
    pub bytes: Bytes,
    /// The length of the header, behind which polling finds the packet.
    pub head: u8,
    /// Whether this is a binary frame; otherwise a text frame.
    pub binary: bool,
}

impl Frame {
    /// Returns what the frame carries, without its header and without copying.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(usize::from(self.head)..)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn frame(bytes: &'static [u8], head: u8) -> Frame {
        Frame { bytes: Bytes::from_static(bytes), head, binary: false }
    }

    #[test]
    fn each_form_is_encoded_once_and_only_when_needed() {
        let encoded = Arc::new([const { AtomicUsize::new(0) }; FORMS]);
        let counters = Arc::clone(&encoded);
        let encoder = move |packet: &Outgoing, wire: usize| {
            counters[wire].fetch_add(1, Ordering::Relaxed);
            Frames::from(Frame { bytes: packet.args().clone(), head: 0, binary: false })
        };
        let packet = Outgoing::new(Bytes::from_static(b"[\"hi\"]"), Vec::new(), Some(7), Arc::new(encoder));
        for wire in [0, 2, 2, 0] {
            assert_eq!(packet.form(wire).single().map(Frame::payload), Some(Bytes::from_static(b"[\"hi\"]")));
        }
        let counts: Vec<_> = encoded.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [1, 0, 1, 0]);
        assert_eq!(packet.ack(), Some(7));
    }

    #[test]
    fn an_offset_is_no_argument() {
        let encoder = |packet: &Outgoing, _: usize| {
            let offset = packet.offset().unwrap_or_default().to_owned();
            Frames::from(Frame { bytes: offset.into(), head: 0, binary: false })
        };
        let packet = || Outgoing::new(Bytes::from_static(b"[\"hi\"]"), Vec::new(), None, Arc::new(encoder));
        assert_eq!(packet().offset(), None);
        let packet = packet().with_offset("12");
        assert_eq!(packet.args(), "[\"hi\"]");
        assert_eq!(packet.form(1).first().payload(), "12");
    }

    #[test]
    fn frames_come_in_wire_order_and_give_their_payload() {
        let frames = Frames::new(frame(b"\x81\x02ab", 2), vec![frame(b"\x81\x01c", 2)]);
        let payloads: Vec<_> = frames.iter().map(Frame::payload).collect();
        assert_eq!(payloads, [&b"ab"[..], b"c"]);
        assert_eq!(frames.size(), 7);
        assert!(frames.single().is_none());
    }
}
