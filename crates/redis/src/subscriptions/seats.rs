use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tower_socketio_adapter::Inbox;

use crate::connection::Kind;

/// What is subscribed to: a channel or a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Topic {
    pub(crate) kind: Kind,
    pub(crate) name: Arc<str>,
}

/// A node in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    pub(crate) namespace: Arc<str>,
    pub(crate) node: Arc<str>,
}

/// All seats, what they want to be subscribed to, and what they are.
#[derive(Default)]
pub(super) struct Seats {
    seats: HashMap<Seat, State>,
    topics: HashMap<Topic, Subscribed>,
    /// The topics of which the server is to be told something.
    queue: VecDeque<Topic>,
    /// Counts the losses: what was done before one does not hold after it.
    epoch: u64,
    /// Counts how often a seat was opened.
    opened: u64,
}

#[derive(Default)]
struct State {
    /// The local rooms, by their wire names; kept whether the seat is open or not.
    rooms: HashSet<Box<str>>,
    /// Where messages go, if the seat is open.
    inbox: Option<Inbox>,
    opened: u64,
    topics: HashSet<Topic>,
}

#[derive(Default)]
struct Subscribed {
    /// By whom it is wanted.
    seats: Vec<Seat>,
    /// Who wants it no more, and hears of it until the server has confirmed that.
    ending: Vec<(Seat, Inbox)>,
    standing: Standing,
    /// Whether it stands in the queue.
    queued: bool,
    /// Whether it has moved since the server was told something of it.
    moved: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Absent,
    /// It was asked for, or asked to end, and that is not confirmed; or it has moved.
    Unsure,
    Confirmed,
}

/// What to tell the server next; topics of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) subscribe: bool,
    pub(super) kind: Kind,
    pub(super) topics: Vec<Topic>,
    pub(super) epoch: u64,
}

impl Seats {
    /// Which of all openings a seat is open by.
    pub(super) fn opened(&self, seat: &Seat) -> Option<u64> {
        self.seats.get(seat).filter(|state| state.inbox.is_some()).map(|state| state.opened)
    }

    /// Whether all of these topics that the seat still wants are subscribed to.
    pub(super) fn are_confirmed(&self, seat: &Seat, topics: &[Topic]) -> bool {
        let Some(state) = self.seats.get(seat) else { return false };
        topics.iter().filter(|topic| state.topics.contains(*topic)).all(|topic| {
            self.topics.get(topic).is_some_and(|subscribed| subscribed.standing == Standing::Confirmed)
        })
    }

    /// Whether there is nothing to tell the server of these topics.
    pub(super) fn are_settled(&self, topics: &[Topic]) -> bool {
        topics.iter().all(|topic| self.topics.get(topic).is_none_or(|subscribed| !subscribed.is_due()))
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.topics.is_empty() && self.queue.is_empty()
    }

    /// Returns how many seats of a namespace are open.
    pub(super) fn open_in(&self, namespace: &str) -> usize {
        let open = |(seat, state): &(&Seat, &State)| *seat.namespace == *namespace && state.inbox.is_some();
        self.seats.iter().filter(open).count()
    }

    /// Opens a seat with these topics and those of its rooms, in the place of what it was open with; returns all of them.
    pub(super) fn open(
        &mut self,
        seat: &Seat,
        inbox: Inbox,
        topics: impl IntoIterator<Item = Topic>,
        of_room: impl Fn(&str) -> Option<Topic>,
    ) -> Vec<Topic> {
        self.leave(seat);
        self.opened += 1;
        let state = self.seats.entry(seat.clone()).or_default();
        (state.inbox, state.opened) = (Some(inbox), self.opened);
        let of_rooms: Vec<_> = state.rooms.iter().filter_map(|room| of_room(room)).collect();
        let topics: Vec<_> = topics.into_iter().chain(of_rooms).collect();
        topics.iter().for_each(|topic| self.want(seat, topic.clone()));
        topics
    }

    /// The seat is open no more; its rooms are still known. Returns its inbox.
    pub(super) fn leave(&mut self, seat: &Seat) -> Option<Inbox> {
        let state = self.seats.get_mut(seat)?;
        let inbox = state.inbox.take();
        for topic in std::mem::take(&mut state.topics) {
            self.forgo(seat, &topic);
        }
        inbox
    }

    /// The seat ends, of which the server is to be told. Returns of what it hears until it is [gone](Self::gone).
    pub(super) fn remove(&mut self, seat: &Seat) -> Vec<Topic> {
        let topics = self.seats.get(seat).map(|state| Vec::from_iter(state.topics.iter().cloned()));
        let inbox = self.leave(seat);
        self.seats.remove(seat);
        let Some((inbox, topics)) = inbox.zip(topics) else { return Vec::new() };
        for topic in &topics {
            if let Some(subscribed) = self.topics.get_mut(topic) {
                subscribed.ending.push((seat.clone(), inbox.clone()));
            }
        }
        topics
    }

    /// A seat that has ended hears nothing any more.
    pub(super) fn gone(&mut self, seat: &Seat, topics: &[Topic]) {
        for topic in topics {
            if let Some(subscribed) = self.topics.get_mut(topic) {
                subscribed.ending.retain(|(ending, _)| ending != seat);
            }
        }
    }

    /// Notes a local room; returns whether there is something to subscribe to.
    pub(super) fn room_opened(&mut self, seat: &Seat, room: &str, topic: Option<Topic>) -> bool {
        let state = self.seats.entry(seat.clone()).or_default();
        state.rooms.insert(room.into());
        match topic.filter(|_| state.inbox.is_some()) {
            Some(topic) => {
                self.want(seat, topic);
                true
            }
            None => false,
        }
    }

