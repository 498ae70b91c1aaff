use std::fmt::{self, Display, Write};

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Error;

use super::{
    compound::{Fields, List, Object},
    string::{write_escaped, write_string},
};
use crate::socketio::header::write_decimal;

/// The start of a placeholder, before its number and a closing brace.
pub(in crate::socketio) const PLACEHOLDER: &[u8] = br#"{"_placeholder":true,"num":"#;

/// Writes one value.
pub(in crate::socketio) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    attachments: &'a mut Vec<Bytes>,
}

impl<'a> Writer<'a> {
    /// Bytes are appended to the attachments, a placeholder with their number to the text.
    pub(in crate::socketio) fn new(out: &'a mut Vec<u8>, attachments: &'a mut Vec<Bytes>) -> Self {
        Self { out, attachments }
    }

    /// Begins the object that a variant with contents is.
    fn begin_variant(&mut self, variant: &str) {
        self.out.push(b'{');
        write_string(self.out, variant);
        self.out.push(b':');
    }
}

/// Names of structs by which serde_json knows values that are JSON already.
pub(in crate::socketio) const PRIVATE: &str = "$serde_json::private::";

/// Values without others inside, which serde_json writes.
macro_rules! scalars {
    ($($method:ident($type:ty);)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            serde_json::Serializer::new(&mut *self.out).$method(value)
        }
    )*};
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'w, 'a>;
    type SerializeTuple = List<'w, 'a>;
    type SerializeTupleStruct = List<'w, 'a>;
    type SerializeTupleVariant = List<'w, 'a>;
    type SerializeMap = Object<'w, 'a>;
    type SerializeStruct = Fields<'w, 'a>;
    type SerializeStructVariant = Object<'w, 'a>;

    scalars! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        write_string(self.out, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.out.extend_from_slice(PLACEHOLDER);
        write_decimal(self.out, self.attachments.len() as u64);
        self.out.push(b'}');
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.begin_variant(variant);
        value.serialize(&mut *self)?;
        self.out.push(b'}');
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w, 'a>, Error> {
        Ok(List::begin(self, "]"))
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<List<'w, 'a>, Error> {
        Ok(List::begin(self, "]"))
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'w, 'a>, Error> {
        Ok(List::begin(self, "]"))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'w, 'a>, Error> {
        self.begin_variant(variant);
        Ok(List::begin(self, "]}"))
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Object<'w, 'a>, Error> {
        Ok(Object::begin(self, "}"))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'w, 'a>, Error> {
        Ok(if name.starts_with(PRIVATE) {
            Fields::Private(name, self)
        } else {
            Fields::Object(Object::begin(self, "}"))
        })
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'w, 'a>, Error> {
        self.begin_variant(variant);
        Ok(Object::begin(self, "}}"))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.out.push(b'"');
        write!(Escape(self.out), "{value}").map_err(|_| Error::custom("a value cannot be formatted"))?;
        self.out.push(b'"');
        Ok(())
    }
}

/// Takes what a value shows as a part of a string.
struct Escape<'a>(&'a mut Vec<u8>);

impl Write for Escape<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        write_escaped(self.0, part);
        Ok(())
    }
}
