use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::poll;
use tokio::sync::OnceCell;
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tower_socketio_adapter::BusError;

use crate::error::{bus_error, is_end, is_read_only, whole};
use crate::link::Link;
use crate::note::{Body, Note};
use crate::slot::Lost;
use crate::table::{LOCK_TIMEOUT, Table};

/// A connection that notifies.
pub(crate) struct Pen {
    pub(crate) link: Arc<Link>,
    notify: Statement,
    /// Prepared when it is needed first, as there may be no table.
    attach: OnceCell<Statement>,
    /// Whether there was none.
    missing: AtomicBool,
}

impl Pen {
    pub(crate) async fn new(link: Arc<Link>) -> Result<Self, tokio_postgres::Error> {
        // What lies in the table need not outlive the database, and all that follows would wait for the disk.
        link.client.batch_execute(&format!("SET synchronous_commit TO off; {LOCK_TIMEOUT}")).await?;
        let types = [Type::TEXT, Type::TEXT];
        let notify = link.client.prepare_typed("SELECT pg_notify($1, $2)", &types).await?;
        Ok(Self { link, notify, attach: OnceCell::new(), missing: AtomicBool::new(false) })
    }

    /// Sends all in one go, each in a transaction of its own: in one, Postgres would take equal ones for the same.
    ///
    /// The results are those of the notes, in their order.
    pub(crate) async fn publish(
        &self,
        notes: Vec<Result<Note, BusError>>,
        table: &Table,
    ) -> Vec<Result<(), BusError>> {
        let is_attached =
            |note: &Result<Note, _>| matches!(note, Ok(Note { body: Body::Attached { .. }, .. }));
        // If this fails the others go nevertheless.
        let attach = match notes.iter().any(is_attached) {
            true => self.attach(table).await.map_err(|error| self.not_attached(&error, table)),
            false => Ok(&self.notify),
        };
        let sends = notes.into_iter().map(|note| async { self.send(note?, &attach, table).await });
        let results = in_order(sends).await;
        if self.missing.swap(false, Ordering::Relaxed) {
            table.recreate(&self.link.client).await;
        }
        results
    }

    async fn attach(&self, table: &Table) -> Result<&Statement, tokio_postgres::Error> {
        table.used();
        self.attach.get_or_try_init(|| table.prepare_insert(&self.link.client)).await
    }

    async fn send(
        &self,
        note: Note,
        attach: &Result<&Statement, BusError>,
        table: &Table,
    ) -> Result<(), BusError> {
        let channel = note.channel.name();
        match &note.body {
            Body::Whole(envelope) => {
                let sent = self.execute(&self.notify, &[&channel, envelope]).await;
                sent.map_err(|error| self.failed(&error))
            }
            Body::Attached { envelope, head, tail } => {
                let attach = attach.as_ref().map_err(again)?;
                if table.is_locked() {
                    return Err(BusError::refused("somebody has the table locked"));
                }
                let sent = self.execute(attach, &[envelope, &channel, head, tail]).await;
                sent.map(|()| table.tried(false)).map_err(|error| self.not_attached(&error, table))
            }
        }
    }

    async fn execute(
        &self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<(), tokio_postgres::Error> {
        let executed = self.link.client.execute(statement, params).await.map(drop);
        self.link.heard();
        executed
    }

    /// What need not lie in the table may go nevertheless.
    fn not_attached(&self, error: &tokio_postgres::Error, table: &Table) -> BusError {
        match error.code() {
            Some(code) if *code == SqlState::UNDEFINED_TABLE => self.missing.store(true, Ordering::Relaxed),
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => table.tried(true),
            _ => {}
        }
        // Of a standby that has others say so, too.
        if is_read_only(error) { BusError::refused(whole(error)) } else { self.failed(error) }
    }

    fn failed(&self, error: &tokio_postgres::Error) -> BusError {
        if error.is_closed() {
            return self.link.loss();
        }
        if is_end(error) {
            self.link.abandon(&whole(error));
        }
        bus_error(error)
    }
}

impl Lost for Pen {
    fn is_lost(&self) -> bool {
        self.link.is_lost()
    }
}

/// The same error once more.
fn again(error: &BusError) -> BusError {
    let reason = error.source().map(ToString::to_string).unwrap_or_default();
    match error {
        BusError::Refused(_) => BusError::refused(reason),
        _ => BusError::down(reason),
    }
}

/// Polls all once before it waits for any, so that all are sent, in order.
async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut begun = Vec::new();
    for future in futures {
        let mut future: Pin<Box<F>> = Box::pin(future);
        let polled = poll!(future.as_mut());
        begun.push((future, polled));
    }
    let mut results = Vec::with_capacity(begun.len());
    for (future, polled) in begun {
        results.push(match polled {
            Poll::Ready(result) => result,
            Poll::Pending => future.await,
        });
    }
    results
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tower_socketio_adapter::{Message, MessageKind};

    use super::*;
    use crate::channel::Channel;
    use crate::fake::Fake;
    use crate::note::Limits;

    const INTERVAL: Duration = Duration::from_secs(5);

    async fn pen(server: &Fake) -> Pen {
        let pen = Pen::new(server.link(INTERVAL, None).await).await.unwrap();
        let heard = server.heard();
        assert_eq!(heard[0], "Q SET synchronous_commit TO off; SET lock_timeout TO '2s'");
        assert!(heard[1].ends_with("SELECT pg_notify($1, $2)"), "{heard:?}");
        pen
    }

    fn table() -> Table {
        Table::new("chat.attachments", true, 1 << 20, INTERVAL).unwrap()
    }

