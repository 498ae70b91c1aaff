use std::sync::{Arc, Mutex};

use tower_socketio_adapter::{
    Action, Adapter, AdapterError, Answers, BoxFuture, Handle, LocalAdapter, Member, Outgoing, RemoteSocket,
    Room, Target,
};

use crate::support::{Log, Socket, now, packet};

/// An adapter as a program may write it: notes what it is told, and leaves the work to another.
#[derive(Debug, Default)]
struct Noted {
    inner: LocalAdapter,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Noted {
    fn note(&self, call: String) {
        self.calls.lock().expect("no test panics with the calls").push(call);
    }
}

impl Adapter for Noted {
    fn add(&self, member: Arc<dyn Member>) -> Handle {
        self.note(format!("add {}", member.id()));
        self.inner.add(member)
    }

    fn remove(&self, at: Handle) {
        self.note("remove".to_owned());
        self.inner.remove(at);
    }

    fn join(&self, at: Handle, rooms: &[Room]) {
        self.note(format!("join {rooms:?}"));
        self.inner.join(at, rooms);
    }

    fn leave(&self, at: Handle, rooms: &[Room]) {
        self.note(format!("leave {rooms:?}"));
        self.inner.leave(at, rooms);
    }

    fn leave_all(&self, at: Handle) {
        self.inner.leave_all(at);
    }

    fn rooms(&self, at: Handle) -> Vec<Room> {
        self.inner.rooms(at)
    }

    fn find(&self, id: &str) -> Option<Arc<dyn Member>> {
        self.inner.find(id)
    }

    fn broadcast(&self, packet: &Arc<Outgoing>, to: &Target) -> usize {
        self.note(format!("broadcast to {:?}", to.rooms));
        self.inner.broadcast(packet, to)
    }

    fn broadcast_with_ack(&self, packet: &Arc<Outgoing>, to: &Target, answers: &Arc<dyn Answers>) -> usize {
        self.inner.broadcast_with_ack(packet, to, answers)
    }

    fn act(&self, action: Action, to: &Target) {
        self.note(format!("{action:?}"));
        self.inner.act(action, to);
    }

    fn members(&self, to: &Target) -> Vec<Arc<dyn Member>> {
        self.inner.members(to)
    }

    fn room_names(&self) -> Vec<Room> {
        self.inner.room_names()
    }

    fn fetch(&self, to: &Target) -> BoxFuture<'_, Result<Vec<RemoteSocket>, AdapterError>> {
        self.inner.fetch(to)
    }
}

#[test]
fn an_adapter_around_another_gets_the_calls_in_order() {
    let noted = Noted::default();
    let calls = Arc::clone(&noted.calls);
    let adapter: Arc<dyn Adapter> = Arc::new(noted);
    let log = Log::default();
    let a = adapter.add(Socket::new("a", &log));
    adapter.join(a, &["x".into()]);
    assert_eq!(adapter.broadcast(&packet(None), &Target::to("x")), 1);
    adapter.act(Action::Disconnect { close: false }, &Target::default());
    adapter.leave(a, &["x".into()]);
    assert_eq!(now(adapter.fetch(&Target::to("x"))).unwrap(), []);
    adapter.remove(a);
    now(adapter.close());
    let expected = [
        "add a",
        r#"join [Room("x")]"#,
        r#"broadcast to [Room("x")]"#,
        "Disconnect { close: false }",
        r#"leave [Room("x")]"#,
        "remove",
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
    assert_eq!(*log.lock().unwrap(), ["a", "a false"]);
}
