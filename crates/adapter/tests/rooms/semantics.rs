use std::any::Any;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tower_socketio_adapter::{Action, Adapter, Answers, LocalAdapter, Room, Target};

use crate::support::{Log, Socket, add, ids, now, packet};

#[test]
fn without_rooms_everybody_is_meant() {
    let adapter = LocalAdapter::new();
    let a = add(&adapter, "a");
    add(&adapter, "b");
    assert_eq!(ids(&adapter, &Target::default()), ["a", "b"]);
    assert_eq!(ids(&adapter, &Target::default().except("a")), ["b"]);
    adapter.remove(a);
    assert_eq!(ids(&adapter, &Target::default()), ["b"]);
}

#[test]
fn a_socket_in_two_targeted_rooms_gets_one_copy() {
    let (adapter, log) = (LocalAdapter::new(), Log::default());
    let a = adapter.add(Socket::new("a", &log));
    let b = adapter.add(Socket::new("b", &log));
    adapter.join(a, &["x".into(), "y".into()]);
    adapter.join(b, &["y".into()]);
    assert_eq!(adapter.broadcast(&packet(None), &Target::to(["x", "y", "x", "a", "nowhere"])), 2);
    assert_eq!(*log.lock().unwrap(), ["a", "b"]);
}

#[test]
fn sockets_in_an_excepted_room_get_nothing() {
    let adapter = LocalAdapter::new();
    for (id, rooms) in [("a", &["x"][..]), ("b", &["x", "muted"]), ("c", &["x"]), ("d", &["muted"])] {
        let rooms: Vec<Room> = rooms.iter().copied().map(Room::from).collect();
        adapter.join(add(&adapter, id), &rooms);
    }
    assert_eq!(ids(&adapter, &Target::to("x").except(["muted", "c"])), ["a"]);
    assert_eq!(ids(&adapter, &Target::default().except("muted")), ["a", "c"]);
    let many: Vec<_> = (0..20).map(|i| format!("r{i}")).chain(["muted".to_owned(), "a".to_owned()]).collect();
    assert_eq!(ids(&adapter, &Target::to("x").except(many)), ["c"]);
}

#[test]
fn the_own_room_is_listed_first_and_cannot_be_left() {
    let adapter = LocalAdapter::new();
    let a = add(&adapter, "a");
    adapter.join(a, &["z".into(), "a".into(), "b".into(), "z".into()]);
    assert_eq!(adapter.rooms(a), ["a", "z", "b"]);
    adapter.leave(a, &["a".into(), "z".into()]);
    assert_eq!(adapter.rooms(a), ["a", "b"]);
    assert_eq!(ids(&adapter, &Target::to("a")), ["a"]);
    adapter.leave_all(a);
    assert_eq!(adapter.rooms(a), ["a"]);
    assert!(adapter.room_names().is_empty());
}

#[test]
fn leaving_all_rooms_changes_nobodys_user() {
    let adapter = LocalAdapter::new();
    let a = add(&adapter, "a");
    adapter.join(a, &["x".into(), Room::user("42"), "y".into(), Room::users()]);
    adapter.leave_all(a);
    assert_eq!(adapter.rooms(a), [Room::new("a"), Room::user("42"), Room::users()]);
    let mut names = adapter.room_names();
    names.sort();
    assert_eq!(names, [Room::user("42"), Room::users()]);
    adapter.leave(a, &[Room::user("42"), Room::users()]);
    assert!(adapter.room_names().is_empty());
}

#[test]
fn a_room_named_by_an_id_has_that_socket_and_those_who_joined() {
    let adapter = LocalAdapter::new();
    let (a, b) = (add(&adapter, "a"), add(&adapter, "b"));
    adapter.join(b, &["a".into()]);
    assert_eq!(ids(&adapter, &Target::to("a")), ["a", "b"]);
    adapter.remove(a);
    assert_eq!(ids(&adapter, &Target::to("a")), ["b"]);
}

#[test]
fn empty_rooms_vanish() {
    let adapter = LocalAdapter::new();
    let (a, b) = (add(&adapter, "a"), add(&adapter, "b"));
    let rooms: Vec<Room> = (0..1000).map(|i| Room::new(i.to_string())).collect();
    adapter.join(a, &rooms);
    adapter.join(b, &rooms[..2]);
    adapter.leave(a, &rooms[..500]);
    assert_eq!(adapter.room_names().len(), 502);
    adapter.remove(a);
    let mut left = adapter.room_names();
    left.sort();
    assert_eq!(left, ["0", "1"]);
    adapter.leave_all(b);
    assert!(adapter.room_names().is_empty());
    assert_eq!(format!("{adapter:?}"), "LocalAdapter { members: 1, rooms: 0, .. }");
}

#[test]
fn no_string_reaches_a_users_room_or_that_of_all_users() {
    let adapter = LocalAdapter::new();
    let (a, eve) = (add(&adapter, "a"), add(&adapter, "eve"));
    adapter.join(a, &[Room::user("42"), Room::users()]);
    let guesses = [
        "42",
        "user:42",
        "User(42)",
        "Room::user(\"42\")",
        "\0user:42",
        "user\u{1f}42",
        "users",
        "Room::users()",
        "",
    ];
    for name in guesses {
        adapter.join(eve, &[Room::new(name)]);
        assert!(!ids(&adapter, &Target::to(name)).contains(&"a".to_owned()));
    }
    assert_eq!(ids(&adapter, &Target::to(Room::user("42"))), ["a"]);
    assert_eq!(ids(&adapter, &Target::to(Room::users())), ["a"]);
    assert_eq!(ids(&adapter, &Target::default().except(guesses)), ["a"]);
}

