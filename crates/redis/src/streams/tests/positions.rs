use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tower_socketio_adapter::{Inbox, Incoming, Message, MessageKind, Offset};

use crate::streams::entry::Entry;
use crate::streams::id;
use crate::streams::positions::Positions;

/// What one node has heard: ids, and whether they were past.
type Heard = Arc<Mutex<Vec<(u64, bool)>>>;

/// A stream with one reader, and the nodes that hear of it.
#[derive(Default)]
struct World {
    positions: Positions,
    stream: Vec<Entry>,
    /// What a scan that is under way has not handed out yet, and where it ends.
    page: Option<(VecDeque<Entry>, Offset)>,
}

const STREAM: i64 = 0;

/// One millisecond later than its number.
fn place(number: u64) -> Offset {
    Offset::new(number + 1, 0)
}

impl World {
    fn append(&mut self, namespace: &str, node: &str, kind: MessageKind) {
        let id = place(self.stream.len() as u64);
        let kind = kind.number().to_string().into();
        let (uid, nsp) = (node.to_owned().into(), namespace.to_owned().into());
        self.stream.push(Entry { id, uid, nsp, kind, data: "{}".into() });
    }

    fn begin(&mut self) {
        let last = self.stream.last().map_or(Offset::ZERO, |entry| entry.id);
        self.positions.begin(STREAM, last, Offset::ZERO);
    }

    fn open(&mut self, namespace: &str, node: &str, heard: &Heard, from: Option<u64>) {
        let heard = heard.clone();
        let inbox = Inbox::new(move |incoming| {
            let incoming: Incoming = incoming.unwrap();
            heard.lock().unwrap().push((incoming.offset.unwrap().major() - 1, incoming.past));
        });
        let inbox = if from.is_some() { inbox.with_history(Duration::from_secs(1), |_| {}) } else { inbox };
        let from = from.map(|from| id::before_millis(from + 1));
        self.positions.open(&namespace.into(), node, inbox, &[STREAM], STREAM, from);
    }

    /// Reads so many entries.
    fn read(&mut self, count: usize) {
        while self.page.is_some() {
            self.scan_a_bit(count);
        }
        let tip = self.positions.tip(STREAM);
        let new: Vec<_> = self.stream.iter().filter(|entry| entry.id > tip).take(count).cloned().collect();
        for entry in new {
            let mut recipients = Vec::new();
            self.positions.read(STREAM, &entry, &mut recipients);
            deliver(&entry, recipients);
        }
    }

    /// Scans one page, or the rest of one; `false` if nobody is behind.
    fn scan(&mut self, count: usize) -> bool {
        if !self.scan_a_bit(count) {
            return false;
        }
        while self.page.is_some() {
            self.scan_a_bit(count);
        }
        true
    }

    /// Begins a page, hands out one entry of it, or ends it; `false` if nobody is behind.
    fn scan_a_bit(&mut self, count: usize) -> bool {
        if let Some((mut page, end)) = self.page.take() {
            match page.pop_front() {
                Some(entry) => {
                    let mut recipients = Vec::new();
                    self.positions.found(STREAM, &entry, &mut recipients);
                    deliver(&entry, recipients);
                    self.page = Some((page, end));
                }
                None => {
                    self.positions.scanned(STREAM, end);
                }
            }
            return true;
        }
        let Some(from) = self.positions.scan_from(STREAM) else { return false };
        let tip = self.positions.tip(STREAM);
        let page: Vec<_> = self
            .stream
            .iter()
            .filter(|entry| entry.id > from && entry.id <= tip)
            .take(count)
            .cloned()
            .collect();
        let end = if page.len() < count { tip } else { page[count - 1].id };
        self.page = Some((page.into(), end));
        true
    }

    fn catch_up(&mut self) {
        self.read(usize::MAX);
        while self.scan(2) {}
    }
}

fn deliver(entry: &Entry, recipients: Vec<crate::streams::positions::Recipient>) {
    for recipient in recipients {
        let message = Message::new(entry.kind().unwrap(), None, "".into(), "{}".into(), Vec::new());
        let incoming = Incoming::new(message, Some(entry.id));
        recipient.inbox.message(if recipient.past { incoming.past() } else { incoming });
    }
}

fn numbers(heard: &Heard) -> Vec<u64> {
    heard.lock().unwrap().iter().map(|(number, _)| *number).collect()
}

