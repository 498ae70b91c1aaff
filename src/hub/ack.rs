use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tower_socketio_adapter::{Answers, Flags};
use tower_socketio_proto::socketio::{Arguments, Encoded, Kind, write_arguments};

use super::socket::Held;
use super::{AckError, Lease, Name, Reply, ReplyKind, Socket, Space, WireError, panicked};

/// The acknowledgement that a client waits for. The first answer counts.
pub(crate) struct AckSlot {
    socket: Socket,
    id: u64,
    state: AtomicU8,
}

/// Something was sent.
const ANSWERED: u8 = 1;
/// The handlers have ended.
const ENDED: u8 = 2;
/// The sender that took the acknowledgement over was dropped.
const ABANDONED: u8 = 4;

impl AckSlot {
    pub(crate) fn new(socket: Socket, id: u64) -> Self {
        Self { socket, id, state: AtomicU8::new(0) }
    }

    fn send(&self, json: &[u8], attachments: &[Bytes]) -> bool {
        if self.state.fetch_or(ANSWERED, Ordering::AcqRel) & ANSWERED != 0 {
            return false;
        }
        let (kind, id, flags) = (Kind::Ack, Some(self.id), Flags::default());
        if self.socket.space().is_shared() {
            let (json, attachments) = (json.to_vec(), attachments.to_vec());
            self.socket.send_in_turn(Held { kind, id, json, attachments, flags });
            return !self.socket.has_ended();
        }
        let packet = self.socket.outbound(kind, id, Some(json), attachments);
        self.socket.link().send(&packet, flags).is_ok()
    }

    /// Answers with what one of several handlers replied, if that is an answer.
    pub(crate) fn offer(&self, reply: &Reply) {
        if matches!(reply.0, ReplyKind::Ack(_) | ReplyKind::Error(_)) {
            self.answer(reply);
        }
    }

    /// Answers with what the handlers replied, now that they have ended.
    pub(crate) fn reply(&self, reply: &Reply) {
        let before = self.state.fetch_or(ENDED, Ordering::AcqRel);
        if matches!(reply.0, ReplyKind::Taken) && before & ABANDONED != 0 {
            self.no_answer();
        } else {
            self.answer(reply);
        }
    }

    /// The sender was dropped: an error for the client, unless the handler is still to return one of its own.
    fn abandon(&self) {
        if self.state.fetch_or(ABANDONED, Ordering::AcqRel) & ENDED != 0 {
            self.no_answer();
        }
    }

    fn no_answer(&self) {
        self.error(&WireError::new("the handler gave no answer").code("no_answer"));
    }

    fn answer(&self, reply: &Reply) {
        match self.socket.space().responder() {
            None => self.send_reply(reply),
            // A responder is user code.
            Some(responder) => match catch_unwind(AssertUnwindSafe(|| reply.shaped(responder))) {
                Ok(reply) => self.send_reply(&reply),
                Err(panic) => {
                    let error = panicked(&*panic);
                    self.error(&error);
                    self.socket.report(None, error);
                }
            },
        }
    }

    fn send_reply(&self, reply: &Reply) {
        match &reply.0 {
            ReplyKind::Empty => drop(self.send(b"[]", &[])),
            ReplyKind::Ack(Encoded { json, attachments }) => drop(self.send(json, attachments)),
            ReplyKind::Error(error) => self.error(error),
            ReplyKind::Taken => {}
        }
    }

    pub(crate) fn error(&self, error: &WireError) {
        let expose = self.socket.io().hub().config.expose_errors;
        self.send(error.to_ack(expose).as_bytes(), &[]);
    }
}

impl fmt::Debug for AckSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckSlot").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Answers an event by hand, once, now or later; extracting it turns the handler's automatic acknowledgement off.
///
/// Dropped without an answer it tells the client so with an error.
#[derive(Debug)]
pub struct AckSender(pub(crate) Option<Arc<AckSlot>>);

impl AckSender {
    /// Whether the client asked for an acknowledgement; if not, [`send`](Self::send) does nothing.
    pub fn expected(&self) -> bool {
        self.0.is_some()
    }

    /// Answers with data: a tuple is the argument list, anything else one argument.
    ///
    /// Returns whether the answer was queued: not if none was asked for, one was given, or the client is gone.
    pub fn send(mut self, data: impl Serialize) -> bool {
        let Some(slot) = self.0.take() else { return false };
        let mut json = Vec::new();
        match write_arguments(&mut json, &data) {
            Ok(attachments) => slot.send(&json, &attachments),
            Err(error) => {
                let error = WireError::from(error);
                slot.error(&error);
                slot.socket.report(None, error);
                false
            }
        }
    }

