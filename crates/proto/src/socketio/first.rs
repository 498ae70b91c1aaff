use serde::{
    Deserializer,
    de::{IgnoredAny, Visitor},
};
use serde_json::Error;

use super::json::{PRIVATE, clean_len};

/// Deserialises the value that a text begins with, as serde_json does.
///
/// Only the end of a string is looked for here, in whole blocks: most events carry one string without escapes.
pub(super) struct First<'de, 'e> {
    pub(super) text: &'de str,
    /// Where the value ends is put here.
    pub(super) end: &'e mut usize,
}

impl<'de> First<'de, '_> {
    /// The inside of a string, if it stands there as it is.
    #[inline]
    fn string(&mut self) -> Option<&'de str> {
        let inside = self.text.strip_prefix('"')?;
        let length = clean_len(inside.as_bytes());
        if inside.as_bytes().get(length) != Some(&b'"') {
            return None;
        }
        *self.end = length + 2;
        Some(&inside[..length])
    }

    #[inline]
    fn json<T>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_str(self.text);
        let value = read(&mut json)?;
        *self.end = json.into_iter::<IgnoredAny>().byte_offset();
        Ok(value)
    }
}

macro_rules! strings {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            match self.string() {
                Some(text) => visitor.visit_borrowed_str(text),
                None => self.json(|json| json.$method(visitor)),
            }
        }
    )*};
}

macro_rules! others {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.json(|json| json.$method($($argument,)* visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for First<'de, '_> {
    type Error = Error;

    strings! { deserialize_any deserialize_str deserialize_string }

    others! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.text.starts_with('"') {
            visitor.visit_some(self)
        } else {
            self.json(|json| json.deserialize_option(visitor))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name.starts_with(PRIVATE) {
            self.json(|json| json.deserialize_newtype_struct(name, visitor))
        } else {
            visitor.visit_newtype_struct(self)
        }
    }
}
