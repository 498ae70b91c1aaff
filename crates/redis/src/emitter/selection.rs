use bytes::Bytes;
use serde_json::to_writer;
use tower_socketio_adapter::{IntoRooms, Room, To};

/// Who is meant by what an emitter says, and how it is to come there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    rooms: Vec<String>,
    except: Vec<String>,
    pub(crate) volatile: bool,
    pub(crate) compress: Option<bool>,
}

impl Selection {
    /// Chooses rooms, too; each once.
    pub(crate) fn to(&mut self, rooms: impl IntoRooms) {
        add(&mut self.rooms, rooms);
    }

    pub(crate) fn except(&mut self, rooms: impl IntoRooms) {
        add(&mut self.except, rooms);
    }

    /// Where a broadcast to them goes.
    pub(crate) fn address(&self) -> To<'_> {
        match &self.rooms[..] {
            [room] => To::Room(room),
            _ => To::All,
        }
    }

    /// `{"packet":{"type":2,"data":[…],"nsp":"/"},"opts":{…}}`
    pub(crate) fn broadcast(&self, event: &[u8], namespace: &str) -> Bytes {
        let mut json = b"{\"packet\":{\"type\":2,\"data\":".to_vec();
        json.extend_from_slice(event);
        json.extend_from_slice(b",\"nsp\":");
        text(&mut json, namespace);
        json.extend_from_slice(b"},");
        self.options(&mut json);
        json.push(b'}');
        json.into()
    }

    /// `{"opts":{…},"rooms":[…]}`
    pub(crate) fn rooms(&self, rooms: impl IntoRooms) -> Bytes {
        let mut names = Vec::new();
        add(&mut names, rooms);
        let mut json = b"{".to_vec();
        self.options(&mut json);
        json.extend_from_slice(b",\"rooms\":");
        list(&mut json, &names);
        json.push(b'}');
        json.into()
    }

    /// `{"opts":{…},"close":true}`
    pub(crate) fn disconnect(&self, close: bool) -> Bytes {
        let mut json = b"{".to_vec();
        self.options(&mut json);
        json.extend_from_slice(if close { b",\"close\":true}" } else { b",\"close\":false}" });
        json.into()
    }

    /// `{"packet":[…]}`: an event for programs, whoever is chosen.
    pub(crate) fn event(event: &[u8]) -> Bytes {
        [b"{\"packet\":", event, b"}"].concat().into()
    }

    /// `"opts":{"rooms":[…],"flags":{…},"except":[…]}`
    fn options(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(b"\"opts\":{\"rooms\":");
        list(json, &self.rooms);
        let volatile = self.volatile.then_some("\"volatile\":true");
        let compress = self.compress.map(|on| if on { "\"compress\":true" } else { "\"compress\":false" });
        let flags: Vec<_> = [volatile, compress].into_iter().flatten().collect();
        json.extend_from_slice(format!(",\"flags\":{{{}}},\"except\":", flags.join(",")).as_bytes());
        list(json, &self.except);
        json.push(b'}');
    }
}

/// Adds rooms by their wire names.
fn add(names: &mut Vec<String>, rooms: impl IntoRooms) {
    let mut list: Vec<Room> = Vec::new();
    rooms.into_rooms(&mut list);
    for room in list {
        let name = room.wire_name();
        if !names.iter().any(|known| **known == *name) {
            names.push(name.into_owned());
        }
    }
}

fn list(json: &mut Vec<u8>, names: &[String]) {
    json.push(b'[');
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        text(json, name);
    }
    json.push(b']');
}

fn text(json: &mut Vec<u8>, text: &str) {
    to_writer(json, text).expect("a string is written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_written_as_node_writes_it() {
        let mut selection = Selection::default();
        assert_eq!(
            selection.broadcast(br#"["foo",1]"#, "/"),
            r#"{"packet":{"type":2,"data":["foo",1],"nsp":"/"},"opts":{"rooms":[],"flags":{},"except":[]}}"#
        );
        selection.to(["a", "a"]);
        selection.to(Room::user("42"));
        selection.except("\"");
        selection.volatile = true;
        selection.compress = Some(false);
        let opts = concat!(
            r#""opts":{"rooms":["a","$user:42"],"flags":{"volatile":true,"compress":false},"#,
            r#""except":["\""]}"#
        );
        assert_eq!(selection.rooms(["b", "b"]), format!(r#"{{{opts},"rooms":["b"]}}"#));
        assert_eq!(selection.disconnect(true), format!(r#"{{{opts},"close":true}}"#));
        assert_eq!(Selection::event(br#"["tick"]"#), r#"{"packet":["tick"]}"#);
    }

    #[test]
    fn one_room_alone_has_its_own_address() {
        let mut selection = Selection::default();
        assert_eq!(selection.address(), To::All);
        selection.to(Room::user("42"));
        selection.to(Room::user("42"));
        assert_eq!(selection.address(), To::Room("$user:42"));
        selection.to("b");
        assert_eq!(selection.address(), To::All);
    }
}