    /// Answers as soon as the client is in, which nobody has decided yet; never, if it is refused.
    pub(crate) fn send_when_in(mut self, data: impl Serialize) {
        let Some(slot) = self.0.take() else { return };
        let mut json = Vec::new();
        if let Ok(attachments) = write_arguments(&mut json, &data)
            && slot.state.fetch_or(ANSWERED, Ordering::AcqRel) & ANSWERED == 0
        {
            slot.socket.acknowledge_when_in(slot.id, json, attachments);
        }
    }

    /// Answers with an error.
    pub fn error(mut self, error: impl super::PublicError) {
        if let Some(slot) = self.0.take() {
            slot.error(&error.into_wire());
        }
    }
}

impl Drop for AckSender {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.abandon();
        }
    }
}

/// The questions that a namespace has put to many sockets and that are still open, by acknowledgement id.
#[derive(Default)]
pub(crate) struct Asks(Mutex<HashMap<u64, Ask>>);

struct Ask {
    answers: Arc<dyn Answers>,
    /// The ids of the sockets that have not answered.
    outstanding: HashSet<Name>,
    /// A stream waits, and there may be more to be asked.
    is_awaited: bool,
}

impl Asks {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Ask>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a socket was asked.
    pub(crate) fn asked(&self, id: u64, socket: &Name, answers: &Arc<dyn Answers>) {
        let mut asks = self.lock();
        let ask = asks.entry(id).or_insert_with(|| Ask {
            answers: answers.clone(),
            outstanding: HashSet::new(),
            is_awaited: false,
        });
        ask.outstanding.insert(socket.clone());
    }

    /// A socket is not asked after all; `false` if it has left meanwhile, and was counted as one that is lost.
    pub(super) fn not_asked(&self, id: u64, socket: &str) -> bool {
        let mut asks = self.lock();
        let Some(ask) = asks.get_mut(&id) else { return true };
        let was_asked = ask.outstanding.remove(socket);
        let over = if ask.is_over() { asks.remove(&id) } else { None };
        drop(asks);
        drop(over);
        was_asked
    }

    /// Nobody waits for the answers any more.
    pub(crate) fn forget(&self, id: u64) {
        let ask = self.lock().remove(&id);
        drop(ask);
    }

    /// A socket answered; `false` if it was not asked or has answered before.
    pub(crate) fn answer(&self, id: u64, socket: &str, arguments: &Arguments) -> bool {
        let mut asks = self.lock();
        let Some(ask) = asks.get_mut(&id) else { return false };
        if !ask.outstanding.remove(socket) {
            return false;
        }
        let answers = ask.answers.clone();
        if ask.is_over() {
            asks.remove(&id);
        }
        drop(asks);
        match arguments.to_encoded() {
            Ok(Encoded { json, attachments }) => answers.answer(socket, json.into(), attachments),
            Err(error) => tracing::debug!(target: "socketio::parser", %error, "an answer is no data"),
        }
        true
    }

    /// A socket left: it answers no more.
    pub(crate) fn lost(&self, socket: &str) {
        let (mut told, mut over) = (Vec::new(), Vec::new());
        let mut asks = self.lock();
        for (id, ask) in asks.iter_mut().filter(|(_, ask)| ask.outstanding.contains(socket)) {
            ask.outstanding.remove(socket);
            told.push(ask.answers.clone());
            if ask.is_over() {
                over.push(*id);
            }
        }
        let over: Vec<_> = over.iter().map(|id| asks.remove(id)).collect();
        drop(asks);
        drop(over);
        told.iter().for_each(|answers| answers.lost(socket));
    }
}

impl Ask {
    /// Whether nobody is left who would answer, and no stream waits.
    fn is_over(&self) -> bool {
        self.outstanding.is_empty() && !self.is_awaited
    }
}

enum Answer {
    Given(Arguments),
    /// So many answer no more.
    Lost(usize),
    /// So many more were asked.
    Asked(usize),
    /// In the namespace with this number, so many other nodes have not said how many they ask.
    NodesLeft(usize, usize),
}

/// Collects the answers of one namespace, which has a number.
struct Collector(mpsc::UnboundedSender<Answer>, usize);

impl Answers for Collector {
    fn answer(&self, _: &str, args: Bytes, attachments: Vec<Bytes>) {
        let answer = Arguments::from_encoded("", &Encoded { json: args.into(), attachments });
        let _ = self.0.send(Answer::Given(answer));
    }

    fn lost(&self, _: &str) {
        let _ = self.0.send(Answer::Lost(1));
    }

    fn nodes_left(&self, nodes: usize) {
        let _ = self.0.send(Answer::NodesLeft(self.1, nodes));
    }

    fn asked_elsewhere(&self, sockets: usize) {
        let _ = self.0.send(Answer::Asked(sockets));
    }

    fn lost_elsewhere(&self, sockets: usize) {
        let _ = self.0.send(Answer::Lost(sockets));
    }
}

