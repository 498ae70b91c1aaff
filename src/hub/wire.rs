use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tower_socketio_adapter::{Encode, Frame, Frames, Outgoing};
use tower_socketio_proto::engineio::Version;
use tower_socketio_proto::socketio::{Kind, Message, OutPacket, Parser, write_header};
use tower_socketio_proto::websocket::{self, BINARY, TEXT};

use super::{Outbound, Protocol};

/// The engine's MESSAGE type, in text and in version 3's binary frames.
const MESSAGE: u8 = b'4';
const MESSAGE_V3: u8 = 4;

/// The number of a protocol's wire form among those that a broadcast packet keeps.
pub(crate) fn form_of(version: Version) -> usize {
    match version {
        Version::V3 => 0,
        Version::V4 => 1,
    }
}

/// Encodes broadcasts of one namespace, once for each protocol version.
pub(super) struct SharedEncoder {
    pub(super) namespace: Arc<str>,
    pub(super) parser: Parser,
}

impl Encode for SharedEncoder {
    fn encode(&self, packet: &Outgoing, wire: usize) -> Frames {
        let version = if wire == form_of(Version::V3) { Version::V3 } else { Version::V4 };
        let outbound = Outbound {
            kind: Kind::Event,
            namespace: &self.namespace,
            id: packet.ack(),
            json: Some(packet.args()),
            attachments: packet.attachments(),
            offset: packet.offset().filter(|_| version == Version::V4),
        };
        frames(&outbound, Protocol { version, base64: false }, &self.parser)
    }
}

/// Appends a packet as WebSocket frames, one after the other.
pub(crate) fn write_frames(packet: &Outbound<'_>, protocol: Protocol, parser: &Parser, out: &mut Vec<u8>) {
    messages(packet, protocol, parser, |binary, length, write| {
        websocket::write_header(out, if binary { BINARY } else { TEXT }, length);
        write(out);
    });
}

/// A packet as WebSocket frames, each by itself.
pub(crate) fn frames(packet: &Outbound<'_>, protocol: Protocol, parser: &Parser) -> Frames {
    let mut first = None;
    let mut rest = Vec::new();
    messages(packet, protocol, parser, |binary, length, write| {
        let mut out = Vec::with_capacity(length + websocket::header_len(length));
        websocket::write_header(&mut out, if binary { BINARY } else { TEXT }, length);
        let head = u8::try_from(out.len()).expect("a frame's header has at most 10 bytes");
        write(&mut out);
        let frame = Frame { bytes: out.into(), head, binary };
        match first {
            None => first = Some(frame),
            Some(_) => rest.push(frame),
        }
    });
    Frames::new(first.unwrap_or(Frame { bytes: Bytes::new(), head: 0, binary: false }), rest)
}

type Write<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Gives each engine message of a packet: whether it is binary, its length, and a function that writes it.
fn messages(
    packet: &Outbound<'_>,
    protocol: Protocol,
    parser: &Parser,
    mut each: impl FnMut(bool, usize, Write<'_>),
) {
    if !parser.is_json() {
        let with_offset = packet.offset.map(|offset| {
            let mut json = Vec::new();
            write_arguments(packet.json.unwrap_or_default(), Some(offset), &mut json);
            json
        });
        let json = with_offset.as_deref().or(packet.json);
        let json = json.map(|json| std::str::from_utf8(json).expect("JSON is UTF-8"));
        let Outbound { kind, namespace, id, attachments, .. } = *packet;
        let packet = OutPacket { kind, namespace, id, json, attachments };
        let messages = parser.encode(&packet).unwrap_or_else(|error| {
            tracing::error!(target: "socketio::parser", %error, "the parser cannot encode a packet");
            Vec::new()
        });
        for message in messages {
            match message {
                Message::Text(text) => each(false, 1 + text.len(), &|out| {
                    out.push(MESSAGE);
                    out.extend_from_slice(text.as_bytes());
                }),
                Message::Binary(bytes) => attachment(&bytes, protocol, &mut each),
            }
        }
        return;
    }
    let json = packet.json.unwrap_or_default();
    let length = 1 + header_len(packet) + arguments_len(json, packet.offset);
    each(false, length, &|out| {
        let start = out.len();
        out.push(MESSAGE);
        write_header(out, packet.kind, packet.namespace, packet.id, packet.attachments.len());
        write_arguments(json, packet.offset, out);
        debug_assert_eq!(out.len() - start, length);
    });
    for bytes in packet.attachments {
        attachment(bytes, protocol, &mut each);
    }
}

fn attachment(bytes: &Bytes, protocol: Protocol, each: &mut impl FnMut(bool, usize, Write<'_>)) {
    match (protocol.base64, protocol.version) {
        (true, version) => {
            let prefix: &[u8] = if version == Version::V3 { b"b4" } else { b"b" };
            let text = STANDARD.encode(bytes);
            each(false, prefix.len() + text.len(), &|out| {
                out.extend_from_slice(prefix);
                out.extend_from_slice(text.as_bytes());
            });
        }
        (false, Version::V3) => each(true, 1 + bytes.len(), &|out| {
            out.push(MESSAGE_V3);
            out.extend_from_slice(bytes);
        }),
        (false, Version::V4) => each(true, bytes.len(), &|out| out.extend_from_slice(bytes)),
    }
}

/// What [`write_header`] is going to write.
fn header_len(packet: &Outbound<'_>) -> usize {
    let namespace = if packet.namespace == "/" { 0 } else { packet.namespace.len() + 1 };
    let attachments = packet.attachments.len();
    1 + namespace
        + packet.id.map_or(0, digits)
        + if attachments > 0 { digits(attachments as u64) + 1 } else { 0 }
}

/// What [`write_arguments`] is going to write.
fn arguments_len(json: &[u8], offset: Option<&str>) -> usize {
    offset.map_or(json.len(), |offset| json.trim_ascii_end().len() + offset.len() + 3)
}

/// Appends an event's arguments, with the offset as the last one if there is one: it is of a log's making, and needs no
/// escapes.
fn write_arguments(json: &[u8], offset: Option<&str>, out: &mut Vec<u8>) {
    let (Some(offset), Some((b']', open))) = (offset, json.trim_ascii_end().split_last()) else {
        debug_assert!(offset.is_none(), "an event's arguments are an array");
        out.extend_from_slice(json);
        return;
    };
    out.extend_from_slice(open);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(offset.as_bytes());
    out.extend_from_slice(b"\"]");
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}