#[test]
fn a_new_node_hears_only_what_comes_after_it() {
    let (mut world, heard) = (World::default(), Heard::default());
    world.append("/", "b", MessageKind::Broadcast);
    world.begin();
    world.open("/", "a", &heard, None);
    world.append("/", "b", MessageKind::Broadcast);
    world.append("/other", "b", MessageKind::Broadcast);
    world.append("/", "a", MessageKind::Broadcast);
    world.append("/", "b", MessageKind::SocketsJoin);
    world.catch_up();
    assert_eq!(numbers(&heard), [1, 4]);
}

#[test]
fn a_node_that_wants_history_hears_past_broadcasts_first_and_its_own_messages() {
    let (mut world, heard) = (World::default(), Heard::default());
    for kind in
        [MessageKind::Broadcast, MessageKind::Broadcast, MessageKind::SocketsJoin, MessageKind::Broadcast]
    {
        world.append("/", "b", kind);
    }
    world.begin();
    world.open("/", "a", &heard, Some(1));
    assert_eq!(world.positions.is_caught_up("/", "a"), Some(false));
    // It is not at the tip yet, and hears this when the scan comes by.
    world.append("/", "a", MessageKind::SocketsJoin);
    world.catch_up();
    world.append("/", "a", MessageKind::Broadcast);
    world.catch_up();
    assert_eq!(*heard.lock().unwrap(), [(1, true), (3, true), (4, false), (5, false)]);
    assert_eq!(world.positions.is_caught_up("/", "a"), Some(true));
}

#[test]
fn after_a_loss_a_node_hears_what_it_has_missed_and_nothing_twice() {
    let (mut world, heard) = (World::default(), Heard::default());
    world.begin();
    world.open("/", "a", &heard, None);
    world.append("/", "b", MessageKind::Broadcast);
    world.append("/", "b", MessageKind::Broadcast);
    world.read(1);
    assert_eq!(world.positions.fail(STREAM).len(), 1);
    assert!(world.positions.interrupt("/", "a").is_none());
    assert!(!world.positions.are_running(&[STREAM]));
    world.append("/", "b", MessageKind::SocketsJoin);
    world.begin();
    world.append("/", "b", MessageKind::Broadcast);
    world.open("/", "a", &heard, None);
    world.catch_up();
    assert_eq!(*heard.lock().unwrap(), [(0, false), (1, false), (2, false), (3, false)]);
}

#[test]
fn two_nodes_that_come_back_share_a_scan() {
    let (mut world, one, two) = (World::default(), Heard::default(), Heard::default());
    world.begin();
    world.open("/", "a", &one, None);
    world.append("/", "c", MessageKind::Broadcast);
    world.read(1);
    world.open("/", "b", &two, None);
    ["a", "b"].iter().for_each(|node| drop(world.positions.interrupt("/", node)));
    (0..4).for_each(|_| world.append("/", "c", MessageKind::Broadcast));
    world.read(4);
    world.open("/", "a", &one, None);
    world.open("/", "b", &two, None);
    let pages = std::iter::from_fn(|| world.scan(3).then_some(())).count();
    assert_eq!((pages, numbers(&one), numbers(&two)), (2, vec![0, 1, 2, 3, 4], vec![1, 2, 3, 4]));
}

#[test]
fn who_comes_while_a_scan_is_under_way_has_one_of_its_own() {
    let (mut world, one, two) = (World::default(), Heard::default(), Heard::default());
    (0..4).for_each(|_| world.append("/", "c", MessageKind::Broadcast));
    world.begin();
    world.open("/", "a", &one, Some(0));
    (0..3).for_each(|_| assert!(world.scan_a_bit(9)));
    world.open("/", "b", &two, Some(1));
    world.catch_up();
    assert_eq!((numbers(&one), numbers(&two)), (vec![0, 1, 2, 3], vec![1, 2, 3]));
}

