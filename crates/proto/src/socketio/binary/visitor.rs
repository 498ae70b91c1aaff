use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{BorrowedStrDeserializer, SeqDeserializer},
    },
};

use super::{
    attachments::{Attachments, Key, MARKER},
    resolve::Resolve,
};

/// What the type being read asked for.
#[derive(Clone, Copy)]
pub(super) enum Want {
    Anything,
    /// Anything, and it knows what to do with bytes.
    AnythingOrBytes,
    Bytes,
    Sequence,
    /// Maps are maps, even if they look like a placeholder.
    Map,
}

/// Hands what serde_json found to a visitor, with attachments in the place of placeholders.
pub(super) struct Nested<'r, V> {
    visitor: V,
    attachments: &'r Attachments<'r>,
    want: Want,
}

impl<'r, V> Nested<'r, V> {
    pub(super) fn new(visitor: V, attachments: &'r Attachments<'r>, want: Want) -> Self {
        Self { visitor, attachments, want }
    }
}

macro_rules! pass_on {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Nested<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    pass_on! {
        visit_bool: bool;
        visit_i64: i64;
        visit_i128: i128;
        visit_u64: u64;
        visit_u128: u128;
        visit_f64: f64;
        visit_bytes: &[u8];
        visit_borrowed_bytes: &'de [u8];
        visit_byte_buf: Vec<u8>;
    }

    // As serde_json does for `deserialize_bytes`, a string gives its bytes.
    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        match self.want {
            Want::Bytes => self.visitor.visit_bytes(value.as_bytes()),
            _ => self.visitor.visit_str(value),
        }
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        match self.want {
            Want::Bytes => self.visitor.visit_borrowed_bytes(value.as_bytes()),
            _ => self.visitor.visit_borrowed_str(value),
        }
    }

    fn visit_string<E: Error>(self, value: String) -> Result<V::Value, E> {
        match self.want {
            Want::Bytes => self.visitor.visit_byte_buf(value.into_bytes()),
            _ => self.visitor.visit_string(value),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Resolve::new(deserializer, self.attachments))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Resolve::new(deserializer, self.attachments))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Resolve::new(seq, self.attachments))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Resolve::new(data, self.attachments))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let Self { visitor, attachments, want } = self;
        if matches!(want, Want::Map) {
            return visitor.visit_map(Entries { map, first: None, attachments });
        }
        let first = map.next_key_seed(Key)?;
        if first.as_deref() == Some(MARKER) {
            let attachment = attachments.read(map)?;
            return match want {
                Want::Bytes | Want::AnythingOrBytes => visitor.visit_bytes(attachment),
                _ => {
                    let mut numbers = SeqDeserializer::new(attachment.iter().copied());
                    let value = visitor.visit_seq(&mut numbers)?;
                    numbers.end()?;
                    Ok(value)
                }
            };
        }
        match want {
            Want::Anything | Want::AnythingOrBytes => visitor.visit_map(Entries { map, first, attachments }),
            _ => Err(A::Error::invalid_type(Unexpected::Map, &visitor)),
        }
    }
}

/// The entries of a map whose first key may have been read already.
struct Entries<'r, 'de, A> {
    map: A,
    first: Option<Cow<'de, str>>,
    attachments: &'r Attachments<'r>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        match self.first.take() {
            Some(Cow::Borrowed(key)) => seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
            Some(Cow::Owned(key)) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(Resolve::new(seed, self.attachments))
    }

    fn size_hint(&self) -> Option<usize> {
        self.map.size_hint()
    }
}
