use std::fmt;
use std::io;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::io::tcp::{TcpSettings, socket2};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, PushInfo, RedisError, RedisResult, Value, cmd,
};

use tokio::time::timeout;

use super::server::{RedisServer, Role};
use super::topology::Address;

/// How long the kernel lets a connection be silent before it asks the other side whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// How a program connects to its servers.
pub(crate) struct Plan {
    /// The servers that the user named; never empty.
    seeds: Vec<ConnectionInfo>,
    /// What holds for all other nodes of a cluster, and for the primary that Sentinels name.
    template: ConnectionInfo,
    role: Role,
    connection_name: Option<String>,
    connect_timeout: Duration,
    pub(super) response_timeout: Duration,
}

/// What takes what a server says unasked.
pub(super) type Push = Box<dyn Fn(PushInfo) + Send + Sync>;

impl Plan {
    /// Reads a description; nothing is connected yet.
    pub(crate) fn new(server: &RedisServer) -> RedisResult<Self> {
        let seeds: Vec<_> = server.urls.iter().map(|url| seed(server, url)).collect::<RedisResult<_>>()?;
        let Some(first) = seeds.first() else {
            return Err(configuration("no URL is given"));
        };
        let mut template = first.clone();
        if let Role::Sentinel(_) = server.role {
            let settings = redis::RedisConnectionInfo::default();
            template = template.set_redis_settings(with_credentials(settings, server));
        }
        Ok(Self {
            template,
            seeds,
            role: server.role.clone(),
            connection_name: server.connection_name.clone(),
            connect_timeout: server.connect_timeout,
            response_timeout: server.response_timeout,
        })
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.role == Role::Cluster
    }

    /// Returns the nodes of a cluster that the user named.
    pub(super) fn seeds(&self) -> impl Iterator<Item = Address> {
        self.seeds.iter().filter_map(|seed| match seed.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Address::new(host, *port))
            }
            _ => None,
        })
    }

    /// Connects to the server, to the one that Sentinels name, or to this node of a cluster.
    ///
    /// What the server says unasked, and the loss of the connection, goes to `push`. Without `response_timeout` commands
    /// take as long as they take.
    pub(super) async fn dial(
        &self,
        node: Option<&Address>,
        response_timeout: Option<Duration>,
        push: Option<Push>,
    ) -> RedisResult<MultiplexedConnection> {
        let info = match (node, &self.role) {
            (Some(node), _) => self.info_of(node),
            (None, Role::Sentinel(name)) => self.info_of(&self.primary(name).await?),
            (None, _) => self.seeds[0].clone(),
        };
        // The whole of it: who is let in and then not answered is not connected.
        let open = self.open(info, response_timeout, push);
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the server does not let us in in time");
        timeout(self.connect_timeout, open).await.unwrap_or_else(|_| Err(late().into()))
    }

    async fn open(
        &self,
        info: ConnectionInfo,
        response_timeout: Option<Duration>,
        push: Option<Push>,
    ) -> RedisResult<MultiplexedConnection> {
        #[cfg(feature = "tls")]
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. })
            && rustls::crypto::CryptoProvider::get_default().is_none()
        {
            // Without a default rustls panics where a program has several providers among its dependencies.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(response_timeout);
        if let Some(push) = push {
            config = config.set_push_sender(move |info| {
                push(info);
                Ok::<_, std::convert::Infallible>(())
            });
        }
        let mut connection =
            Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await?;
        if let Some(name) = &self.connection_name {
            let named = connection.req_packed_command(cmd("CLIENT").arg("SETNAME").arg(name)).await?;
            named.extract_error()?;
        }
        Ok(connection)
    }

    /// Asks the Sentinels, one after the other, where the primary is.
    async fn primary(&self, name: &str) -> RedisResult<Address> {
        let mut last = configuration("no Sentinel is given");
        for seed in &self.seeds {
            match self.ask_sentinel(seed, name).await {
                Ok(address) => return Ok(address),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask_sentinel(&self, seed: &ConnectionInfo, name: &str) -> RedisResult<Address> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let client = Client::open(seed.clone())?;
        let mut sentinel = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut command = cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let answer = sentinel.req_packed_command(&command).await?.extract_error()?;
        let unknown = || RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "no such primary"));
        let Value::Array(parts) = answer else { return Err(unknown()) };
        let [host, port] = &parts[..] else { return Err(unknown()) };
        let (host, port): (String, u16) =
            (redis::from_redis_value_ref(host)?, redis::from_redis_value_ref(port)?);
        Ok(Address::new(&host, port))
    }

    fn info_of(&self, node: &Address) -> ConnectionInfo {
        let address = match self.template.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: node.host.to_string(),
                port: node.port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(node.host.to_string(), node.port),
        };
        self.template.clone().set_addr(address)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.seeds.iter().map(|seed| seed.addr().to_string()).collect();
        f.debug_struct("Plan")
            .field("addresses", &addresses)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

fn seed(server: &RedisServer, url: &str) -> RedisResult<ConnectionInfo> {
    let mut info = url.into_connection_info()?;
    if server.certificate_authority.is_some() || server.client_certificate.is_some() {
        info = with_certificates(info, server)?;
    }
    let mut settings = info.redis_settings().clone();
    if server.role == Role::Cluster && settings.db() != 0 {
        return Err(configuration("a cluster has one database only"));
    }
    if !matches!(server.role, Role::Sentinel(_)) {
        settings = with_credentials(settings, server);
    }
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

fn with_credentials(
    mut settings: redis::RedisConnectionInfo,
    server: &RedisServer,
) -> redis::RedisConnectionInfo {
    if let Some(user) = server.user.as_ref().filter(|_| settings.username().is_none()) {
        settings = settings.set_username(user);
    }
    if let Some(password) = server.password.as_ref().filter(|_| settings.password().is_none()) {
        settings = settings.set_password(password);
    }
    settings
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

#[cfg(feature = "tls")]
fn with_certificates(info: ConnectionInfo, server: &RedisServer) -> RedisResult<ConnectionInfo> {
    let client_tls = server.client_certificate.clone();
    let certificates = redis::TlsCertificates {
        client_tls: client_tls
            .map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key }),
        root_cert: server.certificate_authority.clone(),
    };
    Ok(Client::build_with_tls(info, certificates)?.get_connection_info().clone())
}

#[cfg(not(feature = "tls"))]
fn with_certificates(_: ConnectionInfo, _: &RedisServer) -> RedisResult<ConnectionInfo> {
    Err(configuration("certificates need the feature `tls`"))
}

pub(super) fn configuration(reason: &'static str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, reason))
}
