//! What one node alone cannot carry is refused with its reason, and nothing is touched.

use std::fs;
use std::path::Path;

use super::existing::{Existing, Left};
use super::{batches, quorum_state};
use crate::catalog::NodeView;
use crate::log::Recovery;
use crate::wire::metadata_records::*;
use crate::wire::quorum_records::*;
use crate::wire::uuid::Uuid;

const NODE: NodeView = NodeView { node_id: 1, directory_id: Uuid([9; 16]) };

/// What the check says of a log of these bytes.
fn check(name: &str, bytes: &[u8], prepare: impl FnOnce(&Path)) -> Result<(), String> {
    let dir = std::env::temp_dir().join(format!("barnabas-refuse-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("00000000000000000000.log"), bytes).unwrap();
    prepare(&dir);
    let left = Left { recovery: Recovery::Clean, recovery_point: None };
    let read = Existing::read(&dir, left).map_err(|why| why.to_string());
    let checked = read.and_then(|found| found.check(NODE));
    fs::remove_dir_all(&dir).unwrap();
    checked
}

fn metadata(name: &str, records: &[MetadataRecord<'_>]) -> Result<(), String> {
    let frames: Vec<Vec<u8>> = records.iter().map(MetadataRecord::to_bytes).collect();
    let bytes = batches::metadata(0, 1, 0, frames.iter().map(Vec::as_slice));
    check(name, &bytes, |_| {})
}

fn partition(name: &str, replicas: &[i32], directories: &[Uuid]) -> Result<(), String> {
    let topic_id = Uuid([7; 16]);
    let partition = PartitionRecord {
        partition_id: 0,
        topic_id,
        replicas: replicas.into(),
        isr: replicas.into(),
        leader: replicas[0],
        directories: directories.into(),
        ..Default::default()
    };
    metadata(name, &[TopicRecord { name: "t", topic_id }.into(), partition.into()])
}

fn refused(outcome: Result<(), String>, why: &str) {
    let said = outcome.unwrap_err();
    assert!(said.contains(why), "{said}");
}

#[test]
fn partitions_must_be_here_and_only_here() {
    let ours = NODE.directory_id;
    assert_eq!(partition("ours", &[1], &[ours]), Ok(()));
    assert_eq!(partition("no-directory", &[1], &[]), Ok(()));
    refused(partition("two", &[1, 2], &[ours, ours]), "partition t-0 has the replicas [1, 2]");
    refused(partition("elsewhere", &[2], &[ours]), "partition t-0 has the replicas [2]");
    let other = Uuid([8; 16]);
    refused(partition("directory", &[1], &[other]), &format!("in the log directory {other}"));
}

#[test]
fn levels_from_the_future_are_refused() {
    let level = |name, feature_level| {
        let record = FeatureLevelRecord { name: METADATA_VERSION, feature_level };
        metadata(name, &[record.into()])
    };
    assert_eq!(level("level", NEWEST_LEVEL), Ok(()));
    refused(level("level-above", NEWEST_LEVEL + 1), "its metadata.version is 31");
    let kraft = |name, k_raft_version| {
        let record = KRaftVersionRecord { k_raft_version, ..Default::default() };
        check(name, &batches::control(0, 1, 0, &[record.into()]), |_| {})
    };
    assert_eq!(kraft("kraft", 1), Ok(()));
    refused(kraft("kraft-above", 2), "its kraft.version is 2");
}

#[test]
fn a_quorum_of_several_is_refused_wherever_it_is_named() {
    let voters = [1, 2].map(|voter_id| LeaderVoter { voter_id, ..Default::default() });
    let change = |voters: &[LeaderVoter]| {
        let change = LeaderChangeMessage { voters: voters.into(), ..Default::default() };
        batches::control(0, 1, 0, &[change.into()])
    };
    let alone = change(&voters[..1]);
    assert_eq!(check("alone", &alone, |_| {}), Ok(()));
    refused(check("leader", &change(&voters), |_| {}), "node 2 has a vote");
    let named = [1, 3].map(|voter_id| Voter { voter_id, ..Default::default() });
    let record = VotersRecord { voters: (&named).into(), ..Default::default() };
    refused(
        check("record", &batches::control(0, 1, 0, &[record.into()]), |_| {}),
        "node 3 has a vote",
    );
    let state = |dir: &Path| quorum_state::store(dir, 0, 5, 4).unwrap();
    refused(check("state", &alone, state), "node 4 has a vote");
}

#[test]
fn a_record_of_an_unknown_kind_is_refused() {
    let bytes = batches::metadata(0, 1, 0, [&[1, 99, 0, 0][..]]);
    refused(check("unknown", &bytes, |_| {}), "at offset 0");
    let bytes = batches::metadata(0, 1, 0, [&[1, 2][..]]);
    refused(check("short", &bytes, |_| {}), "at offset 0");
}