    fn note(text: &str, threshold: usize) -> Result<Note, BusError> {
        let data = format!("{{\"packet\":[\"{text}\"]}}").into();
        let kind = MessageKind::ServerSideEmit;
        let message = Message::new(kind, Some("/".into()), "a".into(), data, Vec::new());
        Note::new(&message, Channel::new("socket.io", "/"), Limits { threshold, largest: 1 << 20 })
    }

    /// What was sent for each note, in short.
    fn sent(server: &Fake) -> Vec<String> {
        let short = |told: String| {
            let texts = ["INSERT", "one", "two", "three", "four"];
            let found = texts.iter().find(|text| told.contains(**text)).copied().unwrap_or_default();
            format!("{} {found}", &told[..1])
        };
        server.heard().into_iter().map(short).collect()
    }

    fn told(results: &[Result<(), BusError>]) -> Vec<String> {
        results
            .iter()
            .map(|result| result.as_ref().map_or_else(|error| whole(error), |()| "sent".into()))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_goes_out_in_order_and_each_message_on_its_own() {
        let server = Fake::default();
        let pen = pen(&server).await;
        let batch = || vec![note("one", 8000), note("two", 0), note("three", 8000), note("three", 8000)];
        assert_eq!(told(&pen.publish(batch(), &table()).await), ["sent"; 4]);
        assert_eq!(sent(&server), ["P INSERT", "B one", "B two", "B three", "B three"]);
        // The statement stays.
        assert_eq!(told(&pen.publish(batch(), &table()).await), ["sent"; 4]);
        assert_eq!(sent(&server), ["B one", "B two", "B three", "B three"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_notified_with_its_channel_and_an_attachment_with_its_header() {
        let server = Fake::default();
        let pen = pen(&server).await;
        pen.publish(vec![note("one", 8000), note("two", 0)], &table()).await;
        let heard = server.heard();
        assert!(
            heard[0].contains("INSERT INTO chat.attachments (payload) VALUES ($1) RETURNING id"),
            "{heard:?}"
        );
        let envelope = r#"{"type":9,"data":{"packet":["one"]},"uid":"a","nsp":"/"}"#;
        assert!(heard[1].contains("socket.io#/") && heard[1].contains(envelope), "{heard:?}");
        assert!(heard[2].contains(r#"{"uid":"a","type":9,"attachmentId":""#), "{heard:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_not_taken_is_the_only_one() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.refuse("two", "22023");
        let batch =
            vec![note("one", 8000), note("two", 8000), Err(BusError::refused("odd")), note("three", 8000)];
        let refused = "the bus does not take the message";
        let results = pen.publish(batch, &table()).await;
        let expected = [
            "sent".into(),
            format!("{refused}: db error: ERROR: no"),
            format!("{refused}: odd"),
            "sent".into(),
        ];
        assert_eq!(told(&results), expected);
        assert!(!pen.link.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_table_what_needs_none_is_sent() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.refuse("INSERT", "42P01");
        let results =
            pen.publish(vec![note("one", 8000), note("two", 0), note("three", 8000)], &table()).await;
        assert!(matches!(&results[..], [Ok(()), Err(BusError::Refused(_)), Ok(())]), "{results:?}");
        assert!(!pen.link.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_of_notifications_is_an_outage() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.refuse("one", "54000");
        let results = pen.publish(vec![note("one", 8000)], &table()).await;
        assert!(matches!(&results[..], [Err(BusError::Down(_))]), "{results:?}");
        assert!(!pen.link.is_lost(), "it may have room again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_has_become_a_standby_is_left() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.refuse("one", "25006");
        let results = pen.publish(vec![note("one", 8000)], &table()).await;
        assert!(matches!(&results[..], [Err(BusError::Down(_))]), "{results:?}");
        assert!(pen.link.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_may_be_read_only_notifies_nevertheless() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.refuse("two", "25006");
        let batch = vec![note("one", 8000), note("two", 0), note("three", 8000)];
        let results = pen.publish(batch, &table()).await;
        assert!(matches!(&results[..], [Ok(()), Err(BusError::Refused(_)), Ok(())]), "{results:?}");
        assert!(!pen.link.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_is_locked_is_tried_now_and_then_and_not_each_time() {
        let (server, table) = (Fake::default(), table());
        let pen = pen(&server).await;
        server.refuse("two", "55P03");
        let publish = async |text| pen.publish(vec![note(text, 0), note("one", 8000)], &table).await;
        for _ in 0..3 {
            let tried = [publish("two").await, publish("three").await, publish("four").await];
            for results in tried {
                assert!(matches!(&results[..], [Err(BusError::Refused(_)), Ok(())]), "{results:?}");
            }
            let tries = sent(&server).into_iter().filter(|told| told == "B two" || told == "B three").count();
            assert_eq!(tries, 1);
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        for text in ["three", "four"] {
            assert_eq!(told(&publish(text).await), ["sent"; 2]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_is_gone_is_made_again() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.refuse("INSERT", "42P01");
        let results = pen.publish(vec![note("one", 8000), note("two", 0)], &table()).await;
        assert!(matches!(&results[..], [Ok(()), Err(BusError::Refused(_))]), "{results:?}");
        let heard = server.heard();
        assert!(heard.iter().any(|told| told.contains("to_regclass")), "{heard:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_fails_all_that_waits() {
        let server = Fake::default();
        let pen = pen(&server).await;
        server.silence();
        let results = pen.publish(vec![note("one", 8000), note("two", 8000)], &table()).await;
        assert_eq!(told(&results), ["the bus is down: Postgres does not answer"; 2]);
    }
}
