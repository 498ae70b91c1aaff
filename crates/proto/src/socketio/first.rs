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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use bytes::Bytes;
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Deserializer, Value, value::RawValue};

    use super::{First, IgnoredAny};

    #[derive(Debug, Deserialize)]
    struct Newtype(#[allow(dead_code)] String);
    #[derive(Debug, Deserialize)]
    struct Nested(#[allow(dead_code)] Option<Newtype>);
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    enum Choice {
        #[serde(rename = "a")]
        Unit,
        Newtype(String),
        Struct {
            a: char,
        },
    }
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Untagged<'a> {
        Number(i128),
        Borrowed(&'a str),
        Owned(String),
        Other(Value),
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Flat {
        a: Option<String>,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    /// Checks that the first value of a text is read, or refused, as serde_json does, to the same end.
    fn check<'de, T: Deserialize<'de> + Debug>(text: &'de str) {
        let mut end = 0;
        let ours = T::deserialize(First { text, end: &mut end });
        let mut json = Deserializer::from_str(text);
        let theirs = T::deserialize(&mut json);
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{text}");
        if theirs.is_ok() {
            assert_eq!(end, json.into_iter::<IgnoredAny>().byte_offset(), "{text}");
        }
    }

    fn check_all(text: &str) {
        check::<Value>(text);
        check::<String>(text);
        check::<&str>(text);
        check::<Cow<'_, str>>(text);
        check::<char>(text);
        check::<Option<Option<String>>>(text);
        check::<Option<bool>>(text);
        check::<Box<RawValue>>(text);
        check::<&RawValue>(text);
        check::<Option<Box<RawValue>>>(text);
        check::<Newtype>(text);
        check::<Nested>(text);
        check::<Choice>(text);
        check::<Option<Choice>>(text);
        check::<Untagged<'_>>(text);
        check::<Flat>(text);
        check::<Bytes>(text);
        check::<IgnoredAny>(text);
        check::<(u8, String)>(text);
        check::<f64>(text);
        check::<u128>(text);
        check::<()>(text);
        check::<BTreeMap<String, Untagged<'_>>>(text);
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_serde_json_does(
            before in "[ \t\n]{0,2}",
            text in prop_oneof!["\\PC{0,80}", "[a-zé€\u{1f600}\"\\\\/nu0\u{1}]{0,80}", "a?"],
            quoted: bool,
            behind in r#"[ ]?[,\]"a1]{0,3}"#,
        ) {
            let value = if quoted { Value::from(text).to_string() } else { format!("\"{text}\"") };
            check_all(&format!("{before}{value}{behind}"));
            check_all(&format!("{before}{{\"a\":{value},\"Struct\":{{\"a\":{value}}}}}{behind}"));
            check_all(&format!("{before}[7,{value}]{behind}"));
        }

        #[test]
        fn what_is_no_string_is_read_as_serde_json_does(
            text in r#"(null|true|false|-?[0-9]{1,40}(\.[0-9]{1,3})?(e[0-9]{1,3})?|\[\]|\{\}|nul|[\[\]{}:,"0-9 ]{0,12})[,\] ]{0,3}"#,
        ) {
            check_all(&text);
        }
    }
}
