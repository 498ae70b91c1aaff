use proptest::prelude::*;
use proptest::sample::select;
use tower_socketio_adapter::{Action, Adapter, Handle, LocalAdapter, Room, Target};

use crate::support::{Log, Socket, ids, now, packet};

proptest! {
    #[test]
    fn it_does_what_a_naive_model_does(steps in prop::collection::vec(step(), 0..80)) {
        let (adapter, log) = (LocalAdapter::new(), Log::default());
        let mut model = Model::default();
        let mut handles: Vec<Handle> = Vec::new();
        for step in steps {
            match step {
                Step::Add(id) if model.sockets.iter().flatten().any(|socket| socket.id() == id) => {}
                Step::Add(id) => {
                    handles.push(adapter.add(Socket::new(id, &log)));
                    model.sockets.push(Some(Joined { rooms: vec![Room::new(id)] }));
                }
                Step::Remove(at) => if let Some(at) = at.checked_rem(handles.len()) {
                    adapter.remove(handles[at]);
                    model.sockets[at] = None;
                },
                Step::Join(at, rooms) => if let Some(at) = at.checked_rem(handles.len()) {
                    adapter.join(handles[at], &rooms);
                    model.sockets[at].iter_mut().for_each(|socket| socket.join(&rooms));
                },
                Step::Leave(at, rooms) => if let Some(at) = at.checked_rem(handles.len()) {
                    adapter.leave(handles[at], &rooms);
                    model.sockets[at].iter_mut().for_each(|socket| socket.leave(&rooms));
                },
                Step::LeaveAll(at) => if let Some(at) = at.checked_rem(handles.len()) {
                    adapter.leave_all(handles[at]);
                    model.sockets[at].iter_mut().for_each(|socket| socket.leave_all());
                },
                Step::AllJoin(to, rooms) => {
                    adapter.act(Action::Join(rooms.clone()), &to);
                    model.meant(&to).for_each(|socket| socket.join(&rooms));
                }
                Step::AllLeave(to, rooms) => {
                    adapter.act(Action::Leave(rooms.clone()), &to);
                    model.meant(&to).for_each(|socket| socket.leave(&rooms));
                }
                Step::Broadcast(to) => {
                    let mut expected: Vec<_> = model.meant(&to).map(|socket| socket.id().to_owned()).collect();
                    expected.sort();
                    log.lock().unwrap().clear();
                    prop_assert_eq!(adapter.broadcast(&packet(None), &to), expected.len());
                    let mut got = log.lock().unwrap().clone();
                    got.sort();
                    prop_assert_eq!(&got, &expected);
                    prop_assert_eq!(ids(&adapter, &to), expected);
                    for socket in now(adapter.fetch(&to)).unwrap() {
                        let rooms = model.meant(&to).find(|other| other.id() == socket.id).map(|other| &other.rooms);
                        prop_assert_eq!(rooms, Some(&socket.rooms));
                    }
                }
            }
            for (handle, socket) in handles.iter().zip(&model.sockets) {
                let rooms = socket.as_ref().map(|socket| socket.rooms.clone()).unwrap_or_default();
                prop_assert_eq!(adapter.rooms(*handle), rooms);
            }
            let mut names = adapter.room_names();
            names.sort();
            prop_assert_eq!(names, model.room_names());
        }
    }
}

/// Sockets in the order of their handles, `None` if removed.
#[derive(Default)]
struct Model {
    sockets: Vec<Option<Joined>>,
}

impl Model {
    fn meant(&mut self, to: &Target) -> impl Iterator<Item = &mut Joined> {
        self.sockets.iter_mut().flatten().filter(|socket| {
            let is_in = |rooms: &[Room]| rooms.iter().any(|room| socket.rooms.contains(room));
            (to.rooms.is_empty() || is_in(&to.rooms)) && !is_in(&to.except)
        })
    }

    fn room_names(&self) -> Vec<Room> {
        let mut names: Vec<_> =
            self.sockets.iter().flatten().flat_map(|socket| &socket.rooms[1..]).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The rooms of a socket, its own first.
struct Joined {
    rooms: Vec<Room>,
}

impl Joined {
    fn id(&self) -> &str {
        self.rooms[0].name()
    }

    fn join(&mut self, rooms: &[Room]) {
        for room in rooms {
            if !self.rooms.contains(room) {
                self.rooms.push(room.clone());
            }
        }
    }

    fn leave_all(&mut self) {
        let own = self.rooms[0].clone();
        self.rooms.retain(|room| *room == own || !room.is_plain());
    }

    fn leave(&mut self, rooms: &[Room]) {
        let own = self.rooms[0].clone();
        self.rooms.retain(|room| *room == own || !rooms.contains(room));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(&'static str),
    Remove(usize),
    Join(usize, Vec<Room>),
    Leave(usize, Vec<Room>),
    LeaveAll(usize),
    AllJoin(Target, Vec<Room>),
    AllLeave(Target, Vec<Room>),
    Broadcast(Target),
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<usize>();
    prop_oneof![
        4 => select(IDS).prop_map(Step::Add),
        1 => at.prop_map(Step::Remove),
        4 => (at, rooms(0..5)).prop_map(|(at, rooms)| Step::Join(at, rooms)),
        2 => (at, rooms(0..5)).prop_map(|(at, rooms)| Step::Leave(at, rooms)),
        1 => at.prop_map(Step::LeaveAll),
        2 => (target(), rooms(0..3)).prop_map(|(to, rooms)| Step::AllJoin(to, rooms)),
        1 => (target(), rooms(0..3)).prop_map(|(to, rooms)| Step::AllLeave(to, rooms)),
        4 => target().prop_map(Step::Broadcast),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    (rooms(0..4), prop_oneof![3 => rooms(0..3), 1 => rooms(0..12)])
        .prop_map(|(rooms, except)| Target::to(rooms).except(except))
}

/// Few rooms, so that they meet: plain ones, users of the same names, all users, and the sockets' own.
fn rooms(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Room>> {
    let names = IDS.iter().chain(&["x", "y", "z"]).copied();
    let mut rooms: Vec<_> = names.flat_map(|name| [Room::new(name), Room::user(name)]).collect();
    rooms.push(Room::users());
    prop::collection::vec(select(rooms), count)
}

const IDS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h"];
