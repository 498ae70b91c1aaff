use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::nodes::Node;
use super::request::Request;
use crate::AdapterError;

/// More requests are not open at a time.
const MOST: usize = 65_536;

/// What this node asks of others and still waits for.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<HashMap<Arc<str>, Arc<Request>>>);

impl Requests {
    /// Keeps a request until it is done; `false` if there are too many.
    pub(super) fn insert(&self, id: Arc<str>, request: Arc<Request>) -> bool {
        let mut requests = self.lock();
        if requests.len() >= MOST {
            return false;
        }
        requests.insert(id, request);
        true
    }

    pub(super) fn remove(&self, id: &str) -> Option<Arc<Request>> {
        self.lock().remove(id)
    }

    /// Tells a request something, if it is still open, and forgets it when it is done.
    pub(super) fn tell(&self, id: &str, tell: impl FnOnce(&Request)) {
        let request = self.lock().get(id).cloned();
        if let Some(request) = request {
            tell(&request);
            if request.is_done() {
                self.remove(id);
            }
        }
    }

    /// Whether a node took its leave since this was asked the last time, before the nodes were counted.
    pub(super) fn has_lost(&self, id: &str) -> bool {
        self.lock().get(id).cloned().is_some_and(|request| request.has_lost())
    }

    /// Another node is there.
    pub(super) fn node(&self, node: &Node) {
        for id in self.ids(|_| true) {
            self.tell(&id, |request| request.node(node));
        }
    }

    /// All other nodes have said that they are there.
    pub(super) fn settle(&self) {
        for id in self.ids(|_| true) {
            self.tell(&id, |request| request.settle(None));
        }
    }

    /// A node is gone.
    pub(super) fn gone(&self, node: &Node) {
        for id in self.ids(|_| true) {
            self.tell(&id, |request| request.gone(node));
        }
    }

    /// Gives up those whose time is up, and returns whether others are left.
    pub(super) fn expire(&self, now: Instant) -> bool {
        for id in self.ids(|request| request.until <= now || request.is_done()) {
            self.give_up(&id, |missing| AdapterError::Timeout { missing });
        }
        !self.lock().is_empty()
    }

    /// Gives up all.
    pub(super) fn clear(&self, reason: impl Fn() -> AdapterError) {
        for id in self.ids(|_| true) {
            self.give_up(&id, |_| reason());
        }
    }

    /// Gives up one.
    pub(super) fn give_up(&self, id: &str, reason: impl FnOnce(usize) -> AdapterError) {
        if let Some(request) = self.remove(id) {
            request.give_up(reason);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn ids(&self, which: impl Fn(&Request) -> bool) -> Vec<Arc<str>> {
        let requests: Vec<_> =
            self.lock().iter().map(|(id, request)| (id.clone(), request.clone())).collect();
        requests.into_iter().filter(|(_, request)| which(request)).map(|(id, _)| id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Request>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
