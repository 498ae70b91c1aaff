use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::de::DeserializeOwned;
use tower::BoxError;

use super::key_set::{KeySet, KeySource};
use super::keys::Key;
use super::verify::{Rules, Verified};
use super::{JwtError, JwtKeyError, TokenSource};
use crate::hub::{FOR_EVER, next_number};

/// Lets clients in by a JSON Web Token, and gives handlers its [`Claims`](crate::Claims).
///
/// See the [module's documentation](super) for an example, and for what is checked.
#[must_use = "a layer does nothing before a server or a namespace has it"]
pub struct JwtLayer<C>(pub(super) Arc<Setup<C>>);

/// Everything that is set.
#[derive(Clone)]
pub(super) struct Setup<C> {
    pub(super) rules: Rules<C>,
    pub(super) sources: Vec<TokenSource>,
    pub(super) optional: bool,
    pub(super) course: Course,
    /// Shared by layers that verify alike.
    pub(super) number: u64,
    key_source: KeySource,
    /// Made at the first use, and shared as the number is.
    key_set: Arc<OnceLock<Option<Arc<KeySet>>>>,
}

/// What becomes of a socket while its token ages.
#[derive(Clone, Default)]
pub(super) struct Course {
    pub(super) disconnect: bool,
    pub(super) warning: Option<(Duration, Box<str>)>,
    pub(super) recheck: Option<Duration>,
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Setup<C> {
    pub(super) async fn verify(&self, token: &str) -> Result<Verified<C>, JwtError> {
        let set = self.key_set.get_or_init(|| {
            let source = &self.key_source;
            (source.document.is_some() || source.fetch.is_some()).then(|| KeySet::new(source.clone()))
        });
        self.rules.verify(token, set.as_ref()).await
    }
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> JwtLayer<C> {
    fn empty() -> Self {
        let rules = Rules {
            keys: Vec::new(),
            audience: Vec::new(),
            issuer: Vec::new(),
            leeway: Duration::from_secs(60),
            require_expiry: true,
            max_length: 8 * 1024,
            user: None,
            revocation: None,
        };
        let key_source = KeySource {
            interval: Duration::from_secs(30),
            max_age: Duration::from_secs(60 * 60),
            ..KeySource::default()
        };
        Self(Arc::new(Setup {
            rules,
            sources: vec![TokenSource::auth("token"), TokenSource::query("token"), TokenSource::bearer()],
            optional: false,
            course: Course::default(),
            number: next_number(),
            key_source,
            key_set: Arc::default(),
        }))
    }

    /// What it has verified before, another layer than this one has.
    fn with(mut self, change: impl FnOnce(&mut Setup<C>)) -> Self {
        let setup = Arc::make_mut(&mut self.0);
        setup.number = next_number();
        change(setup);
        self
    }

    fn with_keys(self, change: impl FnOnce(&mut KeySource)) -> Self {
        self.with(|setup| {
            setup.key_set = Arc::default();
            change(&mut setup.key_source);
        })
    }

    // ---- keys

    /// Tokens signed with HMAC and SHA-256 by this secret, which should have 32 bytes or more, none of them guessable.
    ///
    /// An empty secret is none: every token is refused then, and the log says so.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::secret(Algorithm::HS256, secret.as_ref())
    }

    /// As [`hs256`](Self::hs256), with SHA-384 and 48 bytes.
    pub fn hs384(secret: impl AsRef<[u8]>) -> Self {
        Self::secret(Algorithm::HS384, secret.as_ref())
    }

    /// As [`hs256`](Self::hs256), with SHA-512 and 64 bytes.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Self {
        Self::secret(Algorithm::HS512, secret.as_ref())
    }

    fn secret(algorithm: Algorithm, secret: &[u8]) -> Self {
        Self::new(algorithm, DecodingKey::from_secret(secret)).unwrap_or_else(|error| {
            tracing::error!(target: "socketio::jwt", %error, "every token will be refused");
            Self::empty()
        })
    }

    /// Tokens signed with this algorithm by the owner of this key: an RSA, EC or Ed25519 key, or a secret.
    ///
    /// # Errors
    ///
    /// The key is not one for the algorithm, or too weak for it.
    pub fn new(algorithm: Algorithm, key: DecodingKey) -> Result<Self, JwtKeyError> {
        Self::empty().key(algorithm, key)
    }

    /// Tokens signed by a key of this document, which the token's `kid` names.
    ///
    /// A key's algorithm is its `alg`, or follows from its type and curve: RS256, ES256, ES384 or EdDSA. Keys that are
    /// not for signatures, and secrets, are left out. A token without `kid` may be of a key without one, or of the only
    /// key.
    pub fn jwks(document: JwkSet) -> Self {
        Self::empty().with_keys(|source| source.document = Some(document))
    }

    /// Takes tokens by this key as well, whatever their `kid`: while an old key is replaced by a new one, for example.
    ///
    /// # Errors
    ///
    /// As those of [`new`](Self::new).
    pub fn key(self, algorithm: Algorithm, key: DecodingKey) -> Result<Self, JwtKeyError> {
        let key = Key::new(algorithm, key)?;
        Ok(self.with(|setup| setup.rules.keys.push(key)))
    }

