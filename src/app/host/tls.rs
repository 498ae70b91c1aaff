use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use super::Host;

/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The most handshakes at a time.
const HANDSHAKES: usize = 1024;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates are no PEM, or there are none.
    #[error("no certificates")]
    Certificates(#[source] PemError),
    /// The key is no PEM, or there is none.
    #[error("no private key")]
    Key(#[source] PemError),
    /// The key is not the certificate's, or is of a kind that is not known.
    #[error("no key for this certificate")]
    Mismatch(#[from] tokio_rustls::rustls::Error),
}

impl Host {
    /// Speaks TLS (default: no). Where the configuration names no protocols for ALPN, they are HTTP/2 and HTTP/1.1.
    pub fn tls(mut self, config: impl Into<Arc<ServerConfig>>) -> Self {
        let mut config = config.into();
        if config.alpn_protocols.is_empty() {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
        }
        self.tls = Some(config);
        self
    }

    /// Speaks TLS with a certificate and those that vouch for it, in this order, and its private key, in PEM.
    ///
    /// The cryptography is the one that the process has installed as rustls' default, or else ring.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, or they do not belong together.
    pub fn tls_pem(self, certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(TlsError::Certificates)?;
        if chain.is_empty() {
            return Err(TlsError::Certificates(PemError::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        let installed = CryptoProvider::get_default().cloned();
        let provider = installed.unwrap_or_else(|| Arc::new(ring::default_provider()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(self.tls(config))
    }
}

/// Gives connections their TLS.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    under_way: UnderWay,
}

impl Tls {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        Self { acceptor: config.into(), under_way: UnderWay::default() }
    }

    pub(super) fn handshake(
        &mut self,
        tcp: TcpStream,
    ) -> impl Future<Output = io::Result<TlsStream<TcpStream>>> + Send + 'static {
        let handshake = self.acceptor.accept(tcp);
        let given_up = self.under_way.begin(HANDSHAKES);
        async move {
            tokio::select! {
                outcome = timeout(HANDSHAKE, handshake) => outcome?,
                _ = given_up => Err(io::Error::other("too many handshakes at a time")),
            }
        }
    }
}

/// The handshakes under way, the oldest first.
///
/// Where there are too many the oldest gives way: who is honest needs a moment, and who stalls fills the line only with
/// his own.
#[derive(Default)]
struct UnderWay(VecDeque<oneshot::Sender<Infallible>>);

impl UnderWay {
    /// What ends when the handshake has to give way. Its end is to be dropped with the handshake.
    fn begin(&mut self, most: usize) -> oneshot::Receiver<Infallible> {
        if self.0.len() >= most {
            self.0.retain(|handshake| !handshake.is_closed());
        }
        if self.0.len() >= most {
            self.0.pop_front();
        }
        let (handshake, given_up) = oneshot::channel();
        self.0.push_back(handshake);
        given_up
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    #[test]
    fn the_oldest_handshake_gives_way_and_none_before_there_are_too_many() {
        let mut under_way = UnderWay::default();
        let mut first: Vec<_> = (0..3).map(|_| under_way.begin(3)).collect();
        let goes_on = |handshake: &mut oneshot::Receiver<_>| handshake.try_recv() == Err(TryRecvError::Empty);
        assert!(first.iter_mut().all(goes_on));
        drop(first.remove(1));
        let mut fourth = under_way.begin(3);
        assert!(first.iter_mut().all(goes_on), "one had ended");
        let mut fifth = under_way.begin(3);
        assert!(!goes_on(&mut first[0]));
        assert!([&mut first[1], &mut fourth, &mut fifth].into_iter().all(goes_on));
        assert_eq!(under_way.0.len(), 3);
    }
}
