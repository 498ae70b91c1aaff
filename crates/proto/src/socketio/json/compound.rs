use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use serde_json::Error;

use super::{string::write_key, writer::Writer};

/// An array that is being written.
pub(in crate::socketio) struct List<'w, 'a> {
    writer: &'w mut Writer<'a>,
    is_first: bool,
    end: &'static str,
}

impl<'w, 'a> List<'w, 'a> {
    #[inline]
    pub(super) fn begin(writer: &'w mut Writer<'a>, end: &'static str) -> Self {
        writer.out.push(b'[');
        Self { writer, is_first: true, end }
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if !self.is_first {
            self.writer.out.push(b',');
        }
        self.is_first = false;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn finish(self) -> Result<(), Error> {
        self.writer.out.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

/// An object that is being written.
pub(in crate::socketio) struct Object<'w, 'a> {
    writer: &'w mut Writer<'a>,
    is_first: bool,
    end: &'static str,
}

impl<'w, 'a> Object<'w, 'a> {
    #[inline]
    pub(super) fn begin(writer: &'w mut Writer<'a>, end: &'static str) -> Self {
        writer.out.push(b'{');
        Self { writer, is_first: true, end }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        write_key(self.writer.out, key, self.is_first);
        self.is_first = false;
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn finish(self) -> Result<(), Error> {
        self.writer.out.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

/// A struct that is being written.
pub(in crate::socketio) enum Fields<'w, 'a> {
    Object(Object<'w, 'a>),
    /// One of serde_json's own, which it writes, whatever its features are.
    Private(&'static str, &'w mut Writer<'a>),
}

impl SerializeMap for Object<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        // serde_json decides what may be a key: it begins an object with it, whose brace is in the comma's place.
        let out = &mut *self.writer.out;
        let before = if self.is_first { out.len() - 1 } else { out.len() };
        out.truncate(before);
        serde_json::Serializer::new(&mut *out).serialize_map(None)?.serialize_key(key)?;
        if !self.is_first {
            out[before] = b',';
        }
        self.is_first = false;
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.out.push(b':');
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        match self {
            Self::Object(object) => object.field(key, value),
            Self::Private(name, writer) => {
                let mut json = serde_json::Serializer::new(&mut *writer.out);
                let mut fields = json.serialize_struct(name, 1)?;
                SerializeStruct::serialize_field(&mut fields, key, value)?;
                SerializeStruct::end(fields)
            }
        }
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        match self {
            Self::Object(object) => object.finish(),
            Self::Private(..) => Ok(()),
        }
    }
}

impl SerializeStructVariant for Object<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.field(key, value)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

impl SerializeTuple for List<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}

/// The two whose elements are called fields.
macro_rules! fields {
    ($($of:ident)*) => {$(
        impl $of for List<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

fields! { SerializeTupleStruct SerializeTupleVariant }