    /// Where a newer [document](Self::jwks) comes from, the provider's `jwks_uri` by the HTTP client of your choice.
    ///
    /// It is asked for when a token names a key that nobody knows, by one client at a time and at most once in the
    /// [interval](Self::refresh_interval), and when the keys are [old](Self::max_key_age). It may take 10 s. While it
    /// fails, the keys that are there go on, and a token of an unknown key is [`JwtError::Unavailable`].
    pub fn refresh<F, E>(self, source: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<JwkSet, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.with_keys(|keys| {
            keys.fetch = Some(Arc::new(move || {
                let document = source();
                Box::pin(async move { document.await.map_err(Into::into) })
            }));
        })
    }

    /// The least time between two refreshes (default: 30 s).
    pub fn refresh_interval(self, interval: Duration) -> Self {
        self.with_keys(|source| source.interval = interval)
    }

    /// After how long the keys are fetched anew at the next use, so that what the provider has withdrawn goes (default:
    /// one hour).
    pub fn max_key_age(self, age: Duration) -> Self {
        self.with_keys(|source| source.max_age = age)
    }

    /// Whether secrets in a document are keys, if they say their `alg` (default: no).
    pub fn symmetric_keys(self, on: bool) -> Self {
        self.with_keys(|source| source.symmetric = on)
    }

    // ---- what a token must be like

    /// Tokens must be for this audience; called several times, for one of them.
    ///
    /// Without it a token that names any audience is refused: it is meant for somebody else.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.with(|setup| setup.rules.audience.push(audience.into()))
    }

    /// Tokens must be of this issuer; called several times, of one of them.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.with(|setup| setup.rules.issuer.push(issuer.into()))
    }

    /// By how much clocks may differ, on both ends of a token's time (default: 60 s).
    pub fn leeway(self, leeway: Duration) -> Self {
        self.with(|setup| setup.rules.leeway = leeway.min(FOR_EVER))
    }

    /// Whether a token must have an `exp` (default: yes).
    pub fn require_expiry(self, on: bool) -> Self {
        self.with(|setup| setup.rules.require_expiry = on)
    }

    /// The longest token in bytes (default: 8192).
    pub fn max_token(self, bytes: usize) -> Self {
        self.with(|setup| setup.rules.max_length = bytes)
    }

    /// Asks whether a token that is good otherwise was revoked, with its claims: `Ok(true)` refuses the client.
    ///
    /// An error is [`JwtError::Unavailable`] and goes to the log. [`recheck`](Self::recheck) asks again.
    pub fn revocation<F, E>(self, is_revoked: impl Fn(C) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<bool, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.with(|setup| {
            setup.rules.revocation = Some(Arc::new(move |claims| {
                let answer = is_revoked(claims);
                Box::pin(async move { answer.await.map_err(Into::into) })
            }));
        })
    }

    // ---- whose it is and where it comes from

    /// Whose the token is: the user that [`to_user`](crate::SocketIo::to_user) reaches, and whose socket no other
    /// user's token can [renew](super::Renewal).
    pub fn user<K: ToString + ?Sized>(self, user: impl Fn(&C) -> &K + Send + Sync + 'static) -> Self {
        self.with(|setup| setup.rules.user = Some(Arc::new(move |claims| user(claims).to_string())))
    }

    /// Where clients put their token, instead of `auth.token`, the query's `token` or a Bearer header.
    ///
    /// More than one token is refused, whether they differ or not.
    pub fn sources(self, sources: impl IntoIterator<Item = TokenSource>) -> Self {
        self.with(|setup| setup.sources = sources.into_iter().collect())
    }

    /// Lets clients without a token in as guests, who have no claims. A bad token is refused as ever.
    pub fn optional(mut self) -> Self {
        Arc::make_mut(&mut self.0).optional = true;
        self
    }

    // ---- while the client is connected

    /// Whether a socket leaves its namespace when its token expires (default: no).
    ///
    /// That is at `exp`; a token that was taken later than that, within the leeway, lasts until the leeway ends.
    pub fn disconnect_on_expiry(self, on: bool) -> Self {
        self.with(|setup| setup.course.disconnect = on)
    }

    /// Emits this event, with the seconds that are left, so long before a token expires; the client may
    /// [renew](super::Renewal) it then.
    pub fn warn_before(self, before: Duration, event: impl Into<String>) -> Self {
        let event = event.into().into_boxed_str();
        self.with(|setup| setup.course.warning = Some((before, event)))
    }

    /// Asks [`revocation`](Self::revocation) again in this interval (default: never): a socket whose token was revoked
    /// leaves its namespace. If it cannot be asked, the log says so and the socket stays.
    pub fn recheck(self, every: Duration) -> Self {
        // A zero would never let go.
        let every = every.clamp(Duration::from_millis(1), FOR_EVER);
        self.with(|setup| setup.course.recheck = Some(every))
    }
}

impl<C> Clone for JwtLayer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// No keys: they may be secrets.
impl<C> fmt::Debug for JwtLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtLayer")
            .field("audience", &self.0.rules.audience)
            .field("issuer", &self.0.rules.issuer)
            .field("sources", &self.0.sources)
            .field("optional", &self.0.optional)
            .finish_non_exhaustive()
    }
}
