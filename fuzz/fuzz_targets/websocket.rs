//! The server's frame reader says of every stream what tungstenite says, however the stream is cut.

#![no_main]

use std::io::{self, Read, Write};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use tower_socketio::fuzzing::{Outcome, read_messages};
use tower_socketio_proto::websocket::unmask;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

fuzz_target!(|input: &[u8]| {
    let [flags, input @ ..] = input else { return };
    let max_payload = [16, 125, 300, 70_000][usize::from(flags & 3)];
    let mut source = Unstructured::new(input);
    let Ok(cuts) = cuts(&mut source) else { return };
    let mut stream = match flags & 4 {
        0 => source.take_rest().to_vec(),
        _ => frames(&mut source),
    };
    // What is announced comes: zeros, which are no frame of a client. So both readers come to an end.
    stream.resize(stream.len() + max_payload + 14, 0);

    let ours = read_messages(&stream, &cuts, max_payload);
    let (theirs, error) = tungstenite(&stream, max_payload);
    // Of a frame that is unknown and too long, each names what it looks at first.
    let unknown = matches!(error, Some(Error::Protocol(ProtocolError::InvalidOpcode(_))));
    match (&*ours, &*theirs) {
        ([ours @ .., Outcome::Failed(1009)], [theirs @ .., Outcome::Failed(1002)]) if unknown => {
            assert_eq!(ours, theirs);
        }
        _ => assert_eq!(ours, theirs, "{error:?}"),
    }
    assert!(matches!(ours.last(), Some(Outcome::Closed | Outcome::Failed(_))), "it went on after {error:?}");
});

/// The sizes of the pieces the stream arrives in, the same few again and again.
fn cuts(source: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u16>> {
    let count = source.int_in_range(0..=4_u8)?;
    let few: Vec<u16> = (0..count)
        .map(|_| {
            let wide = u16::arbitrary(source)?;
            Ok(if wide & 1 == 0 { wide >> 1 } else { wide >> 10 })
        })
        .collect::<arbitrary::Result<_>>()?;
    Ok(few.iter().copied().cycle().take(if few.is_empty() { 0 } else { 200 }).collect())
}

/// Frames that are proper for the most part.
fn frames(source: &mut Unstructured<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while !source.is_empty() && stream.len() < 1 << 18 {
        if frame(source, &mut stream).is_err() {
            break;
        }
    }
    stream
}

fn frame(source: &mut Unstructured<'_>, stream: &mut Vec<u8>) -> arbitrary::Result<()> {
    let bits = u8::arbitrary(source)?;
    let opcode = match bits & 0xf {
        0..4 => 0x1,
        4..6 => 0x2,
        6..10 => 0x0,
        10..12 => 0x9,
        12 => 0xa,
        13 => 0x8,
        _ => u8::arbitrary(source)? & 0xf,
    };
    let (unfinished, corrupt) = (bits & 0x20 != 0, bits & 0x10 != 0);
    let corruption = if corrupt { u8::arbitrary(source)? } else { 0 };
    let payload = payload(source, opcode)?;

    let fin = if unfinished { 0 } else { 0x80 };
    let rsv = if corruption & 0xc0 == 0xc0 { corruption & 0x70 } else { 0 };
    stream.push(fin | rsv | opcode);
    let masked = if corruption & 0x03 == 0x03 { 0 } else { 0x80 };
    // A length need not be written in the fewest bytes.
    let wide = corruption >> 2 & 3;
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) if wide < 2 => stream.push(masked | length),
        (_, Ok(length)) if wide < 3 => {
            stream.push(masked | 126);
            stream.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            stream.push(masked | 127);
            stream.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    let mask = if masked == 0 { [0; 4] } else { u32::arbitrary(source)?.to_le_bytes() };
    if masked != 0 {
        stream.extend_from_slice(&mask);
    }
    let start = stream.len();
    stream.extend_from_slice(&payload);
    unmask(&mut stream[start..], mask);
    Ok(())
}

fn payload(source: &mut Unstructured<'_>, opcode: u8) -> arbitrary::Result<Vec<u8>> {
    let bits = u8::arbitrary(source)?;
    if bits & 3 == 0 {
        let length = usize::from(bits >> 2).min(source.len());
        return Ok(source.bytes(length)?.to_vec());
    }
    if opcode == 0x8 {
        let code = [1000_u16, 1001, 1005, 2999, 3000, 5000, 0, 1][usize::from(bits >> 2 & 7)];
        return Ok([&code.to_be_bytes()[..], b"bye"].concat());
    }
    // Far longer than the input, and with characters that fragments tear apart.
    let pattern: &[u8] =
        [&b"a"[..], "é".as_bytes(), "€x".as_bytes(), "😀".as_bytes(), b"\xff", b"\x80", b"\xf0\x9f", b"2[1]"]
            [usize::from(bits >> 2 & 7)];
    let length = match bits >> 5 {
        0..4 => u8::arbitrary(source)?.into(),
        4 => u16::arbitrary(source)?.into(),
        5 => 70_000 + usize::from(u16::arbitrary(source)?),
        _ => usize::from(u8::arbitrary(source)?) % 20,
    };
    let start = usize::from(bits >> 1 & 1);
    let repeated = pattern.repeat((start + length).div_ceil(pattern.len()));
    Ok(repeated[start..start + length].to_vec())
}

fn tungstenite(stream: &[u8], max_payload: usize) -> (Vec<Outcome>, Option<Error>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(max_payload))
        .max_frame_size(Some(max_payload));
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let mut wire = Wire(stream);
    let mut outcomes = Vec::new();
    loop {
        outcomes.push(match context.read(&mut wire) {
            Ok(Message::Text(text)) => Outcome::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Outcome::Binary(bytes.into()),
            Ok(Message::Close(_)) => {
                outcomes.push(Outcome::Closed);
                return (outcomes, None);
            }
            Ok(_) => continue,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (outcomes, None),
            Err(error) => {
                outcomes.push(Outcome::Failed(match error {
                    Error::Capacity(CapacityError::MessageTooLong { .. }) => 1009,
                    Error::Utf8(_) => 1007,
                    _ => 1002,
                }));
                return (outcomes, Some(error));
            }
        });
    }
}

/// Everything is there at once, and what is written vanishes.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buf)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
