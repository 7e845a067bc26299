//! Requests that the controller thread works on, since they change metadata or may wait for a disk.
//!
//! The frame is copied for it, within a limit; the worker goes on, and the connection's next request waits for the
//! answer (`Flow::Hold`), because Kafka executes the requests of a connection one after the other.

use std::borrow::Cow;

use super::apis::{self, Handler};
use super::call::{Call, Origin, unreadable};
use super::service::KafkaService;
use crate::broker::{Offloaded, Tag};
use crate::net::{Flow, Slot};
use crate::wire::codec::{Reader, Writer};
use crate::wire::header::RequestHeader;

impl KafkaService {
    /// Hands a request to the controller thread; the connection goes on when the answer is there.
    pub(super) fn offload(&mut self, slot: Slot, call: &Call<'_>, frame: &[u8]) -> Flow {
        let Some(claim) = self.shared.claim_offloaded(frame.len()) else {
            return Flow::Close(Cow::Borrowed("too many large requests wait for the controller"));
        };
        let (worker, frame) = (self.worker, frame.to_vec());
        let (origin, tag) = (call.origin, call.tag());
        let job = move |controller: &mut crate::broker::Controller| {
            let answer = run_offloaded(controller, origin, tag, &frame);
            drop((frame, claim));
            controller.answer((worker, slot), tag, answer);
        };
        match self.shared.on_controller(job) {
            Ok(()) => Flow::Hold,
            Err(why) => Flow::Close(Cow::Owned(why.to_string())),
        }
    }
}

/// Runs an offloaded handler; the worker has read the header before. An error closes the
/// connection.
fn run_offloaded(
    controller: &mut crate::broker::Controller,
    origin: Origin,
    tag: Tag,
    frame: &[u8],
) -> Result<Offloaded, String> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader).map_err(|why| why.to_string())?;
    let api = apis::find(header.api_key).map(|api| (api.key, api.handler));
    let Some((api, Handler::Offloaded(handler) | Handler::Either(_, handler))) = api else {
        return Err(format!("a request for API {}, which is not served", header.api_key));
    };
    let call = Call { api, header, origin, received: tag.received };
    let mut out = Writer::new();
    handler(controller, &call, &mut reader, &mut out).map_err(|why| unreadable(&call, &why))?;
    Ok(out.into())
}
