use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;
use tower_socketio_proto::socketio::Arguments;

use crate::hub::{BoxFuture, ConfigError, Matched, NamePattern};

/// Which names a namespace answers to.
///
/// `"/chat"` is one namespace. `"/chat/{room}"` brings a namespace of its own into being for every room, with
/// [`Path`](crate::Path) for the parameter; it ends when its last socket leaves. [`Pattern::predicate`] decides by code,
/// and with the feature `regex` `Pattern::regex` by a regular expression.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Exact,
    /// Between slashes: literal text, or a parameter that takes any text without a slash.
    Template(Arc<[Segment]>),
    #[cfg(feature = "regex")]
    Regex(regex::Regex),
    Predicate(Arc<Predicate>),
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Parameter(Box<str>),
}

type Predicate = dyn Fn(String, Value) -> BoxFuture<bool> + Send + Sync;

impl Pattern {
    /// Names that an async function accepts, from the name and the client's `auth` (`null` if it gave none).
    ///
    /// `label` is what [`SocketIo::of`](crate::SocketIo::of) calls all of them; it must be as a name is. The function is
    /// asked for each client, also when the namespace exists.
    pub fn predicate<F, R>(label: &str, accepts: F) -> Self
    where
        F: FnOnce(String, Value) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = bool> + Send + 'static,
    {
        let predicate: Arc<Predicate> = Arc::new(move |name, auth| Box::pin(accepts.clone()(name, auth)));
        Self { text: normal(label), kind: Kind::Predicate(predicate) }
    }

    /// Names that a regular expression matches; what it captures by name are parameters, for [`Path`](crate::Path).
    ///
    /// It matches anywhere in a name unless it is anchored: `/chats/` is also in `/x/chats/y`. Its text is what
    /// [`SocketIo::of`](crate::SocketIo::of) calls all of them; [`Namespace::name`](crate::Namespace::name) makes a
    /// shorter one.
    ///
    /// ```
    /// use regex::Regex;
    /// use tower_socketio::{Namespace, Path, Pattern, Socket, SocketIo};
    ///
    /// let welcome = async |socket: Socket, Path(room): Path<String>| socket.emit("welcome", room);
    /// let pattern = Pattern::regex(Regex::new("^/chats/(?<room>[a-z]+)$")?);
    /// let io = SocketIo::builder()
    ///     .namespace(pattern, Namespace::new().name("chats").on_connect(welcome))
    ///     .build()?;
    /// io.named("chats").expect("it is declared").emit("news", "in every room");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "regex")]
    pub fn regex(expression: regex::Regex) -> Self {
        Self { text: expression.as_str().to_owned(), kind: Kind::Regex(expression) }
    }

    /// Whether the other one is the same for sure.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let code = |pattern: &Self| matches!(pattern.kind, Kind::Predicate(_));
        self.text == other.text && self.is_regex() == other.is_regex() && !code(self) && !code(other)
    }

    fn is_regex(&self) -> bool {
        match self.kind {
            #[cfg(feature = "regex")]
            Kind::Regex(_) => true,
            _ => false,
        }
    }

    pub(crate) fn check(self) -> Result<Arc<dyn NamePattern>, ConfigError> {
        let name = self.text.strip_prefix('/').filter(|name| !name.contains([',', '?']));
        let braces = |text: &str| text.contains(['{', '}']);
        let well_formed = match &self.kind {
            Kind::Template(segments) => segments.iter().all(|segment| match segment {
                Segment::Literal(text) => !braces(text),
                Segment::Parameter(name) => !name.is_empty() && !braces(name),
            }),
            _ => true,
        };
        if !self.is_regex() && (name.is_none() || !well_formed) {
            return Err(ConfigError::MalformedNamespace(self.text));
        }
        Ok(Arc::new(self))
    }
}

/// The empty name is `/`, as for clients.
fn normal(text: &str) -> String {
    if text.is_empty() { "/".into() } else { text.into() }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        let segment = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => Segment::Parameter(name.into()),
            None => Segment::Literal(part.into()),
        };
        let kind = if text.contains(['{', '}']) {
            Kind::Template(text.split('/').map(segment).collect())
        } else {
            Kind::Exact
        };
        Self { text: normal(text), kind }
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Pattern {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

#[cfg(feature = "regex")]
impl From<regex::Regex> for Pattern {
    fn from(expression: regex::Regex) -> Self {
        Self::regex(expression)
    }
}

impl NamePattern for Pattern {
    fn as_str(&self) -> &str {
        &self.text
    }

    fn is_exact(&self) -> bool {
        matches!(self.kind, Kind::Exact)
    }

    fn matches(&self, name: &str, auth: Option<&Arguments>) -> Matched {
        match &self.kind {
            Kind::Exact if *name == self.text => Matched::Yes(Vec::new()),
            Kind::Exact => Matched::No,
            Kind::Template(segments) => {
                let parts: Vec<_> = name.split('/').collect();
                if parts.len() != segments.len() {
                    return Matched::No;
                }
                let mut params = Vec::new();
                for (segment, part) in segments.iter().zip(parts) {
                    match segment {
                        Segment::Literal(text) if **text == *part => {}
                        Segment::Parameter(name) if !part.is_empty() => {
                            params.push((name.clone(), part.into()));
                        }
                        _ => return Matched::No,
                    }
                }
                Matched::Yes(params)
            }
            #[cfg(feature = "regex")]
            Kind::Regex(expression) => {
                let Some(found) = expression.captures(name) else { return Matched::No };
                let names = expression.capture_names().flatten();
                let params = names.filter_map(|name| Some((name.into(), found.name(name)?.as_str().into())));
                Matched::Yes(params.collect())
            }
            Kind::Predicate(accepts) => {
                let auth = auth.and_then(|auth| auth.deserialize().ok()).unwrap_or_default();
                Matched::Later(accepts(name.to_owned(), auth))
            }
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pattern: &str, name: &str) -> Option<Vec<(String, String)>> {
        match Pattern::from(pattern).matches(name, None) {
            Matched::Yes(params) => {
                Some(params.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
            }
            _ => None,
        }
    }

    #[test]
    fn a_parameter_takes_one_whole_segment() {
        let of = |name| params("/chat/{room}/{seat}", name);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(of("/chat/a/7"), Some(vec![pair("room", "a"), pair("seat", "7")]));
        for other in ["/chat/a", "/chat//7", "/chat/a/7/x", "/chats/a/7", "chat/a/7", "/"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(params("/", "/"), Some(vec![]));
        assert_eq!(params("/a", "/ab"), None);
    }

    #[test]
    fn malformed_names_are_configuration_errors() {
        for name in ["chat", "/a,b", "/a?b", "/{", "/{}", "/x{room}", "/{a}b"] {
            assert!(Pattern::from(name).check().is_err(), "{name}");
        }
        for name in ["", "/", "/chat", "/chat/{room}", "/é"] {
            assert!(Pattern::from(name).check().is_ok(), "{name}");
        }
    }
}
