use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Either;
use futures_util::stream::{FuturesOrdered, StreamExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower_socketio_adapter::Message;

use crate::note::{Header, Payload, read_attachment};
use crate::subscriptions::Subscriptions;
use crate::table::Missing;

/// How many messages may be on their way from the table, or wait behind one that is.
const AHEAD: usize = 16;

/// How often it is told at most that messages are lost.
const TOLD: Duration = Duration::from_secs(10);

/// A notification.
#[derive(Clone, Debug)]
pub(crate) struct Notified {
    pub(crate) channel: Arc<str>,
    pub(crate) payload: String,
}

/// A message, or why there is none, with the header that promised it.
type Found = Result<Message, (Header, Missing)>;

/// What came on which channel.
type Arrived = (Arc<str>, Found);

/// Brings what is notified to whom it is for, in order, until the connection ends; `fetch` gets what lies in the table.
pub(crate) async fn deliver<F>(
    mut notes: mpsc::Receiver<Notified>,
    subscriptions: &Subscriptions,
    fetch: impl Fn(i64) -> F,
) where
    F: Future<Output = Result<Vec<u8>, Missing>>,
{
    let mut losses = Losses::default();
    let mut ahead = FuturesOrdered::new();
    let mut open = true;
    while open || !ahead.is_empty() {
        tokio::select! {
            biased;
            Some(arrived) = ahead.next() => {
                let (channel, found): Arrived = arrived;
                match found {
                    Ok(message) => subscriptions.deliver(&channel, &message),
                    Err((header, missing)) => losses.add(&header, missing),
                }
            }
            note = notes.recv(), if open && ahead.len() < AHEAD => {
                let Some(Notified { channel, payload }) = note else {
                    open = false;
                    continue;
                };
                match Payload::read(payload) {
                    Ok(Payload::Whole(message)) if ahead.is_empty() => subscriptions.deliver(&channel, &message),
                    Ok(Payload::Whole(message)) => ahead.push_back(Either::Left(ready((channel, Found::Ok(message))))),
                    Ok(Payload::Attached(header)) if subscriptions.is_wanted(&channel, &header) => {
                        let fetched = fetch(header.id);
                        ahead.push_back(Either::Right(async move { (channel, found(header, fetched.await)) }));
                    }
                    Ok(Payload::Attached(header)) => subscriptions.echo(&channel, &header),
                    Err(error) => {
                        tracing::debug!(target: "socketio::adapter", channel = &*channel, %error, "a notification is ignored");
                    }
                }
            }
        }
    }
}

fn found(header: Header, fetched: Result<Vec<u8>, Missing>) -> Found {
    let envelope = match fetched {
        Ok(envelope) => envelope,
        Err(missing) => return Err((header, missing)),
    };
    match read_attachment(envelope) {
        // Whether it is our own was decided by the header.
        Ok(message) if message.node == header.node => Ok(message),
        _ => Err((header, Missing::Malformed)),
    }
}

/// Tells of lost messages, but not of each.
#[derive(Default)]
struct Losses {
    told: Option<Instant>,
    lost: u64,
}

impl Losses {
    fn add(&mut self, header: &Header, missing: Missing) {
        self.lost += 1;
        if self.told.is_some_and(|told| told.elapsed() < TOLD) {
            return;
        }
        self.told = Some(Instant::now());
        let (id, kind, lost) = (header.id, header.kind, std::mem::take(&mut self.lost));
        tracing::warn!(
            target: "socketio::adapter", id, ?kind, lost, reason = %missing,
            "a message was lost that lay in the table for attachments"
        );
    }
}
