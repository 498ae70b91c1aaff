use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tower_socketio_adapter::{Cluster, Emitter};

use crate::bus::PostgresBus;
use crate::error::ConnectError;
use crate::listener::Listener;
use crate::note::Limits;
use crate::publisher::Publisher;
use crate::server::{self, Server};
use crate::table::{Table, keep_clean};
#[cfg(feature = "tls")]
use crate::tls::Trust;

/// Joins a server with others, also with Node's, through a Postgres database.
///
/// The options have the defaults of Node's adapter; those that Node has must be the same on all nodes.
///
/// ```no_run
/// use tower_socketio_postgres::PostgresAdapter;
///
/// # async fn serve() -> Result<(), tower_socketio_postgres::ConnectError> {
/// let cluster = PostgresAdapter::new("postgres://chat:secret@localhost/chat").connect().await?;
/// // SocketIo::builder().adapter(cluster)
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "an adapter does nothing before `connect` or `emitter`"]
pub struct PostgresAdapter {
    /// `None` if the connection string is none.
    config: Option<Config>,
    channel_prefix: String,
    table_name: String,
    create_table: bool,
    payload_threshold: usize,
    max_attachment: usize,
    cleanup_interval: Duration,
    connect_timeout: Duration,
    probe_interval: Duration,
    #[cfg(feature = "tls")]
    tls: Option<Trust>,
}

/// Intervals are not shorter, so that they are intervals.
const SHORTEST: Duration = Duration::from_millis(100);

/// Nothing is waited for longer: a day.
const LONGEST: Duration = Duration::from_secs(60 * 60 * 24);

impl PostgresAdapter {
    /// Names the database by a connection string, `postgres://user:password@host:port/database` or
    /// `host=… user=… password=… dbname=…`.
    ///
    /// `sslmode=require` asks for TLS, which needs the Cargo feature `tls`; `verify-ca` and `verify-full` are the same, as
    /// the certificate is always verified, with its name. Otherwise the connection is in plain text, whatever the server
    /// offers. To the database the program is `tower-socketio` if there is no `application_name`.
    pub fn new(connection: impl AsRef<str>) -> Self {
        Self::build(server::parse(connection.as_ref()))
    }

    /// Names the database by the configuration of [`tokio_postgres`].
    ///
    /// TLS is used as for [`new`](Self::new).
    pub fn from_config(config: Config) -> Self {
        Self::build(Some(config))
    }

    fn build(config: Option<Config>) -> Self {
        Self {
            config,
            channel_prefix: "socket.io".to_owned(),
            table_name: "socket_io_attachments".to_owned(),
            create_table: true,
            payload_threshold: 8000,
            max_attachment: 64 << 20,
            cleanup_interval: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            probe_interval: Duration::from_secs(2),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// What the channels' names begin with, before `#` and the namespace (default: `socket.io`).
    ///
    /// Postgres has names of up to 63 bytes. A namespace whose channel would have a longer one is shared by servers on
    /// tower-socketio only: Node's can publish nothing there.
    pub fn channel_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.channel_prefix = prefix.into();
        self
    }

    /// The table in which messages lie that are binary or long (default: `socket_io_attachments`).
    ///
    /// It is a name as in SQL, so it may have a schema, and capital letters count in quotes only.
    pub fn table_name(mut self, name: impl Into<String>) -> Self {
        self.table_name = name.into();
        self
    }

    /// Whether the table is made if there is none (default: `true`).
    pub fn create_table(mut self, create: bool) -> Self {
        self.create_table = create;
        self
    }

    /// The longest message in bytes that does not lie in the table (default: 8000, of which Postgres notifies 7999).
    pub fn payload_threshold(mut self, bytes: usize) -> Self {
        self.payload_threshold = bytes;
        self
    }

    /// The largest message in bytes that is put in the table, and fetched from it (default: 64 MiB). Larger ones of this
    /// server are refused, and those of others are lost, and logged.
    ///
    /// [`Cluster::max_message`] has its own say.
    pub fn max_attachment(mut self, bytes: usize) -> Self {
        self.max_attachment = bytes;
        self
    }

    /// How long messages stay in the table, and how often older ones are removed (default: 30 s; from 100 ms to a
    /// day).
    ///
    /// It is longer than a node takes to fetch one. Nothing is removed as long as the table is not used.
    pub fn cleanup_interval(mut self, interval: Duration) -> Self {
        self.cleanup_interval = interval.clamp(SHORTEST, LONGEST);
        self
    }

    /// How long it may take to connect (default: 5 s; at most a day). [`connect`](Self::connect) may take twice as long, as it
    /// looks for the table, too.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// How long Postgres may say nothing on a connection before it is asked whether it is there (default: 2 s; from
    /// 100 ms to a day). To answer it has twice as long.
    ///
    /// So after four of these at the latest, 8 s, a database that hangs is noticed, and what waits for it fails. A
    /// large message has to pass in that time, too: over a slow line it may need more.
    pub fn probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = interval.clamp(SHORTEST, LONGEST);
        self
    }

