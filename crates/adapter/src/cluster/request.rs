use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::left::{Left, Number};
use super::nodes::{MOST_NODES, Node};
use super::read::MOST_CLIENTS;
use crate::{AdapterError, Answers, RemoteSocket};

/// What this node asks of others.
///
/// Its asker is called with the request locked, so that what it is told comes in order.
pub(super) struct Request {
    pub(super) until: Instant,
    asker: Asker,
    progress: Mutex<Progress>,
}

/// Who asks. Answers are held weakly: who does not wait any more drops them.
pub(super) enum Asker {
    /// Sockets are asked.
    Sockets(Weak<dyn Answers>),
    /// The programs of the nodes are asked, one answer each.
    Programs(Weak<dyn Answers>),
    /// The nodes are asked for their sockets.
    Fetch(Mutex<Option<oneshot::Sender<Fetched>>>),
}

pub(super) type Fetched = Result<Vec<RemoteSocket>, AdapterError>;

struct Progress {
    left: Left,
    shares: HashMap<Node, Share>,
    found: Vec<RemoteSocket>,
}

/// What one node has said about its sockets.
#[derive(Default)]
struct Share {
    counted: bool,
    asked: usize,
    /// Those that answer no more among them.
    answered: usize,
}

impl Request {
    pub(super) fn new(asker: Asker, left: Left, until: Instant) -> Self {
        let progress = Mutex::new(Progress { left, shares: HashMap::new(), found: Vec::new() });
        Self { until, asker, progress }
    }

    /// Tells the asker what there is to wait for.
    pub(super) fn begin(&self) {
        let progress = self.lock();
        match &self.asker {
            Asker::Sockets(answers) => told(answers, |answers| answers.nodes_left(progress.left.number())),
            Asker::Programs(answers) => told(answers, |answers| {
                if progress.left.is_estimate() {
                    answers.nodes_left(1);
                } else {
                    answers.asked_elsewhere(progress.left.number());
                    answers.nodes_left(0);
                }
            }),
            Asker::Fetch(_) => {}
        }
    }

    /// Another node is there.
    pub(super) fn node(&self, node: &Node) {
        let mut progress = self.lock();
        if progress.left.add(node)
            && let Asker::Sockets(answers) = &self.asker
        {
            told(answers, |answers| answers.nodes_left(progress.left.number()));
        }
    }

    /// Whether a node took its leave since this was asked the last time, before the nodes were counted.
    pub(super) fn has_lost(&self) -> bool {
        self.lock().left.has_lost()
    }

    /// All other nodes have said that they are there, or were counted.
    pub(super) fn settle(&self, number: Option<Number>) {
        let mut progress = self.lock();
        if !progress.left.is_estimate() {
            return;
        }
        progress.left.settle(number);
        let number = progress.left.number();
        match &self.asker {
            Asker::Sockets(answers) => told(answers, |answers| answers.nodes_left(number)),
            Asker::Programs(answers) => told(answers, |answers| {
                answers.asked_elsewhere(number);
                answers.nodes_left(0);
            }),
            Asker::Fetch(_) => {}
        }
    }

    /// A node asks so many of its sockets.
    pub(super) fn clients(&self, node: &Node, clients: usize) {
        let Asker::Sockets(answers) = &self.asker else { return };
        let mut progress = self.lock();
        let Some(share) = progress.share(node).filter(|share| !share.counted) else { return };
        share.counted = true;
        let more = clients.saturating_sub(share.asked);
        share.asked += more;
        let waited_for = progress.left.strike(node);
        told(answers, |answers| {
            answers.asked_elsewhere(more);
            if waited_for {
                answers.nodes_left(progress.left.number());
            }
        });
    }

    /// One of a node's sockets has answered.
    pub(super) fn client_answer(&self, node: &Node, args: Bytes, attachments: Vec<Bytes>) {
        let Asker::Sockets(answers) = &self.asker else { return };
        let mut progress = self.lock();
        let Some(share) = progress.share(node) else { return };
        let early = !share.counted && share.answered < MOST_CLIENTS;
        if early {
            share.asked += 1;
        }
        if share.answered == share.asked {
            return;
        }
        share.answered += 1;
        told(answers, |answers| {
            if early {
                answers.asked_elsewhere(1);
            }
            answers.answer("", args, attachments);
        });
    }

