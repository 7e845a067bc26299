//! A schema in one normal form, so that a declaration and a JSON file can be compared and both can
//! drive the generator: version ranges are cut to those of the parent, fields outside the tagged
//! section come first in wire order, tagged ones after them in the order of their tags.

use barnabas::wire::schema::{self, Kind, Schema, Versions};

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub name: String,
    pub kind: Kind,
    pub key: i16,
    pub versions: Versions,
    pub flexible_from: Option<i16>,
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub ty: Ty,
    pub versions: Versions,
    pub nullable: Versions,
    pub tag: Option<u32>,
    pub default: Literal,
}

/// A type, by Kafka's names.
#[derive(Debug, Clone, PartialEq)]
pub enum Ty {
    Plain(&'static str),
    Array(Box<Ty>),
    Struct(String, Vec<Field>),
}

/// A default value.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
    /// The only default that the type has: empty, zero, or its fields' own.
    Empty,
}

/// The names of the types that are not arrays or structs.
pub const PLAIN: &[&str] = &[
    "bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "uuid", "string",
    "bytes", "records",
];

/// The part of `inner` that is in `outer`.
pub fn clip(inner: Versions, outer: Versions) -> Versions {
    let (min, max) = (inner.min.max(outer.min), inner.max.min(outer.max));
    if min > max { Versions::NONE } else { Versions { min, max } }
}

/// A default out of its text; `text` is empty where none is declared.
pub fn literal(ty: &Ty, text: &str) -> Literal {
    match (ty, text) {
        (_, "null" | "None") => Literal::Null,
        (Ty::Plain("records"), "") => Literal::Null,
        (Ty::Plain("bool"), text) => Literal::Bool(!matches!(text, "" | "false")),
        (Ty::Plain("string"), text) => Literal::Text(text.trim_matches('"').to_owned()),
        (Ty::Plain(ty), "") if ty.contains("int") => Literal::Int(0),
        (Ty::Plain(ty), text) if ty.contains("int") => Literal::Int(integer(text)),
        (_, "") => Literal::Empty,
        (ty, text) => panic!("a default {text:?} for {ty:?}"),
    }
}

fn integer(text: &str) -> i64 {
    let text = text.replace([' ', '_'], "");
    match (text.as_str(), text.strip_prefix("0x")) {
        ("i32::MAX", _) => i64::from(i32::MAX),
        ("i32::MIN", _) => i64::from(i32::MIN),
        ("i64::MAX", _) => i64::MAX,
        (_, Some(hex)) => i64::from_str_radix(hex, 16).unwrap(),
        (text, None) => text.parse().unwrap(),
    }
}

/// The normal form of a list of fields within the versions of their parent.
pub fn normal(mut fields: Vec<Field>) -> Vec<Field> {
    fields.retain(|field| field.versions != Versions::NONE);
    fields.sort_by_key(|field| field.tag.map_or(-1, i64::from));
    fields
}

/// The model of a declaration.
pub fn of(schema: &Schema) -> Message {
    Message {
        name: schema.name.to_owned(),
        kind: schema.kind,
        key: schema.key,
        versions: schema.versions,
        flexible_from: Some(schema.flexible.min).filter(|from| *from < i16::MAX),
        fields: fields(schema.body, schema.versions),
    }
}

fn fields(body: &schema::Struct, parent: Versions) -> Vec<Field> {
    normal(body.fields.iter().map(|field| of_field(field, parent)).collect())
}

fn of_field(field: &schema::Field, parent: Versions) -> Field {
    let versions = clip(field.versions, parent);
    let ty = of_type(&field.ty, versions);
    Field {
        name: field.name.trim_start_matches("r#").to_owned(),
        versions,
        nullable: clip(field.nullable, versions),
        tag: field.tag,
        default: literal(&ty, field.default),
        ty,
    }
}

fn of_type(ty: &schema::Type, versions: Versions) -> Ty {
    use schema::Type;
    Ty::Plain(match ty {
        Type::Array(element) => return Ty::Array(Box::new(of_type(element, versions))),
        Type::Struct(body) => return Ty::Struct(body.name.to_owned(), fields(body, versions)),
        Type::Bool => "bool",
        Type::Int8 => "int8",
        Type::Int16 => "int16",
        Type::Uint16 => "uint16",
        Type::Int32 => "int32",
        Type::Uint32 => "uint32",
        Type::Int64 => "int64",
        Type::Float64 => "float64",
        Type::Uuid => "uuid",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Records => "records",
    })
}
