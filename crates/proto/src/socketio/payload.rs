use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{DecodeError, Kind};

/// Which side of the connection decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// The outside of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Absent,
    Array,
    Object,
    Other,
}

impl Shape {
    /// Looks at the first and the last byte of a payload without whitespace around it.
    pub(super) fn of_json(payload: &str) -> Self {
        match payload.as_bytes() {
            [] => Self::Absent,
            [b'[', .., b']'] => Self::Array,
            [b'{', .., b'}'] => Self::Object,
            _ => Self::Other,
        }
    }

    /// Applies the payload rules of the protocol ("invalid payload" in the JavaScript parser).
    ///
    /// An event or acknowledgement without payload passes here, as it does there; an event then fails for want of a name.
    pub(super) fn check(self, kind: Kind, role: Role) -> Result<(), DecodeError> {
        let valid = match kind {
            Kind::Connect => matches!(self, Self::Absent | Self::Object),
            Kind::Disconnect => self == Self::Absent,
            Kind::Event | Kind::Ack => matches!(self, Self::Absent | Self::Array),
            // Version 5 sends an object, version 4 often a bare string.
            Kind::ConnectError => role == Role::Client,
        };
        if valid { Ok(()) } else { Err(DecodeError::InvalidPayload) }
    }
}

/// Takes JSON's whitespace off both ends.
pub(super) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        // All that events and acknowledgements are in practice.
        [b'[', .., b']'] | [] => text,
        _ => text.trim_matches([' ', '\t', '\n', '\r']),
    }
}

/// Checks that a text is one valid JSON value, nested no deeper than serde_json reads.
pub(super) fn check_json(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<WellFormed>(text).map(drop)
}

/// Any value, not kept. Unlike `IgnoredAny` it has serde_json decode strings and limit the depth.
struct WellFormed;

impl<'de> Deserialize<'de> for WellFormed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

macro_rules! accept {
    ($($method:ident($($type:ty)?);)*) => {$(
        fn $method<E: Error>(self, $(_: $type)?) -> Result<Self, E> {
            Ok(self)
        }
    )*};
}

impl<'de> Visitor<'de> for WellFormed {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    accept! {
        visit_unit();
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
        visit_str(&str);
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
