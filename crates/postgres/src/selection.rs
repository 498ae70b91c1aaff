//! What an emitter says, in JSON as Node's emitter writes it.

use bytes::Bytes;
use serde_json::to_writer;
use tower_socketio_adapter::Room;

/// Who is meant, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) rooms: Vec<Room>,
    pub(crate) except: Vec<Room>,
    pub(crate) volatile: bool,
    pub(crate) compress: Option<bool>,
}

/// `{"packet":{"type":2,"data":[…],"nsp":"/"},"opts":{…}}`
pub(crate) fn broadcast(event: &[u8], namespace: &str, to: &Selection) -> Bytes {
    let mut json = b"{\"packet\":{\"type\":2,\"data\":".to_vec();
    json.extend_from_slice(event);
    json.extend_from_slice(b",\"nsp\":");
    text(&mut json, namespace);
    json.extend_from_slice(b"},");
    options(&mut json, to);
    json.push(b'}');
    json.into()
}

/// `{"opts":{…},"rooms":[…]}`
pub(crate) fn rooms(to: &Selection, rooms: &[Room]) -> Bytes {
    let mut json = b"{".to_vec();
    options(&mut json, to);
    json.extend_from_slice(b",\"rooms\":");
    list(&mut json, rooms);
    json.push(b'}');
    json.into()
}

/// `{"opts":{…},"close":true}`
pub(crate) fn disconnect(to: &Selection, close: bool) -> Bytes {
    let mut json = b"{".to_vec();
    options(&mut json, to);
    json.extend_from_slice(if close { b",\"close\":true}" } else { b",\"close\":false}" });
    json.into()
}

/// `{"packet":[…]}`
pub(crate) fn event(event: &[u8]) -> Bytes {
    [b"{\"packet\":", event, b"}"].concat().into()
}

/// `"opts":{"rooms":[…],"flags":{…},"except":[…]}`
fn options(json: &mut Vec<u8>, to: &Selection) {
    json.extend_from_slice(b"\"opts\":{\"rooms\":");
    list(json, &to.rooms);
    let volatile = to.volatile.then_some("\"volatile\":true");
    let compress = to.compress.map(|on| if on { "\"compress\":true" } else { "\"compress\":false" });
    let flags: Vec<_> = [volatile, compress].into_iter().flatten().collect();
    json.extend_from_slice(format!(",\"flags\":{{{}}},\"except\":", flags.join(",")).as_bytes());
    list(json, &to.except);
    json.push(b'}');
}

fn list(json: &mut Vec<u8>, rooms: &[Room]) {
    json.push(b'[');
    for (at, room) in rooms.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        text(json, &room.wire_name());
    }
    json.push(b']');
}

fn text(json: &mut Vec<u8>, text: &str) {
    to_writer(json, text).expect("a string is written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection() -> Selection {
        Selection {
            rooms: vec![Room::new("a"), Room::user("42")],
            except: vec![Room::new("\"")],
            ..Selection::default()
        }
    }

    #[test]
    fn an_event_is_written_as_nodes_emitter_writes_it() {
        let json = broadcast(br#"["foo",1]"#, "/", &Selection::default());
        let expected =
            r#"{"packet":{"type":2,"data":["foo",1],"nsp":"/"},"opts":{"rooms":[],"flags":{},"except":[]}}"#;
        assert_eq!(json, expected);
        let loud = Selection { volatile: true, compress: Some(false), ..selection() };
        let expected = concat!(
            r#"{"packet":{"type":2,"data":["foo"],"nsp":"/a"},"opts":{"rooms":["a","$user:42"],"#,
            r#""flags":{"volatile":true,"compress":false},"except":["\""]}}"#
        );
        assert_eq!(broadcast(br#"["foo"]"#, "/a", &loud), expected);
    }

    #[test]
    fn what_is_done_to_sockets_is_written_as_node_writes_it() {
        let opts = r#""opts":{"rooms":["a","$user:42"],"flags":{},"except":["\""]}"#;
        let json = rooms(&selection(), &[Room::new("b"), Room::users()]);
        assert_eq!(json, format!(r#"{{{opts},"rooms":["b","$users"]}}"#));
        assert_eq!(disconnect(&selection(), true), format!(r#"{{{opts},"close":true}}"#));
        assert_eq!(disconnect(&selection(), false), format!(r#"{{{opts},"close":false}}"#));
        assert_eq!(event(br#"["tick",1]"#), r#"{"packet":["tick",1]}"#);
    }
}
