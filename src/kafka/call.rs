//! One request as a handler sees it, and how its answer is framed.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::broker::{Endpoint, Shared};
use crate::wire::api::ApiKey;
use crate::wire::codec::{DecodeError, Message, Reader, Writer};
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
    /// The client's address as Kafka writes it down. Each heartbeat of a consumer group asks for it, so the common
    /// kind is written without the machinery of formats, which takes a thousand instructions.
    pub fn host(&self) -> String {
        let IpAddr::V4(ip) = self.remote.ip() else { return format!("/{}", self.remote.ip()) };
        let mut host = String::with_capacity("/255.255.255.255".len());
        for (separator, part) in "/...".chars().zip(ip.octets()) {
            host.push(separator);
            for (unit, digit) in [(100, part / 100), (10, part / 10 % 10), (1, part % 10)] {
                if part >= unit || unit == 1 {
                    host.push(char::from(b'0' + digit));
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_what_they_would_be_if_they_were_formatted() {
        let mut addresses: Vec<IpAddr> = vec!["::1".parse().unwrap(), "fe80::1".parse().unwrap()];
        addresses.extend((0..=255).map(|part| IpAddr::from([part, 255 - part, 10, part])));
        for ip in addresses {
            let remote = SocketAddr::new(ip, 1);
            let origin = Origin { listener: 0, local: remote, remote, conn: 0 };
            assert_eq!(origin.host(), format!("/{ip}"));
        }
    }
}
