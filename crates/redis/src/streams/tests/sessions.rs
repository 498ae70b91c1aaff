use bytes::Bytes;
use proptest::prelude::*;
use tower_socketio_adapter::{Room, StoredSession};

use crate::streams::session::{decode, encode};

/// What the adapter of Node writes for the session below.
const NODE: &str = "hKNzaWS0Z05sTjBsQlBQZUk5NC0yaEFBQUGjcGlktEtJQnA1NlhTODVuYXRNUFdBQUFCpXJvb21zkrRnTmxOMGxCUFBlSTk0LTJoQUFBQaVyb29tMaRkYXRhgqR1c2VyoXihbgE=";

/// The same with `{b: Buffer.from([1, 2]), d: new Date(0), u: undefined}` as data.
const BUFFER: &str = "hKNzaWS0Z05sTjBsQlBQZUk5NC0yaEFBQUGjcGlktEtJQnA1NlhTODVuYXRNUFdBQUFCpXJvb21zkrRnTmxOMGxCUFBlSTk0LTJoQUFBQaVyb29tMaRkYXRhg6FixAIBAqFk1v8AAAAAoXXA";

fn session(data: &'static str) -> StoredSession {
    StoredSession::new(
        "gNlN0lBPPeI94-2hAAAA".to_owned(),
        "KIBp56XS85natMPWAAAB".to_owned(),
        vec![Room::new("gNlN0lBPPeI94-2hAAAA"), Room::new("room1")],
        Bytes::from_static(data.as_bytes()),
    )
}

#[test]
fn a_session_is_written_and_read_as_node_does_it() {
    let session = session(r#"{"user":"x","n":1}"#);
    assert_eq!(encode(&session).unwrap(), NODE);
    assert_eq!(decode(NODE.as_bytes()).unwrap(), session);
}

#[test]
fn what_json_lacks_in_data_of_node_is_read_as_json_writes_it() {
    let read = decode(BUFFER.as_bytes()).unwrap();
    let data: serde_json::Value = serde_json::from_slice(&read.data).unwrap();
    let buffer = serde_json::json!({ "type": "Buffer", "data": [1, 2] });
    assert_eq!(data, serde_json::json!({ "b": buffer, "d": "1970-01-01T00:00:00.000Z", "u": null }));
}

#[test]
fn notes_and_users_rooms_come_back() {
    let mut session = session("null");
    session.rooms = vec![Room::user("42"), Room::users(), Room::new("$user:42")];
    session.notes = Bytes::from_static(br#"{"user":"42"}"#);
    assert_eq!(decode(encode(&session).unwrap().as_bytes()).unwrap(), session);
}

#[test]
fn what_is_no_session_is_an_error() {
    // Nothing, no base64, `{}`, a number, `{sid: 1}`.
    for text in ["", "*", "gA==", "AQ==", "gaNzaWQB", &NODE[..40]] {
        assert!(decode(text.as_bytes()).is_err(), "{text}");
    }
    let mut wrong = session("{");
    assert!(encode(&wrong).is_err());
    wrong.data = Bytes::new();
    assert_eq!(decode(encode(&wrong).unwrap().as_bytes()).unwrap().data, "{}");
}

proptest! {
    #[test]
    fn any_bytes_are_a_session_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        use base64::Engine;
        let _ = decode(&bytes);
        let _ = decode(crate::streams::entry::BASE64.encode(bytes).as_bytes());
    }
}