    /// One of a node's sockets that were asked answers no more.
    pub(super) fn client_lost(&self, node: &Node) {
        let Asker::Sockets(answers) = &self.asker else { return };
        let mut progress = self.lock();
        let share = progress.shares.get_mut(node).filter(|share| share.answered < share.asked);
        if let Some(share) = share {
            share.answered += 1;
            told(answers, |answers| answers.lost_elsewhere(1));
        }
    }

    /// A node's program has answered.
    pub(super) fn program_answer(&self, node: &Node, args: Bytes, attachments: Vec<Bytes>) {
        let Asker::Programs(answers) = &self.asker else { return };
        let mut progress = self.lock();
        if progress.left.number() > 0 && progress.left.strike(node) {
            told(answers, |answers| {
                if progress.left.is_estimate() {
                    answers.asked_elsewhere(1);
                }
                answers.answer("", args, attachments);
            });
        }
    }

    /// A node has these sockets.
    pub(super) fn sockets(&self, node: &Node, sockets: Vec<RemoteSocket>) {
        let mut progress = self.lock();
        if matches!(self.asker, Asker::Fetch(_)) && progress.left.strike(node) {
            progress.found.extend(sockets);
        }
    }

    /// A node is gone.
    pub(super) fn gone(&self, node: &Node) {
        let mut progress = self.lock();
        let waited_for = progress.left.number() > 0 && progress.left.lose(node);
        match &self.asker {
            Asker::Sockets(answers) => {
                let lost = progress.shares.get_mut(node).map_or(0, Share::give_up);
                told(answers, |answers| {
                    if lost > 0 {
                        answers.lost_elsewhere(lost);
                    }
                    if waited_for {
                        answers.nodes_left(progress.left.number());
                    }
                });
            }
            Asker::Programs(answers) if waited_for && !progress.left.is_estimate() => {
                told(answers, |answers| answers.lost_elsewhere(1));
            }
            Asker::Programs(_) | Asker::Fetch(_) => {}
        }
    }

    /// Nobody answers any more, or those who do are too late.
    pub(super) fn give_up(&self, reason: impl FnOnce(usize) -> AdapterError) {
        let mut progress = self.lock();
        let number = progress.left.number();
        match &self.asker {
            Asker::Sockets(answers) => {
                let lost = progress.shares.values_mut().map(Share::give_up).sum();
                told(answers, |answers| {
                    answers.lost_elsewhere(lost);
                    answers.nodes_left(0);
                });
            }
            Asker::Programs(answers) => told(answers, |answers| {
                if !progress.left.is_estimate() {
                    answers.lost_elsewhere(number);
                }
                answers.nodes_left(0);
            }),
            Asker::Fetch(done) => finish(done, Err(reason(number))),
        }
    }

    /// Whether there is nothing left to wait for, or nobody waits; then the sockets that were found are handed over.
    pub(super) fn is_done(&self) -> bool {
        let mut progress = self.lock();
        let heard = progress.left.number() == 0;
        match &self.asker {
            Asker::Sockets(answers) => {
                let all = |share: &Share| share.answered == share.asked;
                answers.strong_count() == 0 || heard && progress.shares.values().all(all)
            }
            Asker::Programs(answers) => answers.strong_count() == 0 || heard,
            Asker::Fetch(done) => {
                if heard {
                    finish(done, Ok(std::mem::take(&mut progress.found)));
                }
                heard
            }
        }
    }

    /// How many nodes have yet to answer.
    pub(super) fn missing(&self) -> usize {
        self.lock().left.number()
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn share(&mut self, node: &Node) -> Option<&mut Share> {
        let room = self.shares.len() < MOST_NODES || self.shares.contains_key(node);
        room.then(|| self.shares.entry(node.clone()).or_default())
    }
}

impl Share {
    /// Returns how many answers are missing, which are not waited for any more.
    fn give_up(&mut self) -> usize {
        let lost = self.asked - self.answered;
        self.counted = true;
        self.asked = self.answered;
        lost
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("until", &self.until).finish_non_exhaustive()
    }
}

fn told(answers: &Weak<dyn Answers>, tell: impl FnOnce(&dyn Answers)) {
    if let Some(answers) = answers.upgrade() {
        tell(&*answers);
    }
}

fn finish(done: &Mutex<Option<oneshot::Sender<Fetched>>>, result: Fetched) {
    if let Some(done) = done.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = done.send(result);
    }
}
