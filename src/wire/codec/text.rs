//! Strings: UTF-8, at most 32767 bytes, borrowed from the input.

use super::value::read_required;
use super::{DecodeError, Form, MAX_STRING, Nullable, Reader, Reason, Value, Writer};
use crate::wire::schema::Type;

impl<'a> Value<'a> for &'a str {
    const TYPE: Type = Type::String;
    const EMPTY: Self = "";
    #[inline]
    fn read(r: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        read_required(r, form)
    }
    /// What is too long for the protocol is cut: only texts for people get there.
    #[inline]
    fn write(&self, w: &mut Writer, form: Form) {
        let text = if self.len() > MAX_STRING { cut(self) } else { self };
        w.write_string_len(Some(text.len()), form.flexible);
        w.write_slice(text.as_bytes());
    }
}

impl<'a> Nullable<'a> for &'a str {
    #[inline]
    fn read_option(r: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        let at = r.position();
        let Some(len) = r.read_string_len(form.flexible)? else { return Ok(None) };
        if len > MAX_STRING {
            return Err(DecodeError::new(at, Reason::StringTooLong(len)));
        }
        match std::str::from_utf8(r.read_slice(len)?) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(DecodeError::new(at, Reason::NotUtf8)),
        }
    }
    #[inline]
    fn write_null(w: &mut Writer, form: Form) {
        w.write_string_len(None, form.flexible);
    }
}

#[cold]
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_STRING)]
}
