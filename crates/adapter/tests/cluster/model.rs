//! Three nodes that do at random what nodes do, over a bus that is slow or loses broadcasts, while others come and go: what
//! the documentation promises of delivery, order and answers holds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tower_socketio_adapter::{Action, Cluster, Handle, LocalBus, Message, MessageKind, Reach, Room, Target};

use crate::support::{Fate, Faulty, Heard, Node, SECOND, Socket, outgoing, settle};

const NODES: usize = 3;
const SOCKETS: usize = 2;
const ROOMS: usize = 3;

/// Rooms are each node's own, so that what it does and emits has one outcome, whatever the others do.
#[derive(Clone, Debug)]
enum Deed {
    Emit(usize, To, Reach),
    /// All that are meant on all nodes join a room, or leave it.
    Act(usize, To, usize, bool),
    /// A socket of the node itself does.
    Move(usize, usize, usize, bool),
    Ask(usize),
    Fetch(usize),
    AskPrograms(usize),
    /// Another node comes, and the one before it leaves.
    Visit,
    Sleep(u64),
}

#[derive(Clone, Copy, Debug)]
enum To {
    All,
    Room(usize),
    Rooms(usize, usize),
    Except(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Heartbeats,
    Counted,
    /// Broadcasts wait for their places.
    Journaled,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (node, room) = (0..NODES, 0..ROOMS);
    let to = || {
        prop_oneof![
            Just(To::All),
            (0..ROOMS).prop_map(To::Room),
            (0..ROOMS, 0..ROOMS).prop_map(|(one, other)| To::Rooms(one, other)),
            (0..ROOMS).prop_map(To::Except),
        ]
    };
    let reach =
        prop_oneof![4 => Just(Reach::Everywhere), 1 => Just(Reach::Elsewhere), 1 => Just(Reach::Here)];
    prop_oneof![
        8 => (node.clone(), to(), reach).prop_map(|(node, to, reach)| Deed::Emit(node, to, reach)),
        3 => (node.clone(), to(), room.clone(), any::<bool>())
            .prop_map(|(node, to, room, joins)| Deed::Act(node, to, room, joins)),
        2 => (node.clone(), 0..SOCKETS, room, any::<bool>())
            .prop_map(|(node, socket, room, joins)| Deed::Move(node, socket, room, joins)),
        1 => node.clone().prop_map(Deed::Ask),
        1 => node.clone().prop_map(Deed::Fetch),
        1 => node.prop_map(Deed::AskPrograms),
        1 => Just(Deed::Visit),
        3 => (0u64..60).prop_map(Deed::Sleep),
    ]
}

/// In which rooms of a node each socket is, after all that the node has done.
#[derive(Default)]
struct Members(HashMap<(usize, usize), BTreeSet<usize>>);

impl Members {
    fn meant(&self, to: To) -> Vec<(usize, usize)> {
        let all = (0..NODES).flat_map(|node| (0..SOCKETS).map(move |socket| (node, socket)));
        let is_in = |who, room| self.0.get(&who).is_some_and(|rooms| rooms.contains(&room));
        all.filter(|who| match to {
            To::All => true,
            To::Room(room) => is_in(*who, room),
            To::Rooms(one, other) => is_in(*who, one) || is_in(*who, other),
            To::Except(room) => !is_in(*who, room),
        })
        .collect()
    }

