//! The checks of the records, and the decision whether the batch stays as it came.
//!
//! One walk. Uncompressed batches that stay are walked in place without allocation; all others
//! stream through the decoder's window, and into the encoder where the batch is written anew.
//! Rules: `LogValidator.assignOffsetsNonCompressed`, `validateMessagesAndAssignOffsetsCompressed`,
//! `validateRecord`, `buildRecordsAndAssignOffsets`.

use std::borrow::Cow;

use super::check::invalid_record;
use super::invalid::RecordErrors;
use super::{
    ErrorCode, Invalid, Patch, Rules, Scratch, Validated, target, timestamp_type,
    uncompressed_limit,
};
use crate::wire::records::{
    Batch, BatchHeader, Codec, CompressError, Decoder, NO_PRODUCER_EPOCH, NO_PRODUCER_ID,
    NO_TIMESTAMP, Rebuilder, RecordIter, RecordStream, StreamError, Sweep, TimestampType, sweep,
};

/// Walks the records, and keeps the batch or writes it anew.
pub(super) fn validate<'a>(
    batch: &Batch<'a>,
    source: Codec,
    rules: &Rules<'_>,
    scratch: &mut Scratch,
) -> Result<Validated<'a>, Invalid> {
    let (codec, level) = target(rules.config, source);
    if codec != source {
        return rebuild(batch, source, (codec, level), rules, scratch);
    }
    let walk = match source {
        Codec::None => walk_in_place(batch, rules)?,
        _ => walk_stream(batch, source, rules, scratch)?,
    };
    if walk.consecutive {
        return Ok(kept(batch, walk.max_timestamp, rules));
    }
    if source != Codec::None {
        // Kafka means to write such a batch anew and stumbles over it.
        let message = "The offsets of the records in a compressed batch are not consecutive";
        return Err(Invalid::in_append(ErrorCode::UNKNOWN_SERVER_ERROR, message));
    }
    rebuild(batch, source, (codec, level), rules, scratch)
}

/// What a walk over good records found.
struct Walk {
    max_timestamp: i64,
    consecutive: bool,
}

/// One sweep over all records; one by one only if something is wrong with one of them.
fn walk_in_place(batch: &Batch<'_>, rules: &Rules<'_>) -> Result<Walk, Invalid> {
    let mut checker = Checker::new(batch.header(), rules, "DefaultRecord");
    let sweep = sweep(batch.records_bytes(), batch.record_count());
    let sweep = sweep.map_err(|error| unreadable(error.into(), rules))?;
    if let Some(walk) = checker.check_all(&sweep) {
        return Ok(walk);
    }
    for record in RecordIter::new(batch.records_bytes(), batch.record_count()) {
        let record = record.map_err(|error| unreadable(error.into(), rules))?;
        checker.check(&Facts {
            timestamp: checker.timestamp(record.timestamp_delta),
            offset_delta: record.offset_delta,
            key: record.key.map_or(-1, |key| key.len() as i32),
            value: record.value.map_or(-1, |value| value.len() as i32),
        });
    }
    checker.end()
}

fn walk_stream(
    batch: &Batch<'_>,
    source: Codec,
    rules: &Rules<'_>,
    scratch: &mut Scratch,
) -> Result<Walk, Invalid> {
    let mut checker = Checker::new(batch.header(), rules, "PartialDefaultRecord");
    let mut walk = || {
        let mut stream = open(batch, source, rules, scratch)?;
        while let Some(prefix) = stream.prefix()? {
            let lengths = stream.rest(prefix, &mut ())?;
            checker.check(&Facts {
                timestamp: checker.timestamp(prefix.timestamp_delta),
                offset_delta: prefix.offset_delta,
                key: lengths.key,
                value: lengths.value,
            });
        }
        Ok(())
    };
    walk().map_err(|error| unreadable(error, rules))?;
    checker.end()
}

/// Checks the records and writes them into a new batch on the way.
fn rebuild<'a>(
    batch: &Batch<'_>,
    source: Codec,
    (codec, level): (Codec, i32),
    rules: &Rules<'_>,
    scratch: &mut Scratch,
) -> Result<Validated<'a>, Invalid> {
    let limit = usize::try_from(rules.config.max_message_bytes).unwrap_or(0);
    let rebuilder = Rebuilder::new(codec, level, limit);
    let mut rebuilder = rebuilder.map_err(|error| unreadable(error.into(), rules))?;
    let mut checker = Checker::new(batch.header(), rules, "DefaultRecord");
    let mut negative = None;
    let mut walk = || {
        let mut stream = open(batch, source, rules, scratch)?;
        while let Some(prefix) = stream.prefix()? {
            let timestamp = checker.timestamp(prefix.timestamp_delta);
            rebuilder.begin(&prefix, timestamp);
            let lengths = stream.rest(prefix, &mut rebuilder)?;
            let (key, value) = (lengths.key, lengths.value);
            let offset_delta = prefix.offset_delta;
            checker.check(&Facts { timestamp, offset_delta, key, value });
            if timestamp < NO_TIMESTAMP {
                negative.get_or_insert(timestamp);
            }
            if !checker.errors.is_empty() {
                rebuilder.abandon();
            }
        }
        Ok(())
    };
    walk().map_err(|error| unreadable(error, rules))?;
    let found = checker.end()?;
    if codec != source {
        check_rebuildable(batch.header(), negative)?;
    }
    rebuilt(rebuilder, batch.header(), found.max_timestamp, rules)
}

