use std::time::Duration;

use tokio::time::timeout;

use super::outbox::too_late;
use super::shared::Shared;
use crate::{BoxFuture, BusError, Sessions, StoredSession};

/// The sessions of the bus, which answers in time or not at all.
impl Sessions for Shared {
    fn save<'a>(
        &'a self,
        session: &'a StoredSession,
        window: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let Some(sessions) = self.line.bus.sessions() else { return Err(none()) };
            let saved = timeout(self.options.request_timeout, sessions.save(session, window)).await;
            saved.unwrap_or_else(|_| Err(too_late()))
        })
    }

    fn take<'a>(&'a self, pid: &'a str) -> BoxFuture<'a, Result<Option<StoredSession>, BusError>> {
        Box::pin(async move {
            let Some(sessions) = self.line.bus.sessions() else { return Err(none()) };
            let taken = timeout(self.options.request_timeout, sessions.take(pid)).await;
            taken.unwrap_or_else(|_| Err(too_late()))
        })
    }
}

fn none() -> BusError {
    BusError::refused("this carrier keeps no sessions")
}
