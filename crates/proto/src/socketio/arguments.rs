use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde_json::Deserializer;

use super::{
    ArgumentsError, Data, DecodeError, Encoded, Packet,
    binary::{Attachments, Resolve},
    first::First,
    json::write_string,
    list::{Absent, List, MissingArgument},
    name::{Name, is_reserved, skip_whitespace, split_name},
    payload,
    shape::{Shape, shape_of},
};

/// What an event or an acknowledgement carries: its name and its arguments as they came, owned.
///
/// The arguments are copied once and stay text until they are deserialised, which can be repeated: nothing is consumed.
/// A clone shares them. Arguments of any parser are held as JSON, so that they mean the same whatever the encoding.
#[derive(Clone)]
pub struct Arguments {
    /// A JSON array, unchecked between its brackets; the event's name is its first element.
    array: Arc<str>,
    name: EventName,
    /// Where the first argument starts in the array: at the closing bracket if there is none.
    first: usize,
    attachments: Option<Arc<[Bytes]>>,
}

#[derive(Clone)]
enum EventName {
    /// An acknowledgement, or a client's authentication.
    None,
    /// A range of the array.
    Verbatim(usize, usize),
    Owned(Arc<str>),
}

impl Arguments {
    /// Takes the name and the arguments of an event.
    ///
    /// A name that is a number becomes its decimal text, as in JavaScript.
    ///
    /// # Errors
    ///
    /// The payload is no array that starts with a name, or the name is reserved for a socket's own events (`connect`,
    /// `disconnect` and others): no peer may forge those.
    pub fn event(packet: &Packet<'_>) -> Result<Self, DecodeError> {
        let (array, attachments) = array(packet)?.ok_or(DecodeError::InvalidPayload)?;
        let (name, first) = split_name(&array)?;
        let name = match name {
            Name::Verbatim(start, end) => EventName::Verbatim(start, end),
            Name::Converted(name) => EventName::Owned(name.into()),
        };
        let arguments = Self { array, name, first, attachments };
        if is_reserved(arguments.name()) { Err(DecodeError::ReservedName) } else { Ok(arguments) }
    }

    /// Takes the arguments of an acknowledgement; one without payload has none.
    ///
    /// # Errors
    ///
    /// The payload is no array.
    pub fn ack(packet: &Packet<'_>) -> Result<Self, DecodeError> {
        let (array, attachments) = array(packet)?.unwrap_or_else(|| ("[]".into(), None));
        let first = skip_whitespace(array.as_bytes(), 1);
        Ok(Self { array, name: EventName::None, first, attachments })
    }

    /// Takes the object a client authenticates with in CONNECT, as the only argument.
    ///
    /// # Errors
    ///
    /// The payload is not one well-formed object.
    pub fn auth(packet: &Packet<'_>) -> Result<Option<Self>, DecodeError> {
        let (object, attachments): (String, _) = match packet.data {
            Data::None => return Ok(None),
            Data::Json(object) => (object.into(), packet.attachments.clone()),
            #[cfg(feature = "msgpack")]
            Data::MsgPack(object) => super::msgpack::to_json(object)?,
            #[cfg(not(feature = "msgpack"))]
            Data::MsgPack(_) => return Err(DecodeError::InvalidPayload),
        };
        let well_formed = payload::check_json(&object).is_ok();
        if !well_formed || payload::Shape::of_json(&object) != payload::Shape::Object {
            return Err(DecodeError::InvalidPayload);
        }
        Ok(Some(Self {
            array: format!("[{object}]").into(),
            name: EventName::None,
            first: 1,
            attachments: share(&attachments),
        }))
    }

    /// Makes incoming arguments of outgoing ones: those of an event with its name, those of an acknowledgement with an
    /// empty name. So the event whose name is empty, which a peer may send, cannot be made here.
    ///
    /// Text that [`write_event`](super::write_event) or [`write_arguments`](super::write_arguments) did not write gives
    /// no arguments, or an error when they are deserialised.
    pub fn from_encoded(name: &str, encoded: &Encoded) -> Self {
        let array: Arc<str> = match str::from_utf8(&encoded.json) {
            Ok(json) if payload::Shape::of_json(json) == payload::Shape::Array => json.into(),
            _ => "[]".into(),
        };
        let attachments = share(&encoded.attachments);
        if name.is_empty() {
            let first = skip_whitespace(array.as_bytes(), 1);
            return Self { array, name: EventName::None, first, attachments };
        }
        let first = split_name(&array).map_or(array.len() - 1, |(_, first)| first);
        Self { array, name: EventName::Owned(name.into()), first, attachments }
    }

    /// The event's name, empty for acknowledgements.
    pub fn name(&self) -> &str {
        match &self.name {
            EventName::None => "",
            EventName::Verbatim(start, end) => &self.array[*start..*end],
            EventName::Owned(name) => name,
        }
    }

    /// Renames the event, for middleware that routes.
    ///
    /// The arguments stay as they are; an acknowledgement becomes no event by it.
    pub fn set_name(&mut self, name: &str) {
        if !matches!(self.name, EventName::None) {
            self.name = EventName::Owned(name.into());
        }
    }

