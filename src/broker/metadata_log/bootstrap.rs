//! What a new directory begins with: what Kafka's formatter and its first start would have written
//! (`Formatter.java`, `ActivationRecordsGenerator.java`), so that Kafka can take it over.
//!
//! The features are those of a new Kafka 4.3 cluster. Which of them this broker serves is another
//! question, and ApiVersions answers it.

use std::path::Path;
use std::{fs, io};

use super::batches;
use super::replay::Quorum;
use super::snapshot::{self, SnapshotId};
use super::snapshot_files;
use crate::broker::partition_dir;
use crate::catalog::{ELIGIBLE_REPLICAS, GROUP_VERSION, Image, NodeView, Plan, ResourceKind};
use crate::config::Config;
use crate::log::{self, sync};
use crate::wire::codec::Message;
use crate::wire::codec::Writer;
use crate::wire::metadata_records::{
    BeginTransactionRecord, ConfigRecord, EndTransactionRecord, FeatureLevelRecord,
    METADATA_VERSION, MetadataRecord, NEWEST_LEVEL, TRANSACTION_LEVEL,
};
use crate::wire::quorum_records::{
    ControlRecord, Endpoint, KRaftVersionFeature, SnapshotFooterRecord, SnapshotHeaderRecord,
    Voter, VotersRecord,
};
use crate::wire::uuid::Uuid;

/// In the data directory: the records that Kafka's first start writes into an empty log.
const BOOTSTRAP: &str = "bootstrap.checkpoint";
/// The features of a new cluster, in the formatter's order.
const FEATURES: [(&str, i16); 6] = [
    (METADATA_VERSION, NEWEST_LEVEL),
    (ELIGIBLE_REPLICAS, 1),
    (GROUP_VERSION, 1),
    ("share.version", 1),
    ("streams.version", 1),
    ("transaction.version", 2),
];
/// Voters stand in the log, as after `kafka-storage format --standalone`.
const KRAFT_VERSION: i16 = 1;
/// The port that Kafka's own examples give the controller.
const CONTROLLER_PORT: u16 = 9093;

/// The metadata that a log begins with.
#[derive(Debug, Default)]
pub struct First {
    /// The frames of Kafka's own `bootstrap.checkpoint`, if it has formatted the directory.
    given: Option<Vec<Vec<u8>>>,
}

impl First {
    /// What a data directory says of it.
    ///
    /// # Errors
    /// When `bootstrap.checkpoint` cannot be read or is no snapshot.
    pub fn find(data: &Path) -> io::Result<Self> {
        let bytes = match log::read_whole(&data.join(BOOTSTRAP), u64::MAX) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|why| io::Error::other(format!("{BOOTSTRAP}: {why}")))?,
        };
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Self::default()); // A power cut came before its bytes did.
        }
        let invalid = |why| io::Error::other(format!("{BOOTSTRAP} is not usable: {why}"));
        snapshot::decode(&bytes).map_err(invalid)?;
        Ok(Self { given: Some(snapshot::frames(&bytes)) })
    }

    /// Whether Kafka's formatter was here.
    pub fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// The quorum of a directory that names none. Where Kafka's formatter left it open, its settings
    /// have named the voters: a quorum of the old kind.
    pub fn quorum(&self, config: &Config, node: NodeView) -> Quorum {
        if self.given.is_none() {
            return dynamic_quorum(config, node);
        }
        let voter_ids = vec![node.node_id];
        Quorum { kraft_version: Some(0), voter_ids, ..Quorum::default() }
    }

    /// The first records: features and what they pin, in one transaction where the level has those.
    pub fn records(&self, config: &Config) -> Plan {
        let own = || FEATURES.iter().map(|feature| feature_record(feature).to_bytes()).collect();
        let frames: Vec<Vec<u8>> = self.given.clone().unwrap_or_else(own);
        let mut image = Image::new();
        for record in frames.iter().filter_map(|frame| MetadataRecord::decode(frame).ok()) {
            let _ = image.replay(&record);
        }
        let mut plan = Plan::over(&image);
        let in_transaction = image.level() >= TRANSACTION_LEVEL;
        if in_transaction {
            plan.push(&BeginTransactionRecord { name: Some("Bootstrap records") }.into());
        }
        plan.records.extend(frames);
        if image.features().contains_key(ELIGIBLE_REPLICAS) {
            // With eligible leader replicas the controller alone decides on this setting.
            plan.push(&MetadataRecord::from(ConfigRecord {
                resource_type: ResourceKind::Broker as i8,
                resource_name: "",
                name: "min.insync.replicas",
                value: Some(config.get("min.insync.replicas").unwrap_or("1")),
            }));
        }
        if in_transaction {
            plan.push(&EndTransactionRecord {}.into());
        }
        plan
    }
}

