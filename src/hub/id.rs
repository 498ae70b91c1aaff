use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Name;

/// Random bytes of an id; 15 make 20 characters, which load balancers and adapters of the field count on.
const BYTES: usize = 15;
/// How many ids one call to the operating system is good for.
const BATCH: usize = 32;

thread_local! {
    static RANDOM: RefCell<(usize, [u8; BYTES * BATCH])> = const { RefCell::new((BATCH, [0; BYTES * BATCH])) };
}

/// A new id of 20 characters of `A-Za-z0-9_-`, not to be guessed.
///
/// # Panics
///
/// If the operating system has no random numbers, as no id of a session is then a secret.
pub(crate) fn new_id() -> Name {
    let bytes: [u8; BYTES] = RANDOM.with_borrow_mut(|(used, bytes)| {
        if *used == BATCH {
            getrandom::fill(bytes).expect("the operating system gives random numbers");
            *used = 0;
        }
        let at = *used * BYTES;
        *used += 1;
        let mut id = [0; BYTES];
        id.copy_from_slice(&bytes[at..at + BYTES]);
        // Given away, and no longer to be found in memory.
        bytes[at..at + BYTES].fill(0);
        id
    });
    let mut id = [0; BYTES.div_ceil(3) * 4];
    let length = URL_SAFE_NO_PAD.encode_slice(bytes, &mut id).expect("20 characters fit");
    std::str::from_utf8(&id[..length]).expect("base64 is ASCII").into()
}

/// A number that no handler and no layer has had before.
pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Whether a session id of the user's own making can stand in a query string and a cookie.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_20_characters_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| new_id().to_string()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 20 && is_id(id)));
        assert!(!is_id("") && !is_id("a b") && !is_id(&"a".repeat(65)));
    }
}
