//! Bytes of messages that follow a model: random ones, and the ones of nothing but defaults.
//!
//! The bytes are canonical (tags in order, no default in the tagged section), so that a decoder
//! and an encoder together must give them back as they were.

use super::model::{Field, Literal, Message, Ty};
use super::rng::Rng;

/// Where the values come from.
pub struct Source {
    /// Random values, or defaults where there is none.
    random: Option<Rng>,
    /// Where to draw unknown tagged fields from, if there are to be any.
    unknown: Option<Rng>,
    /// How many fields that cannot be null are left before one is null all the same.
    wrong_null: Option<usize>,
}

impl Source {
    /// Random messages.
    pub fn random(seed: u64) -> Source {
        Source { random: Some(Rng(seed)), ..Source::defaults() }
    }

    /// The same messages with tagged fields between that nobody knows.
    pub fn with_unknown_tags(seed: u64) -> Source {
        Source { unknown: Some(Rng(!seed)), ..Source::random(seed) }
    }

    /// Random messages with null in the `at`-th place where the version has none.
    pub fn with_wrong_null(seed: u64, at: usize) -> Source {
        Source { wrong_null: Some(at), ..Source::random(seed) }
    }

    /// True when there was no such place any more.
    pub fn has_no_wrong_null(&self) -> bool {
        self.wrong_null.is_some()
    }

    /// Messages of defaults.
    pub fn defaults() -> Source {
        Source { random: None, unknown: None, wrong_null: None }
    }

    /// A message.
    pub fn message(&mut self, message: &Message, version: i16) -> Vec<u8> {
        let flexible = message.flexible_from.is_some_and(|from| version >= from);
        let mut out = Vec::new();
        self.fields(&mut out, &message.fields, version, flexible);
        out
    }

    fn fields(&mut self, out: &mut Vec<u8>, fields: &[Field], version: i16, flexible: bool) {
        let present = fields.iter().filter(|field| field.versions.has(version));
        let (tagged, inline): (Vec<_>, Vec<_>) = present.partition(|field| field.tag.is_some());
        for field in inline {
            self.field(out, field, version, flexible);
        }
        if flexible {
            self.tags(out, &tagged, version);
        }
    }

    fn tags(&mut self, out: &mut Vec<u8>, fields: &[&Field], version: i16) {
        let mut tags = Vec::new();
        for field in fields {
            let mut value = Vec::new();
            let mut default = Vec::new();
            Source::defaults().field(&mut default, field, version, true);
            let before = self.wrong_null.is_some();
            self.field(&mut value, field, version, true);
            let left_out = self.random.as_mut().is_some_and(|rng| rng.one_in(2));
            let left_out = left_out && self.wrong_null.is_some() == before;
            if value != default && !left_out {
                tags.push((field.tag.unwrap(), value));
            }
        }
        if let Some(rng) = &mut self.unknown {
            let mut tag = 100 + rng.below(1000);
            for _ in 0..rng.below(3) {
                let len = rng.below(200);
                tags.push((tag as u32, rng.bytes(len)));
                tag += 1 + rng.below(1 << 20);
            }
        }
        uvarint(out, tags.len());
        for (tag, value) in tags {
            uvarint(out, tag as usize);
            uvarint(out, value.len());
            out.extend(value);
        }
    }

    fn field(&mut self, out: &mut Vec<u8>, field: &Field, version: i16, flexible: bool) {
        let nullable = field.nullable.has(version);
        let null = match &mut self.random {
            Some(rng) => rng.one_in(4),
            None => field.default == Literal::Null,
        };
        if null && nullable || !nullable && self.is_wrongly_null(&field.ty) {
            match &field.ty {
                // A tagged one is marked by a varint.
                Ty::Struct(..) => out.push(if field.tag.is_some() { 0 } else { 0xff }),
                _ if flexible => out.push(0),
                Ty::Plain("string") => out.extend([0xff; 2]),
                _ => out.extend([0xff; 4]),
            }
            return;
        }
        if nullable && matches!(field.ty, Ty::Struct(..)) {
            out.push(1);
        }
        self.value(out, &field.ty, &field.default, version, flexible);
    }

    fn is_wrongly_null(&mut self, ty: &Ty) -> bool {
        let has_null = matches!(ty, Ty::Array(_) | Ty::Plain("string" | "bytes" | "records"));
        if has_null && self.wrong_null == Some(0) {
            self.wrong_null = None;
            return true;
        }
        if has_null {
            self.wrong_null = self.wrong_null.map(|left| left - 1);
        }
        false
    }

    fn value(
        &mut self,
        out: &mut Vec<u8>,
        ty: &Ty,
        default: &Literal,
        version: i16,
        flexible: bool,
    ) {
        match ty {
            Ty::Struct(_, fields) => self.fields(out, fields, version, flexible),
            Ty::Array(element) => {
                let count = self.len(matches!(**element, Ty::Struct(..)));
                length(out, count, 4, flexible);
                for _ in 0..count {
                    self.value(out, element, &Literal::Empty, version, flexible);
                }
            }
            Ty::Plain("string") => {
                let text = self.text(default);
                length(out, text.len(), 2, flexible);
                out.extend(text.as_bytes());
            }
            Ty::Plain("bytes" | "records") => {
                let len = self.len(false);
                length(out, len, 4, flexible);
                out.extend(self.bytes(len));
            }
            Ty::Plain("uuid") => {
                let zero = self.random.as_mut().is_none_or(|rng| rng.one_in(4));
                out.extend(if zero { vec![0; 16] } else { self.bytes(16) });
            }
            Ty::Plain("float64") => out.extend(self.bytes(8)),
            Ty::Plain(ty) => {
                let int = self.int(default);
                let int = if *ty == "bool" { int & 1 } else { int };
                let size = match *ty {
                    "bool" | "int8" => 1,
                    "int16" | "uint16" => 2,
                    "int32" | "uint32" => 4,
                    "int64" => 8,
                    other => panic!("unknown type {other}"),
                };
                out.extend(&int.to_be_bytes()[8 - size..]);
            }
        }
    }

    fn len(&mut self, small: bool) -> usize {
        let Some(rng) = &mut self.random else { return 0 };
        match rng.below(20) {
            0 if !small => 126 + rng.below(4),
            1 if !small => 300,
            2..8 => 0,
            _ => rng.below(4),
        }
    }

    fn text(&mut self, default: &Literal) -> String {
        if let (None, Literal::Text(text)) = (&self.random, default) {
            return text.clone();
        }
        let chars = ['a', '-', '\0', 'é', '√', '🎩'];
        let len = self.len(false);
        let rng = self.random.as_mut();
        rng.map_or_else(String::new, |rng| (0..len).map(|_| chars[rng.below(6)]).collect())
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        self.random.as_mut().map_or_else(|| vec![0; len], |rng| rng.bytes(len))
    }

    fn int(&mut self, default: &Literal) -> i64 {
        match (&mut self.random, default) {
            (Some(rng), _) => rng.int(),
            (None, Literal::Int(int)) => *int,
            (None, Literal::Bool(bool)) => i64::from(*bool),
            (None, _) => 0,
        }
    }
}

fn length(out: &mut Vec<u8>, len: usize, size: usize, flexible: bool) {
    if flexible {
        uvarint(out, len + 1);
    } else {
        out.extend(&len.to_be_bytes()[8 - size..]);
    }
}

fn uvarint(out: &mut Vec<u8>, mut value: usize) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}
