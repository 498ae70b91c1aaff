use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tower_socketio_adapter::{Inbox, MessageKind, Offset};

use super::entry::Entry;
use super::names::Number;

/// Who has heard how much of which stream: neither connections nor clocks, only the bookkeeping.
///
/// A reader has a place in its stream, the tip, behind which everything is new. A subscriber hears what is read there, or
/// is behind it, because it wants what was before or has missed something: then the stream is scanned for it up to the
/// tip. It never hears an entry twice, and none is left out, whoever comes, goes or fails meanwhile.
#[derive(Debug, Default)]
pub(super) struct Positions {
    namespaces: HashMap<Arc<str>, Vec<Subscriber>>,
    /// The tips of the streams that were ever read.
    tips: BTreeMap<Number, Offset>,
    running: BTreeSet<Number>,
    /// Streams in which somebody may be behind.
    unscanned: BTreeSet<Number>,
}

/// A node in a namespace, from its first `open` to its `close`.
#[derive(Debug)]
struct Subscriber {
    node: Arc<str>,
    /// `None` while the subscription is interrupted.
    inbox: Option<Inbox>,
    sources: Box<[Number]>,
    /// The stream whose entries have offsets.
    home: Number,
    /// What it is to be told when it is opened again: entries before this place were lost.
    missed: Option<Offset>,
    /// Where it is in the streams in which it is not at the tip; all of them while it is interrupted.
    behind: BTreeMap<Number, Behind>,
}

#[derive(Clone, Copy, Debug)]
struct Behind {
    /// The last entry that it has heard, or heard that it is not for it.
    seen: Offset,
    /// The last entry that is from before its first `open`.
    past: Offset,
    /// Whether the scan that is under way is for it, too; not, if it came later.
    scanning: bool,
}

/// Who is to hear an entry.
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    pub(super) inbox: Inbox,
    pub(super) past: bool,
}

impl Positions {
    /// Whether all these streams are read.
    pub(super) fn are_running(&self, streams: &[Number]) -> bool {
        streams.iter().all(|stream| self.running.contains(stream))
    }

    /// A reader begins, now that the stream ends with `last`; returns whether entries that were read before are not there
    /// any more, as after the loss of a server that kept nothing. Others may then be lost, too, up to `now`.
    pub(super) fn begin(&mut self, stream: Number, last: Offset, now: Offset) -> bool {
        self.running.insert(stream);
        let is_shorter = self.tips.insert(stream, last).is_some_and(|tip| tip > last);
        if is_shorter {
            for subscriber in self.namespaces.values_mut().flatten() {
                if subscriber.home == stream {
                    subscriber.missed = Some(now);
                }
                if let Some(behind) = subscriber.behind.get_mut(&stream) {
                    behind.seen = behind.seen.min(last);
                    behind.past = behind.past.min(last);
                }
            }
        }
        is_shorter
    }

    /// Ends a reader if nobody needs it.
    pub(super) fn end_unused(&mut self, stream: Number) -> bool {
        let unused =
            !self.namespaces.values().flatten().any(|subscriber| subscriber.sources.contains(&stream));
        if unused {
            self.running.remove(&stream);
        }
        unused
    }

    /// A node subscribes, or does so again. A new one hears what is behind a place in its home, if one
    /// is given, and otherwise what comes from now on; one that was there goes on where it was.
    pub(super) fn open(
        &mut self,
        namespace: &Arc<str>,
        node: &str,
        inbox: Inbox,
        sources: &[Number],
        home: Number,
        from: Option<Offset>,
    ) {
        let subscribers = self.namespaces.entry(namespace.clone()).or_default();
        let at = match subscribers.iter().position(|subscriber| *subscriber.node == *node) {
            Some(at) => at,
            None => {
                let past = self.tips.get(&home).copied().unwrap_or_default();
                let behind =
                    from.map(|seen| (home, Behind { seen, past, scanning: false })).into_iter().collect();
                let (node, sources) = (node.into(), sources.into());
                subscribers.push(Subscriber { node, inbox: None, sources, home, missed: None, behind });
                subscribers.len() - 1
            }
        };
        let subscriber = &mut subscribers[at];
        subscriber.inbox = Some(inbox);
        subscriber.behind.values_mut().for_each(|behind| behind.scanning = false);
        subscriber
            .behind
            .retain(|stream, behind| self.tips.get(stream).is_some_and(|tip| behind.seen < *tip));
        self.unscanned.extend(subscriber.behind.keys());
    }

    /// Up to where a subscriber has lost entries since it was told of that; it counts as told then.
    pub(super) fn missed(&mut self, namespace: &str, node: &str) -> Option<Offset> {
        let subscribers = self.namespaces.get_mut(namespace)?;
        subscribers.iter_mut().find(|subscriber| *subscriber.node == *node)?.missed.take()
    }

    /// Who has to be told that entries before `place` were lost, for whom they would have been new.
    pub(super) fn losers(&self, stream: Number, place: Offset) -> Vec<Inbox> {
        let tip = self.tip(stream);
        let subscribers = self.namespaces.values().flatten().filter(|subscriber| {
            let seen = subscriber.behind.get(&stream).map_or(tip, |behind| behind.seen);
            subscriber.home == stream && seen < place
        });
        subscribers.filter_map(|subscriber| subscriber.inbox.clone()).collect()
    }

    /// Whether a subscriber has a place already.
    pub(super) fn is_known(&self, namespace: &str, node: &str) -> bool {
        self.subscriber(namespace, node).is_some()
    }

    /// Interrupts a subscription, whose place is kept.
    pub(super) fn interrupt(&mut self, namespace: &str, node: &str) -> Option<Inbox> {
        let subscribers = self.namespaces.get_mut(namespace)?;
        let subscriber = subscribers.iter_mut().find(|subscriber| *subscriber.node == *node)?;
        subscriber.interrupt(&self.tips)
    }

