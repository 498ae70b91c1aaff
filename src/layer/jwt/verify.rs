use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::FutureExt;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::Instant;
use tower::BoxError;

use super::JwtError;
use super::key_set::KeySet;
use super::keys::Key;
use crate::hub::{BoxFuture, FOR_EVER};

pub(super) type UserOf<C> = dyn Fn(&C) -> String + Send + Sync;
pub(super) type IsRevoked<C> = dyn Fn(C) -> BoxFuture<Result<bool, BoxError>> + Send + Sync;

/// What a token must be like.
#[derive(Clone)]
pub(super) struct Rules<C> {
    pub(super) keys: Vec<Key>,
    pub(super) audience: Vec<String>,
    pub(super) issuer: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) require_expiry: bool,
    pub(super) max_length: usize,
    pub(super) user: Option<Arc<UserOf<C>>>,
    pub(super) revocation: Option<Arc<IsRevoked<C>>>,
}

/// What a good token says.
#[derive(Clone)]
pub(super) struct Verified<C> {
    pub(super) claims: C,
    pub(super) user: Option<String>,
    /// In seconds since 1970.
    expires: Option<f64>,
}

/// RFC 7515 §4.1, as far as it matters here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood, and none is.
    crit: Option<IgnoredAny>,
}

/// RFC 7519 §4.1, as far as it is checked.
#[derive(Deserialize)]
struct Registered {
    exp: Option<f64>,
    nbf: Option<f64>,
    aud: Option<Audience>,
    iss: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl<C: DeserializeOwned + Clone> Rules<C> {
    /// Whether the token is good, all its errors told but as one of ours: those below quote what they choke on.
    pub(super) async fn verify(
        &self,
        token: &str,
        set: Option<&Arc<KeySet>>,
    ) -> Result<Verified<C>, JwtError> {
        if token.len() > self.max_length {
            return Err(JwtError::Invalid);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(JwtError::Invalid)?;
        let (header, payload) = message.split_once('.').ok_or(JwtError::Invalid)?;
        let header: Header = part(header)?;
        if header.crit.is_some() {
            return Err(JwtError::Invalid);
        }
        // `none` is no algorithm.
        let algorithm: Algorithm = header.alg.parse().map_err(|_| JwtError::Invalid)?;
        let kid = header.kid.as_deref();
        let signature = BASE64.decode(signature).map_err(|_| JwtError::Invalid)?;
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm, kid, false));
        let is_signed = fitting.any(|key| key.verifies(message.as_bytes(), &signature))
            || match set {
                Some(set) => set.verifies(algorithm, kid, message.as_bytes(), &signature).await?,
                None => false,
            };
        if !is_signed {
            return Err(JwtError::Invalid);
        }
        let registered: Registered = part(payload)?;
        self.check(&registered)?;
        let claims: C = part(payload)?;
        let user = self.user.as_ref().map(|user| user(&claims));
        Ok(Verified { claims, user, expires: registered.exp })
    }

    fn check(&self, claims: &Registered) -> Result<(), JwtError> {
        // RFC 7519 §4.1.3: who does not find himself in a token's audience must refuse it.
        let is_ours = match &claims.aud {
            None => self.audience.is_empty(),
            Some(Audience::One(name)) => self.audience.contains(name),
            Some(Audience::Many(names)) => names.iter().any(|name| self.audience.contains(name)),
        };
        let is_theirs =
            self.issuer.is_empty() || claims.iss.as_ref().is_some_and(|iss| self.issuer.contains(iss));
        if !is_ours || !is_theirs || (self.require_expiry && claims.exp.is_none()) {
            return Err(JwtError::Invalid);
        }
        if claims.nbf.is_some_and(|nbf| now() + self.leeway.as_secs_f64() < nbf) {
            return Err(JwtError::NotYetValid);
        }
        self.check_expiry(claims.exp)
    }

    fn check_expiry(&self, expires: Option<f64>) -> Result<(), JwtError> {
        match expires {
            Some(exp) if now() >= exp + self.leeway.as_secs_f64() => Err(JwtError::Expired),
            _ => Ok(()),
        }
    }

    /// Whether what was verified before is still good, apart from its revocation.
    pub(super) fn is_fresh(&self, verified: &Verified<C>) -> Result<(), JwtError> {
        self.check_expiry(verified.expires)
    }

    pub(super) async fn check_revocation(&self, claims: &C) -> Result<(), JwtError> {
        match self.is_revoked(claims).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(JwtError::Revoked),
            Err(error) => {
                tracing::error!(target: "socketio::jwt", %error, "whether a token is revoked could not be asked");
                Err(JwtError::Unavailable)
            }
        }
    }

    pub(super) async fn is_revoked(&self, claims: &C) -> Result<bool, BoxError> {
        let Some(revocation) = &self.revocation else { return Ok(false) };
        let claims = claims.clone();
        let asked = AssertUnwindSafe(async { revocation(claims).await }).catch_unwind();
        asked.await.unwrap_or_else(|_| Err("it panicked".into()))
    }

    /// When a token that was taken ends: at its `exp`, or after the leeway if that has begun.
    pub(super) fn end(&self, verified: &Verified<C>) -> Option<Instant> {
        let left = verified.expires? - now();
        let left = if left > 0.0 { left } else { left + self.leeway.as_secs_f64() };
        Some(Instant::now() + Duration::from_secs_f64(left.clamp(0.0, FOR_EVER.as_secs_f64())))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn part<T: DeserializeOwned>(encoded: &str) -> Result<T, JwtError> {
    let json = BASE64.decode(encoded).map_err(|_| JwtError::Invalid)?;
    serde_json::from_slice(&json).map_err(|_| JwtError::Invalid)
}