    /// Uses TLS and trusts these authorities only, whose certificates are in PEM (default: no TLS, or with
    /// `sslmode=require` those that the operating system trusts).
    #[cfg(feature = "tls")]
    pub fn certificate_authority(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls = Some(Trust::Authorities(pem.into()));
        self
    }

    /// Uses TLS with this configuration, which may have a certificate of this server's.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls = Some(Trust::Configured(config));
        self
    }

    /// Connects to the database and looks for the table.
    ///
    /// What may be set for the cluster can follow. From now on connections are made anew when they are lost.
    ///
    /// # Errors
    ///
    /// If something is not valid, the database cannot be reached, or the table cannot be made.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<Cluster, ConnectError> {
        let (bus, table) = self.bus().await?;
        tokio::spawn(keep_clean(table, Arc::downgrade(&bus.publisher)));
        Ok(Cluster::new(bus))
    }

    /// Connects to the database to emit only, from a program that serves nobody.
    ///
    /// Servers on tower-socketio hear it, and Node's with `@socket.io/postgres-adapter`, also those that do not hear
    /// `@socket.io/postgres-emitter`. If Postgres hangs what it does fails after four times the
    /// [`probe_interval`](Self::probe_interval) at the latest.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn emitter(self) -> Result<Emitter, ConnectError> {
        let (bus, _) = self.bus().await?;
        Ok(Emitter::new(bus))
    }

    async fn bus(self) -> Result<(PostgresBus, Arc<Table>), ConnectError> {
        let prefix = self.channel_prefix.clone().into();
        let limits = Limits { threshold: self.payload_threshold, largest: self.max_attachment };
        let (server, table) = self.check()?;
        let publisher = Arc::new(Publisher::new(server.clone(), table.clone()));
        publisher.connect_first().await?;
        let listener = Listener::new(server, table.clone());
        Ok((PostgresBus { listener, publisher, prefix, limits }, table))
    }

    fn check(self) -> Result<(Arc<Server>, Arc<Table>), ConnectError> {
        let server = Server {
            config: self.config.ok_or(ConnectError::ConnectionString)?,
            #[cfg(feature = "tls")]
            tls: self.tls.map(Trust::tls).transpose()?,
            connect_timeout: self.connect_timeout,
            probe_interval: self.probe_interval,
        };
        let table =
            Table::new(&self.table_name, self.create_table, self.max_attachment, self.cleanup_interval)?;
        Ok((Arc::new(server.ready()?), Arc::new(table)))
    }
}

