use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tower_socketio_adapter::{BusError, Offset, Room, StoredSession};

use super::keep::let_go;
use super::session::Session;
use super::{Log, Pass, Trail};
use crate::hub::{Extensions, Lease, Name, Socket, new_id};

/// How long is waited before each attempt to find a session: a client may be here before its former node has noticed that
/// it is gone and has stored it.
const ATTEMPTS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(150)];

/// How long a client waits for a node to begin, and for its session.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a session says beside what Node's says, as a client may have missed only what came since.
#[derive(Serialize, Deserialize)]
struct Notes {
    /// The place of the latest packet when the client left.
    left: String,
    /// That of the last packet that was for it.
    sent: String,
    /// That up to which none is for it, whatever it says.
    floor: String,
    /// By what a node knows that it is the one that it has itself.
    stamp: String,
}

/// Sessions that all nodes have.
impl Socket {
    /// Has the session of a client that comes back brought to this node, wherever it was, while somebody `waits`; if nobody
    /// does by then, back to where it was.
    pub(crate) async fn recall(lease: &Lease, pass: &Pass, waits: Weak<()>) {
        let (hub, lease, pass) = (lease.hub(), lease.again(), pass.clone());
        let (brought, over) = oneshot::channel();
        // Not by the connection's task: what is taken must be kept, whatever becomes of that.
        hub.spawn(async move {
            bring(&lease, &pass, &waits).await;
            let kept = lease.space().log().and_then(|log| log.keep().session(pass.key()));
            let _ = brought.send(());
            if waits.strong_count() == 0
                && let Some(session) = kept.filter(|session| session.trail.has_secret(pass.secret()))
            {
                session.give_back();
            }
        });
        let _ = over.await;
    }
}

async fn bring(lease: &Lease, pass: &Pass, waits: &Weak<()>) {
    let space = lease.space();
    let (Some(log), Some(sessions)) = (space.log(), space.adapter().sessions()) else { return };
    let keep = log.keep();
    // What it has missed may not have been here, at a node that has just begun.
    let _ = timeout(PATIENCE, space.adapter().opened()).await;
    for wait in ATTEMPTS {
        sleep(wait).await;
        let is_here = pass.id().is_some_and(|id| space.adapter().find(id).is_some());
        // Whoever does not know the secret changes nothing.
        let kept = keep.session(pass.key()).filter(|session| session.trail.has_secret(pass.secret()));
        let is_ours = kept.as_ref().is_some_and(|session| session.is_ours.load(Ordering::Acquire));
        if is_here || is_ours || waits.strong_count() == 0 {
            return;
        }
        let taken = timeout(PATIENCE, sessions.take(pass.pid())).await;
        match taken.unwrap_or_else(|_| Err(BusError::down("no answer in time"))) {
            Ok(Some(stored)) => {
                let Some(session) = Session::foreign(stored, pass, lease) else { return };
                match kept.filter(|kept| kept.stamp == session.stamp) {
                    // It was here: what cannot be told is still there.
                    Some(kept) => kept.is_ours.store(true, Ordering::Release),
                    None => let_go(keep.save(Arc::new(session))),
                }
                return;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(target: "socketio::namespace", %error, "sessions are out of reach");
                if let Some(kept) = kept {
                    kept.is_ours.store(true, Ordering::Release);
                }
                return;
            }
        }
    }
}

impl Session {
    /// Stores it for all nodes.
    pub(super) fn store(&self) {
        let Some(keep) = self.lease.space().log().map(Log::keep) else { return };
        let window = keep.options().window.saturating_sub(self.at.elapsed());
        let (stored, space) = (self.stored(), self.lease.space().clone());
        self.lease.hub().spawn_awaited(async move {
            if let Some(sessions) = space.adapter().sessions()
                && let Err(error) = sessions.save(&stored, window).await
            {
                tracing::debug!(target: "socketio::namespace", %error, "a session is not stored");
            }
        });
    }

    /// Gives it back to all nodes: the client that it was taken for has not got in, and may try at another one.
    pub(super) fn give_back(self: &Arc<Self>) {
        let space = self.lease.space();
        let is_kept = space.is_shared()
            && space
                .log()
                .and_then(|log| log.keep().session(self.key()))
                .is_some_and(|kept| Arc::ptr_eq(&kept, self));
        if is_kept && self.is_ours.swap(false, Ordering::AcqRel) {
            self.store();
        }
    }

    fn stored(&self) -> StoredSession {
        let id = if self.trail.is_bare { "" } else { &*self.id };
        let pid = [id, &*self.trail.secret].concat();
        let data = self.extensions.get::<Value>().unwrap_or_else(|| json!({}));
        let rooms = [Room::new(&*self.id)].into_iter().chain(self.rooms.iter().cloned()).collect();
        let mut stored = StoredSession::new(self.id.to_string(), pid, rooms, data.to_string().into());
        let text = Offset::to_string;
        let (sent, floor) = (self.trail.sent.get(), self.trail.floor.get());
        let (left, stamp) = (text(&self.left), self.stamp.to_string());
        let notes = Notes { left, sent: text(&sent), floor: text(&floor), stamp };
        stored.notes = serde_json::to_vec(&notes).map(Bytes::from).unwrap_or_default();
        stored
    }

    /// The session of a client that was at another node.
    fn foreign(stored: StoredSession, pass: &Pass, lease: &Lease) -> Option<Self> {
        if pass.id().is_some_and(|id| *id != *stored.id) || stored.id.is_empty() {
            return None;
        }
        let trail = Trail::foreign(pass);
        let notes = serde_json::from_slice::<Notes>(&stored.notes).ok();
        let told = notes.and_then(|Notes { left, sent, floor, stamp }| {
            Some((left.parse().ok()?, sent.parse().ok()?, floor.parse().ok()?, Name::from(&*stamp)))
        });
        // Of what Node's does not say nothing is taken for granted.
        let nothing = || (Offset::MAX, Offset::MAX, Offset::ZERO, new_id());
        let (left, sent, floor, stamp) = told.unwrap_or_else(nothing);
        trail.sent.set(sent);
        trail.floor.set(floor);
        let extensions = Extensions::default();
        if let Ok(data) = serde_json::from_slice::<Value>(&stored.data)
            && !is_nothing(&data)
        {
            extensions.insert(data);
        }
        let rooms: Vec<_> = stored.rooms.into_iter().filter(|room| *room != *stored.id).collect();
        let user = rooms.iter().find(|room| room.is_user()).cloned();
        Some(Self {
            id: Name::from(&*stored.id),
            trail,
            size: Self::size_of(&rooms, &extensions) + stored.data.len(),
            rooms,
            user,
            extensions,
            left,
            at: Instant::now(),
            lease: lease.again(),
            is_foreign: true,
            stamp,
            is_ours: AtomicBool::new(true),
        })
    }
}

fn is_nothing(data: &Value) -> bool {
    data.is_null() || data.as_object().is_some_and(serde_json::Map::is_empty)
}
