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
                        subscriptions.malformed(&channel);
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
        // That is an outage, which is told of by itself.
        if missing == Missing::Lost {
            return;
        }
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use proptest::prelude::*;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tower_socketio_adapter::MessageKind;

    use super::*;
    use crate::channel::Channel;
    use crate::subscriptions::tests::Heard;

    /// A table whose rows come when the test says so.
    #[derive(Clone, Debug, Default)]
    struct Rows(Arc<Mutex<HashMap<i64, oneshot::Sender<Row>>>>);

    type Row = Result<Vec<u8>, Missing>;

    impl Rows {
        fn fetch(&self, id: i64) -> impl Future<Output = Row> + use<> {
            let (sender, row) = oneshot::channel();
            self.0.lock().unwrap().insert(id, sender);
            async { row.await.unwrap_or(Err(Missing::Lost)) }
        }

        fn asked(&self) -> Vec<i64> {
            let mut ids: Vec<_> = self.0.lock().unwrap().keys().copied().collect();
            ids.sort_unstable();
            ids
        }

        fn come(&self, id: i64, row: Row) {
            let _ = self.0.lock().unwrap().remove(&id).expect("it was asked for").send(row);
        }
    }

    struct Line {
        notes: mpsc::Sender<Notified>,
        rows: Rows,
        heard: Heard,
        task: JoinHandle<()>,
    }

    /// A node `a` in `/`.
    fn line() -> Line {
        let (rows, heard) = (Rows::default(), Heard::default());
        let subscriptions = Subscriptions::default();
        assert!(subscriptions.add(&Channel::new("socket.io", "/"), "/", "a", heard.inbox("a")));
        let (notes, receiver) = mpsc::channel(64);
        let fetched = rows.clone();
        let task =
            tokio::spawn(async move { deliver(receiver, &subscriptions, |id| fetched.fetch(id)).await });
        Line { notes, rows, heard, task }
    }

    impl Line {
        fn note(&self, payload: &str) {
            let note = Notified { channel: "socket.io#/".into(), payload: payload.to_owned() };
            self.notes.try_send(note).unwrap();
        }

        /// Ends the connection, and gives what was heard.
        async fn end(self) -> Vec<String> {
            drop(self.notes);
            self.task.await.unwrap();
            self.heard.take()
        }
    }

    fn whole(number: i64) -> String {
        format!("{{\"type\":3,\"data\":{number},\"uid\":\"b\",\"nsp\":\"/\"}}")
    }

    fn header(id: i64, node: &str) -> String {
        format!("{{\"uid\":\"{node}\",\"type\":3,\"attachmentId\":\"{id}\"}}")
    }

    fn row(number: i64, node: &str) -> Row {
        let data = number.to_string().into();
        let message = Message::new(MessageKind::Broadcast, Some("/".into()), node.into(), data, Vec::new());
        Ok(message.to_msgpack().unwrap())
    }

    /// Lets the task do what it can; time is paused.
    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn messages_wait_for_one_before_them_that_is_fetched() {
        let line = line();
        line.note(&whole(1));
        line.note(&header(2, "b"));
        line.note(&whole(3));
        line.note(&header(4, "b"));
        line.note(&whole(5));
        settle().await;
        assert_eq!(line.heard.take(), ["a: 1"]);
        assert_eq!(line.rows.asked(), [2, 4], "both are under way");
        line.rows.come(4, row(4, "b"));
        settle().await;
        assert_eq!(line.heard.take(), [""; 0]);
        line.rows.come(2, row(2, "b"));
        settle().await;
        assert_eq!(line.heard.take(), ["a: 2", "a: 3", "a: 4", "a: 5"]);
        assert_eq!(line.end().await, [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_cannot_be_had_is_passed_over() {
        let line = line();
        for id in 1..=5 {
            line.note(&header(id, "b"));
        }
        line.note(&whole(6));
        settle().await;
        line.rows.come(1, Err(Missing::Gone));
        line.rows.come(2, Err(Missing::TooLarge));
        line.rows.come(3, Ok(b"\xc1".to_vec()));
        // It claims to be another's in the table than it was when it was notified.
        line.rows.come(4, row(4, "c"));
        line.rows.come(5, row(5, "b"));
        assert_eq!(line.end().await, ["a: 5", "a: 6"]);
    }

    #[tokio::test(start_paused = true)]
    async fn own_messages_come_back_without_being_fetched() {
        let line = line();
        line.note(&header(1, "a"));
        line.note(&whole(2));
        settle().await;
        assert_eq!(line.rows.asked(), [0; 0]);
        assert_eq!(line.end().await, ["a: ", "a: 2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn foreign_notifications_are_ignored() {
        let line = line();
        for payload in
            ["", "hello", "{}", "[1]", r#"{"uid":"b","type":3,"attachmentId":"x"}"#, r#"{"type":3}"#]
        {
            line.note(payload);
        }
        line.note(&whole(1));
        let heard = line.end().await;
        assert_eq!(heard[..5], ["a: malformed"; 5]);
        assert_eq!(heard[5..], ["a: ", "a: 1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_fetched_at_once() {
        let line = line();
        for id in 1..=40 {
            line.note(&header(id, "b"));
        }
        settle().await;
        assert_eq!(line.rows.asked(), (1..=16).collect::<Vec<_>>());
        for id in 1..=40 {
            line.rows.come(id, row(id, "b"));
            settle().await;
        }
        assert_eq!(line.heard.take(), (1..=40).map(|id| format!("a: {id}")).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_the_end_is_still_brought() {
        let line = line();
        line.note(&header(1, "b"));
        line.note(&whole(2));
        settle().await;
        let Line { notes, rows, heard, task } = line;
        drop(notes);
        rows.come(1, Err(Missing::Lost));
        task.await.unwrap();
        assert_eq!(heard.take(), ["a: 2"]);
    }

    proptest! {
        #[test]
        fn messages_come_in_the_order_of_their_notifications(
            fetched in proptest::collection::vec(any::<bool>(), 1..16),
            order in any::<[u8; 16]>(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let heard = runtime.unwrap().block_on(async {
                let line = line();
                for (id, fetched) in (0..).zip(&fetched) {
                    line.note(&if *fetched { header(id, "b") } else { whole(id) });
                }
                settle().await;
                let mut ids = line.rows.asked();
                ids.sort_by_key(|id| order[usize::try_from(*id).unwrap()]);
                for id in ids {
                    line.rows.come(id, row(id, "b"));
                    settle().await;
                }
                line.end().await
            });
            let expected: Vec<_> = (0..fetched.len()).map(|id| format!("a: {id}")).collect();
            prop_assert_eq!(heard, expected);
        }
    }
}
