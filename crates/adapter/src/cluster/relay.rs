use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::time::Instant;

use super::nodes::Node;
use super::shared::Shared;
use super::write;
use crate::{Answers, MessageKind};

/// Passes on what sockets of this node answer to the node that asks.
pub(super) struct Relay {
    shared: Weak<Shared>,
    node: Node,
    request: Arc<str>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// How many sockets are asked, once that is known and told.
    asked: Option<usize>,
    answered: usize,
    lost: usize,
    /// What came before that.
    early: Vec<(Bytes, Vec<Bytes>)>,
}

impl Relay {
    pub(super) fn new(shared: Weak<Shared>, node: Node, request: Arc<str>) -> Self {
        Self { shared, node, request, progress: Mutex::default() }
    }

    /// So many sockets are asked.
    pub(super) fn count(&self, asked: usize) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut progress = self.lock();
        progress.asked = Some(asked);
        let data = write::count(&self.request, asked);
        shared.reply(MessageKind::BroadcastClientCount, &self.node, data, Vec::new());
        for (args, attachments) in std::mem::take(&mut progress.early) {
            self.pass_on(&shared, &args, attachments);
        }
        for _ in 0..progress.lost {
            self.tell_lost(&shared);
        }
        self.finish(&shared, progress);
    }

    /// Node's adapters pass this over, and wait.
    fn tell_lost(&self, shared: &Shared) {
        let data = write::answer(&self.request, None);
        shared.reply(MessageKind::ClientLost, &self.node, data, Vec::new());
    }

    fn pass_on(&self, shared: &Shared, args: &[u8], attachments: Vec<Bytes>) {
        if let Some((first, attachments)) = write::first_argument(args, attachments) {
            let data = write::answer(&self.request, first);
            shared.reply(MessageKind::BroadcastAck, &self.node, data, attachments);
        }
    }

    /// Forgets the question, if everybody has answered.
    fn finish(&self, shared: &Shared, progress: MutexGuard<'_, Progress>) {
        let done = progress.asked.is_some_and(|asked| asked <= progress.answered + progress.lost);
        drop(progress);
        if done {
            let until = Instant::now() + shared.options.request_timeout;
            shared.forget(Vec::from_iter(shared.questions.answered(&self.node, &self.request, until)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for Relay {
    fn answer(&self, _: &str, args: Bytes, attachments: Vec<Bytes>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut progress = self.lock();
        progress.answered += 1;
        if progress.asked.is_none() {
            progress.early.push((args, attachments));
            return;
        }
        self.pass_on(&shared, &args, attachments);
        self.finish(&shared, progress);
    }

    fn lost(&self, _: &str) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut progress = self.lock();
        progress.lost += 1;
        if progress.asked.is_some() {
            self.tell_lost(&shared);
            self.finish(&shared, progress);
        }
    }
}
