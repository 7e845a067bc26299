//! The declaration language: `message!` turns a table that reads like Kafka's schema into types.
//!
//! ```text
//! message! {
//!     request 1, versions 4..=18, flexible 12..;      // no `flexible`: never
//!
//!     /// The first struct is the message, the others are its parts.
//!     pub struct FetchRequest<'a> {                   // <'a> where something borrows
//!         cluster_id: str [12..] nullable tag 0 = None,
//!         max_bytes: i32 = 0x7fff_ffff,               // a Rust value as the default
//!         topics: [FetchTopic<'a>],
//!     }
//!     pub struct FetchTopic<'a> {
//!         topic: str [..=12],                         // the versions that have the field
//!         topic_id: uuid [13..],
//!         partitions: [i32] nullable [2..],           // null allowed in some versions only
//!     }
//! }
//! ```
//!
//! Types: `bool i8 i16 u16 i32 u32 i64 f64 error uuid str bytes records`, `[type]`, or a struct
//! (`error` is an `int16` that holds an error code). Tagged
//! fields stand in the order of their tags. Per struct it makes the type with `Default`
//! (Kafka's defaults), `Message` (both directions) and `Struct` (the declaration as data).
//! A test compares every declaration with Kafka's own.

/// Declares a message and its parts. See the head of `declare.rs`.
macro_rules! message {
    (
        $kind:ident $key:literal, versions $min:literal ..= $max:literal
            $(, flexible $flexible:literal ..)?;

        $(#[$meta:meta])*
        pub struct $name:ident $(<$lt:lifetime>)? { $($fields:tt)* }
        $($parts:tt)*
    ) => {
        structure! {
            [Versions { min: $min, max: $max }] [or!([$($flexible)?] i16::MAX)]
            $(#[$meta])*
            pub struct $name $(<$lt>)? { $($fields)* }
        }

        impl<'a> $crate::wire::codec::Root<'a> for $name $(<$lt>)? {
            const KEY: i16 = $key;
            const VERSIONS: $crate::wire::schema::Versions =
                $crate::wire::schema::Versions { min: $min, max: $max };
            const SCHEMA: &'static $crate::wire::schema::Schema = &$crate::wire::schema::Schema {
                name: stringify!($name),
                kind: kind!($kind),
                key: $key,
                versions: $crate::wire::schema::Versions { min: $min, max: $max },
                flexible: $crate::wire::schema::Versions {
                    min: or!([$($flexible)?] i16::MAX),
                    max: i16::MAX,
                },
                body: <$name $(<$lt>)? as $crate::wire::codec::Message<'a>>::STRUCT,
            };
        }

        structures! { [or!([$($flexible)?] i16::MAX)] $($parts)* }
    };
}

/// The parts of a message, one by one.
macro_rules! structures {
    (
        [$flexible:expr] $($(#[$meta:meta])* pub struct $name:ident $(<$lt:lifetime>)?
        { $($fields:tt)* })*
    ) => {$(
        structure! {
            [Versions::ALL] [$flexible]
            $(#[$meta])*
            pub struct $name $(<$lt>)? { $($fields)* }
        }
    )*};
}

/// One struct: its type, its defaults, its description, its decoder and its encoder.
macro_rules! structure {
    (
        [$versions:expr] [$flexible:expr]
        $(#[$meta:meta])*
        pub struct $name:ident $(<$lt:lifetime>)? {
            $(
                $(#[$doc:meta])*
                $field:ident: $ty:tt $(<$flt:lifetime>)? $([$($range:tt)*])?
                    $(nullable $([$($nulls:tt)*])?)? $(tag $tag:literal)? $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name $(<$lt>)? {$(
            $(#[$doc])*
            #[doc = concat!(
                "`", stringify!($field), ": ", stringify!($ty) $(, " [", stringify!($($range)*), "]")?
                $(, " nullable", $(" [", stringify!($($nulls)*), "]",)? "")?
                $(, " tag ", stringify!($tag))? $(, " = ", stringify!($default))?, "`"
            )]
            pub $field: value_type!([$(nullable $([$($nulls)*])?)?] $ty $(<$flt>)?),
        )*}

        impl $(<$lt>)? Default for $name $(<$lt>)? {
            #[inline]
            fn default() -> Self {
                <Self as $crate::wire::codec::Value<'_>>::EMPTY
            }
        }

        const _: () = {
            use $crate::wire::codec::{DecodeError, Form, Message, Nullable, Reader, Value, Writer};
            use $crate::wire::schema::{Struct, Type, Versions};

            /// What the declaration says about each field.
            struct Declared;

            #[allow(non_upper_case_globals)]
            impl Declared {
                const VERSIONS: Versions = $versions;
                $(const $field: $crate::wire::schema::Field = $crate::wire::schema::Field {
                    name: stringify!($field),
                    path: concat!(stringify!($name), ".", stringify!($field)),
                    ty: Type::Bool,
                    versions: versions!($([$($range)*])?),
                    nullable: nulls!([$(nullable $([$($nulls)*])?)?] $([$($range)*])?),
                    tag: or!([$(Some($tag))?] None),
                    default: stringify!($($default)?),
                };)*
            }

            impl<'a> Message<'a> for $name $(<$lt>)? {
                const FLEXIBLE_FROM: i16 = $flexible;
                const STRUCT: &'static Struct = &Struct {
                    name: stringify!($name),
                    fields: &[$(
                        Declared::$field.of(<value_type!([] $ty $(<$flt>)?) as Value<'a>>::TYPE)
                    ),*],
                };

                fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
                    Declared::VERSIONS.check(version, r).map_err(|e| e.within(stringify!($name)))?;
                    let flexible = version >= Self::FLEXIBLE_FROM;
                    #[allow(unused_mut)]
                    let mut it = $name {$(
                        $field: if Declared::$field.is_inline(version) {
                            Value::read(r, Declared::$field.form(version, flexible))
                                .map_err(|e| e.within(Declared::$field.path))?
                        } else {
                            Self::EMPTY.$field
                        },
                    )*};
                    if flexible {
                        let count = r.read_uvarint().map_err(|e| e.within(stringify!($name)))?;
                        for _ in 0..count {
                            #[allow(unused_mut, unused_variables)]
                            let (tag, mut value) =
                                r.read_tag().map_err(|e| e.within(stringify!($name)))?;
                            $($(if tag == $tag && Declared::$field.versions.has(version) {
                                it.$field = Value::read(&mut value, Declared::$field.form(version, true))
                                    .and_then(|read| value.finish_tag(tag).map(|()| read))
                                    .map_err(|e| e.within(Declared::$field.path))?;
                            })?)*
                        }
                    }
                    Ok(it)
                }

                fn encode(&self, w: &mut Writer, version: i16) {
                    debug_assert!(Declared::VERSIONS.has(version), "no version {version}");
                    let flexible = version >= Self::FLEXIBLE_FROM;
                    $(if Declared::$field.is_inline(version) {
                        self.$field.write(w, Declared::$field.form(version, flexible));
                    })*
                    if flexible {
                        #[allow(unused_mut)]
                        let mut count = 0;
                        $($(if Declared::$field.versions.has(version)
                            && self.$field != Self::EMPTY.$field
                        {
                            let _: u32 = $tag;
                            count += 1;
                        })?)*
                        w.write_uvarint(count);
                        $($(if Declared::$field.versions.has(version)
                            && self.$field != Self::EMPTY.$field
                        {
                            w.write_tagged($tag, |w| {
                                self.$field.write(w, Declared::$field.form(version, true));
                            });
                        })?)*
                    }
                }
            }

            impl<'a> Value<'a> for $name $(<$lt>)? {
                const TYPE: Type = Type::Struct(<Self as Message<'a>>::STRUCT);
                const EMPTY: Self = $name { $($field: or!([$($default)?] Value::EMPTY)),* };

                #[inline]
                fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
                    Self::decode(r, form.version)
                }

                #[inline]
                fn write(&self, w: &mut Writer, form: Form) {
                    self.encode(w, form.version);
                }
            }

            impl<'a> Nullable<'a> for $name $(<$lt>)? {
                fn read_option(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
                    // Kafka's generator: a byte, but for a tagged field a varint. What is there is 1.
                    let is_null =
                        if form.tagged { r.read_uvarint()? == 0 } else { r.read_i8()? < 0 };
                    if is_null { Ok(None) } else { Self::read(r, form).map(Some) }
                }

                fn write_null(w: &mut Writer, form: Form) {
                    w.write_i8(if form.tagged { 0 } else { -1 });
                }

                fn write_some(&self, w: &mut Writer, form: Form) {
                    w.write_i8(1);
                    self.write(w, form);
                }
            }
        };
    };
}

/// A field's Rust type. `[nullable ...]` makes it an `Option`.
macro_rules! value_type {
    ([nullable $($nulls:tt)*] $($ty:tt)+) => { Option<value_type!([] $($ty)+)> };
    ([] str) => { &'a str };
    ([] bytes) => { &'a [u8] };
    ([] records) => { $crate::wire::codec::Records<'a> };
    ([] error) => { $crate::wire::error::ErrorCode };
    ([] uuid) => { $crate::wire::uuid::Uuid };
    ([] [$($element:tt)+]) => { $crate::wire::codec::Array<'a, value_type!([] $($element)+)> };
    ([] $name:ident) => { $name };
    ([] $name:ident <$lt:lifetime>) => { $name<$lt> };
}

/// A range of versions as the declaration writes it.
macro_rules! versions {
    () => {
        Versions::ALL
    };
    ([$min:literal ..]) => {
        Versions { min: $min, max: i16::MAX }
    };
    ([..= $max:literal]) => {
        Versions { min: 0, max: $max }
    };
    ([$min:literal ..= $max:literal]) => {
        Versions { min: $min, max: $max }
    };
}

/// The versions in which a field may be null: its own ones unless others are named.
macro_rules! nulls {
    ([] $($range:tt)?) => { Versions::NONE };
    ([nullable] $($range:tt)?) => { versions!($($range)?) };
    ([nullable $nulls:tt] $($range:tt)?) => { versions!($nulls) };
}

/// The first thing if there is one, else the second.
macro_rules! or {
    ([] $otherwise:expr) => {
        $otherwise
    };
    ([$given:expr] $otherwise:expr) => {
        $given
    };
}

/// What a message is for.
macro_rules! kind {
    (request) => {
        $crate::wire::schema::Kind::Request
    };
    (response) => {
        $crate::wire::schema::Kind::Response
    };
    (metadata) => {
        $crate::wire::schema::Kind::Metadata
    };
    (control) => {
        $crate::wire::schema::Kind::Control
    };
    (key) => {
        $crate::wire::schema::Kind::GroupKey
    };
    (value) => {
        $crate::wire::schema::Kind::GroupValue
    };
}