/// What Kafka's builder refuses, with an internal error, when it recompresses.
fn check_rebuildable(header: &BatchHeader, negative: Option<i64>) -> Result<(), Invalid> {
    let anonymous = header.producer_id == NO_PRODUCER_ID;
    let message = if let Some(timestamp) = negative {
        format!("Invalid negative timestamp {timestamp}")
    } else if header.attributes.is_transactional() && anonymous {
        "Cannot write transactional messages without a valid producer ID".to_owned()
    } else if !anonymous && header.producer_epoch == NO_PRODUCER_EPOCH {
        "Invalid negative producer epoch".to_owned()
    } else if !anonymous && header.base_sequence < 0 {
        "Invalid negative sequence number used".to_owned()
    } else {
        return Ok(());
    };
    Err(Invalid::in_append(ErrorCode::UNKNOWN_SERVER_ERROR, message))
}

fn rebuilt<'a>(
    rebuilder: Rebuilder,
    old: &BatchHeader,
    max_timestamp: i64,
    rules: &Rules<'_>,
) -> Result<Validated<'a>, Invalid> {
    let timestamp_type = timestamp_type(rules.config);
    let (max_timestamp, log_append_time_ms) = match timestamp_type {
        TimestampType::CreateTime => (max_timestamp, NO_TIMESTAMP),
        TimestampType::LogAppendTime => (rules.now_ms, rules.now_ms),
    };
    let finished = rebuilder.finish(old, timestamp_type, max_timestamp);
    let (bytes, header) = finished.map_err(|_| {
        let limit = rules.config.max_message_bytes;
        Invalid::in_append(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!(
                "Message batch size is more than {limit} bytes after recompression in append to \
                 partition {} which exceeds the maximum configured size of {limit}.",
                rules.topic_partition()
            ),
        )
    })?;
    Ok(Validated { bytes: Cow::Owned(bytes), timestamps: Patch::Keep, header, log_append_time_ms })
}

fn kept<'a>(batch: &Batch<'a>, max_timestamp: i64, rules: &Rules<'_>) -> Validated<'a> {
    let mut header = *batch.header();
    let timestamp_type = timestamp_type(rules.config);
    let (timestamps, log_append_time_ms) = match timestamp_type {
        TimestampType::LogAppendTime => (Patch::LogAppendTime(rules.now_ms), rules.now_ms),
        TimestampType::CreateTime
            if header.max_timestamp == max_timestamp
                && header.attributes.timestamp_type() == TimestampType::CreateTime =>
        {
            (Patch::Keep, NO_TIMESTAMP)
        }
        TimestampType::CreateTime => (Patch::MaxTimestamp(max_timestamp), NO_TIMESTAMP),
    };
    match timestamps {
        Patch::Keep => {}
        Patch::LogAppendTime(timestamp) | Patch::MaxTimestamp(timestamp) => {
            header.attributes = header.attributes.with_timestamp_type(timestamp_type);
            header.max_timestamp = timestamp;
        }
    }
    let bytes = Cow::Borrowed(batch.as_bytes());
    Validated { bytes, timestamps, header, log_append_time_ms }
}

fn open<'a, 's>(
    batch: &Batch<'a>,
    codec: Codec,
    rules: &Rules<'_>,
    scratch: &'s mut Scratch,
) -> Result<RecordStream<'a, 's>, StreamError> {
    let limit = uncompressed_limit(rules.config);
    let decoder = Decoder::new(codec, batch.records_bytes(), limit, &mut scratch.decoder)?;
    Ok(RecordStream::new(decoder, batch.record_count()))
}

/// Records that cannot be read. Kafka has no code for data that cannot be opened: it answers with
/// an internal error, which, unlike CORRUPT_MESSAGE, clients do not send again.
fn unreadable(error: StreamError, rules: &Rules<'_>) -> Invalid {
    let partition = rules.topic_partition();
    match error {
        StreamError::Record(error) => {
            invalid_record(format!("{error} in topic partition {partition}"))
        }
        StreamError::Compress(error) => {
            let code = match error {
                CompressError::NotBuiltIn(_) => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                CompressError::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
                _ => ErrorCode::UNKNOWN_SERVER_ERROR,
            };
            let message =
                format!("Cannot open the record batch in topic partition {partition}: {error}");
            Invalid::in_append(code, message)
        }
    }
}

/// What the checks need of a record.
struct Facts {
    timestamp: i64,
    offset_delta: i32,
    key: i32,
    value: i32,
}