/// The answers to a broadcast, as they come; its last item says how many clients gave none.
///
/// It ends when everybody has answered or left, or the time is up; that a client of a Node server has left is not known
/// here. Dropping it forgets the question. Another node that has not said how many clients it asked counts as one that gave
/// no answer.
pub struct AckStream<A> {
    receiver: mpsc::UnboundedReceiver<Answer>,
    deadline: Pin<Box<Sleep>>,
    missing: usize,
    lost: usize,
    /// How many other nodes may still ask somebody, in each namespace.
    nodes: Vec<usize>,
    sender: mpsc::UnboundedSender<Answer>,
    /// One for each namespace, which may know them weakly.
    sinks: Vec<Arc<dyn Answers>>,
    failed: Option<AckError>,
    done: bool,
    asked: Vec<(Arc<Space>, u64)>,
    lease: Option<Arc<Lease>>,
    answer: PhantomData<fn() -> A>,
}

impl<A> AckStream<A> {
    /// Asks by `ask`, once for each namespace, with the sink for the answers.
    pub(crate) fn new(
        timeout: std::time::Duration,
        spaces: &[Arc<Space>],
        mut ask: impl FnMut(&Arc<Space>, u64, &Arc<dyn Answers>) -> Result<usize, AckError>,
    ) -> Self {
        let mut stream = Self::waiting(timeout);
        for space in spaces {
            let id = space.next_ack();
            let answers = stream.sink();
            // Before anyone is asked, so that the loss of a socket in between is noticed.
            let pending = Ask { answers: answers.clone(), outstanding: HashSet::new(), is_awaited: true };
            space.asks().lock().insert(id, pending);
            stream.asked.push((space.clone(), id));
            match ask(space, id, &answers) {
                Ok(number) => stream.missing += number,
                Err(error) => stream.failed = Some(error),
            }
        }
        stream
    }

    /// Asks the programs of other nodes by `ask`, with a sink of this stream for each namespace.
    pub(crate) fn of_servers(
        timeout: std::time::Duration,
        ask: impl FnOnce(&mut Self, std::time::Duration) -> Result<(), super::EmitError>,
    ) -> Self {
        let mut stream = Self::waiting(timeout);
        stream.failed = ask(&mut stream, timeout).err().map(AckError::from);
        stream
    }

    /// Holds a namespace in being that may be nowhere else on this node, as long as answers may come.
    pub(crate) fn holding(mut self, lease: Option<Arc<Lease>>) -> Self {
        self.lease = lease;
        self
    }

    /// Makes the sink for the answers of one more namespace.
    pub(crate) fn sink(&mut self) -> Arc<dyn Answers> {
        let sink: Arc<dyn Answers> = Arc::new(Collector(self.sender.clone(), self.sinks.len()));
        self.sinks.push(sink.clone());
        self.nodes.push(0);
        sink
    }

    fn waiting(timeout: std::time::Duration) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            receiver,
            deadline: Box::pin(tokio::time::sleep(timeout)),
            missing: 0,
            lost: 0,
            nodes: Vec::new(),
            sender,
            sinks: Vec::new(),
            failed: None,
            done: false,
            asked: Vec::new(),
            lease: None,
            answer: PhantomData,
        }
    }

    fn finish(&mut self) {
        self.done = true;
        for (space, id) in self.asked.drain(..) {
            space.asks().lock().remove(&id);
        }
        self.lease = None;
    }
}

impl<A: DeserializeOwned> Stream for AckStream<A> {
    type Item = Result<A, AckError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.done {
                return Poll::Ready(None);
            }
            if let Some(error) = this.failed.take() {
                this.finish();
                return Poll::Ready(Some(Err(error)));
            }
            // Whoever else was asked said so before the question was out: that is heard first.
            match this.receiver.poll_recv(cx) {
                Poll::Ready(Some(Answer::Given(answer))) => {
                    this.missing = this.missing.saturating_sub(1);
                    return Poll::Ready(Some(answer.deserialize().map_err(AckError::from)));
                }
                Poll::Ready(Some(Answer::Lost(sockets))) => this.lost += sockets,
                Poll::Ready(Some(Answer::Asked(sockets))) => this.missing += sockets,
                Poll::Ready(Some(Answer::NodesLeft(namespace, nodes))) => this.nodes[namespace] = nodes,
                Poll::Pending if this.missing > this.lost || this.nodes.iter().any(|nodes| *nodes > 0) => {
                    std::task::ready!(this.deadline.as_mut().poll(cx));
                    break;
                }
                Poll::Pending | Poll::Ready(None) => break,
            }
        }
        this.finish();
        let missing = this.missing + this.nodes.iter().sum::<usize>();
        Poll::Ready((missing > 0).then_some(Err(AckError::Timeout { missing })))
    }
}

impl<A> Drop for AckStream<A> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<A> Unpin for AckStream<A> {}

impl<A> fmt::Debug for AckStream<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckStream").field("missing", &self.missing).finish_non_exhaustive()
    }
}
