use proptest::prelude::*;

use super::*;
use crate::classic::asks::Asks;
use crate::classic::incoming::{broadcast, request, response};

/// Reads bytes as everything that they may be.
fn read(payload: &[u8]) -> (bool, bool, bool) {
    let asks = Asks::default();
    asks.begin("r", None);
    (
        broadcast(payload, &seat()).is_ok(),
        request(payload, &seat()).is_ok(),
        response(payload, &seat(), &asks).is_ok(),
    )
}

#[test]
fn what_is_no_message_is_passed_over() {
    for payload in [
        "",
        "{",
        "[",
        "{}",
        "[]",
        "null",
        r#"{"type":3}"#,
        r#"{"type":99}"#,
        r#"{"type":-1}"#,
        r#"{"type":"2"}"#,
        r#"{"uid":5,"type":1,"requestId":"r"}"#,
        r#"{"type":1}"#,
        r#"{"type":5,"requestId":"r"}"#,
        r#"{"type":5,"opts":{}}"#,
        r#"{"type":2,"opts":{"rooms":{}},"rooms":["a"]}"#,
        r#"{"type":2,"opts":{"rooms":[null]},"rooms":["a"]}"#,
        r#"{"type":2,"opts":{}}"#,
        r#"{"type":2,"room":"a"}"#,
        r#"{"type":7,"requestId":"r","opts":{}}"#,
        r#"{"type":7,"requestId":"r","opts":{},"packet":{"type":2,"data":[],"nsp":"/other"}}"#,
        r#"{"type":8,"requestId":"r"}"#,
        r#"{"type":8,"requestId":"r","clientCount":-1}"#,
        r#"{"requestId":"r","rooms":["a"]}"#,
        r#"{"requestId":5,"sockets":[]}"#,
        r#"["a"]"#,
        r#"["a",{"type":2,"data":[]}]"#,
        r#"[1,{"type":2,"data":[]},{}]"#,
        r#"["a",{"type":2},{}]"#,
        r#"["a",null,{}]"#,
        r#"["a",{"type":2,"data":[],"nsp":5},{}]"#,
        r#"["a",{"type":2,"data":[]},null]"#,
        r#"["a",{"type":2,"data":[]},{"rooms":"all"}]"#,
        "\u{feff}{}",
    ] {
        assert_eq!(read(payload.as_bytes()), (false, false, false), "{payload}");
    }
    assert_eq!(read(b"{\"type\":1,\"requestId\":\"\xff\"}"), (false, false, false));
}

#[test]
fn values_nested_without_end_do_no_harm() {
    for count in [200, 200_000] {
        let nested = format!("{}{}", "[".repeat(count), "]".repeat(count));
        // Event data in JSON is not looked into.
        let broadcast = format!(r#"["a",{{"type":2,"data":{nested}}},{{}}]"#);
        assert_eq!(read(broadcast.as_bytes()), (true, false, false));
        let rooms = format!(r#"["a",{{"type":2,"data":[]}},{{"rooms":{nested}}}]"#);
        assert_eq!(read(rooms.as_bytes()), (false, false, false));
        let mut msgpack = unhex("93a16182a47479706502a464617461");
        msgpack.extend(std::iter::repeat_n(0x91, count));
        msgpack.extend([0xc0, 0x80]);
        assert_eq!(read(&msgpack), (false, false, false));
    }
}

#[test]
fn lengths_beyond_the_payload_take_no_memory() {
    for head in ["ddffffffff", "dfffffffff", "dbffffffff", "c6ffffffff", "93dbffffffff", "c9ffffffff00"] {
        assert_eq!(read(&unhex(head)), (false, false, false), "{head}");
    }
}

fn valid() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(unhex(BROADCAST)),
        Just(unhex(QUESTION)),
        Just(unhex("83a47479706509a9726571756573744964a172a67061636b6574a3796573")),
        Just(br#"{"uid":"u","type":2,"opts":{"rooms":["room1"],"except":[]},"rooms":["x","y"]}"#.to_vec()),
        Just(br#"{"uid":"u","requestId":"r","type":0,"rooms":["a"]}"#.to_vec()),
        Just(br#"{"type":2,"sid":"s","room":"a","requestId":"r"}"#.to_vec()),
        Just(br#"{"requestId":"r","sockets":[{"id":"s","rooms":[]}]}"#.to_vec()),
        Just(br#"{"type":8,"requestId":"r","clientCount":18446744073709551615}"#.to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        read(&bytes);
    }

    #[test]
    fn messages_with_some_bytes_changed_are_messages_or_none(
        mut bytes in valid(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read(&bytes);
    }
}
