//! What comes on channels, as a seat hears it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tower_socketio_adapter::{Inbox, To};

use super::*;
use crate::RedisServer;
use crate::classic::asks::Asks;
use crate::classic::reader::Translator;
use crate::connection::{Commands, Delivery, Kind, Plan};
use crate::subscriptions::{Reader, Subscriptions};

struct Ears {
    reader: Translator,
    rooms: Arc<Subscriptions>,
    inbox: Inbox,
    heard: Arc<Mutex<Vec<MessageKind>>>,
    malformed: Arc<AtomicUsize>,
}

impl Ears {
    /// Nothing is connected.
    fn new() -> Self {
        let plan = Arc::new(Plan::new(&RedisServer::from("redis://localhost:1")).unwrap());
        let commands = Arc::new(Commands::new(plan.clone()));
        let reader = || Translator::new(style(), Arc::new(Asks::default()), commands.clone());
        let rooms = Subscriptions::new(plan, commands.clone(), reader());
        let heard: Arc<Mutex<Vec<_>>> = Arc::default();
        let hear = heard.clone();
        let inbox = Inbox::new(move |incoming| hear.lock().unwrap().push(incoming.unwrap().message.kind));
        let malformed: Arc<AtomicUsize> = Arc::default();
        let count = malformed.clone();
        let inbox = inbox.with_malformed(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self { reader: reader(), rooms, inbox, heard, malformed }
    }

    fn hear(&self, kind: Kind, channel: &str, payload: &[u8]) -> Vec<MessageKind> {
        let channel = Bytes::copy_from_slice(channel.as_bytes());
        let delivery = Delivery { kind, pattern: None, channel, payload: Bytes::copy_from_slice(payload) };
        self.reader.read(&delivery, &seat(), &self.inbox, &self.rooms);
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

#[tokio::test]
async fn broadcasts_to_one_room_are_heard_only_where_somebody_is_in_it() {
    let ears = Ears::new();
    let broadcast = unhex(BROADCAST);
    let heard = |channel: &str| ears.hear(Kind::Pattern, channel, &broadcast);
    assert_eq!(heard("socket.io#/#"), [MessageKind::Broadcast]);
    assert_eq!(heard("socket.io#/#room1#"), []);
    ears.rooms.room_opened(&seat(), "room1");
    assert_eq!(heard("socket.io#/#room1#"), [MessageKind::Broadcast]);
    ears.rooms.room_closed(&seat(), "room1");
    assert_eq!(heard("socket.io#/#room1#"), []);
    assert_eq!(heard("other#/#"), []);
}

#[tokio::test]
async fn a_room_has_any_name_also_an_empty_one() {
    let ears = Ears::new();
    let data = r#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[""],"except":[],"flags":{}}}"#;
    for room in ["", "#", "a#b", "*", "5", "gNlN0lBPPeI94-2hAAAA"] {
        let message = message(MessageKind::Broadcast, "n", data, &[]);
        let publication = style().write(&message, To::Room(room)).unwrap().unwrap();
        assert_eq!(ears.hear(Kind::Pattern, &publication.channel, &publication.payload), [], "{room}");
        ears.rooms.room_opened(&seat(), room);
        let heard = ears.hear(Kind::Pattern, &publication.channel, &publication.payload);
        assert_eq!(heard, [MessageKind::Broadcast], "{room}");
    }
}

#[tokio::test]
async fn what_is_for_a_single_socket_in_the_old_way_is_heard_only_where_it_is() {
    let ears = Ears::new();
    let join = br#"{"type":2,"sid":"s","room":"a"}"#;
    assert_eq!(ears.hear(Kind::Plain, "socket.io-request#/#", join), []);
    ears.rooms.room_opened(&seat(), "s");
    assert_eq!(ears.hear(Kind::Plain, "socket.io-request#/#", join), [MessageKind::SocketsJoin]);
}

#[tokio::test]
async fn requests_and_answers_are_told_apart_by_their_channels() {
    let ears = Ears::new();
    let fetch = br#"{"uid":"u","requestId":"r","type":5,"opts":{"rooms":[],"except":[]}}"#;
    assert_eq!(ears.hear(Kind::Plain, "socket.io-request#/#", fetch), [MessageKind::FetchSockets]);
    assert_eq!(ears.hear(Kind::Plain, "socket.io-response#/#", fetch), []);
}

#[tokio::test]
async fn what_is_malformed_is_counted_and_what_is_for_others_is_not() {
    let ears = Ears::new();
    let (broadcasts, requests, answers) = ("socket.io#/#", "socket.io-request#/#", "socket.io-response#/#");
    let hear = |channel: &str, payload: &[u8]| {
        let kind = if channel == broadcasts { Kind::Pattern } else { Kind::Plain };
        assert_eq!(ears.hear(kind, channel, payload), []);
        ears.malformed.swap(0, Ordering::Relaxed)
    };
    for channel in [broadcasts, requests, answers] {
        for payload in ["", "{", "[1", "\u{feff}", "null", "[[]]"] {
            assert_eq!(hear(channel, payload.as_bytes()), 1, "{channel} {payload}");
        }
    }
    assert_eq!(hear(broadcasts, br#"["a",{"type":2},{}]"#), 1);
    assert_eq!(hear(requests, br#"{"type":5,"opts":{}}"#), 1);
    let own = format!(r#"["{}",{{"type":2,"data":[],"nsp":"/"}},{{}}]"#, seat().node);
    assert_eq!(hear(broadcasts, own.as_bytes()), 0);
    assert_eq!(hear(broadcasts, br#"["a",{"type":2,"data":[],"nsp":"/other"},{}]"#), 0);
    let other = br#"{"type":7,"requestId":"r","opts":{},"packet":{"type":2,"data":[],"nsp":"/other"}}"#;
    assert_eq!(hear(requests, other), 0);
    assert_eq!(hear(answers, br#"{"requestId":"x","sockets":[]}"#), 0);
    assert_eq!(hear(answers, br#"{"requestId":"x","rooms":[]}"#), 0);
}
