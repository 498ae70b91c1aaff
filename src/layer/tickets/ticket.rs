use std::fmt::{self, Write};

use sha2::{Digest, Sha256};
use tower::BoxError;

/// How many random bytes a ticket is.
const BYTES: usize = 64;
/// Shorter tokens are not shown at all.
const SHOWN: usize = 16;

/// A secret that lets one client in, once: 128 hexadecimal digits.
///
/// Its `Debug` shows as much as [`loggable`] does.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

/// Why there is no ticket, or no payload for one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The ticket is unknown, used or expired.
    #[error("the ticket is unknown, used or expired")]
    Invalid,
    /// The store cannot say.
    #[error("the store of tickets failed: {0}")]
    Store(#[source] BoxError),
}

impl TicketError {
    /// An error of the store.
    pub fn store(error: impl Into<BoxError>) -> Self {
        Self::Store(error.into())
    }
}

impl Ticket {
    /// A new ticket, for stores.
    ///
    /// # Errors
    ///
    /// [`TicketError::Store`] if the operating system has no random numbers.
    pub fn random() -> Result<Self, TicketError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(TicketError::store)?;
        let mut token = String::with_capacity(2 * BYTES);
        for byte in bytes {
            write!(token, "{byte:02x}").expect("a `String` takes everything");
        }
        Ok(Self(token))
    }

    /// The secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The secret.
    pub fn into_string(self) -> String {
        self.0
    }

    /// As [`loggable`].
    pub fn loggable(&self) -> String {
        loggable(&self.0)
    }
}

/// A token as a log may show it: its first and last four characters, and of one with less than 16 none.
///
/// ```
/// use tower_socketio::tickets::loggable;
///
/// assert_eq!(loggable("0123456789ABCDEF"), "0123***CDEF");
/// assert_eq!(loggable("01234567"), "***");
/// ```
pub fn loggable(token: &str) -> String {
    let length = token.chars().count();
    if length < SHOWN {
        return "***".to_owned();
    }
    let first = token.chars().take(4);
    first.chain("***".chars()).chain(token.chars().skip(length - 4)).collect()
}

/// What a store keeps of a token, so that who reads the store has no tokens: its SHA-256.
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.loggable()).finish()
    }
}