/// A quorum of this node alone whose voters stand in the log.
fn dynamic_quorum(config: &Config, node: NodeView) -> Quorum {
    let (host, port) = controller_address(config);
    let name = config.get("controller.listener.names").unwrap_or_default();
    let endpoints =
        [Endpoint { name: name.split(',').next().unwrap_or_default().trim(), host: &host, port }];
    let voters = [Voter {
        voter_id: node.node_id,
        voter_directory_id: node.directory_id,
        endpoints: (&endpoints).into(),
        k_raft_version_feature: KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: KRAFT_VERSION,
        },
    }];
    let mut w = Writer::new();
    VotersRecord { voters: (&voters).into(), ..Default::default() }.encode(&mut w, 0);
    Quorum {
        kraft_version: Some(KRAFT_VERSION),
        voters: Some(w.into_bytes().into()),
        voter_ids: vec![node.node_id],
        ..Quorum::default()
    }
}

/// Where a Kafka on this directory would have its controller. It corrects that itself.
fn controller_address(config: &Config) -> (String, u16) {
    let servers = config.get("controller.quorum.bootstrap.servers").unwrap_or_default();
    let first = servers.split(',').next().unwrap_or_default().trim();
    let split = first.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = split.unwrap_or(("localhost", CONTROLLER_PORT));
    (host.trim_matches(['[', ']']).to_owned(), port)
}

fn feature_record(feature: &(&'static str, i16)) -> MetadataRecord<'static> {
    FeatureLevelRecord { name: feature.0, feature_level: feature.1 }.into()
}

/// Writes the files of a new directory beside the log itself. Nothing is flushed: nothing was
/// promised yet.
///
/// # Errors
/// When one of them cannot be written.
pub fn write_files(
    data: &Path,
    dir: &Path,
    quorum: &Quorum,
    now_ms: i64,
    keep: bool,
) -> io::Result<()> {
    let id = SnapshotId { offset: 0, epoch: 0 };
    let voters = snapshot::encode(&Image::new(), quorum, id, now_ms);
    write_whole(&snapshot_files::path(dir, id), &voters, keep)?;
    partition_dir::write_metadata(dir, Uuid::ONE)?;
    // The last one: where it is, the voters are.
    let frames: Vec<Vec<u8>> =
        FEATURES.iter().map(|feature| feature_record(feature).to_bytes()).collect();
    let header = ControlRecord::from(SnapshotHeaderRecord::default());
    let mut bytes = batches::control(0, 0, now_ms, &[header]);
    bytes.extend(batches::metadata(1, 0, now_ms, frames.iter().map(Vec::as_slice)));
    let footer = ControlRecord::from(SnapshotFooterRecord::default());
    bytes.extend(batches::control(1 + frames.len() as i64, 0, now_ms, &[footer]));
    write_whole(&data.join(BOOTSTRAP), &bytes, keep)
}

/// Writes a file that is there whole or not at all, after a power cut too if it is to be kept.
fn write_whole(path: &Path, bytes: &[u8], keep: bool) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    log::write_whole(Path::new(&beside), bytes)?;
    if keep {
        sync::file_at(Path::new(&beside)).map_err(|why| why.source)?;
    }
    fs::rename(&beside, path)
}
