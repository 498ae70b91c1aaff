use http::header::ORIGIN;
use http::{HeaderMap, Uri};

use super::ConfigError;

/// The sites whose pages may connect.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Vec<Origin>);

/// A scheme, a host and a port, which a scheme may imply.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origins {
    pub(crate) fn parse(texts: &[String]) -> Result<Self, ConfigError> {
        let origins = texts
            .iter()
            .map(|text| Origin::parse(text).ok_or_else(|| ConfigError::MalformedOrigin(text.clone())));
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// Whether no page of another site is behind this request.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get_all(ORIGIN).iter().all(|origin| {
            let origin = origin.to_str().ok().and_then(Origin::parse);
            origin.is_some_and(|origin| self.0.contains(&origin))
        })
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority()?;
        let is_bare = uri.path().trim_start_matches('/').is_empty() && uri.query().is_none();
        if authority.as_str().contains('@') || !is_bare {
            return None;
        }
        let implied = match &*scheme {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        let port = authority.port_u16().or(implied);
        Some(Self { scheme, host: authority.host().to_ascii_lowercase(), port })
    }
}
