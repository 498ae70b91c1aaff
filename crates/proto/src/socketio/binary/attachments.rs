use std::{borrow::Cow, cell::Cell, fmt};

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};

/// The first key of a placeholder.
pub(in crate::socketio) const MARKER: &str = "_placeholder";

/// The attachments of a packet while its JSON is read once.
pub(in crate::socketio) struct Attachments<'a> {
    all: &'a [Bytes],
    /// How many bytes may still be read. A placeholder costs 30 bytes and its attachment a copy, so without a bound a
    /// packet that names a large attachment often enough would fill the memory. Clients name each once.
    left: Cell<usize>,
}

impl<'a> Attachments<'a> {
    pub(in crate::socketio) fn new(all: &'a [Bytes]) -> Self {
        Self { all, left: Cell::new(all.iter().map(Bytes::len).sum()) }
    }

    #[cfg(feature = "msgpack")]
    pub(in crate::socketio) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Reads a placeholder behind its [`MARKER`] key, and returns the attachment it stands for.
    pub(in crate::socketio) fn read<'de, A: MapAccess<'de>>(&self, mut map: A) -> Result<&'a [u8], A::Error> {
        // Node's parser leaves an object alone whose marker is not `true`; here the key is reserved beside attachments.
        let marked = map.next_value::<bool>()?;
        let mut number = None;
        while let Some(key) = map.next_key_seed(Key)? {
            if key == "num" {
                number = Some(map.next_value::<usize>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        number
            .filter(|_| marked)
            .and_then(|number| self.take(number))
            .ok_or_else(|| A::Error::custom("illegal attachments"))
    }

    fn take(&self, number: usize) -> Option<&'a [u8]> {
        let attachment = self.all.get(number)?;
        self.left.set(self.left.get().checked_sub(attachment.len())?);
        Some(attachment)
    }
}

/// Reads a key, without copying it where it has no escapes.
pub(in crate::socketio) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
