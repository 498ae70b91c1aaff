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
use crate::error::{PostgresError, whole};
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
    lost: OnceLock<String>,
}

impl Link {
    /// Connects; notifications go to `notes`, and who does not take them in time loses the connection.
    pub(crate) async fn connect(
        server: &Server,
        notes: Option<mpsc::Sender<Notified>>,
    ) -> Result<Arc<Self>, PostgresError> {
        let connecting = async {
            #[cfg(feature = "tls")]
            if let Some(tls) = &server.tls {
                return Self::over(server, tls.clone(), notes).await;
            }
            Self::over(server, NoTls, notes).await
        };
        timeout(server.connect_timeout, connecting).await.unwrap_or(Err(PostgresError::Timeout))
    }

    async fn over<T>(
        server: &Server,
        tls: T,
        notes: Option<mpsc::Sender<Notified>>,
    ) -> Result<Arc<Self>, PostgresError>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let connected = server.config.connect(tls).await;
        let (client, connection) = connected.map_err(|error| PostgresError::Connect(whole(&error).into()))?;
        let pulse = Arc::<Pulse>::default();
        let driver = tokio::spawn(drive(connection, notes, pulse.clone())).abort_handle();
        let link = Arc::new(Self { client, pulse, driver });
        tokio::spawn(watch(Arc::downgrade(&link), server.probe_interval));
        Ok(link)
    }

    /// Something was answered.
    pub(crate) fn heard(&self) {
        self.pulse.hear();
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
        let answered = timeout(interval, link.client.check_connection()).await.is_ok();
        if !answered && link.pulse.heard.load(Ordering::Relaxed) == heard {
            return link.abandon("Postgres does not answer");
        }
    }
}
