use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::JwtError;
use super::layer::Setup;
use super::verify::Verified;
use crate::extract::Claims;
use crate::hub::Socket;

/// A socket and the token it is in by.
pub(super) struct Session<C> {
    setup: Arc<Setup<C>>,
    term: watch::Sender<Term<C>>,
    is_watched: AtomicBool,
}

/// As long as one token lasts; a guest has none.
struct Term<C> {
    claims: Option<C>,
    user: Option<String>,
    end: Option<Instant>,
    number: u64,
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Session<C> {
    /// Gives the socket its claims, or lets it in as a guest.
    pub(super) fn open(setup: Arc<Setup<C>>, socket: &Socket, verified: Option<Verified<C>>) -> Arc<Self> {
        let guest = Term { claims: None, user: None, end: None, number: 0 };
        let session =
            Arc::new(Self { setup, term: watch::Sender::new(guest), is_watched: AtomicBool::new(false) });
        match verified {
            None => Claims::<C>::welcome_guest(socket),
            Some(verified) => {
                // A guest's term can be replaced by anybody's.
                let _ = session.replace(socket, verified);
            }
        }
        session
    }

    /// Verifies a token that is to follow the one before.
    pub(super) async fn renew(self: &Arc<Self>, socket: &Socket, token: &str) -> Result<C, JwtError> {
        let verified = self.setup.verify(token).await?;
        self.setup.rules.check_revocation(&verified.claims).await?;
        let claims = verified.claims.clone();
        self.replace(socket, verified)?;
        self.watch(socket);
        Ok(claims)
    }

    fn replace(&self, socket: &Socket, verified: Verified<C>) -> Result<(), JwtError> {
        let end = self.setup.rules.end(&verified);
        let Verified { claims, user, .. } = verified;
        // Under the lock of the term, so that of two renewals the same one counts everywhere.
        let is_replaced = self.term.send_if_modified(|term| {
            if term.user.is_some() && term.user != user {
                return false;
            }
            socket.extensions().insert(Claims(claims.clone()));
            *term = Term { claims: Some(claims), user: user.clone(), end, number: term.number + 1 };
            true
        });
        if !is_replaced {
            return Err(JwtError::OtherUser);
        }
        if let Some(user) = user {
            socket.set_user(user);
        }
        Ok(())
    }

    /// Whether the socket's time is over before it has begun.
    pub(super) fn is_over(&self) -> bool {
        self.setup.course.disconnect && self.term.borrow().end.is_some_and(|end| end <= Instant::now())
    }

    /// Has a task see to the token's end, if there is anything to see to.
    pub(super) fn watch(self: &Arc<Self>, socket: &Socket) {
        let course = &self.setup.course;
        let has_rechecks = course.recheck.is_some() && self.setup.rules.revocation.is_some();
        if !course.disconnect && course.warning.is_none() && !has_rechecks {
            return;
        }
        if self.term.borrow().claims.is_none() || self.is_watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let (session, watched) = (self.clone(), socket.clone());
        let recheck = course.recheck.filter(|_| has_rechecks);
        socket.spawn(async move {
            let rechecks = async {
                match recheck {
                    Some(every) => session.recheck(&watched, every).await,
                    None => pending().await,
                }
            };
            // Neither ends before the socket does.
            tokio::join!(session.expire(&watched), rechecks);
        });
    }

    async fn expire(&self, socket: &Socket) {
        let course = &self.setup.course;
        let mut terms = self.term.subscribe();
        loop {
            let end = terms.borrow_and_update().end;
            let term = async {
                let Some(end) = end else { return pending().await };
                if let Some((before, event)) = &course.warning {
                    // An instant that the clock does not know has passed.
                    if let Some(warning) = end.checked_sub(*before) {
                        sleep_until(warning).await;
                    }
                    let left = end.saturating_duration_since(Instant::now());
                    socket.emit(event, (left + Duration::from_millis(500)).as_secs());
                }
                if !course.disconnect {
                    return pending().await;
                }
                sleep_until(end).await;
                tracing::debug!(target: "socketio::jwt", socket = socket.tag(), "the token has expired");
                socket.disconnect();
            };
            tokio::select! {
                biased;
                changed = terms.changed() => if changed.is_err() { return },
                () = term => return,
            }
        }
    }

    async fn recheck(&self, socket: &Socket, every: Duration) {
        loop {
            sleep(every).await;
            loop {
                let (claims, number) = {
                    let term = self.term.borrow();
                    (term.claims.clone(), term.number)
                };
                let Some(claims) = claims else { break };
                match self.setup.rules.is_revoked(&claims).await {
                    // Another token has come meanwhile, and nobody has asked about that.
                    _ if self.term.borrow().number != number => continue,
                    Ok(false) => {}
                    Ok(true) => {
                        tracing::debug!(target: "socketio::jwt", socket = socket.tag(), "the token was revoked");
                        socket.disconnect();
                        return;
                    }
                    Err(error) => tracing::warn!(
                        target: "socketio::jwt",
                        socket = socket.tag(),
                        %error,
                        "whether a token is revoked could not be asked: its socket stays",
                    ),
                }
                break;
            }
        }
    }
}
