use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tower_socketio_proto::socketio::Arguments;

use crate::hub::{AckSender, PacketRequest, Reply, WireError};

/// Hears the events of a client that is not authenticated, and answers each at once.
pub(super) struct Door {
    authentication: Arc<str>,
    knocks: mpsc::Sender<Knock>,
    busy: Arc<AtomicBool>,
}

/// A client's attempt.
pub(super) struct Knock {
    pub(super) credentials: Arguments,
    /// For clients that want the outcome as an acknowledgement.
    pub(super) ack: AckSender,
}

/// The attempts of a client, one after the other.
pub(super) struct Knocks {
    knocks: mpsc::Receiver<Knock>,
    busy: Arc<AtomicBool>,
}

impl Door {
    pub(super) fn new(authentication: Arc<str>) -> (Self, Knocks) {
        let (sender, knocks) = mpsc::channel(1);
        let busy = Arc::<AtomicBool>::default();
        (Self { authentication, knocks: sender, busy: busy.clone() }, Knocks { knocks, busy })
    }

    pub(super) fn hear(&self, mut event: PacketRequest) -> Reply {
        if *event.event() != *self.authentication {
            return refused("not authenticated", "unauthenticated");
        }
        // There is room for one: whoever knocks next finds the door busy until that one is answered.
        if self.busy.swap(true, Ordering::AcqRel) {
            return refused("already authenticating", "already_authenticating");
        }
        let ack = event.take_ack();
        match self.knocks.try_send(Knock { credentials: event.arguments().clone(), ack }) {
            Ok(()) => Reply::none(),
            Err(_) => refused("already authenticating", "already_authenticating"),
        }
    }
}

impl Knocks {
    /// The next attempt.
    pub(super) async fn next(&mut self) -> Knock {
        match self.knocks.recv().await {
            Some(knock) => knock,
            // The socket has closed, which somebody else waits for.
            None => std::future::pending().await,
        }
    }

    /// The client may try again.
    pub(super) fn again(&self) {
        self.busy.store(false, Ordering::Release);
    }
}

fn refused(message: &'static str, code: &'static str) -> Reply {
    Reply::error(WireError::new(message).code(code))
}
