use jsonwebtoken::Algorithm;

use crate::hub::PublicError;

/// Why a token was not taken.
///
/// As a refusal it is the client's `connect_error`, its code in `data.code`; as the error of a handler that renews, its
/// acknowledgement. The texts are fixed: nothing of a token is ever in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// There is none: `no_token`.
    #[error("a token is needed")]
    Missing,
    /// There are several, in two places or in one: `ambiguous_token`.
    #[error("more than one token was given")]
    Ambiguous,
    /// It is malformed, too long, of an unknown key, not signed by it or with another algorithm, for another audience,
    /// of another issuer, or its claims are of another type: `invalid_token`.
    #[error("the token is not valid")]
    Invalid,
    /// Its `exp` has passed: `token_expired`.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` is still to come: `token_not_yet_valid`.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was revoked: `token_revoked`.
    #[error("the token has been revoked")]
    Revoked,
    /// The keys could not be fetched, or the list of revoked tokens not be asked: `unavailable`. It may be good.
    #[error("the token cannot be checked at the moment")]
    Unavailable,
    /// It is to replace a token of another user: `other_user`.
    #[error("the token is another user's")]
    OtherUser,
}

impl PublicError for JwtError {
    fn code(&self) -> Option<&str> {
        Some(match self {
            Self::Missing => "no_token",
            Self::Ambiguous => "ambiguous_token",
            Self::Invalid => "invalid_token",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Revoked => "token_revoked",
            Self::Unavailable => "unavailable",
            Self::OtherUser => "other_user",
        })
    }
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtKeyError {
    /// The secret is empty: everybody could sign with it.
    #[error("an empty secret is no key")]
    Empty,
    /// The key is not one for this algorithm, or no key at all.
    #[error("the key is not one for {0:?}")]
    Mismatch(Algorithm),
    /// RFC 7518 §3.3 asks for at least 2048 bits.
    #[error("an RSA key must have at least 2048 bits")]
    TooShort,
}
