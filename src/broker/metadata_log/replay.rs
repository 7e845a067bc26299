//! From batches to the metadata image: those of a snapshot first, those of the log after it.
//!
//! Records between the begin and the end of a metadata transaction count only when it has ended
//! (KIP-868, `MetadataBatchLoader`): what stands at the end of the log without one never happened.
//! Control records tell of the quorum itself (KIP-595, KIP-853).

use crate::catalog::Image;
use crate::wire::metadata_records::MetadataRecord;
use crate::wire::quorum_records::ControlRecord;
use crate::wire::records::Batch;

/// The most bytes that the records of one batch may take when opened.
pub const MAX_BATCH: usize = 64 << 20;

/// What the log says of the quorum that wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quorum {
    /// The level of the quorum's protocol, if it was ever stated.
    pub kraft_version: Option<i16>,
    /// The last voters record, as it was read.
    pub voters: Option<Box<[u8]>>,
    /// The ids of the voters, by the last record that named them.
    pub voter_ids: Vec<i32>,
    /// Whether the log, not only a snapshot, named them.
    pub in_log: bool,
    /// The epoch of the last batch.
    pub epoch: i32,
    /// The timestamp of the last batch.
    pub timestamp: i64,
}

/// What is being replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// The image so far.
    pub image: Image,
    /// The quorum so far.
    pub quorum: Quorum,
    /// The image before the transaction that has begun and not ended.
    before: Option<Box<Image>>,
    /// Whether the first record of a snapshot was seen, and the last.
    framed: (bool, bool),
}

impl Replay {
    /// Applies a batch of the log.
    ///
    /// # Errors
    /// When it makes no sense, in words for the operator.
    pub fn batch(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (batch, _) = Batch::parse(bytes).map_err(|why| why.to_string())?;
        self.apply(&batch).map_err(|why| format!("at offset {}: {why}", batch.base_offset()))?;
        self.quorum.epoch = batch.partition_leader_epoch();
        self.quorum.timestamp = batch.max_timestamp();
        Ok(())
    }

    /// Ends the replay: whether a transaction was left open. It counts as if it had not begun.
    pub fn end(&mut self) -> bool {
        let before = self.before.take();
        let open = before.is_some();
        if let Some(before) = before {
            self.image = *before;
        }
        open
    }

    /// Whether what was replayed began and ended as a snapshot does.
    pub fn is_whole_snapshot(&self) -> bool {
        self.framed == (true, true)
    }

    fn apply(&mut self, batch: &Batch<'_>) -> Result<(), String> {
        let mut scratch = Vec::new();
        let records = batch.records(&mut scratch, MAX_BATCH).map_err(|why| why.to_string())?;
        let is_control = batch.attributes().is_control();
        for record in records {
            let record = record.map_err(|why| why.to_string())?;
            let value = record.value.ok_or("a record without a value")?;
            if is_control {
                let key = record.key.ok_or("a control record without a key")?;
                let control = ControlRecord::decode(key, value).map_err(|why| why.to_string())?;
                self.control(&control, value);
            } else {
                let decoded = MetadataRecord::decode(value).map_err(|why| why.to_string())?;
                self.record(&decoded)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &MetadataRecord<'_>) -> Result<(), String> {
        match record {
            MetadataRecord::BeginTransactionRecord(_) => {
                let image = Box::new(self.image.clone());
                match self.before.replace(image) {
                    None => Ok(()),
                    Some(_) => Err("a transaction begins within another".to_owned()),
                }
            }
            MetadataRecord::EndTransactionRecord(_) => match self.before.take() {
                Some(_) => Ok(()),
                None => Err("a transaction ends that has not begun".to_owned()),
            },
            MetadataRecord::AbortTransactionRecord(_) => match self.before.take() {
                Some(before) => {
                    self.image = *before;
                    Ok(())
                }
                None => Err("a transaction is aborted that has not begun".to_owned()),
            },
            record => self.image.replay(record).map_err(|why| why.to_string()),
        }
    }

    fn control(&mut self, record: &ControlRecord<'_>, value: &[u8]) {
        let quorum = &mut self.quorum;
        match record {
            ControlRecord::LeaderChangeMessage(change) => {
                quorum.voter_ids = change.voters.iter().map(|voter| voter.voter_id).collect();
                quorum.in_log = true;
            }
            ControlRecord::KRaftVersionRecord(record) => {
                quorum.kraft_version = Some(record.k_raft_version);
            }
            ControlRecord::VotersRecord(record) => {
                quorum.voter_ids = record.voters.iter().map(|voter| voter.voter_id).collect();
                quorum.voters = Some(value.into());
            }
            ControlRecord::SnapshotHeaderRecord(_) => self.framed.0 = true,
            ControlRecord::SnapshotFooterRecord(_) => self.framed.1 = true,
            ControlRecord::Other(_) => {}
        }
    }
}
