use bytes::Bytes;
use serde::{Serialize, ser::Error};

use super::{
    EncodeError, json,
    name::is_reserved,
    shape::{Shape, shape_of},
};

/// Outgoing arguments in their canonical form, from which every encoding is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// A JSON array in UTF-8: for an event its name and arguments, for an acknowledgement the arguments. Binary values
    /// stand in it as `{"_placeholder":true,"num":0}`.
    pub json: Vec<u8>,
    /// What the placeholders refer to.
    pub attachments: Vec<Bytes>,
}

impl Encoded {
    /// Encodes an event; see [`write_event`].
    ///
    /// # Errors
    ///
    /// The name is reserved, or a value cannot be serialised.
    pub fn event<T: Serialize + ?Sized>(name: &str, data: &T) -> Result<Self, EncodeError> {
        let mut json = Vec::with_capacity(USUAL);
        let attachments = write_event(&mut json, name, data)?;
        Ok(Self { json, attachments })
    }

    /// Encodes the arguments of an acknowledgement; see [`write_arguments`].
    ///
    /// # Errors
    ///
    /// A value cannot be serialised.
    pub fn arguments<T: Serialize + ?Sized>(data: &T) -> Result<Self, EncodeError> {
        let mut json = Vec::with_capacity(USUAL);
        let attachments = write_arguments(&mut json, data)?;
        Ok(Self { json, attachments })
    }
}

/// How many bytes most arguments fit into, so that growing to them costs nothing.
const USUAL: usize = 128;

/// Appends `["name",args…]` to `out` and returns the attachments found in `data`, an unallocated `Vec` if there are none.
///
/// A tuple or [`Args`](super::Args), also behind references, is the list of arguments; `()` is no argument; anything
/// else, such as an array or a tuple struct, is one argument. What serialises as bytes (`bytes::Bytes`, `serde_bytes`) becomes an attachment.
/// Numbers that are not finite become `null`, as in JavaScript.
///
/// # Errors
///
/// The name is reserved, a value cannot be serialised, or `Args` has no sequence inside; `out` is then as before. It is so also if `Serialize` panics.
pub fn write_event<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    name: &str,
    data: &T,
) -> Result<Vec<Bytes>, EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedName);
    }
    let mut attachments = Vec::new();
    let mut rollback = Rollback::new(out);
    let out = &mut rollback.out;
    out.push(b'[');
    json::write_string(out, name);
    match shape_of::<T>() {
        Shape::Nothing => out.push(b']'),
        Shape::List => {
            let bracket = out.len();
            serialize(out, data, &mut attachments)?;
            // The tuple's own bracket continues the list that the name began; no tuple but `()` is empty.
            out[bracket] = b',';
        }
        Shape::Spread => {
            let bracket = out.len();
            serialize_sequence(out, data, &mut attachments)?;
            if out.len() > bracket + "[]".len() {
                out[bracket] = b',';
            } else {
                out.remove(bracket);
            }
        }
        Shape::One => {
            out.push(b',');
            serialize(out, data, &mut attachments)?;
            out.push(b']');
        }
    }
    rollback.commit();
    Ok(attachments)
}

/// Appends `[args…]` to `out` and returns the attachments found in `data`, by the rules of [`write_event`].
///
/// # Errors
///
/// A value cannot be serialised, or `Args` has no sequence inside; `out` is then as before. It is so also if `Serialize` panics.
pub fn write_arguments<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    data: &T,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut attachments = Vec::new();
    let mut rollback = Rollback::new(out);
    let out = &mut rollback.out;
    match shape_of::<T>() {
        Shape::Nothing => out.extend_from_slice(b"[]"),
        Shape::List => serialize(out, data, &mut attachments)?,
        Shape::Spread => serialize_sequence(out, data, &mut attachments)?,
        Shape::One => {
            out.push(b'[');
            serialize(out, data, &mut attachments)?;
            out.push(b']');
        }
    }
    rollback.commit();
    Ok(attachments)
}

fn serialize<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    data: &T,
    attachments: &mut Vec<Bytes>,
) -> Result<(), EncodeError> {
    Ok(data.serialize(&mut json::Writer::new(out, attachments))?)
}

/// Writes what is inside [`Args`](super::Args), a JSON array in any case. `None` and `()` are an empty one.
fn serialize_sequence<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    data: &T,
    attachments: &mut Vec<Bytes>,
) -> Result<(), EncodeError> {
    let start = out.len();
    serialize(out, data, attachments)?;
    match &out[start..] {
        [b'[', ..] => Ok(()),
        b"null" => {
            out.truncate(start);
            out.extend_from_slice(b"[]");
            Ok(())
        }
        _ => Err(serde_json::Error::custom("the arguments are not a sequence").into()),
    }
}

/// Truncates a buffer to its former length unless committed.
struct Rollback<'a> {
    out: &'a mut Vec<u8>,
    length: usize,
}

impl<'a> Rollback<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        let length = out.len();
        Self { out, length }
    }

    fn commit(mut self) {
        self.length = self.out.len();
    }
}

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.length);
    }
}