    /// A reader has failed: interrupts all subscriptions, whose places are kept.
    pub(super) fn fail(&mut self, stream: Number) -> Vec<Inbox> {
        self.running.remove(&stream);
        let tips = &self.tips;
        self.namespaces.values_mut().flatten().filter_map(|subscriber| subscriber.interrupt(tips)).collect()
    }

    /// Ends a subscription.
    pub(super) fn close(&mut self, namespace: &str, node: &str) {
        if let Some(subscribers) = self.namespaces.get_mut(namespace) {
            subscribers.retain(|subscriber| *subscriber.node != *node);
            if subscribers.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }

    /// Ends all subscriptions.
    pub(super) fn clear(&mut self) {
        self.namespaces.clear();
    }

    /// Whether a subscriber is at the tip of all its streams; `None` if it is interrupted.
    pub(super) fn is_caught_up(&self, namespace: &str, node: &str) -> Option<bool> {
        let subscriber = self.subscriber(namespace, node)?;
        subscriber.inbox.as_ref().map(|_| subscriber.behind.is_empty())
    }

    fn subscriber(&self, namespace: &str, node: &str) -> Option<&Subscriber> {
        self.namespaces.get(namespace)?.iter().find(|subscriber| *subscriber.node == *node)
    }

    /// The inbox of a node, if it has one.
    pub(super) fn inbox(&self, namespace: &str, node: &str) -> Option<Inbox> {
        self.subscriber(namespace, node)?.inbox.clone()
    }

    /// How many nodes of a namespace are here.
    pub(super) fn nodes(&self, namespace: &str) -> usize {
        let subscribers = self.namespaces.get(namespace).map(Vec::as_slice).unwrap_or_default();
        subscribers.iter().filter(|subscriber| subscriber.inbox.is_some()).count()
    }

    /// Where a reader is.
    pub(super) fn tip(&self, stream: Number) -> Offset {
        self.tips.get(&stream).copied().unwrap_or_default()
    }

    /// A reader has read the next entry: who hears it?
    pub(super) fn read(&mut self, stream: Number, entry: &Entry, recipients: &mut Vec<Recipient>) {
        self.tips.insert(stream, entry.id);
        let Some(subscribers) = entry.namespace().and_then(|namespace| self.namespaces.get(namespace)) else {
            return;
        };
        for subscriber in subscribers {
            if subscriber.sources.contains(&stream) && !subscriber.behind.contains_key(&stream) {
                recipients.extend(subscriber.recipient(entry, false));
            }
        }
    }

    /// Behind which entry a scan has to begin, if somebody is behind the tip; it is for all who are now.
    pub(super) fn scan_from(&mut self, stream: Number) -> Option<Offset> {
        if !self.unscanned.contains(&stream) {
            return None;
        }
        let mut from = None;
        let subscribers = self.namespaces.values_mut().flatten();
        for subscriber in subscribers.filter(|subscriber| subscriber.inbox.is_some()) {
            if let Some(behind) = subscriber.behind.get_mut(&stream) {
                behind.scanning = true;
                from = Some(from.map_or(behind.seen, |from: Offset| from.min(behind.seen)));
            }
        }
        if from.is_none() {
            self.unscanned.remove(&stream);
        }
        from
    }

    /// The scan has found an entry: who hears it?
    pub(super) fn found(&mut self, stream: Number, entry: &Entry, recipients: &mut Vec<Recipient>) {
        let subscribers = entry.namespace().and_then(|namespace| self.namespaces.get_mut(namespace));
        for subscriber in subscribers.into_iter().flatten().filter(|subscriber| subscriber.inbox.is_some()) {
            let Some(behind) = subscriber.behind.get_mut(&stream) else { continue };
            if !behind.scanning || behind.seen >= entry.id {
                continue;
            }
            behind.seen = entry.id;
            let past = entry.id <= behind.past;
            recipients.extend(subscriber.recipient(entry, past));
        }
    }

    /// The scan has come to `end`, where it ends; returns whether somebody is at the tip now who was not.
    pub(super) fn scanned(&mut self, stream: Number, end: Offset) -> bool {
        let tip = self.tip(stream);
        let mut arrived = false;
        let subscribers = self.namespaces.values_mut().flatten();
        for subscriber in subscribers.filter(|subscriber| subscriber.inbox.is_some()) {
            let Some(behind) = subscriber.behind.get_mut(&stream) else { continue };
            if std::mem::take(&mut behind.scanning) {
                behind.seen = behind.seen.max(end);
            }
            if behind.seen >= tip {
                subscriber.behind.remove(&stream);
                arrived = true;
            }
        }
        arrived
    }
}

impl Subscriber {
    fn interrupt(&mut self, tips: &BTreeMap<Number, Offset>) -> Option<Inbox> {
        let inbox = self.inbox.take()?;
        for &stream in &self.sources {
            let tip = tips.get(&stream).copied().unwrap_or_default();
            self.behind.entry(stream).or_insert(Behind { seen: tip, past: Offset::ZERO, scanning: false });
        }
        Some(inbox)
    }

    fn recipient(&self, entry: &Entry, past: bool) -> Option<Recipient> {
        let inbox = self.inbox.as_ref()?;
        let is_own = *entry.uid == *self.node.as_bytes();
        // Who has missed a join long ago has missed the sockets, too.
        let is_stale = past && entry.kind() != Some(MessageKind::Broadcast);
        (!is_stale && (!is_own || inbox.history().is_some()))
            .then(|| Recipient { inbox: inbox.clone(), past })
    }
}
