use std::fmt;
use std::time::Duration;

use redis::IntoConnectionInfo;

/// Where Redis or Valkey is, and how to get in.
///
/// One URL is one server; several are a [cluster](Self::cluster), whose other nodes are found by themselves.
///
/// URLs are `redis://[user][:password]@host[:port][/database]`, with `rediss://` for TLS; `unix:///path` is a socket.
/// They never appear in a log.
///
/// ```
/// use tower_socketio_redis::RedisServer;
///
/// let one = RedisServer::from("redis://localhost");
/// let cluster = RedisServer::from(["redis://10.0.0.1", "redis://10.0.0.2", "redis://10.0.0.3"]);
/// let watched = RedisServer::sentinel("mymaster", ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"])
///     .password("secret");
/// ```
#[derive(Clone)]
#[must_use = "a description does nothing before an adapter has it"]
pub struct RedisServer {
    pub(super) urls: Vec<String>,
    pub(super) role: Role,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) certificate_authority: Option<Vec<u8>>,
    pub(super) client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) connection_name: Option<String>,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
}

/// What the URLs are those of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Single,
    Cluster,
    /// Sentinels, who know where the primary of this name is.
    Sentinel(String),
}

impl RedisServer {
    fn new(urls: Vec<String>, role: Role) -> Self {
        Self {
            urls,
            role,
            user: None,
            password: None,
            certificate_authority: None,
            client_certificate: None,
            connection_name: None,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
        }
    }

    /// Describes a Redis Cluster by the URLs of some of its nodes, of which one has to be reachable.
    pub fn cluster(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(urls.into_iter().map(Into::into).collect(), Role::Cluster)
    }

    /// Describes the primary that Sentinels call `name`, by the URLs of the Sentinels.
    ///
    /// A password or a database in the URLs is for the Sentinels; those of the primary are set here.
    pub fn sentinel(name: impl Into<String>, urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(urls.into_iter().map(Into::into).collect(), Role::Sentinel(name.into()))
    }

    /// The user, if the URL does not name one (default: Redis's `default`).
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The password, if the URL has none.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The certificates in PEM that servers' certificates are checked against (default: those that the system trusts). It
    /// needs the Cargo feature `tls`.
    pub fn certificate_authority(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificate_authority = Some(pem.into());
        self
    }

    /// The certificate and the key in PEM by which the server knows this program (default: none). It needs the Cargo feature
    /// `tls`.
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.client_certificate = Some((certificate.into(), key.into()));
        self
    }

    /// The name that `CLIENT LIST` shows (default: none).
    pub fn connection_name(mut self, name: impl Into<String>) -> Self {
        self.connection_name = Some(name.into());
        self
    }

    /// How long connecting may take (default: 5 s).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the answer to a command may take (default: 5 s); then the connection is made anew.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }
}

impl From<&str> for RedisServer {
    fn from(url: &str) -> Self {
        Self::from(url.to_owned())
    }
}

impl From<&String> for RedisServer {
    fn from(url: &String) -> Self {
        Self::from(url.clone())
    }
}

impl From<String> for RedisServer {
    fn from(url: String) -> Self {
        Self::new(vec![url], Role::Single)
    }
}

/// The nodes of a cluster.
impl<U: Into<String>, const N: usize> From<[U; N]> for RedisServer {
    fn from(urls: [U; N]) -> Self {
        Self::cluster(urls)
    }
}

/// The nodes of a cluster.
impl<U: Into<String>> From<Vec<U>> for RedisServer {
    fn from(urls: Vec<U>) -> Self {
        Self::cluster(urls)
    }
}

/// Shows addresses, but no secrets.
impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |url: &String| match url.as_str().into_connection_info() {
            Ok(info) => info.addr().to_string(),
            Err(_) => "?".to_owned(),
        };
        f.debug_struct("RedisServer")
            .field("addresses", &self.urls.iter().map(address).collect::<Vec<_>>())
            .field("role", &self.role)
            .field("connection_name", &self.connection_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_secrets() {
        let server = RedisServer::from("redis://ann:hunter2@example.org:7000/3").password("hunter3");
        let shown = format!("{server:?}");
        assert!(shown.contains("example.org:7000"), "{shown}");
        assert!(!shown.contains("hunter") && !shown.contains("ann"), "{shown}");
        let wrong = format!("{:?}", RedisServer::from("http://ann:hunter2@example.org"));
        assert!(!wrong.contains("hunter"), "{wrong}");
    }

    #[test]
    fn several_urls_are_a_cluster_and_one_is_a_server() {
        assert_eq!(RedisServer::from("redis://a").role, Role::Single);
        assert_eq!(RedisServer::from(String::from("redis://a")).role, Role::Single);
        assert_eq!(RedisServer::from(["redis://a", "redis://b"]).role, Role::Cluster);
        assert_eq!(RedisServer::from(vec![String::from("redis://a")]).role, Role::Cluster);
    }
}
