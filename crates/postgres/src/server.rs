use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::ConnectError;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// The database, and how it is reached.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: Config,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    /// How long it may take to let us in.
    pub(crate) connect_timeout: Duration,
    /// How long a connection may say nothing before it is asked whether it is there.
    pub(crate) probe_interval: Duration,
}

impl Server {
    /// Finds authorities to trust if TLS is asked for and nobody said which.
    #[cfg(feature = "tls")]
    pub(crate) fn ready(mut self) -> Result<Self, ConnectError> {
        if self.tls.is_none() && self.config.get_ssl_mode() == SslMode::Require {
            self.tls = Some(Tls::native()?);
        }
        if self.tls.is_some() {
            self.config.ssl_mode(SslMode::Require);
        } else {
            self.config.ssl_mode(SslMode::Disable);
        }
        Ok(self)
    }

    /// TLS cannot be used without the feature.
    #[cfg(not(feature = "tls"))]
    pub(crate) fn ready(mut self) -> Result<Self, ConnectError> {
        if self.config.get_ssl_mode() == SslMode::Require {
            return Err(ConnectError::Tls("the Cargo feature `tls` is off".into()));
        }
        self.config.ssl_mode(SslMode::Disable);
        Ok(self)
    }
}

/// Reads a connection string, if it is one.
///
/// It may ask for a verified certificate, in the words of libpq: with TLS of ours that is always so.
pub(crate) fn parse(url: &str) -> Option<Config> {
    let url =
        url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut config = Config::from_str(&url).ok()?;
    if config.get_application_name().is_none() {
        config.application_name("tower-socketio");
    }
    Some(config)
}

/// Shows where the database is and nothing of the password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        f.debug_struct("Server")
            .field("hosts", &hosts)
            .field("ports", &self.config.get_ports())
            .field("database", &self.config.get_dbname())
            .finish_non_exhaustive()
    }
}