    /// Reads the arguments into a type.
    ///
    /// A tuple is the list of arguments, [`Args`](super::Args) too, `()` is none of them, any other type is the first. Arguments the peer
    /// left out read like `null`, surplus ones are ignored. Attachments read as bytes where bytes are asked for
    /// (`bytes::Bytes`, `serde_bytes`), otherwise as a sequence of numbers.
    ///
    /// # Errors
    ///
    /// An argument is missing, is of another type, or the text is not valid JSON or nested more than 127 levels deep.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ArgumentsError> {
        match shape_of::<T>() {
            Shape::Nothing => self.absent(),
            Shape::List | Shape::Spread => self.list(),
            Shape::One => self.one(),
        }
    }

    /// Reads all arguments as one sequence, whatever the type: a `Vec` of them, for instance.
    ///
    /// # Errors
    ///
    /// As [`deserialize`](Self::deserialize).
    pub fn deserialize_all<T: DeserializeOwned>(&self) -> Result<T, ArgumentsError> {
        match shape_of::<T>() {
            Shape::Nothing => self.absent(),
            Shape::List | Shape::Spread | Shape::One => self.list(),
        }
    }

    /// The number of arguments; of malformed text, those before the fault.
    pub fn len(&self) -> usize {
        let mut count = 0;
        let mut deserializer = Deserializer::from_str(&self.array);
        let _ = serde::Deserializer::deserialize_seq(&mut deserializer, Count(&mut count));
        count - usize::from(self.is_named()).min(count)
    }

    /// Returns whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.rest().is_none()
    }

    /// The attachments of a binary packet, in their order.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().unwrap_or_default()
    }

    /// The number of bytes held, text and attachments together.
    pub fn wire_len(&self) -> usize {
        self.array.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }

    /// The arguments without the name as the text of a JSON array, placeholders in the place of attachments.
    ///
    /// # Errors
    ///
    /// The text is not valid JSON, or nested too deep. So what comes from a client can be put into other JSON.
    pub fn to_json(&self) -> Result<String, ArgumentsError> {
        payload::check_json(&self.array)?;
        Ok(match self.name {
            EventName::None => self.array.to_string(),
            _ => ["[", self.rest().unwrap_or("]")].concat(),
        })
    }

    /// The canonical outgoing form, with the name first if it is an event.
    ///
    /// # Errors
    ///
    /// As [`to_json`](Self::to_json).
    pub fn to_encoded(&self) -> Result<Encoded, ArgumentsError> {
        payload::check_json(&self.array)?;
        let json = match &self.name {
            EventName::None | EventName::Verbatim(..) => self.array.as_bytes().to_vec(),
            EventName::Owned(name) => {
                let mut json = b"[".to_vec();
                write_string(&mut json, name);
                json.extend(self.rest().map(|_| b','));
                json.extend_from_slice(self.rest().unwrap_or("]").as_bytes());
                json
            }
        };
        Ok(Encoded { json, attachments: self.attachments().to_vec() })
    }

    fn is_named(&self) -> bool {
        !matches!(self.name, EventName::None)
    }

    /// The text from the first argument to the closing bracket.
    fn rest(&self) -> Option<&str> {
        (self.first < self.array.len() - 1).then(|| &self.array[self.first..])
    }

    fn absent<T: DeserializeOwned>(&self) -> Result<T, ArgumentsError> {
        let missing = MissingArgument::default();
        T::deserialize(Absent::<serde_json::Error>::new(1, &missing))
            .map_err(|error| explain(&missing, error))
    }

    fn one<T: DeserializeOwned>(&self) -> Result<T, ArgumentsError> {
        let Some(rest) = self.rest() else {
            return self.absent();
        };
        if self.attachments.is_none() {
            let mut end = 0;
            let value = T::deserialize(First { text: rest, end: &mut end });
            if let Ok(value) = value
                && skip_whitespace(rest.as_bytes(), end) == rest.len() - 1
            {
                return Ok(value);
            }
        }
        // There are surplus arguments to be checked, or attachments, or an error to be told from the list's beginning.
        self.list().map(|(value,)| value)
    }

    fn list<T: DeserializeOwned>(&self) -> Result<T, ArgumentsError> {
        let missing = MissingArgument::default();
        let mut json = Deserializer::from_str(&self.array);
        let value = match self.attachments() {
            [] => T::deserialize(List { array: &mut json, named: self.is_named(), missing: &missing }),
            attachments => T::deserialize(List {
                array: Resolve::new(&mut json, &Attachments::new(attachments)),
                named: self.is_named(),
                missing: &missing,
            }),
        };
        let value = value.map_err(|error| explain(&missing, error))?;
        json.end()?;
        Ok(value)
    }
}

/// Shows sizes only: arguments may hold secrets, and what is debugged ends in logs.
impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments")
            .field("name", &self.name())
            .field("bytes", &self.array.len())
            .field("attachments", &self.attachments().len())
            .finish()
    }
}

type Held = (Arc<str>, Option<Arc<[Bytes]>>);

/// Copies the payload of an event or acknowledgement.
fn array(packet: &Packet<'_>) -> Result<Option<Held>, DecodeError> {
    let (array, attachments): (Arc<str>, _) = match packet.data {
        Data::None => return Ok(None),
        Data::Json(array) => (array.into(), share(&packet.attachments)),
        #[cfg(feature = "msgpack")]
        Data::MsgPack(array) => {
            let (array, attachments) = super::msgpack::to_json(array)?;
            (array.into(), share(&attachments))
        }
        #[cfg(not(feature = "msgpack"))]
        Data::MsgPack(_) => return Err(DecodeError::InvalidPayload),
    };
    match payload::Shape::of_json(&array) {
        payload::Shape::Array => Ok(Some((array, attachments))),
        _ => Err(DecodeError::InvalidPayload),
    }
}

fn share(attachments: &[Bytes]) -> Option<Arc<[Bytes]>> {
    (!attachments.is_empty()).then(|| attachments.into())
}

fn explain(missing: &MissingArgument, error: serde_json::Error) -> ArgumentsError {
    match missing.get() {
        Some(index) => ArgumentsError::Missing(index),
        None => ArgumentsError::Deserialize(error),
    }
}

/// Counts the elements of a sequence.
struct Count<'a>(&'a mut usize);

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {
            *self.0 += 1;
        }
        Ok(())
    }
}
