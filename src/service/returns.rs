use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::hub::Socket;

/// The most departures that a declared namespace remembers; the oldest are forgotten first.
const REMEMBERED: usize = 65_536;

/// Which users left a namespace a moment ago, so that it is known who comes back.
pub(super) struct Returns {
    window: Duration,
    left: Mutex<Left>,
}

#[derive(Default)]
struct Left {
    /// By concrete namespace and user: how many sockets left, and when the last one did.
    users: HashMap<Key, (usize, Instant)>,
    order: VecDeque<(Key, Instant)>,
}

type Key = Arc<(Box<str>, Box<str>)>;

impl Returns {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, left: Mutex::default() }
    }

    /// A socket left.
    pub(super) fn left(&self, socket: &Socket) {
        if let Some(key) = key(socket) {
            self.departed(key);
        }
    }

    fn departed(&self, key: Key) {
        let now = Instant::now();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, at)) = left.order.front()
            && (left.order.len() >= REMEMBERED || now.duration_since(*at) >= self.window)
        {
            left.forget_oldest();
        }
        let user = left.users.entry(key.clone()).or_insert((0, now));
        *user = (user.0 + 1, now);
        left.order.push_back((key, now));
    }

    /// A socket was accepted: how long ago one of its user left, if that is within the window. Each departure makes
    /// one return.
    pub(super) fn returned(&self, socket: &Socket) -> Option<Duration> {
        let key = key(socket)?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (sockets, at) = left.users.get_mut(&key)?;
        let away = at.elapsed();
        *sockets -= 1;
        if *sockets == 0 || away >= self.window {
            left.users.remove(&key);
        }
        (away < self.window).then_some(away)
    }
}

impl Left {
    fn forget_oldest(&mut self) {
        let Some((key, at)) = self.order.pop_front() else { return };
        // Unless another socket of this user left later.
        if self.users.get(&key).is_some_and(|(_, last)| *last == at) {
            self.users.remove(&key);
        }
    }
}

fn key(socket: &Socket) -> Option<Key> {
    Some(Arc::new((socket.space().name().into(), socket.user()?.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn departures_are_forgotten_with_their_window_and_bounded_in_number() {
        let returns = Returns::new(Duration::from_secs(60));
        let remembered = |returns: &Returns| {
            let left = returns.left.lock().expect("no panic holds it");
            (left.users.len(), left.order.len())
        };
        let depart = |user: usize| returns.departed(Arc::new(("/".into(), user.to_string().into())));
        (0..REMEMBERED + 10).for_each(depart);
        assert_eq!(remembered(&returns), (REMEMBERED, REMEMBERED));
        for _ in 0..REMEMBERED + 10 {
            depart(1);
        }
        assert_eq!(remembered(&returns), (1, REMEMBERED));
        tokio::time::advance(Duration::from_secs(60)).await;
        depart(2);
        assert_eq!(remembered(&returns), (1, 1));
    }
}
