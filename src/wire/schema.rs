//! A declaration as data: what tests compare with Kafka's schemas and tools print.
//!
//! Decoders and encoders ask it too: it is constant, so that the questions cost nothing.
//! Names are the Rust ones (`throttle_time_ms` for Kafka's `ThrottleTimeMs`).

use super::codec::{DecodeError, Form, Reader, Reason};

/// A range of versions, both ends included. Empty when `min` is above `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub min: i16,
    /// The last version; `i16::MAX` when there is no upper bound.
    pub max: i16,
}

impl Versions {
    /// Every version.
    pub const ALL: Versions = Versions { min: 0, max: i16::MAX };
    /// No version.
    pub const NONE: Versions = Versions { min: 1, max: 0 };

    /// True when `version` is one of them.
    #[inline]
    pub const fn has(self, version: i16) -> bool {
        version >= self.min && version <= self.max
    }

    /// An error unless `version` is one of them.
    #[inline]
    pub fn check(self, version: i16, r: &Reader<'_>) -> Result<(), DecodeError> {
        if self.has(version) { Ok(()) } else { Err(r.error(Reason::UnknownVersion(version))) }
    }
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From client to server.
    Request,
    /// From server to client.
    Response,
    /// A record of the metadata log.
    Metadata,
    /// A control record of the metadata log.
    Control,
    /// The key of a record of the offsets topic.
    GroupKey,
    /// The value of a record of the offsets topic.
    GroupValue,
}

/// A declared message.
#[derive(Debug)]
pub struct Schema {
    /// Name, as Kafka's.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// API key, record type or control record type.
    pub key: i16,
    /// Versions that it has.
    pub versions: Versions,
    /// Versions with compact forms and tagged fields.
    pub flexible: Versions,
    /// Its fields.
    pub body: &'static Struct,
}

/// A declared structure.
#[derive(Debug)]
pub struct Struct {
    /// Name, as Kafka's.
    pub name: &'static str,
    /// Fields in wire order; tagged ones in the order of their tags.
    pub fields: &'static [Field],
}

/// A declared field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// `Struct.field`, for messages about it.
    pub path: &'static str,
    /// Type of the value.
    pub ty: Type,
    /// Versions that have it.
    pub versions: Versions,
    /// Versions in which it may be null.
    pub nullable: Versions,
    /// Its tag, when it travels in the tagged section.
    pub tag: Option<u32>,
    /// The default as the declaration writes it; empty when it is the type's own.
    pub default: &'static str,
}

impl Field {
    /// The same field with its type.
    pub(super) const fn of(self, ty: Type) -> Field {
        Field { ty, ..self }
    }

    /// True when `version` has the field outside the tagged section.
    #[inline]
    pub(super) const fn is_inline(&self, version: i16) -> bool {
        self.tag.is_none() && self.versions.has(version)
    }

    /// The form of its value in `version`.
    #[inline]
    pub(super) const fn form(&self, version: i16, flexible: bool) -> Form {
        let nullable = self.nullable.has(version);
        Form { version, flexible, nullable, tagged: self.tag.is_some() }
    }
}

/// A field's type.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `uint16`
    Uint16,
    /// `int32`
    Int32,
    /// `uint32`
    Uint32,
    /// `int64`
    Int64,
    /// `float64`
    Float64,
    /// `uuid`
    Uuid,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `records`
    Records,
    /// An array of another type.
    Array(&'static Type),
    /// A structure.
    Struct(&'static Struct),
}