#[test]
fn a_stream_that_was_lost_is_read_from_where_it_ends() {
    let (mut world, heard) = (World::default(), Heard::default());
    (0..5).for_each(|_| world.append("/", "b", MessageKind::Broadcast));
    world.begin();
    world.open("/", "a", &heard, None);
    world.positions.fail(STREAM);
    world.stream.truncate(2);
    assert!(world.positions.begin(STREAM, place(1), place(9)));
    assert_eq!(world.positions.missed("/", "a"), Some(place(9)));
    assert_eq!(world.positions.missed("/", "a"), None);
    world.open("/", "a", &heard, None);
    world.append("/", "b", MessageKind::Broadcast);
    world.catch_up();
    assert_eq!(numbers(&heard), [2]);
}

#[test]
fn who_has_not_read_what_was_trimmed_has_lost_it() {
    let (mut world, one, two) = (World::default(), Heard::default(), Heard::default());
    world.begin();
    world.open("/", "a", &one, None);
    world.open("/", "b", &two, None);
    world.append("/", "c", MessageKind::Broadcast);
    world.read(1);
    world.positions.interrupt("/", "a");
    world.append("/", "c", MessageKind::Broadcast);
    world.read(1);
    assert_eq!(world.positions.losers(STREAM, place(1)).len(), 0);
    world.open("/", "a", &one, None);
    assert_eq!(world.positions.losers(STREAM, place(1)).len(), 1);
    assert_eq!(world.positions.losers(STREAM, place(2)).len(), 2);
}

#[test]
fn a_reader_ends_when_nobody_needs_it_but_not_when_all_are_interrupted() {
    let (mut world, heard) = (World::default(), Heard::default());
    world.begin();
    world.open("/", "a", &heard, None);
    assert!(!world.positions.end_unused(STREAM));
    world.positions.interrupt("/", "a");
    assert!(!world.positions.end_unused(STREAM) && world.positions.are_running(&[STREAM]));
    world.positions.close("/", "a");
    assert!(world.positions.end_unused(STREAM) && !world.positions.are_running(&[STREAM]));
    assert!(!world.positions.is_known("/", "a"));
}

#[derive(Clone, Debug)]
enum Step {
    Append(u8),
    Read(usize),
    Scan(usize),
    Open(u8),
    Interrupt(u8),
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..3).prop_map(Step::Append),
        3 => (1usize..4).prop_map(Step::Read),
        6 => (1usize..4).prop_map(Step::Scan),
        2 => (0u8..3).prop_map(Step::Open),
        1 => (0u8..3).prop_map(Step::Interrupt),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    /// Three namespaces, each with a node that comes and goes: whatever happens, it hears all from its first moment on,
    /// once and in order.
    #[test]
    fn every_node_hears_everything_once_and_in_order(
        before in proptest::collection::vec(0u8..3, 0..8),
        history in proptest::collection::vec(proptest::option::of(0u64..8), 3..4),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut world = World::default();
        let names = ["/", "/a", "/b"];
        let heard = [Heard::default(), Heard::default(), Heard::default()];
        let mut first: [Option<u64>; 3] = [None; 3];
        before.into_iter().for_each(|at| world.append(names[usize::from(at)], "x", MessageKind::Broadcast));
        world.begin();
        let all_open = (0..3).map(Step::Open);
        for step in steps.into_iter().chain(all_open) {
            match step {
                Step::Append(at) => world.append(names[usize::from(at)], "x", MessageKind::Broadcast),
                Step::Read(count) => world.read(count),
                Step::Scan(count) => {
                    world.scan_a_bit(count);
                }
                Step::Open(at) => {
                    let at = usize::from(at);
                    let tip = world.positions.tip(STREAM);
                    let tip = world.stream.iter().filter(|entry| entry.id <= tip).count() as u64;
                    let from = history[at].map_or(tip, |from| from.min(tip));
                    first[at].get_or_insert(from);
                    world.open(names[at], "n", &heard[at], history[at]);
                }
                Step::Interrupt(at) => drop(world.positions.interrupt(names[usize::from(at)], "n")),
                Step::Lose => {
                    world.page = None;
                    world.positions.fail(STREAM);
                    world.begin();
                }
            }
        }
        world.catch_up();
        for at in 0..3 {
            let stream = (0u64..).zip(&world.stream);
            let expected: Vec<_> = stream
                .filter(|(number, entry)| *number >= first[at].unwrap() && entry.nsp == names[at])
                .map(|(number, _)| number)
                .collect();
            prop_assert_eq!(numbers(&heard[at]), expected);
            prop_assert_eq!(world.positions.is_caught_up(names[at], "n"), Some(true));
        }
    }
}
