use std::{cell::Cell, fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, SeqAccess, Visitor},
};

/// The first argument found missing, counted from 1.
///
/// It travels beside the error, whose type belongs to the data format.
#[derive(Default)]
pub(super) struct MissingArgument(Cell<Option<usize>>);

impl MissingArgument {
    pub(super) fn get(&self) -> Option<usize> {
        self.0.get()
    }
}

/// Deserialises the list of arguments by JavaScript's rules: a tuple finds missing arguments absent, and surplus ones
/// are ignored.
pub(super) struct List<'m, D> {
    pub(super) array: D,
    /// Whether the array's first element is the event's name.
    pub(super) named: bool,
    pub(super) missing: &'m MissingArgument,
}

impl<'de, D: Deserializer<'de>> List<'_, D> {
    fn visit<V: Visitor<'de>>(self, arity: usize, visitor: V) -> Result<V::Value, D::Error> {
        let Self { array, named, missing } = self;
        array.deserialize_seq(ListVisitor { visitor, named, arity, missing })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for List<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.visit(0, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.visit(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.visit(len, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.array.deserialize_ignored_any(IgnoredAny)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_unit(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq map struct enum
        identifier ignored_any
    }
}

struct ListVisitor<'m, V> {
    visitor: V,
    named: bool,
    /// How many elements the visitor will ask for, present or not.
    arity: usize,
    missing: &'m MissingArgument,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ListVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<V::Value, A::Error> {
        if self.named {
            seq.next_element::<IgnoredAny>()?;
        }
        let value = self.visitor.visit_seq(Elements {
            seq: &mut seq,
            index: 0,
            arity: self.arity,
            missing: self.missing,
        })?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

struct Elements<'m, A> {
    seq: A,
    index: usize,
    arity: usize,
    missing: &'m MissingArgument,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let mut seed = Some(seed);
        let element = self.seq.next_element_seed(Reclaim(&mut seed))?;
        self.index += 1;
        match seed {
            Some(seed) if self.index <= self.arity => {
                seed.deserialize(Absent::new(self.index, self.missing)).map(Some)
            }
            _ => Ok(element),
        }
    }
}

/// A seed that stays with its owner if there is no element for it.
struct Reclaim<'s, S>(&'s mut Option<S>);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Reclaim<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.take().expect("a sequence uses a seed once").deserialize(deserializer)
    }
}

/// Deserialises an argument the peer left out: JavaScript's `undefined`, which reads like `null`.
pub(super) struct Absent<'m, E> {
    index: usize,
    missing: &'m MissingArgument,
    error: PhantomData<E>,
}

impl<'m, E: Error> Absent<'m, E> {
    pub(super) fn new(index: usize, missing: &'m MissingArgument) -> Self {
        Self { index, missing, error: PhantomData }
    }

    fn refuse(&self) -> E {
        self.missing.0.set(Some(self.index));
        E::custom(format_args!("missing argument {}", self.index))
    }
}

/// Values that nothing cannot stand for.
macro_rules! refuse {
    ($($method:ident($($argument:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, E> {
            Err(self.refuse())
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for Absent<'_, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit::<E>().map_err(|_| self.refuse())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    refuse! {
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
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_seq();
        deserialize_map();
        deserialize_identifier();
        deserialize_tuple(usize);
        deserialize_tuple_struct(&'static str, usize);
        deserialize_struct(&'static str, &'static [&'static str]);
        deserialize_enum(&'static str, &'static [&'static str]);
    }

    serde::forward_to_deserialize_any! { unit unit_struct ignored_any }
}
