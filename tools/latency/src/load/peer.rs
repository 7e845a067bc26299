//! One connection and what it does: it produces, it fetches what is there, or it waits for what comes.

use super::connection::Connection;
use super::pace::Pace;
use crate::broker::refused;
use crate::frames::{self, Batches, FETCH, PRODUCE};
use barnabas::wire::api::ApiKey;
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::fetch::FetchResponse;
use barnabas::wire::messages::produce::ProduceResponse;
use barnabas::wire::records::Batches as Stored;
use std::collections::VecDeque;

/// How long a consumer's fetch waits for records.
const LONG_POLL_MS: i32 = 500;

/// A partition that is read, and from where on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub partition: i32,
    pub next: i64,
    /// Where a reader begins again, and where it does so.
    pub start: i64,
    pub end: i64,
}

/// What a connection does.
#[derive(Debug)]
pub enum Role {
    /// Sends batches to these partitions in turn.
    Produces { partitions: Vec<i32>, at: usize },
    /// Reads these partitions in turn, again and again.
    Fetches { places: Vec<Place>, at: usize },
    /// Reads what comes into these partitions.
    Consumes { places: Vec<Place> },
}

/// What was sent and is not answered yet.
#[derive(Debug, Clone, Copy)]
struct Sent {
    due: u64,
    bytes: u64,
}

/// What an answer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A request that was due then is done: so many records and bytes of batches.
    Done { due: u64, records: u64, bytes: u64 },
    /// A consumer has so many records that were due then.
    Consumed { due: u64, records: u64 },
}

/// See the module's comment.
#[derive(Debug)]
pub struct Peer {
    pub connection: Connection,
    pub role: Role,
    /// In an open load.
    pub pace: Option<Pace>,
    /// It stands among those that wait until something is due.
    pub is_scheduled: bool,
    waiting: VecDeque<Sent>,
    correlation: i32,
}

/// What all peers have in common.
#[derive(Debug)]
pub struct Common<'p> {
    pub topic: &'p str,
    pub acks: i16,
    pub records: u64,
    pub fetch_bytes: i32,
    /// What records of this run begin with.
    pub run: u64,
    pub batches: Batches,
    pub scratch: Vec<u8>,
}

impl Peer {
    pub fn new(connection: Connection, role: Role, pace: Option<Pace>) -> Peer {
        let waiting = VecDeque::new();
        Peer { connection, role, pace, is_scheduled: false, waiting, correlation: 0 }
    }

    /// Requests on the way.
    pub fn on_the_way(&self) -> usize {
        self.waiting.len()
    }

    /// When what is on the way was due.
    pub fn unanswered(&self) -> impl Iterator<Item = u64> + '_ {
        self.waiting.iter().map(|sent| sent.due)
    }

    pub fn is_consumer(&self) -> bool {
        matches!(self.role, Role::Consumes { .. })
    }

    /// Makes the next request, which was due then.
    pub fn request(&mut self, due: u64, common: &mut Common<'_>) -> Result<(), String> {
        self.correlation = self.correlation.wrapping_add(1);
        let (frame, bytes) = match &mut self.role {
            Role::Produces { partitions, at } => {
                let batch = common.batches.stamped(due)?;
                let partition = partitions[*at % partitions.len()];
                *at += 1;
                let frame =
                    frames::produce(common.topic, partition, common.acks, &batch, self.correlation);
                (frame, batch.len() as u64)
            }
            Role::Fetches { places, at } => {
                let place = places[*at % places.len()];
                let from = [(place.partition, place.next)];
                (frames::fetch(common.topic, &from, common.fetch_bytes, 0, self.correlation), 0)
            }
            Role::Consumes { places } => {
                let from: Vec<(i32, i64)> =
                    places.iter().map(|place| (place.partition, place.next)).collect();
                let wait = LONG_POLL_MS;
                (frames::fetch(common.topic, &from, common.fetch_bytes, wait, self.correlation), 0)
            }
        };
        self.connection.push(&frame);
        self.waiting.push_back(Sent { due, bytes });
        Ok(())
    }

    /// Takes the next answer, if it is whole; what it came to goes to `heard`.
    pub fn answer(
        &mut self,
        common: &mut Common<'_>,
        heard: &mut impl FnMut(Heard),
    ) -> Result<bool, String> {
        let Some(answer) = self.connection.take()? else { return Ok(false) };
        let sent = self.waiting.pop_front().ok_or("the broker answers what nobody asked")?;
        let ours = self.correlation.wrapping_sub(self.waiting.len() as i32);
        let correlation = match &mut self.role {
            Role::Produces { .. } => {
                let (id, response) =
                    frames::answer::<ProduceResponse<'_>>(answer, ApiKey::Produce, PRODUCE)?;
                if let Some(why) = refused(&response) {
                    return Err(why);
                }
                heard(Heard::Done { due: sent.due, records: common.records, bytes: sent.bytes });
                id
            }
            Role::Fetches { places, at } => {
                let (id, response) = fetched(answer)?;
                let count = places.len();
                let place = &mut places[*at % count];
                let (records, bytes) = read_on(&response, place)?;
                *at += 1;
                heard(Heard::Done { due: sent.due, records, bytes });
                id
            }
            Role::Consumes { places } => {
                let (id, response) = fetched(answer)?;
                consume(&response, places, common, heard)?;
                id
            }
        };
        if correlation != ours {
            return Err(format!("the broker answers request {correlation} where {ours} is due"));
        }
        Ok(true)
    }
}