#[test]
fn a_user_named_like_a_socket_id_is_not_that_socket() {
    let adapter = LocalAdapter::new();
    let a = add(&adapter, "a");
    assert!(ids(&adapter, &Target::to(Room::user("a"))).is_empty());
    adapter.join(a, &[Room::user("a")]);
    assert_eq!(adapter.rooms(a), [Room::new("a"), Room::user("a")]);
}

#[test]
fn a_stale_handle_does_nothing() {
    let adapter = LocalAdapter::new();
    let stale = add(&adapter, "a");
    adapter.remove(stale);
    let b = add(&adapter, "b");
    assert_eq!(b.index(), stale.index());
    adapter.join(b, &["x".into()]);
    adapter.join(stale, &["y".into()]);
    adapter.leave(stale, &["x".into()]);
    adapter.leave_all(stale);
    adapter.remove(stale);
    assert!(adapter.rooms(stale).is_empty());
    assert_eq!(adapter.rooms(b), ["b", "x"]);
    assert_eq!(adapter.room_names(), ["x"]);
}

#[test]
fn a_socket_is_found_by_its_id_while_it_is_there() {
    let adapter = LocalAdapter::new();
    let a = add(&adapter, "a");
    assert_eq!(adapter.find("a").map(|member| member.id().to_owned()), Some("a".to_owned()));
    assert!(adapter.find("b").is_none());
    adapter.remove(a);
    assert!(adapter.find("a").is_none());
}

#[test]
fn whoever_made_a_member_gets_its_own_type_back() {
    let adapter = LocalAdapter::new();
    add(&adapter, "a");
    let member: Arc<dyn Any + Send + Sync> = adapter.find("a").unwrap();
    assert!(member.downcast::<Socket>().is_ok());
}

#[test]
fn a_removed_socket_is_dropped() {
    let adapter = LocalAdapter::new();
    let socket = Socket::new("a", &Log::default());
    let a = adapter.add(socket.clone());
    adapter.join(a, &["x".into()]);
    adapter.broadcast(&packet(None), &Target::default());
    adapter.remove(a);
    assert_eq!(Arc::strong_count(&socket), 1);
}

#[test]
fn only_deliveries_that_were_taken_are_counted() {
    let adapter = LocalAdapter::new();
    add(&adapter, "a");
    let mut to = Target::default();
    assert_eq!(adapter.broadcast(&packet(None), &to), 1);
    to.flags.volatile = true;
    assert_eq!(adapter.broadcast(&packet(None), &to), 0);
}

#[test]
fn every_target_is_asked_and_answers_once() {
    struct From(Mutex<Vec<String>>);
    impl Answers for From {
        fn answer(&self, from: &str, _: Bytes, _: Vec<Bytes>) {
            self.0.lock().unwrap().push(from.to_owned());
        }
    }
    let adapter = LocalAdapter::new();
    for id in ["a", "b", "c"] {
        adapter.join(add(&adapter, id), &["x".into(), "y".into()]);
    }
    let from = Arc::new(From(Mutex::default()));
    let answers: Arc<dyn Answers> = from.clone();
    assert_eq!(
        adapter.broadcast_with_ack(&packet(Some(1)), &Target::to(["x", "y"]).except("b"), &answers),
        2
    );
    assert_eq!(*from.0.lock().unwrap(), ["a", "c"]);
}

#[test]
fn many_sockets_join_and_leave_at_once() {
    let adapter = LocalAdapter::new();
    let handles: Vec<_> = ["a", "b", "c"].map(|id| add(&adapter, id)).into();
    adapter.act(Action::Join(vec!["x".into(), "a".into()]), &Target::default().except("c"));
    assert_eq!(adapter.rooms(handles[0]), ["a", "x"]);
    assert_eq!(adapter.rooms(handles[1]), ["b", "x", "a"]);
    assert_eq!(adapter.rooms(handles[2]), ["c"]);
    adapter.act(Action::Leave(vec!["x".into(), "nowhere".into()]), &Target::to("x"));
    assert_eq!(adapter.room_names(), ["a"]);
}

#[test]
fn many_sockets_are_disconnected_at_once() {
    let (adapter, log) = (LocalAdapter::new(), Log::default());
    for id in ["a", "b", "c"] {
        adapter.add(Socket::new(id, &log));
    }
    adapter.act(Action::Disconnect { close: true }, &Target::to(["a", "b"]));
    adapter.act(Action::Disconnect { close: false }, &Target::to("c"));
    assert_eq!(*log.lock().unwrap(), ["a true", "b true", "c false"]);
}

#[test]
fn fetched_sockets_know_their_rooms() {
    let adapter = LocalAdapter::new();
    let a = add(&adapter, "a");
    add(&adapter, "b");
    adapter.join(a, &[Room::new("x"), Room::user("42")]);
    let sockets = now(adapter.fetch(&Target::to("x"))).unwrap();
    assert_eq!(sockets.len(), 1);
    assert_eq!(sockets[0].id, "a");
    assert_eq!(sockets[0].rooms, [Room::new("a"), Room::new("x"), Room::user("42")]);
    now(adapter.close());
}