    fn set(&mut self, who: (usize, usize), room: usize, joins: bool) {
        let rooms = self.0.entry(who).or_default();
        if joins {
            rooms.insert(room)
        } else {
            rooms.remove(&room)
        };
    }
}

fn room(node: usize, room: usize) -> Room {
    Room::new(format!("{node}/{room}"))
}

fn target(node: usize, to: To, reach: Reach) -> Target {
    let mut target = match to {
        To::All => Target::default(),
        To::Room(one) => Target::to(room(node, one)),
        To::Rooms(one, other) => Target::to([room(node, one), room(node, other)]),
        To::Except(one) => Target::default().except(room(node, one)),
    };
    target.flags.reach = reach;
    target.flags.timeout = Some(60 * SECOND);
    target
}

fn id(node: usize, socket: usize) -> String {
    format!("{node}.{socket}")
}

/// Each number is what becomes of a message of a node, in turn: it is lost, or takes so many milliseconds.
fn faulty(bus: &LocalBus, fates: Vec<Option<u64>>) -> Faulty {
    let turn = AtomicUsize::new(0);
    let mut faulty = Faulty::new(bus, move |message: &Message| {
        let fate = fates[turn.fetch_add(1, Ordering::Relaxed) % fates.len()];
        match fate {
            None if message.kind == MessageKind::Broadcast && !message.is_request() => Fate::Vanish,
            None | Some(0) => Fate::Pass,
            Some(millis) => Fate::Late(Duration::from_millis(millis)),
        }
    });
    faulty.tells = true;
    faulty
}

struct Cast {
    nodes: Vec<Node>,
    sockets: Vec<Vec<(Arc<Socket>, Handle)>>,
}

impl Cast {
    async fn new(bus: &LocalBus, kind: Kind, fates: [Vec<Option<u64>>; NODES]) -> Self {
        let nodes: Vec<_> = fates
            .into_iter()
            .map(|fates| Node::with(Cluster::new(faulty(bus, fates)), "/", kind == Kind::Journaled))
            .collect();
        tokio::time::sleep(2 * SECOND).await;
        let sockets = nodes.iter().enumerate();
        let sockets =
            sockets.map(|(at, node)| (0..SOCKETS).map(|socket| node.socket(&id(at, socket), &[])).collect());
        let sockets = sockets.collect();
        Self { nodes, sockets }
    }

    fn answer_all(&self) {
        self.sockets.iter().flatten().for_each(|(socket, _)| socket.answer_all());
        for node in &self.nodes {
            while !node.home.waiting.lock().unwrap().is_empty() {
                node.home.answer("[1]");
            }
        }
    }