fn fetched(answer: &[u8]) -> Result<(i32, FetchResponse<'_>), String> {
    let (id, response) = frames::answer::<FetchResponse<'_>>(answer, ApiKey::Fetch, FETCH)?;
    let code = response.error_code;
    let codes = response.responses.iter().flat_map(|topic| topic.partitions.iter());
    let mut codes = [code].into_iter().chain(codes.map(|partition| partition.error_code));
    match codes.find(|code| *code != ErrorCode::NONE) {
        None => Ok((id, response)),
        Some(code) => Err(format!("a fetch was refused: {code:?}")),
    }
}

/// Goes on behind what was read; at the end from the beginning. Records and bytes.
fn read_on(response: &FetchResponse<'_>, place: &mut Place) -> Result<(u64, u64), String> {
    let (mut records, mut bytes) = (0, 0);
    for partition in response.responses.iter().flat_map(|topic| topic.partitions.iter()) {
        let stored = partition.records.and_then(|records| records.bytes()).unwrap_or_default();
        bytes += stored.len() as u64;
        // The last one may be cut off.
        for batch in Stored::new(stored).map_while(Result::ok) {
            records += u64::try_from(batch.record_count()).unwrap_or(0);
            place.next = batch.next_offset();
        }
    }
    if records == 0 && place.next < place.end {
        return Err(
            "a fetch brings nothing though there are records; is --fetch-bytes too small?".into()
        );
    }
    if place.next >= place.end {
        place.next = place.start;
    }
    Ok((records, bytes))
}

fn consume(
    response: &FetchResponse<'_>,
    places: &mut [Place],
    common: &mut Common<'_>,
    heard: &mut impl FnMut(Heard),
) -> Result<(), String> {
    const LARGEST: usize = 1 << 30;
    let unreadable = |why: &dyn std::fmt::Display| format!("a batch cannot be read: {why}");
    for partition in response.responses.iter().flat_map(|topic| topic.partitions.iter()) {
        let place = places.iter_mut().find(|place| place.partition == partition.partition_index);
        let Some(place) = place else { continue };
        let stored = partition.records.and_then(|records| records.bytes()).unwrap_or_default();
        for batch in Stored::new(stored).map_while(Result::ok) {
            let records = batch.records(&mut common.scratch, LARGEST);
            let (mut due, mut count) = (None, 0);
            // Those of a batch were due together, whoever made it.
            for record in records.map_err(|why| unreadable(&why))? {
                let value = record.map_err(|why| unreadable(&why))?.value;
                due = value.and_then(|value| frames::due_of(value, common.run));
                count += u64::from(due.is_some());
            }
            if let Some(due) = due {
                heard(Heard::Consumed { due, records: count });
            }
            place.next = batch.next_offset();
        }
    }
    Ok(())
}
