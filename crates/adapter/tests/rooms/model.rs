use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Builder;
use tower_socketio_adapter::{Action, Adapter, Cluster, Handle, LocalAdapter, LocalBus, Room, Target};

use crate::support::{Log, Sharing, Socket, ids, packet, poll};

proptest! {
    #[test]
    fn it_does_what_a_naive_model_does(steps in prop::collection::vec(step(), 0..80)) {
        follow(&[Arc::new(LocalAdapter::new())], steps, || {})?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn two_nodes_do_what_a_naive_model_of_one_does(steps in prop::collection::vec(step(), 0..50)) {
        let runtime = Builder::new_current_thread().start_paused(true).enable_time().build().unwrap();
        let _guard = runtime.enter();
        let settle = || runtime.block_on(tokio::time::sleep(Duration::from_millis(1)));
        let cluster = Cluster::new(LocalBus::new()).settle_time(Duration::ZERO);
        let nodes = [cluster.adapter("/"), cluster.adapter("/")];
        nodes.iter().for_each(|node| node.open(Arc::new(Sharing)));
        settle();
        follow(&nodes, steps, settle)?;
    }
}

/// Takes steps on one node after the other; what one does has reached all of them when the next one has its turn.
fn follow(nodes: &[Arc<dyn Adapter>], steps: Vec<Step>, settle: impl Fn()) -> Result<(), TestCaseError> {
    let log = Log::default();
    let mut model = Model::default();
    let mut handles: Vec<(usize, Handle)> = Vec::new();
    for (turn, step) in steps.into_iter().enumerate() {
        let turn = turn % nodes.len();
        let node = &nodes[turn];
        match step {
            Step::Add(id) if model.sockets.iter().flatten().any(|socket| socket.id() == id) => {}
            Step::Add(id) => {
                handles.push((turn, node.add(Socket::new(id, &log))));
                model.sockets.push(Some(Joined { rooms: vec![Room::new(id)] }));
            }
            Step::Remove(at) => {
                if let Some(at) = at.checked_rem(handles.len()) {
                    nodes[handles[at].0].remove(handles[at].1);
                    model.sockets[at] = None;
                }
            }
            Step::Join(at, rooms) => {
                if let Some(at) = at.checked_rem(handles.len()) {
                    nodes[handles[at].0].join(handles[at].1, &rooms);
                    model.sockets[at].iter_mut().for_each(|socket| socket.join(&rooms));
                }
            }
            Step::Leave(at, rooms) => {
                if let Some(at) = at.checked_rem(handles.len()) {
                    nodes[handles[at].0].leave(handles[at].1, &rooms);
                    model.sockets[at].iter_mut().for_each(|socket| socket.leave(&rooms));
                }
            }
            Step::LeaveAll(at) => {
                if let Some(at) = at.checked_rem(handles.len()) {
                    nodes[handles[at].0].leave_all(handles[at].1);
                    model.sockets[at].iter_mut().for_each(|socket| socket.leave_all());
                }
            }
            Step::AllJoin(to, rooms) => {
                node.act(Action::Join(rooms.clone()), &to);
                settle();
                model.meant(&to).for_each(|socket| socket.join(&rooms));
            }
            Step::AllLeave(to, rooms) => {
                node.act(Action::Leave(rooms.clone()), &to);
                settle();
                model.meant(&to).for_each(|socket| socket.leave(&rooms));
            }
            Step::Broadcast(to) => {
                let mut expected: Vec<_> = model.meant(&to).map(|socket| socket.id().to_owned()).collect();
                expected.sort();
                log.lock().expect("no test panics with the log").clear();
                let here = ids(&**node, &to);
                prop_assert_eq!(node.broadcast(&packet(None), &to), here.len());
                settle();
                let mut got = log.lock().expect("no test panics with the log").clone();
                got.sort();
                prop_assert_eq!(&got, &expected);
                let mut everywhere: Vec<_> = nodes.iter().flat_map(|node| ids(&**node, &to)).collect();
                everywhere.sort();
                prop_assert_eq!(everywhere, expected);
                let mut fetch = node.fetch(&to);
                let fetched = match poll(&mut fetch) {
                    Some(fetched) => fetched,
                    None => {
                        settle();
                        poll(&mut fetch).expect("the other nodes have answered")
                    }
                };
                let fetched = fetched.expect("all nodes can be reached");
                prop_assert_eq!(fetched.len(), model.meant(&to).count());
                for socket in fetched {
                    let rooms =
                        model.meant(&to).find(|other| other.id() == socket.id).map(|other| &other.rooms);
                    prop_assert_eq!(rooms, Some(&socket.rooms));
                }
            }
        }
        for ((node, handle), socket) in handles.iter().zip(&model.sockets) {
            let rooms = socket.as_ref().map(|socket| socket.rooms.clone()).unwrap_or_default();
            prop_assert_eq!(nodes[*node].rooms(*handle), rooms);
        }
        let mut names: Vec<_> = nodes.iter().flat_map(|node| node.room_names()).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names, model.room_names());
    }
    Ok(())
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