    /// Notes that a local room is gone; returns whether there is a subscription to end.
    pub(super) fn room_closed(&mut self, seat: &Seat, room: &str, topic: Option<Topic>) -> bool {
        let Some(state) = self.seats.get_mut(seat) else { return false };
        state.rooms.remove(room);
        if state.rooms.is_empty() && state.inbox.is_none() {
            self.seats.remove(seat);
            return false;
        }
        match topic.filter(|topic| state.topics.remove(topic)) {
            Some(topic) => {
                self.forgo(seat, &topic);
                true
            }
            None => false,
        }
    }

    pub(super) fn has_room(&self, seat: &Seat, room: &str) -> bool {
        self.seats.get(seat).is_some_and(|state| state.rooms.contains(room))
    }

    pub(super) fn rooms(&self, seat: &Seat) -> Vec<Box<str>> {
        self.seats.get(seat).map(|state| state.rooms.iter().cloned().collect()).unwrap_or_default()
    }

    /// Returns who hears of a topic.
    pub(super) fn hearers(&self, topic: &Topic) -> Vec<(Seat, Inbox)> {
        let Some(subscribed) = self.topics.get(topic) else { return Vec::new() };
        let inbox = |seat: &Seat| Some((seat.clone(), self.seats.get(seat)?.inbox.clone()?));
        subscribed.seats.iter().filter_map(inbox).chain(subscribed.ending.iter().cloned()).collect()
    }

    /// Returns what to tell the server next, `None` if everything is as it should be.
    ///
    /// [`done`](Self::done) or [`failed`](Self::failed) is to be said before the next step.
    pub(super) fn step(&mut self, most: usize) -> Option<Step> {
        let (mut batch, mut others, mut sort) = (Vec::new(), Vec::new(), None);
        while batch.len() < most && others.len() < most {
            let Some(topic) = self.queue.pop_front() else { break };
            let Some(subscribed) = self.topics.get_mut(&topic) else { continue };
            subscribed.queued = false;
            if !subscribed.is_due() {
                if !subscribed.is_wanted() {
                    self.topics.remove(&topic);
                }
                continue;
            }
            let this = (topic.kind, subscribed.is_wanted());
            if *sort.get_or_insert(this) == this {
                subscribed.standing = Standing::Unsure;
                batch.push(topic);
            } else {
                others.push(topic);
            }
        }
        // It is their turn next.
        for topic in others.into_iter().rev() {
            if let Some(subscribed) = self.topics.get_mut(&topic) {
                subscribed.queued = true;
                self.queue.push_front(topic);
            }
        }
        let (kind, subscribe) = sort?;
        Some(Step { subscribe, kind, topics: batch, epoch: self.epoch })
    }

    /// What a step told has been confirmed.
    pub(super) fn done(&mut self, step: &Step) {
        if step.epoch != self.epoch {
            return;
        }
        for topic in &step.topics {
            let Some(subscribed) = self.topics.get_mut(topic) else { continue };
            subscribed.standing = match (step.subscribe, std::mem::take(&mut subscribed.moved)) {
                (true, false) => Standing::Confirmed,
                (true, true) => Standing::Unsure,
                (false, _) => Standing::Absent,
            };
            if subscribed.is_due() {
                self.enqueue(topic.clone());
            } else if !subscribed.is_wanted() {
                self.topics.remove(topic);
            }
        }
    }

    /// The server has another place for a channel, and is to be told again.
    pub(super) fn moved(&mut self, topic: &Topic) {
        let Some(subscribed) = self.topics.get_mut(topic) else { return };
        match subscribed.standing {
            Standing::Confirmed => subscribed.standing = Standing::Unsure,
            Standing::Unsure => subscribed.moved = true,
            Standing::Absent => {}
        }
        self.enqueue(topic.clone());
    }

    /// What a step told did not happen: who wanted it is open no more.
    pub(super) fn failed(&mut self, step: &Step) -> Vec<Inbox> {
        if step.epoch != self.epoch {
            return Vec::new();
        }
        let seats: HashSet<Seat> = step
            .topics
            .iter()
            .filter_map(|topic| self.topics.get(topic))
            .flat_map(|topic| topic.seats.clone())
            .collect();
        seats.iter().filter_map(|seat| self.leave(seat)).collect()
    }

    /// All subscriptions are gone, and no seat is open any more.
    pub(super) fn lost(&mut self) -> Vec<Inbox> {
        self.epoch += 1;
        self.topics.clear();
        self.queue.clear();
        self.seats
            .values_mut()
            .filter_map(|state| {
                state.topics.clear();
                state.inbox.take()
            })
            .collect()
    }

    fn want(&mut self, seat: &Seat, topic: Topic) {
        let Some(state) = self.seats.get_mut(seat) else { return };
        if !state.topics.insert(topic.clone()) {
            return;
        }
        let subscribed = self.topics.entry(topic.clone()).or_default();
        subscribed.seats.push(seat.clone());
        self.enqueue(topic);
    }

    fn forgo(&mut self, seat: &Seat, topic: &Topic) {
        let Some(subscribed) = self.topics.get_mut(topic) else { return };
        subscribed.seats.retain(|wanting| wanting != seat);
        self.enqueue(topic.clone());
    }

    fn enqueue(&mut self, topic: Topic) {
        if let Some(subscribed) = self.topics.get_mut(&topic)
            && !subscribed.queued
        {
            subscribed.queued = true;
            self.queue.push_back(topic);
        }
    }
}

impl Subscribed {
    fn is_wanted(&self) -> bool {
        !self.seats.is_empty()
    }

    /// Whether the server is to be told something.
    fn is_due(&self) -> bool {
        match self.standing {
            Standing::Absent => self.is_wanted(),
            Standing::Unsure => true,
            Standing::Confirmed => !self.is_wanted(),
        }
    }
}