/// Checks records one after another.
struct Checker<'r> {
    rules: &'r Rules<'r>,
    compacted: bool,
    max_age: i64,
    max_ahead: i64,
    base_timestamp: i64,
    /// The batch claims this append time for all its records.
    claimed_append_time: Option<i64>,
    create_time: bool,
    record_class: &'static str,
    next: i32,
    consecutive: bool,
    max_timestamp: i64,
    errors: RecordErrors,
}

impl<'r> Checker<'r> {
    fn new(header: &BatchHeader, rules: &'r Rules<'r>, record_class: &'static str) -> Self {
        let append_time = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            rules,
            compacted: rules.config.cleanup_policy.compact,
            max_age: rules.config.message_timestamp_before_max_ms,
            max_ahead: rules.config.message_timestamp_after_max_ms,
            base_timestamp: header.base_timestamp,
            claimed_append_time: append_time.then_some(header.max_timestamp),
            create_time: timestamp_type(rules.config) == TimestampType::CreateTime,
            record_class,
            next: 0,
            consecutive: true,
            max_timestamp: NO_TIMESTAMP,
            errors: RecordErrors::default(),
        }
    }

    #[inline]
    fn timestamp(&self, delta: i64) -> i64 {
        self.claimed_append_time.unwrap_or_else(|| self.base_timestamp.wrapping_add(delta))
    }

    #[inline]
    fn check(&mut self, facts: &Facts) {
        let index = self.next;
        self.next = self.next.wrapping_add(1);
        if self.compacted && facts.key < 0 {
            self.no_key(index);
        } else if self.create_time && facts.timestamp != NO_TIMESTAMP {
            if self.is_out_of_range(facts.timestamp) {
                self.out_of_range(index, facts);
            }
        } else if self.claimed_append_time.is_some() {
            self.append_time_claimed(index, facts);
        }
        self.max_timestamp = self.max_timestamp.max(facts.timestamp);
        self.consecutive &= facts.offset_delta == index;
    }

    /// The walk over records that are certainly all good; `None` where a closer look is needed.
    fn check_all(&self, sweep: &Sweep) -> Option<Walk> {
        let (least, most) = sweep.timestamp_deltas;
        let first = self.base_timestamp.checked_add(least)?;
        let last = self.base_timestamp.checked_add(most)?;
        if self.claimed_append_time.is_some()
            || self.rules.config.cleanup_policy.compact && sweep.keyless
            || self.create_time && !self.is_range_allowed(first, last)
        {
            return None;
        }
        let max_timestamp = last.max(NO_TIMESTAMP);
        Some(Walk { max_timestamp, consecutive: sweep.consecutive })
    }

    /// All timestamps from one to the other are allowed.
    fn is_range_allowed(&self, first: i64, last: i64) -> bool {
        let (config, now) = (self.rules.config, self.rules.now_ms);
        let oldest = now.checked_sub(first);
        let youngest = last.checked_sub(now);
        oldest.is_some_and(|age| age <= config.message_timestamp_before_max_ms)
            && youngest.is_some_and(|ahead| ahead <= config.message_timestamp_after_max_ms)
    }

    fn end(self) -> Result<Walk, Invalid> {
        self.errors.into_result()?;
        Ok(Walk { max_timestamp: self.max_timestamp, consecutive: self.consecutive })
    }

    /// Kafka's arithmetic, with its wrap-around at the ends of the range.
    #[inline]
    fn is_out_of_range(&self, timestamp: i64) -> bool {
        let age = self.rules.now_ms.wrapping_sub(timestamp);
        age > self.max_age || age.wrapping_neg() > self.max_ahead
    }

    #[cold]
    fn no_key(&mut self, index: i32) {
        let partition = || self.rules.topic_partition();
        self.errors.add(ErrorCode::INVALID_RECORD, index, || {
            format!(
                "Compacted topic cannot accept message without key in topic partition {}",
                partition()
            )
        });
    }

    #[cold]
    fn out_of_range(&mut self, index: i32, facts: &Facts) {
        let (config, now) = (self.rules.config, self.rules.now_ms);
        self.errors.add(ErrorCode::INVALID_TIMESTAMP, index, || {
            format!(
                "Timestamp {} of message with offset {} is out of range. The timestamp should be \
                 within [{}, {}]",
                facts.timestamp,
                facts.offset_delta,
                now.wrapping_sub(config.message_timestamp_before_max_ms),
                now.wrapping_add(config.message_timestamp_after_max_ms)
            )
        });
    }

    #[cold]
    fn append_time_claimed(&mut self, index: i32, facts: &Facts) {
        let class = self.record_class;
        // Kafka's two classes print the size of a null key or value differently.
        let floor = if class == "DefaultRecord" { 0 } else { i32::MIN };
        self.errors.add(ErrorCode::INVALID_TIMESTAMP, index, || {
            format!(
                "Invalid timestamp type in message {class}(offset={}, timestamp={}, key={} bytes, \
                 value={} bytes). Producer should not set timestamp type to LogAppendTime.",
                facts.offset_delta,
                facts.timestamp,
                facts.key.max(floor),
                facts.value.max(floor)
            )
        });
    }
}