    /// What each socket has got: by whom, and which.
    fn got(&self) -> HashMap<String, Vec<(usize, usize)>> {
        let mut got: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for entry in self.nodes.iter().flat_map(|node| node.log.take()) {
            let Some((id, packet)) = entry.split_once(" [").filter(|(id, _)| id.contains('.')) else {
                continue;
            };
            let (node, number) = packet.trim_end_matches(']').split_once(',').unwrap();
            got.entry(id.to_owned()).or_default().push((node.parse().unwrap(), number.parse().unwrap()));
        }
        got
    }
}

async fn run(kind: Kind, fates: [Vec<Option<u64>>; NODES], deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let bus = match kind {
        Kind::Heartbeats => LocalBus::new(),
        Kind::Counted => LocalBus::counted(),
        Kind::Journaled => LocalBus::journaled(),
    };
    let loses = fates.iter().flatten().any(Option::is_none);
    let cast = Cast::new(&bus, kind, fates).await;
    let mut members: [Members; NODES] = Default::default();
    let mut expected: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    let (mut asked, mut programs, mut fetches) =
        (Vec::<Arc<Heard>>::new(), Vec::<Arc<Heard>>::new(), Vec::new());
    let (mut visitor, mut number) = (None, 0);
    for deed in deeds {
        match deed {
            Deed::Emit(node, to, reach) => {
                let packet = outgoing(Bytes::from(format!("[{node},{number}]")), Vec::new(), None);
                cast.nodes[node].adapter.broadcast(&packet, &target(node, to, reach));
                for (at, socket) in members[node].meant(to) {
                    let is_reached = match reach {
                        Reach::Here => at == node,
                        Reach::Elsewhere => at != node,
                        _ => true,
                    };
                    if is_reached {
                        expected.entry(id(at, socket)).or_default().push((node, number));
                    }
                }
                number += 1;
            }
            Deed::Act(node, to, of, joins) => {
                let rooms = vec![room(node, of)];
                let action = if joins { Action::Join(rooms) } else { Action::Leave(rooms) };
                cast.nodes[node].adapter.act(action, &target(node, to, Reach::Everywhere));
                for who in members[node].meant(to) {
                    members[node].set(who, of, joins);
                }
            }
            Deed::Move(node, socket, of, joins) => {
                let (adapter, at) = (&cast.nodes[node].adapter, cast.sockets[node][socket].1);
                let rooms = [room(node, of)];
                if joins {
                    adapter.join(at, &rooms)
                } else {
                    adapter.leave(at, &rooms)
                }
                members[node].set((node, socket), of, joins);
            }
            Deed::Ask(node) => asked.push(cast.nodes[node].ask(&target(node, To::All, Reach::Everywhere)).1),
            Deed::AskPrograms(node) => programs.push(cast.nodes[node].ask_programs()),
            Deed::Fetch(node) => {
                let adapter = cast.nodes[node].adapter.clone();
                let to = target(node, To::All, Reach::Everywhere);
                fetches.push(tokio::spawn(async move { adapter.fetch(&to).await }));
            }
            Deed::Visit => {
                let before: Option<Node> = visitor.replace(Node::of(Cluster::new(bus.clone()), "/"));
                drop(before);
            }
            Deed::Sleep(millis) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                cast.answer_all();
            }
        }
    }
    for _ in 0..10 {
        tokio::time::sleep(SECOND).await;
        cast.answer_all();
        for home in visitor.iter().map(|visitor| &visitor.home) {
            home.waiting.lock().unwrap().clear();
        }
    }
    settle().await;
    let all: BTreeSet<_> =
        (0..NODES).flat_map(|node| (0..SOCKETS).map(move |socket| id(node, socket))).collect();
    for fetch in fetches {
        let found = fetch.await.unwrap().unwrap();
        prop_assert_eq!(found.len(), all.len());
        prop_assert_eq!(&found.into_iter().map(|socket| socket.id).collect::<BTreeSet<_>>(), &all);
    }
    for heard in asked {
        prop_assert_eq!(heard.numbers(), (0, all.len() - SOCKETS, 0, all.len()));
    }
    for heard in programs {
        let (nodes, others, lost, answers) = heard.numbers();
        // A visitor may have been asked, which never answers.
        prop_assert!(nodes == 0 && answers == NODES - 1 && others - lost == answers, "{:?}", heard.counts());
    }
    let got = cast.got();
    for (at, id) in all.iter().enumerate() {
        let (got, expected) =
            (got.get(id).cloned().unwrap_or_default(), expected.get(id).cloned().unwrap_or_default());
        for sender in 0..NODES {
            let of = |list: &[(usize, usize)]| {
                Vec::from_iter(list.iter().copied().filter(|(node, _)| *node == sender))
            };
            let (got, expected) = (of(&got), of(&expected));
            let is_part = |of: &[_], part: &[_]| {
                let mut left = of.iter();
                part.iter().all(|one| left.any(|other| other == one))
            };
            let is_own = sender == at / SOCKETS;
            if kind == Kind::Journaled && is_own {
                // Who comes while it waits for its place gets it, too.
                prop_assert!(is_part(&got, &expected), "{id} got {got:?} and not {expected:?}");
                prop_assert!(got.is_sorted_by(|one, next| one < next), "{id} got {got:?}");
            } else if loses && !is_own {
                prop_assert!(is_part(&expected, &got), "{id} got {got:?} of {expected:?}");
            } else {
                prop_assert_eq!(got, expected, "{} of {}", id, sender);
            }
        }
    }
    // What comes from others has one order; where it has places, so has what a node's own sockets get.
    for (at, one) in all.iter().enumerate() {
        for (other_at, other) in all.iter().enumerate().skip(at + 1) {
            let is_seen_in_order = |sender: usize| {
                kind == Kind::Journaled && !loses || sender != at / SOCKETS && sender != other_at / SOCKETS
            };
            let common = |list: Option<&Vec<_>>, of: Option<&Vec<_>>| {
                let (list, of) = (list.cloned().unwrap_or_default(), of.cloned().unwrap_or_default());
                let mut list: Vec<(usize, usize)> = list;
                list.retain(|entry| of.contains(entry) && is_seen_in_order(entry.0));
                list
            };
            let (first, second) =
                (common(got.get(one), got.get(other)), common(got.get(other), got.get(one)));
            prop_assert_eq!(first, second, "{} and {}", one, other);
        }
    }
    Ok(())
}

fn block_on(run: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(run)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn everything_arrives_once_and_in_order_and_every_question_is_answered(
        kind in prop_oneof![Just(Kind::Heartbeats), Just(Kind::Counted), Just(Kind::Journaled)],
        fates in [(); NODES].map(|()| proptest::collection::vec((0u64..12).prop_map(Some), 1..6)),
        deeds in proptest::collection::vec(deed(), 1..80),
    ) {
        block_on(run(kind, fates, deeds))?;
    }

    #[test]
    fn what_a_bus_loses_is_missing_and_nothing_else(
        kind in prop_oneof![Just(Kind::Heartbeats), Just(Kind::Counted)],
        fates in [(); NODES].map(|()| {
            proptest::collection::vec(prop_oneof![2 => (0u64..12).prop_map(Some), 1 => Just(None)], 1..6)
        }),
        deeds in proptest::collection::vec(deed(), 1..80),
    ) {
        block_on(run(kind, fates, deeds))?;
    }
}
