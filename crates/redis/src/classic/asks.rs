use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// More requests are not known at a time; the oldest are forgotten.
const MOST: usize = 65_536;

/// Answers of more nodes are not taken.
const MOST_NODES: usize = 1024;

/// How long a request is known that says nothing of its time.
const LONG: Duration = Duration::from_secs(600);

/// What this process asks of other nodes, whose answers do not say who gives them.
///
/// The cluster needs to know that, so each answer that is one of its node gets the name of a node made up for it. What a
/// client answers is put down to one of those nodes that still owe answers: Node says how many clients it asks before
/// any of them answers.
#[derive(Default)]
pub(super) struct Asks(Mutex<Known>);

#[derive(Default)]
struct Known {
    asks: HashMap<Arc<str>, Ask>,
    /// In the order in which they were asked, and when they are forgotten.
    order: VecDeque<(Instant, Arc<str>)>,
    /// How many nodes were made up.
    nodes: u64,
}

#[derive(Default)]
struct Ask(Vec<Share>);

/// What one node has said.
struct Share {
    node: Arc<str>,
    /// How many clients it asks; `None` if it has not said so, but somebody has answered.
    asked: Option<u64>,
    answered: u64,
}

impl Asks {
    /// Something is asked, for so long.
    pub(super) fn begin(&self, request: &str, within: Option<Duration>) {
        let (now, request): (_, Arc<str>) = (Instant::now(), request.into());
        let mut known = self.lock();
        while known.order.front().is_some_and(|(until, _)| *until <= now) || known.order.len() >= MOST {
            let Some((_, request)) = known.order.pop_front() else { break };
            known.asks.remove(&request);
        }
        known.order.push_back((now + within.unwrap_or(LONG).max(LONG), request.clone()));
        known.asks.insert(request, Ask::default());
    }

    /// A node has answered; returns what it is called, if this was asked here.
    pub(super) fn node(&self, request: &str) -> Option<Arc<str>> {
        let mut known = self.lock();
        if !known.asks.contains_key(request) {
            return None;
        }
        Some(known.make_up())
    }

    /// A node asks so many clients; returns what it is called, if this was asked here.
    pub(super) fn clients(&self, request: &str, clients: u64) -> Option<Arc<str>> {
        let mut known = self.lock();
        let ask = known.asks.get_mut(request)?;
        if let Some(early) = ask.0.iter_mut().find(|share| share.asked.is_none()) {
            early.asked = Some(clients);
            return Some(early.node.clone());
        }
        known.add(request, Some(clients), 0)
    }

    /// A client has answered; returns what the node is called that it may be on, if this was asked here.
    pub(super) fn client(&self, request: &str) -> Option<Arc<str>> {
        let mut known = self.lock();
        let ask = known.asks.get_mut(request)?;
        let owes = |share: &&mut Share| share.asked.is_none_or(|asked| share.answered < asked);
        if let Some(share) = ask.0.iter_mut().find(owes) {
            share.answered += 1;
            return Some(share.node.clone());
        }
        known.add(request, None, 1)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn make_up(&mut self) -> Arc<str> {
        self.nodes += 1;
        format!("~{}", self.nodes).into()
    }

    fn add(&mut self, request: &str, asked: Option<u64>, answered: u64) -> Option<Arc<str>> {
        let node = self.make_up();
        let ask = self.asks.get_mut(request).filter(|ask| ask.0.len() < MOST_NODES)?;
        ask.0.push(Share { node: node.clone(), asked, answered });
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_answers_to_what_was_asked_here_have_a_node_each_another_one() {
        let asks = Asks::default();
        asks.begin("r", None);
        let (one, two) = (asks.node("r").unwrap(), asks.node("r").unwrap());
        assert_ne!(one, two);
        assert!(asks.node("x").is_none() && asks.clients("x", 1).is_none() && asks.client("x").is_none());
    }

    #[test]
    fn a_client_that_answers_before_its_node_has_said_anything_is_on_the_node_that_does_next() {
        let asks = Asks::default();
        asks.begin("r", None);
        let early = asks.client("r").unwrap();
        assert_eq!(asks.clients("r", 2).unwrap(), early);
        assert_eq!(asks.client("r").unwrap(), early);
        assert_ne!(asks.client("r").unwrap(), early);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_forgotten() {
        let asks = Asks::default();
        asks.begin("old", None);
        for at in 0..MOST {
            asks.begin(&at.to_string(), None);
        }
        assert!(asks.node("old").is_none() && asks.node("0").is_some());
        tokio::time::advance(LONG).await;
        asks.begin("new", Some(2 * LONG));
        assert_eq!(asks.lock().asks.len(), 1);
        tokio::time::advance(LONG).await;
        asks.begin("newer", None);
        assert!(asks.node("new").is_some());
    }

    proptest! {
        /// Each node says how many clients it asks, then they answer, mixed with those of others in any order.
        #[test]
        fn every_node_gets_as_many_answers_as_it_asked_clients(
            sizes in proptest::collection::vec(0u64..5, 0..6),
            choices in proptest::collection::vec(any::<proptest::sample::Index>(), 64),
        ) {
            let asks = Asks::default();
            asks.begin("r", None);
            let mut nodes: Vec<_> = sizes.iter().map(|size| (*size, false)).collect();
            let mut shares: HashMap<Arc<str>, (u64, u64)> = HashMap::new();
            for choice in choices {
                let open: Vec<_> =
                    (0..nodes.len()).filter(|&at| !nodes[at].1 || nodes[at].0 > 0).collect();
                if open.is_empty() {
                    break;
                }
                let (left, counted) = &mut nodes[*choice.get(&open)];
                if *counted {
                    *left -= 1;
                    shares.entry(asks.client("r").unwrap()).or_default().1 += 1;
                } else {
                    *counted = true;
                    shares.entry(asks.clients("r", *left).unwrap()).or_default().0 += *left;
                }
            }
            prop_assert!(shares.len() <= sizes.len());
            for (asked, answered) in shares.values() {
                prop_assert!(answered <= asked);
            }
        }
    }
}
