//! One request as a handler sees it, and how its answer is framed.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

use crate::broker::{Endpoint, Shared};
use crate::net::{Flow, push_ip};
use crate::wire::api::ApiKey;
use crate::wire::codec::{DecodeError, Message, Reader, Reason, Writer};
use crate::wire::header::{RequestHeader, ResponseHeader};

/// The request's circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Which API.
    pub api: ApiKey,
    /// The request's header.
    pub header: RequestHeader<'a>,
    /// How the client came.
    pub origin: Origin,
    /// When it was received.
    pub received: Instant,
}

/// How a client came to us.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The index of the listener.
    pub listener: usize,
    /// Our address, as the client knows it.
    pub local: SocketAddr,
    /// The client's address.
    pub remote: SocketAddr,
    /// The number of its connection, by which log lines name it.
    pub conn: u64,
}

impl Origin {
    /// The client's address as Kafka writes it down.
    pub fn host(&self) -> String {
        let mut host = String::with_capacity("/255.255.255.255".len());
        host.push('/');
        push_ip(&mut host, self.remote.ip());
        host
    }
}

impl Call<'_> {
    /// The version that the client speaks.
    pub fn version(&self) -> i16 {
        self.header.api_version
    }

    /// The address of this node that the client is told: one that it can reach.
    pub fn endpoint(&self, shared: &Shared) -> Endpoint {
        shared.endpoint(self.origin.listener, self.origin.local)
    }
}

/// Decodes a request's body. Bytes behind it are ignored, as Kafka does.
///
/// # Errors
/// When the body is not what its version says; the connection ends then.
pub fn decode<'a, M: Message<'a>>(
    call: &Call<'_>,
    body: &mut Reader<'a>,
) -> Result<M, DecodeError> {
    M::decode(body, call.version())
}

/// Names in one request each of which has a row, or a sentence, in the answer: beyond that nobody asks in earnest,
/// and everybody else would wait.
const MAX_NAMED: usize = 20_000;

/// Whether a request names no more than that.
///
/// # Errors
/// When it does.
pub fn bounded(body: &Reader<'_>, count: usize) -> Result<(), DecodeError> {
    match count > MAX_NAMED {
        true => Err(body.error(Reason::TooManyElements { count, left: MAX_NAMED })),
        false => Ok(()),
    }
}

/// Writes a whole answer frame: size, header, body.
pub fn respond<'m, M: Message<'m>>(call: &Call<'_>, response: &M, out: &mut Writer) {
    begin(call.api, call.version(), call.header.correlation_id, out);
    response.encode(out, call.version());
    finish(out);
}

/// Writes the place of the size and the response header.
pub fn begin(api: ApiKey, version: i16, correlation_id: i32, out: &mut Writer) {
    out.clear();
    out.write_i32(0);
    ResponseHeader { correlation_id }.encode(out, api, version);
}

/// Puts the size of the frame in its place.
pub fn finish(out: &mut Writer) {
    let size = i32::try_from(out.total_len() - 4).unwrap_or(i32::MAX);
    out.patch_i32(0, size);
}

/// A body that cannot be read ends the connection, as in Kafka.
pub(super) fn refuse(call: &Call<'_>, why: &DecodeError) -> Flow {
    Flow::Close(Cow::Owned(unreadable(call, why)))
}

pub(super) fn unreadable(call: &Call<'_>, why: &DecodeError) -> String {
    format!("a {} v{} request that cannot be read: {why}", call.api.name(), call.version())
}
