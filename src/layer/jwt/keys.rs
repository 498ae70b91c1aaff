use std::fmt;

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER as CRYPTO;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

use super::JwtKeyError;

/// A key with the one algorithm it may be used with.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: Option<Box<str>>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    /// A key that can verify: what is wrong with one is found here, not when a client's token is checked.
    pub(super) fn new(algorithm: Algorithm, key: DecodingKey) -> Result<Self, JwtKeyError> {
        let mismatch = JwtKeyError::Mismatch(algorithm);
        if key.family() != algorithm.family() {
            return Err(mismatch);
        }
        match key.family() {
            AlgorithmFamily::Hmac if key.try_get_as_bytes().is_ok_and(<[u8]>::is_empty) => {
                return Err(JwtKeyError::Empty);
            }
            AlgorithmFamily::Rsa if modulus(&key).ok_or(mismatch)? < 2048 / 8 => {
                return Err(JwtKeyError::TooShort);
            }
            // The verifier takes the first 32 bytes and panics without them.
            AlgorithmFamily::Ed if key.try_get_as_bytes().is_ok_and(|bytes| bytes.len() != 32) => {
                return Err(mismatch);
            }
            _ => {}
        }
        (CRYPTO.verifier_factory)(&algorithm, &key).map_err(|_| mismatch)?;
        Ok(Self { kid: None, algorithm, key })
    }

    /// A key of a set, if it is one for signatures that we know.
    pub(super) fn from_jwk(jwk: &Jwk, symmetric: bool) -> Option<Self> {
        let common = &jwk.common;
        if common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        if common.key_operations.as_ref().is_some_and(|all| !all.contains(&KeyOperations::Verify)) {
            return None;
        }
        let natural = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Some(Algorithm::ES256)
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
                Some(Algorithm::ES384)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Some(Algorithm::EdDSA)
            }
            // A secret does not tell its hash.
            AlgorithmParameters::OctetKey(_) if symmetric => None,
            _ => return None,
        };
        let algorithm = match common.key_algorithm {
            Some(algorithm) => Algorithm::try_from(algorithm).ok()?,
            None => natural?,
        };
        let is_curve = matches!(algorithm.family(), AlgorithmFamily::Ec | AlgorithmFamily::Ed);
        if is_curve && natural != Some(algorithm) {
            return None;
        }
        let mut key = Self::new(algorithm, DecodingKey::from_jwk(jwk).ok()?).ok()?;
        key.kid = common.key_id.as_deref().map(Into::into);
        Some(key)
    }

    /// Whether a token with this header may be of this key; `alone` if there is no other in its set.
    pub(super) fn fits(&self, algorithm: Algorithm, kid: Option<&str>, alone: bool) -> bool {
        let named = match (&self.kid, kid) {
            (None, _) => true,
            (Some(own), Some(kid)) => **own == *kid,
            (Some(_), None) => alone,
        };
        named && self.algorithm == algorithm
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        // The backend is named: another crate of the program may have made `jsonwebtoken` unsure of its default.
        let verifier = (CRYPTO.verifier_factory)(&self.algorithm, &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

/// The length of an RSA key in bytes.
fn modulus(key: &DecodingKey) -> Option<usize> {
    let count = |n: &[u8]| n.iter().skip_while(|byte| **byte == 0).count();
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => Some(count(n)),
        DecodingKeyKind::SecretOrDer(der) => {
            (CRYPTO.key_utils.rsa_pub_components_from_public_key)(der).ok().map(|(n, _)| count(&n))
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