/// Shows nothing of the password.
impl fmt::Debug for PostgresAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresAdapter")
            .field("channel_prefix", &self.channel_prefix)
            .field("table_name", &self.table_name)
            .field("payload_threshold", &self.payload_threshold)
            .field("cleanup_interval", &self.cleanup_interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_postgres::config::SslMode;

    use super::*;
    use crate::error::whole;

    const SECRET: &str = "s3cr:t@/?";

    #[tokio::test]
    async fn a_connection_string_that_is_none_is_not_shown() {
        for url in [
            "postgres://user:s3cr:t@/?@localhost/chat",
            "postgres://user:s3cret@localhost:port/chat",
            "postgres://user:s3cret@localhost/chat?s3cret=1",
            "host=localhost password=s3cret s3cret",
            "s3cret",
        ] {
            let error = PostgresAdapter::new(url).connect().await.unwrap_err();
            assert!(matches!(error, ConnectError::ConnectionString), "{url}: {error:?}");
            assert!(!format!("{error:?} {}", whole(&error)).contains("s3cr"), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let mut config = Config::new();
        config.host("db.example").port(5433).user("chat").password(SECRET).dbname("rooms");
        let adapter = PostgresAdapter::from_config(config);
        let shown = format!("{adapter:?}");
        let (server, _) = adapter.check().unwrap();
        let shown = format!("{shown} {server:?}");
        assert!(shown.contains("db.example") && shown.contains("5433") && shown.contains("rooms"), "{shown}");
        assert!(!shown.contains("s3cr"), "{shown}");
    }

    #[tokio::test]
    async fn a_table_has_a_name_of_its_own() {
        let adapter = PostgresAdapter::new("postgres://localhost").table_name("a; DROP TABLE b");
        let error = adapter.connect().await.unwrap_err();
        assert!(matches!(&error, ConnectError::TableName(name) if name == "a; DROP TABLE b"), "{error:?}");
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_an_error() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let url = format!("postgres://user:s3cret@127.0.0.1:{port}/chat");
        let error = PostgresAdapter::new(&url).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
        assert!(!whole(&error).contains("s3cret"), "{error:?}");
        let error = PostgresAdapter::new(&url).emitter().await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    }

    #[tokio::test]
    async fn no_duration_is_too_long() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let adapter = PostgresAdapter::new(format!("postgres://user@127.0.0.1:{port}/chat"))
            .connect_timeout(Duration::MAX)
            .probe_interval(Duration::MAX)
            .cleanup_interval(Duration::MAX);
        let error = adapter.connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_database_that_says_nothing_is_an_error() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let adapter = PostgresAdapter::new(format!("postgres://user@127.0.0.1:{port}/chat"));
        let error = adapter.connect_timeout(Duration::from_millis(50)).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout), "{error:?}");
    }

    #[cfg(not(feature = "tls"))]
    #[tokio::test]
    async fn tls_needs_its_feature() {
        for mode in ["require", "verify-full", "verify-ca"] {
            let url = format!("postgres://user@127.0.0.1/chat?sslmode={mode}");
            let error = PostgresAdapter::new(url).connect().await.unwrap_err();
            assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
        }
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn authorities_are_certificates() {
        for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let adapter = PostgresAdapter::new("postgres://user@127.0.0.1/chat").certificate_authority(pem);
            let error = adapter.connect().await.unwrap_err();
            assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
        }
    }

    #[test]
    fn plain_text_is_used_unless_tls_is_asked_for() {
        for url in ["postgres://u@h", "postgres://u@h?sslmode=prefer", "host=h user=u sslmode=disable"] {
            let (server, _) = PostgresAdapter::new(url).check().unwrap();
            assert_eq!(server.config.get_ssl_mode(), SslMode::Disable, "{url}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn authorities_ask_for_tls() {
        use base64::Engine;

        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["h".to_owned()]).unwrap().self_signed(&key).unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(certificate.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        let adapter = PostgresAdapter::new("postgres://u@h").certificate_authority(pem);
        let (server, _) = adapter.check().unwrap();
        assert_eq!(server.config.get_ssl_mode(), SslMode::Require);
        assert!(server.tls.is_some());
    }
}
