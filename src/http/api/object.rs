//! An object of JSON that is one: serde takes an array for a struct too, by the order of its fields, which is nobody's
//! affair.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// See the module's comment.
pub(super) struct Object<T>(pub(super) T);

struct Reading<T>(PhantomData<T>);

impl<'d, T: Deserialize<'d>> Visitor<'d> for Reading<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<'d, T: Deserialize<'d>> Deserialize<'d> for Object<T> {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Object<T>, D::Error> {
        from.deserialize_map(Reading(PhantomData))
    }
}
