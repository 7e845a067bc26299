//! Arrays: lazy over the wire, a slice when built here, or elements that are encoded already.
//!
//! Decoding walks an array once, to check it and to find its end, and keeps the bytes; iteration
//! decodes the elements again, one at a time. So nothing is allocated, whatever the count says. The first
//! element is kept as it was decoded: most arrays of requests have no second one, and in those that lie in each
//! other every level would decode all below it once more. No element of any message is empty, so the walk ends
//! with the bytes, not with the count.

use std::fmt;

use super::value::read_required;
use super::{DecodeError, Form, Message, Nullable, Reader, Reason, Value, Writer};
use crate::wire::schema::Type;

/// Elements in the order in which they are on the wire.
pub enum Array<'a, T> {
    /// From a decoder: checked, not yet taken apart.
    Wire(Wire<'a, T>),
    /// Encoded one by one before; copied through.
    Encoded(Encoded<'a>),
    /// Built here.
    Slice(&'a [T]),
}

/// Checked elements that stay in the input. Only decoders make it.
#[derive(Clone, Copy)]
pub struct Wire<'a, T> {
    /// The first element, unless there is none or all are of one size, which are read fast.
    first: Option<T>,
    /// The elements behind it.
    rest: &'a [u8],
    count: usize,
    form: Form,
}

/// Elements that a scratch writer holds.
#[derive(Clone, Copy)]
pub struct Encoded<'a> {
    scratch: &'a Writer,
    count: usize,
    version: i16,
}

impl<T: Copy> Clone for Array<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Copy> Copy for Array<'_, T> {}

impl<T> Default for Array<'_, T> {
    #[inline]
    fn default() -> Self {
        Array::Slice(&[])
    }
}

impl<'a, T> From<&'a [T]> for Array<'a, T> {
    #[inline]
    fn from(elements: &'a [T]) -> Self {
        Array::Slice(elements)
    }
}

impl<'a, T> From<&'a Vec<T>> for Array<'a, T> {
    #[inline]
    fn from(elements: &'a Vec<T>) -> Self {
        Array::Slice(elements)
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Array<'a, T> {
    #[inline]
    fn from(elements: &'a [T; N]) -> Self {
        Array::Slice(elements)
    }
}

impl<'a, T> Array<'a, T> {
    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Array::Wire(wire) => wire.count,
            Array::Encoded(encoded) => encoded.count,
            Array::Slice(elements) => elements.len(),
        }
    }

    /// True when there are no elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, T: Message<'a>> Array<'a, T> {
    /// `count` elements that were written to `scratch` for `version` before, with their external
    /// records and errors; they must be encoded for the same version now.
    pub fn written(count: usize, scratch: &'a Writer, version: i16) -> Self {
        Array::Encoded(Encoded { scratch, count, version })
    }
}

impl<'a, T: Value<'a>> Array<'a, T> {
    /// The elements, one by one. Elements that were given encoded are not taken apart again:
    /// there it gives nothing.
    #[inline]
    pub fn iter(&self) -> Iter<'a, T> {
        match *self {
            Array::Wire(Wire { first, rest, count, form }) => {
                Iter::Wire { first, reader: Reader::new(rest), left: count, form }
            }
            Array::Encoded(_) => Iter::Slice([].iter()),
            Array::Slice(elements) => Iter::Slice(elements.iter()),
        }
    }
}

impl<'a, T: Value<'a>> IntoIterator for Array<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;
    #[inline]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The elements of an [`Array`].
#[derive(Debug, Clone)]
pub enum Iter<'a, T> {
    /// Decodes.
    #[doc(hidden)]
    Wire { first: Option<T>, reader: Reader<'a>, left: usize, form: Form },
    /// Copies.
    #[doc(hidden)]
    Slice(std::slice::Iter<'a, T>),
}

impl<'a, T: Value<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self {
            Iter::Wire { first, reader, left, form } => {
                *left = left.checked_sub(1)?;
                if let Some(first) = first.take() {
                    return Some(first);
                }
                let element = T::read(reader, *form);
                // The decoder has walked these very bytes before.
                debug_assert!(element.is_ok(), "a checked element does not decode");
                element.ok()
            }
            Iter::Slice(elements) => elements.next().copied(),
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Iter::Wire { left, .. } => *left,
            Iter::Slice(elements) => elements.len(),
        };
        (left, Some(left))
    }
}

impl<'a, T: Value<'a>> ExactSizeIterator for Iter<'a, T> {}

impl<'a, T: Value<'a>> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Array::Encoded(a), Array::Encoded(b)) => {
                (a.count, a.version, a.scratch.bytes()) == (b.count, b.version, b.scratch.bytes())
            }
            (Array::Encoded(_), _) | (_, Array::Encoded(_)) => self.is_empty() && other.is_empty(),
            _ => self.len() == other.len() && (self.is_empty() || self.iter().eq(other.iter())),
        }
    }
}

impl<'a, T: Value<'a> + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Array::Encoded(e) => write!(f, "[{} in {} bytes]", e.count, e.scratch.len()),
            _ => f.debug_list().entries(self.iter()).finish(),
        }
    }
}

impl<'a, T: Value<'a>> Value<'a> for Array<'a, T> {
    const TYPE: Type = Type::Array(&T::TYPE);
    const EMPTY: Self = Array::Slice(&[]);

    #[inline]
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        read_required(r, form)
    }

    #[inline]
    fn write(&self, w: &mut Writer, form: Form) {
        w.write_len(Some(self.len()), form.flexible);
        match self {
            Array::Encoded(e) => {
                assert_eq!(e.version, form.version, "elements were encoded for another version");
                w.write_parts(e.scratch);
            }
            Array::Slice(elements) => {
                elements.iter().for_each(|e| e.write(w, plain(form)));
            }
            Array::Wire(_) => self.iter().for_each(|e| e.write(w, plain(form))),
        }
    }
}

impl<'a, T: Value<'a>> Nullable<'a> for Array<'a, T> {
    #[inline]
    fn read_option(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        let at = r.position();
        let Some(count) = r.read_len(form.flexible)? else { return Ok(None) };
        let left = r.remaining();
        if count > left {
            return Err(DecodeError::new(at, Reason::TooManyElements { count, left }));
        }
        let (first, rest) = walk::<T>(r, count, plain(form))?;
        Ok(Some(Array::Wire(Wire { first, rest, count, form: plain(form) })))
    }

    #[inline]
    fn write_null(w: &mut Writer, form: Form) {
        w.write_len(None, form.flexible);
    }
}

/// Checks `count` elements and gives the first of them, if it is to be kept, and the bytes of the others.
#[inline]
fn walk<'a, T: Value<'a>>(
    r: &mut Reader<'a>,
    count: usize,
    form: Form,
) -> Result<(Option<T>, &'a [u8]), DecodeError> {
    if T::SIZE > 0 {
        // No overflow: the count is not above the length of the input, a size is at most 16.
        return Ok((None, r.read_slice(count * T::SIZE)?));
    }
    let first = if count > 0 { Some(T::read(r, form)?) } else { None };
    let start = r.rest();
    for _ in 1..count {
        let before = r.remaining();
        T::read(r, form)?;
        debug_assert!(r.remaining() < before, "an element without bytes");
    }
    Ok((first, &start[..start.len() - r.remaining()]))
}

/// The form of the elements: only the array itself may be null.
#[inline]
fn plain(form: Form) -> Form {
    Form { nullable: false, ..form }
}
