//! What it costs to take packets apart and to put them together: `cargo bench -p tower-socketio-bench --bench codecs`.

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use serde::{Deserialize, Serialize};
use tower_socketio_proto::engineio::{self, Item, Version, decode_payload, encode_payload};
use tower_socketio_proto::socketio::{
    Arguments, Decoder, Encoded, Kind, Limits, Message, OutPacket, Parser, write_event, write_header,
};
use tower_socketio_proto::websocket::{self, Header, TEXT};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// One event's argument; with some tags as long as many programs' events are.
#[derive(Clone, Serialize, Deserialize)]
struct Move {
    id: u32,
    x: f64,
    y: f64,
    player: String,
    tags: Vec<String>,
}

impl Move {
    /// Of about so many bytes as JSON.
    fn of(bytes: usize) -> Self {
        let tags = (0..bytes.saturating_sub(60) / 12).map(|n| format!("tag-{n:05}")).collect();
        Self { id: 4711, x: 12.5, y: -3.75, player: "somebody".to_owned(), tags }
    }

    /// The event's packet, without the engine's `4`.
    fn packet(&self) -> String {
        let mut out = Vec::new();
        write_header(&mut out, Kind::Event, "/", None, 0);
        write_event(&mut out, "move", self).expect("it can be serialised");
        String::from_utf8(out).expect("JSON")
    }
}

/// Bytes of an event's argument.
const SIZES: [usize; 3] = [60, 500, 4000];

mod websocket_frames {
    use super::*;

    /// A header is read, the mask taken off, and the text checked, in place.
    #[divan::bench(args = [48, 120, 500, 4096, 65_536])]
    fn read(bencher: Bencher<'_, '_>, length: usize) {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = Vec::new();
        websocket::write_header(&mut frame, TEXT, length);
        frame[1] |= 0x80;
        frame.extend_from_slice(&mask);
        let start = frame.len();
        frame.extend((0..length).map(|n| b'x' ^ mask[n % 4]));
        bencher.counter(BytesCount::new(length)).bench_local(|| {
            let header = Header::parse(black_box(&frame)).expect("complete");
            let mask = header.whole_message().expect("one message");
            websocket::unmask(&mut frame[start..], mask);
            let is_text = std::str::from_utf8(&frame[start..]).is_ok();
            // On again, for the next round: as dear as taking it off.
            websocket::unmask(&mut frame[start..], mask);
            is_text
        });
    }

    #[divan::bench(args = [48, 500, 65_536])]
    fn write_header(bencher: Bencher<'_, '_>, length: usize) {
        let mut out = Vec::with_capacity(16);
        bencher.bench_local(|| {
            out.clear();
            websocket::write_header(black_box(&mut out), TEXT, black_box(length));
        });
    }
}

mod engine_packets {
    use super::*;

    fn items() -> Vec<String> {
        (0..10).map(|n| format!("42[\"move\",{n},\"something or other\"]")).collect()
    }

    fn payload(version: Version) -> Vec<u8> {
        let mut out = Vec::new();
        encode_payload(version, false, items().iter().map(|item| Item::Text(item)), &mut out);
        out
    }

    /// Ten packets in one body.
    #[divan::bench(args = [Version::V3, Version::V4])]
    fn decode_payload_of_ten(bencher: Bencher<'_, '_>, version: Version) {
        let payload = payload(version);
        let limits = engineio::Limits::default();
        bencher
            .counter(BytesCount::of_slice(&payload))
            .bench(|| decode_payload(version, false, black_box(&payload), &limits).expect("a payload").len());
    }

    #[divan::bench(args = [Version::V3, Version::V4])]
    fn encode_payload_of_ten(bencher: Bencher<'_, '_>, version: Version) {
        let items = items();
        let mut out = Vec::with_capacity(1024);
        bencher.counter(BytesCount::new(payload(version).len())).bench_local(|| {
            out.clear();
            encode_payload(version, false, black_box(&items).iter().map(|item| Item::Text(item)), &mut out)
        });
    }
}

mod json {
    use super::*;

    /// The event's name is found; its arguments are not looked at.
    #[divan::bench(args = SIZES, sample_size = 100)]
    fn decode_name(bencher: Bencher<'_, '_>, bytes: usize) {
        let packet = Move::of(bytes).packet();
        let (mut decoder, limits) = (Decoder::new(&Parser::Json), Limits::default());
        bencher.counter(BytesCount::of_str(&packet)).bench_local(|| {
            let packet = decoder.text(black_box(&packet), &limits).expect("valid").expect("whole");
            Arguments::event(&packet).expect("an event").name().len()
        });
    }

