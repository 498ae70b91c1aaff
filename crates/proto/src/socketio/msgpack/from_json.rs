use std::fmt;

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::write::{Container, write_binary, write_float, write_negative, write_text, write_unsigned};
use crate::socketio::binary::{Attachments, Key, MARKER};

/// Transcodes JSON to msgpack, with attachments in the place of placeholders.
pub(super) fn write_json(
    out: &mut Vec<u8>,
    json: &str,
    attachments: &[Bytes],
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Writer { out, attachments: &Attachments::new(attachments) }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Writes the value it is given.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    attachments: &'a Attachments<'a>,
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.out.push(0xc0);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.out.push(0xc2 | u8::from(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        write_unsigned(self.out, value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match u64::try_from(value) {
            Ok(value) => write_unsigned(self.out, value),
            Err(_) => write_negative(self.out, value),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        write_float(self.out, value);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        write_text(self.out, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { out, attachments } = self;
        let opened = Container::Array.open(out);
        let mut length = 0;
        while seq.next_element_seed(Writer { out: &mut *out, attachments })?.is_some() {
            length += 1;
        }
        Container::Array.close(out, opened, length);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { out, attachments } = self;
        let opened = Container::Map.open(out);
        let mut length = 0;
        while let Some(key) = map.next_key_seed(Key)? {
            // The marker is a placeholder's first key, as `write_event` writes it.
            if length == 0 && key == MARKER && !attachments.is_empty() {
                out.truncate(opened);
                write_binary(out, attachments.read(map)?);
                return Ok(());
            }
            write_text(out, &key);
            map.next_value_seed(Writer { out: &mut *out, attachments })?;
            length += 1;
        }
        Container::Map.close(out, opened, length);
        Ok(())
    }
}
