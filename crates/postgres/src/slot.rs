use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ConnectError, whole};

/// How long nothing is tried after an attempt to connect that failed.
const RETRY: Duration = Duration::from_millis(500);

/// A connection that is made when it is needed, and anew when it is lost.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    current: Mutex<Option<Arc<T>>>,
    /// Held by who connects; when and why it failed last.
    attempts: tokio::sync::Mutex<Option<(Instant, String)>>,
}

/// What may be lost.
pub(crate) trait Lost {
    fn is_lost(&self) -> bool;
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { current: Mutex::default(), attempts: tokio::sync::Mutex::default() }
    }
}

impl<T: Lost> Slot<T> {
    /// Returns the connection if there is one.
    pub(crate) fn current(&self) -> Option<Arc<T>> {
        self.lock().clone().filter(|current| !current.is_lost())
    }

    /// Returns the connection; `connect` makes one if there is none, unless that failed just now. Otherwise returns why
    /// there is none.
    ///
    /// Whoever comes meanwhile waits for that attempt.
    pub(crate) async fn get(
        &self,
        connect: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<Arc<T>, String> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let mut failed = self.attempts.lock().await;
        if let Some(current) = self.current() {
            return Ok(current);
        }
        if let Some((_, reason)) = failed.as_ref().filter(|(at, _)| at.elapsed() < RETRY) {
            return Err(reason.clone());
        }
        // It stays if the attempt is given up.
        let mut attempt =
            Attempt { failed: &mut failed, reason: Some("connecting takes too long".to_owned()) };
        match connect.await {
            Ok(connection) => {
                attempt.reason = None;
                let connection = Arc::new(connection);
                *self.lock() = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                let reason = whole(&error);
                attempt.reason = Some(reason.clone());
                Err(reason)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down how an attempt ended.
struct Attempt<'a> {
    failed: &'a mut Option<(Instant, String)>,
    reason: Option<String>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        *self.failed = self.reason.take().map(|reason| (Instant::now(), reason));
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::time::{advance, timeout};

    use super::*;

    #[derive(Debug, Default)]
    struct Connection {
        number: usize,
        lost: AtomicBool,
    }

    impl Lost for Connection {
        fn is_lost(&self) -> bool {
            self.lost.load(Ordering::Relaxed)
        }
    }

    /// Counts attempts.
    #[derive(Default)]
    struct Server(AtomicUsize);

    impl Server {
        async fn connect(&self) -> Result<Connection, ConnectError> {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Connection { number, lost: AtomicBool::new(false) })
        }

        async fn refuse(&self) -> Result<Connection, ConnectError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(ConnectError::Timeout)
        }

        fn attempts(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_share_one_connection_until_it_is_lost() {
        let (slot, server) = (Slot::default(), Server::default());
        assert!(slot.current().is_none());
        let (one, two) = tokio::join!(slot.get(server.connect()), slot.get(server.connect()));
        assert_eq!((one.unwrap().number, two.unwrap().number), (0, 0));
        let first = slot.current().unwrap();
        first.lost.store(true, Ordering::Relaxed);
        assert!(slot.current().is_none());
        assert_eq!(slot.get(server.connect()).await.unwrap().number, 1);
        assert_eq!(server.attempts(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_everybody_fails_at_once_for_a_while() {
        let (slot, server) = (Slot::default(), Server::default());
        for _ in 0..100 {
            let error = slot.get(server.refuse()).await.unwrap_err();
            assert_eq!(error, "the database does not answer in time");
        }
        assert_eq!(server.attempts(), 1);
        advance(RETRY).await;
        assert_eq!(slot.get(server.connect()).await.unwrap().number, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_is_given_up_has_failed() {
        let (slot, server) = (Slot::default(), Server::default());
        assert!(timeout(RETRY, slot.get(pending())).await.is_err());
        assert_eq!(slot.get(server.connect()).await.unwrap_err(), "connecting takes too long");
        advance(RETRY).await;
        assert!(slot.get(server.connect()).await.is_ok());
    }
}
