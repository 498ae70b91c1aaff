use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::nodes::Node;

/// More questions are not taken from other nodes at a time.
const MOST: usize = 10_000;

/// What other nodes ask of this one and still wait for.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Mutex<Open>,
    /// How many answers the program still owes.
    owed: watch::Sender<usize>,
}

/// An answer that the program owes; dropped when it has been given, or never will be.
pub(super) struct Owed(watch::Sender<usize>);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.send_modify(|owed| *owed -= 1);
    }
}

#[derive(Debug, Default)]
struct Open {
    questions: HashMap<(Node, Box<str>), Question>,
    /// How many of them may have been answered.
    answered: usize,
}

/// An entry stays until its time is up, so that a message that comes twice is noticed, or until there are too many.
#[derive(Debug)]
struct Question {
    until: Instant,
    /// The acknowledgement id with which sockets were asked, while answers are of use.
    ack: Option<u64>,
    answered: bool,
}

/// What to do with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// It has come before.
    Repeated,
    TooMany,
}

impl Questions {
    /// A question came that somebody waits for until then.
    pub(super) fn begin(&self, node: &Node, request: &str, until: Instant) -> Verdict {
        let mut open = self.lock();
        let key = (node.clone(), request.into());
        if open.questions.contains_key(&key) {
            return Verdict::Repeated;
        }
        if open.questions.len() >= MOST && std::mem::take(&mut open.answered) > 0 {
            open.questions.retain(|_, question| !question.answered);
        }
        if open.questions.len() >= MOST {
            return Verdict::TooMany;
        }
        open.questions.insert(key, Question { until, ack: None, answered: false });
        Verdict::Take
    }

    /// Sockets are being asked with this acknowledgement id.
    pub(super) fn asking(&self, node: &Node, request: &str, ack: u64) {
        if let Some(question) = self.lock().questions.get_mut(&(node.clone(), request.into())) {
            question.ack = Some(ack);
        }
    }

    /// Everybody has answered; returns the acknowledgement id to be forgotten. It is remembered until then, if it is no
    /// longer of use before.
    pub(super) fn answered(&self, node: &Node, request: &str, until: Instant) -> Option<u64> {
        let mut open = self.lock();
        let Open { questions, answered } = &mut *open;
        let question = questions.get_mut(&(node.clone(), request.into()))?;
        question.until = question.until.min(until);
        *answered += usize::from(!std::mem::replace(&mut question.answered, true));
        question.ack.take()
    }

    /// Whether answers are still of use.
    pub(super) fn is_open(&self, node: &Node, request: &str) -> bool {
        self.lock()
            .questions
            .get(&(node.clone(), request.into()))
            .is_some_and(|question| question.ack.is_some())
    }

    /// Removes the questions whose time is up, and returns their acknowledgement ids and whether others are left.
    pub(super) fn expire(&self, now: Instant) -> (Vec<u64>, bool) {
        let mut open = self.lock();
        let acks = remove(&mut open.questions, |_, question| question.until <= now);
        (acks, !open.questions.is_empty())
    }

    /// Removes the questions of a node that is gone, and returns their acknowledgement ids.
    pub(super) fn gone(&self, node: &Node) -> Vec<u64> {
        remove(&mut self.lock().questions, |of, _| of == node)
    }

    /// Removes all, and returns their acknowledgement ids.
    pub(super) fn clear(&self) -> Vec<u64> {
        remove(&mut self.lock().questions, |_, _| true)
    }

    /// The program is asked.
    pub(super) fn owe(&self) -> Owed {
        self.owed.send_modify(|owed| *owed += 1);
        Owed(self.owed.clone())
    }

    /// Waits until the program owes nothing, but no longer than until `end`.
    pub(super) async fn all_answered(&self, end: Instant) {
        let mut owed = self.owed.subscribe();
        let _ = timeout_at(end, owed.wait_for(|owed| *owed == 0)).await;
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(
    questions: &mut HashMap<(Node, Box<str>), Question>,
    which: impl Fn(&Node, &Question) -> bool,
) -> Vec<u64> {
    let gone = questions.extract_if(|(node, _), question| which(node, question));
    gone.filter_map(|(_, question)| question.ack).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_question_is_taken_once_even_after_everybody_has_answered() {
        let (questions, node, now) = (Questions::default(), Node::from("n"), Instant::now());
        assert_eq!(questions.begin(&node, "r", now), Verdict::Take);
        questions.asking(&node, "r", 7);
        assert_eq!(questions.answered(&node, "r", now), Some(7));
        assert_eq!(questions.begin(&node, "r", now), Verdict::Repeated);
        assert_eq!(questions.begin(&"other".into(), "r", now), Verdict::Take);
        assert_eq!(questions.expire(now), (vec![], false));
        assert_eq!(questions.begin(&node, "r", now), Verdict::Take);
    }

    #[test]
    fn only_so_many_questions_are_open_at_a_time() {
        let (questions, node, now) = (Questions::default(), Node::from("n"), Instant::now());
        let later = now + Duration::from_secs(1);
        for at in 0..MOST {
            assert_eq!(questions.begin(&node, &at.to_string(), later), Verdict::Take);
        }
        assert_eq!(questions.begin(&node, "x", later), Verdict::TooMany);
        assert_eq!(questions.begin(&node, "0", later), Verdict::Repeated);
        questions.asking(&node, "5", 5);
        assert_eq!(questions.expire(now), (vec![], true));
        // What has been answered is remembered as long as there is room.
        questions.answered(&node, "0", later);
        assert_eq!(questions.begin(&node, "0", later), Verdict::Repeated);
        assert_eq!(questions.begin(&node, "y", later), Verdict::Take);
        assert_eq!(questions.begin(&node, "0", later), Verdict::TooMany);
        assert_eq!(questions.gone(&node), [5]);
        assert_eq!(questions.begin(&node, "x", later), Verdict::Take);
    }
}