    /// The arguments are read into their type, too.
    #[divan::bench(args = SIZES, sample_size = 100)]
    fn decode_whole(bencher: Bencher<'_, '_>, bytes: usize) {
        let packet = Move::of(bytes).packet();
        let (mut decoder, limits) = (Decoder::new(&Parser::Json), Limits::default());
        bencher.counter(BytesCount::of_str(&packet)).bench_local(|| {
            let packet = decoder.text(black_box(&packet), &limits).expect("valid").expect("whole");
            Arguments::event(&packet).expect("an event").deserialize::<Move>().expect("a move")
        });
    }

    /// What `serde_json` alone takes for the argument: the least that reading can cost.
    #[divan::bench(args = SIZES, sample_size = 100)]
    fn decode_floor(bencher: Bencher<'_, '_>, bytes: usize) {
        let json = serde_json::to_string(&Move::of(bytes)).expect("JSON");
        bencher.bench(|| serde_json::from_str::<Move>(black_box(&json)).expect("a move"));
    }

    #[divan::bench(args = SIZES, sample_size = 100)]
    fn encode(bencher: Bencher<'_, '_>, bytes: usize) {
        let data = Move::of(bytes);
        let mut out = Vec::with_capacity(8192);
        bencher.counter(BytesCount::of_str(&data.packet())).bench_local(|| {
            out.clear();
            write_header(&mut out, Kind::Event, "/", None, 0);
            write_event(&mut out, "move", black_box(&data)).expect("it can be serialised").len()
        });
    }

    /// What `serde_json` alone takes for the argument.
    #[divan::bench(args = SIZES, sample_size = 100)]
    fn encode_floor(bencher: Bencher<'_, '_>, bytes: usize) {
        let data = Move::of(bytes);
        let mut out = Vec::with_capacity(8192);
        bencher.bench_local(|| {
            out.clear();
            serde_json::to_writer(&mut out, black_box(&data)).expect("it can be serialised");
        });
    }
}

mod binary {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Files {
        name: String,
        parts: Vec<Bytes>,
    }

    impl Files {
        fn of(parts: usize) -> Self {
            Self { name: "notes.txt".to_owned(), parts: vec![Bytes::from(vec![7; 1024]); parts] }
        }
    }

    /// So many attachments of 1 KiB.
    #[divan::bench(args = [1, 10], sample_size = 100)]
    fn decode(bencher: Bencher<'_, '_>, parts: usize) {
        let files = Files::of(parts);
        let Encoded { json, attachments } = Encoded::event("files", &files).expect("it can be serialised");
        let text = format!("5{parts}-{}", String::from_utf8(json).expect("JSON"));
        let (mut decoder, limits) = (Decoder::new(&Parser::Json), Limits::default());
        bencher.counter(BytesCount::new(text.len() + parts * 1024)).bench_local(|| {
            assert!(decoder.text(black_box(&text), &limits).expect("valid").is_none());
            for part in &attachments[1..] {
                assert!(decoder.binary(part, &limits).expect("valid").is_none());
            }
            let packet = decoder.binary(&attachments[0], &limits).expect("valid").expect("whole");
            let arguments = Arguments::event(&packet).expect("an event");
            arguments.deserialize::<Files>().expect("files").parts.len()
        });
    }

    #[divan::bench(args = [1, 10], sample_size = 100)]
    fn encode(bencher: Bencher<'_, '_>, parts: usize) {
        let files = Files::of(parts);
        bencher.bench(|| Encoded::event("files", black_box(&files)).expect("it can be serialised"));
    }
}

mod msgpack {
    use super::*;

    fn message(data: &Move) -> Vec<Message> {
        let event = Encoded::event("move", data).expect("it can be serialised");
        let json = std::str::from_utf8(&event.json).expect("JSON");
        let kind = Kind::Event;
        let packet = OutPacket { kind, namespace: "/", id: None, json: Some(json), attachments: &[] };
        Parser::MsgPack.encode(&packet).expect("valid JSON")
    }

    #[divan::bench(args = SIZES, sample_size = 100)]
    fn decode_whole(bencher: Bencher<'_, '_>, bytes: usize) {
        let message = message(&Move::of(bytes));
        let [Message::Binary(message)] = message.as_slice() else { unreachable!("one binary message") };
        let (mut decoder, limits) = (Decoder::new(&Parser::MsgPack), Limits::default());
        bencher.counter(BytesCount::of_slice(message)).bench_local(|| {
            let packet = decoder.binary(black_box(message), &limits).expect("valid").expect("whole");
            Arguments::event(&packet).expect("an event").deserialize::<Move>().expect("a move")
        });
    }

    /// As an emit does it: by way of the JSON that all forms are made from.
    #[divan::bench(args = SIZES, sample_size = 100)]
    fn encode(bencher: Bencher<'_, '_>, bytes: usize) {
        let data = Move::of(bytes);
        bencher.bench(|| message(black_box(&data)));
    }
}
