//! What precedes every request and every response on the wire.
//!
//! The request header's version follows from the key and the version inside it, the response
//! header's from the request's. The client id keeps its 16-bit length in every header version,
//! which is why headers are written by hand and not declared (`RequestHeader.json`).

use super::api::ApiKey;
use super::codec::{DecodeError, Form, Reader, Reason, Value, Writer};

/// The header of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestHeader<'a> {
    /// Which request it is; of a known kind after decoding.
    pub api_key: i16,
    /// In which version; not checked.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
}

/// The client id's form: never compact, null allowed.
const CLIENT_ID: Form = Form { version: 1, flexible: false, nullable: true, tagged: false };

impl<'a> RequestHeader<'a> {
    /// Reads a header; the reader stays at the body. A key that no request has is an error, for
    /// nothing behind it could be read.
    pub fn decode(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let key_at = r.clone();
        let api_key = r.read_i16().map_err(|e| e.within("RequestHeader.api_key"))?;
        let Some(api) = ApiKey::from_i16(api_key) else {
            let error = key_at.error(Reason::UnknownApiKey(api_key));
            return Err(error.within("RequestHeader.api_key"));
        };
        let api_version = r.read_i16().map_err(|e| e.within("RequestHeader.api_version"))?;
        let correlation_id = r.read_i32().map_err(|e| e.within("RequestHeader.correlation_id"))?;
        let client_id = read_client_id(r).map_err(|e| e.within("RequestHeader.client_id"))?;
        if api.request_header_version(api_version) >= 2 {
            skip_tags(r).map_err(|e| e.within("RequestHeader"))?;
        }
        Ok(RequestHeader { api_key, api_version, correlation_id, client_id })
    }

    /// Writes a header. The key must be one that exists.
    pub fn encode(&self, w: &mut Writer) {
        w.write_i16(self.api_key);
        w.write_i16(self.api_version);
        w.write_i32(self.correlation_id);
        self.client_id.write(w, CLIENT_ID);
        let api = ApiKey::from_i16(self.api_key);
        debug_assert!(api.is_some(), "no request has the key {}", self.api_key);
        if api.is_some_and(|api| api.request_header_version(self.api_version) >= 2) {
            w.write_uvarint(0);
        }
    }
}

/// The header of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeader {
    /// That of the request.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of the response to an `api` request of `version`.
    pub fn decode(r: &mut Reader<'_>, api: ApiKey, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = r.read_i32().map_err(|e| e.within("ResponseHeader.correlation_id"))?;
        if api.response_header_version(version) >= 1 {
            skip_tags(r).map_err(|e| e.within("ResponseHeader"))?;
        }
        Ok(ResponseHeader { correlation_id })
    }

    /// Writes the header of the response to an `api` request of `version`.
    #[inline]
    pub fn encode(&self, w: &mut Writer, api: ApiKey, version: i16) {
        w.write_i32(self.correlation_id);
        if api.response_header_version(version) >= 1 {
            w.write_uvarint(0);
        }
    }
}

/// Reads the client id. It is but a label, and Kafka takes one that is not UTF-8: what of it is
/// UTF-8 is kept.
fn read_client_id<'a>(r: &mut Reader<'a>) -> Result<Option<&'a str>, DecodeError> {
    let Some(len) = r.read_string_len(CLIENT_ID.flexible)? else { return Ok(None) };
    let bytes = r.read_slice(len)?;
    Ok(bytes.utf8_chunks().next().map_or(Some(""), |chunk| Some(chunk.valid())))
}

/// Reads a tagged section of which nothing is known.
fn skip_tags(r: &mut Reader<'_>) -> Result<(), DecodeError> {
    for _ in 0..r.read_uvarint()? {
        r.read_tag()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: &[u8]) -> Result<(RequestHeader<'_>, usize), DecodeError> {
        let mut r = Reader::new(bytes);
        RequestHeader::decode(&mut r).map(|header| (header, r.remaining()))
    }

    #[test]
    fn client_id_keeps_its_16_bit_length_in_both_versions() {
        for (version, tags) in [(2, &b""[..]), (3, &[0])] {
            let header = RequestHeader {
                api_key: 18,
                api_version: version,
                correlation_id: 7,
                client_id: Some("ab"),
            };
            let mut w = Writer::new();
            header.encode(&mut w);
            let fixed = [0, 18, 0, version as u8, 0, 0, 0, 7, 0, 2, b'a', b'b'];
            assert_eq!(w.bytes(), [&fixed[..], tags].concat());
            assert_eq!(request(w.bytes()), Ok((header, 0)));
        }
    }

    #[test]
    fn null_client_id_and_unknown_tags() {
        let bytes = [0, 18, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 2, 0, 1, 9, 5, 2, 8, 8, 42];
        let (header, left) = request(&bytes).unwrap();
        assert_eq!((header.client_id, header.correlation_id, left), (None, 7, 1));
        assert_eq!(bytes[bytes.len() - left], 42);
    }

    #[test]
    fn client_id_that_is_not_utf8_is_cut() {
        for (bytes, text) in [(&b"a\xffb"[..], "a"), (b"\xe9", ""), (b"", "")] {
            let head = [0, 18, 0, 0, 0, 0, 0, 7, 0, bytes.len() as u8];
            let bytes = [&head[..], bytes].concat();
            let (header, left) = request(&bytes).unwrap();
            assert_eq!((header.client_id, left), (Some(text), 0));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = request(&[0, 93, 0, 0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "RequestHeader.api_key at byte 0: there is no request with the key 93"
        );
        let error = request(&[0, 18, 0, 3, 0, 0, 0, 7, 0, 5, b'x']).unwrap_err();
        assert_eq!(
            error.to_string(),
            "RequestHeader.client_id at byte 10: the value takes 5 bytes, 1 are left"
        );
    }

    #[test]
    fn response_header_of_api_versions_never_has_tags() {
        for (api, version, len) in
            [(ApiKey::ApiVersions, 4, 4), (ApiKey::Produce, 8, 4), (ApiKey::Produce, 9, 5)]
        {
            let mut w = Writer::new();
            ResponseHeader { correlation_id: -1 }.encode(&mut w, api, version);
            assert_eq!(w.len(), len);
            let mut r = Reader::new(w.bytes());
            let header = ResponseHeader::decode(&mut r, api, version).unwrap();
            assert_eq!((header.correlation_id, r.remaining()), (-1, 0));
        }
    }
}
