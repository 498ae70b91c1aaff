use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::{MakeTlsConnect, NoTls};
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use tower_socketio_adapter::BusError;

use crate::deliver::Notified;
use crate::error::{ConnectError, whole};
use crate::server::Server;

/// A connection to Postgres.
///
/// It ends when it is dropped, when Postgres ends it, and when Postgres says nothing for too long: then everything that
/// waits for an answer fails.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) pulse: Arc<Pulse>,
    driver: AbortHandle,
}

/// What is known of a connection by all who use it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Counts what Postgres said.
    heard: AtomicU64,
    /// Counts notifications.
    notified: AtomicU64,
    lost: OnceLock<String>,
}

impl Link {
    /// Connects; notifications go to `notes`, and who does not take them in time loses the connection.
    pub(crate) async fn connect(
        server: &Server,
        notes: Option<mpsc::Sender<Notified>>,
    ) -> Result<Arc<Self>, ConnectError> {
        let connecting = async {
            #[cfg(feature = "tls")]
            if let Some(tls) = &server.tls {
                return Self::over(server, tls.clone(), notes).await;
            }
            Self::over(server, NoTls, notes).await
        };
        timeout(server.connect_timeout, connecting).await.unwrap_or(Err(ConnectError::Timeout))
    }

    async fn over<T>(
        server: &Server,
        tls: T,
        notes: Option<mpsc::Sender<Notified>>,
    ) -> Result<Arc<Self>, ConnectError>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let connected = server.config.connect(tls).await;
        let (client, connection) =
            connected.map_err(|error| ConnectError::Unreachable(whole(&error).into()))?;
        Ok(Self::new(client, connection, notes, server.probe_interval))
    }

    pub(crate) fn new<S, T>(
        client: Client,
        connection: Connection<S, T>,
        notes: Option<mpsc::Sender<Notified>>,
        probe_interval: Duration,
    ) -> Arc<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = Arc::<Pulse>::default();
        let driver = tokio::spawn(drive(connection, notes, pulse.clone())).abort_handle();
        let link = Arc::new(Self { client, pulse, driver });
        tokio::spawn(watch(Arc::downgrade(&link), probe_interval));
        link
    }

    /// Something was answered.
    pub(crate) fn heard(&self) {
        self.pulse.hear();
    }

    /// How many notifications have come.
    pub(crate) fn notified(&self) -> u64 {
        self.pulse.notified.load(Ordering::Relaxed)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.pulse.lost.get().is_some() || self.client.is_closed()
    }

    /// Ends the connection; whatever waits for an answer fails.
    pub(crate) fn abandon(&self, reason: &str) {
        self.pulse.lose(reason.to_owned());
        self.driver.abort();
    }

    /// Why the connection is lost.
    pub(crate) fn loss(&self) -> BusError {
        self.pulse.loss()
    }
}

impl Pulse {
    fn hear(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn loss(&self) -> BusError {
        let reason = self.lost.get().map_or("the connection was closed", String::as_str);
        BusError::down(reason.to_owned())
    }

    fn lose(&self, reason: String) {
        // The first reason is the one.
        let _ = self.lost.set(reason);
    }
}

/// Reads and writes until the connection ends.
async fn drive<S, T>(
    mut connection: Connection<S, T>,
    notes: Option<mpsc::Sender<Notified>>,
    pulse: Arc<Pulse>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let reason = loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(note))) => {
                pulse.hear();
                pulse.notified.fetch_add(1, Ordering::Relaxed);
                let (channel, payload) = (note.channel().into(), note.payload().to_owned());
                let note = Notified { channel, payload };
                if notes.as_ref().is_some_and(|notes| notes.try_send(note).is_err()) {
                    break "this node takes notifications more slowly than they come".to_owned();
                }
            }
            Some(Ok(AsyncMessage::Notice(notice))) => {
                tracing::debug!(target: "socketio::adapter", notice = notice.message(), "Postgres says");
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break whole(&error),
            None => break "the connection was closed".to_owned(),
        }
    };
    pulse.lose(reason);
}

/// Asks a connection that says nothing whether it is there, as TCP may stay open for hours when nobody is.
///
/// A long answer or many may take their time, as long as something comes.
async fn watch(link: Weak<Link>, interval: Duration) {
    let mut heard = 0;
    loop {
        sleep(interval).await;
        let Some(link) = link.upgrade().filter(|link| !link.is_lost()) else { return };
        let before = heard;
        heard = link.pulse.heard.load(Ordering::Relaxed);
        if heard != before {
            continue;
        }
        let answered = timeout(2 * interval, link.client.check_connection()).await.is_ok();
        if !answered && link.pulse.heard.load(Ordering::Relaxed) == heard {
            return link.abandon("Postgres does not answer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    const INTERVAL: Duration = Duration::from_secs(5);

    fn reason(link: &Link) -> String {
        whole(&link.loss())
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_is_given_up_and_what_waits_fails() {
        let server = Fake::default();
        let link = server.link(INTERVAL, None).await;
        link.client.batch_execute("LISTEN \"a\"").await.unwrap();
        server.silence();
        let error =
            timeout(4 * INTERVAL, link.client.batch_execute("LISTEN \"b\"")).await.unwrap().unwrap_err();
        assert!(error.is_closed() && link.is_lost());
        assert_eq!(reason(&link), "the bus is down: Postgres does not answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_there_is_asked_now_and_then_and_kept() {
        let server = Fake::default();
        let link = server.link(INTERVAL, None).await;
        sleep(10 * INTERVAL + Duration::from_secs(1)).await;
        assert!(!link.is_lost());
        assert_eq!(server.heard(), ["S"; 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_something_is_not_asked() {
        let server = Fake::default();
        let link = server.link(INTERVAL, None).await;
        for _ in 0..20 {
            sleep(INTERVAL / 2).await;
            link.heard();
        }
        assert_eq!(server.heard(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_falls_behind_loses_the_connection_and_not_its_memory() {
        let server = Fake::default();
        let (sender, mut notes) = mpsc::channel(2);
        let link = server.link(INTERVAL, Some(sender)).await;
        for number in 0..3 {
            server.notify("a", &number.to_string());
        }
        let error = link.client.batch_execute("LISTEN \"a\"").await.unwrap_err();
        assert!(error.is_closed());
        assert_eq!(
            reason(&link),
            "the bus is down: this node takes notifications more slowly than they come"
        );
        let mut came = Vec::new();
        while let Some(note) = notes.recv().await {
            came.push(format!("{}: {}", note.channel, note.payload));
        }
        assert_eq!(came, ["a: 0", "a: 1"], "what was taken is there, and then it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_needs_ends() {
        let (sender, mut notes) = mpsc::channel(2);
        let link = Fake::default().link(INTERVAL, Some(sender)).await;
        drop(link);
        assert!(notes.recv().await.is_none());
    }
}
