use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::HostError;

/// Where a host listens: an address, a listener that exists already, or nowhere.
///
/// Made of `"127.0.0.1:3001"`, `"localhost:3001"`, a [`SocketAddr`] or a [`TcpListener`]. The default is
/// `0.0.0.0:3001`; the port 0 is any free one.
#[derive(Debug)]
pub struct Listen(To);

#[derive(Debug)]
enum To {
    Address(String),
    Listener(TcpListener),
    Nowhere,
}

impl Listen {
    /// Nowhere: the layer is in somebody else's server, which the host neither starts nor ends.
    pub fn none() -> Self {
        Self(To::Nowhere)
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<&str> {
        match &self.0 {
            To::Address(address) => Some(address),
            To::Listener(_) | To::Nowhere => None,
        }
    }

    pub(super) async fn open(self) -> Result<Option<TcpListener>, HostError> {
        match self.0 {
            To::Address(address) => match TcpListener::bind(&address).await {
                Ok(listener) => Ok(Some(listener)),
                Err(source) => Err(HostError::Listen { address, source }),
            },
            To::Listener(listener) => Ok(Some(listener)),
            To::Nowhere => Ok(None),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        "0.0.0.0:3001".into()
    }
}

impl From<&str> for Listen {
    fn from(address: &str) -> Self {
        address.to_owned().into()
    }
}

impl From<String> for Listen {
    fn from(address: String) -> Self {
        Self(To::Address(address))
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        address.to_string().into()
    }
}

impl From<TcpListener> for Listen {
    fn from(listener: TcpListener) -> Self {
        Self(To::Listener(listener))
    }
}
