//! Snapshots give back what they were made of; what is damaged is never half used.

use super::batches;
use super::bootstrap::First;
use super::replay::{Quorum, Replay};
use super::snapshot::{self, SnapshotId};
use crate::catalog::{Image, NodeView};
use crate::config::Config;
use crate::wire::metadata_records::*;
use crate::wire::uuid::Uuid;

const ID: SnapshotId = SnapshotId { offset: 77, epoch: 5 };
const NODE: NodeView = NodeView { node_id: 1, directory_id: Uuid([9; 16]) };

/// Numbers that follow from a seed (splitmix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn uuid(number: u64) -> Uuid {
    let mut bytes = [3; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Uuid(bytes)
}

/// Replays one record of any kind, whether it fits or not.
fn step(image: &mut Image, rng: &mut Rng) {
    let (some, few) = (rng.below(40), rng.below(6));
    let (name, other) = (format!("n{some}"), format!("o{few}"));
    let (ids, dirs) = ([1, 2, few as i32], [uuid(few), uuid(0), uuid(1)]);
    let eligible = (rng.below(2) == 0).then(|| (&ids[..few as usize % 3]).into());
    let endpoints = [BrokerEndpoint { name: &name, host: &other, port: 9, security_protocol: 0 }];
    let entity =
        [EntityData { entity_type: &other, entity_name: (few > 2).then_some(name.as_str()) }];
    let record: MetadataRecord<'_> = match rng.below(20) {
        0 | 1 => TopicRecord { name: &name, topic_id: uuid(some) }.into(),
        2..=4 => PartitionRecord {
            partition_id: few as i32,
            topic_id: uuid(some),
            replicas: (&ids).into(),
            isr: (&ids[..1]).into(),
            leader: 1,
            leader_epoch: 3,
            partition_epoch: 4,
            directories: (&dirs).into(),
            adding_replicas: (&ids[..few as usize % 2]).into(),
            last_known_elr: eligible,
            ..Default::default()
        }
        .into(),
        5 | 6 => PartitionChangeRecord {
            partition_id: few as i32,
            topic_id: uuid(some),
            leader: few as i32 - 2,
            replicas: (few == 3).then(|| (&ids[1..]).into()),
            isr: (few > 3).then(|| (&ids).into()),
            leader_recovery_state: few as i8 % 3 - 1,
            eligible_leader_replicas: eligible,
            ..Default::default()
        }
        .into(),
        7 => RemoveTopicRecord { topic_id: uuid(some) }.into(),
        8 | 9 => ConfigRecord {
            resource_type: [2, 4, 16, 32][few as usize % 4],
            resource_name: &name,
            name: &other,
            value: (few > 1).then_some("v"),
        }
        .into(),
        10 => {
            let next_producer_id = image.next_producer_id() + 1000;
            ProducerIdsRecord { broker_id: 1, broker_epoch: 9, next_producer_id }.into()
        }
        11 => {
            let name = if few == 0 { METADATA_VERSION } else { &other };
            FeatureLevelRecord { name, feature_level: if few == 0 { 30 } else { few as i16 - 1 } }
                .into()
        }
        12 => RegisterBrokerRecord {
            broker_id: few as i32,
            incarnation_id: uuid(some),
            broker_epoch: some as i64,
            end_points: (&endpoints).into(),
            rack: (few > 2).then_some("r"),
            log_dirs: (&dirs[..1]).into(),
            ..Default::default()
        }
        .into(),
        13 => BrokerRegistrationChangeRecord {
            broker_id: few as i32,
            fenced: few as i8 % 3 - 1,
            in_controlled_shutdown: some as i8 % 2,
            cordoned_log_dirs: (few > 2).then(|| (&dirs[1..2]).into()),
            ..Default::default()
        }
        .into(),
        14 => AccessControlEntryRecord { id: uuid(some), principal: &name, ..Default::default() }
            .into(),
        15 => RemoveAccessControlEntryRecord { id: uuid(some) }.into(),
        16 => UserScramCredentialRecord {
            name: &name,
            mechanism: 1,
            salt: &[7],
            ..Default::default()
        }
        .into(),
        17 => {
            ClientQuotaRecord { entity: (&entity).into(), key: &name, value: 1.5, remove: few == 1 }
                .into()
        }
        18 => DelegationTokenRecord { token_id: &name, owner: &other, ..Default::default() }.into(),
        _ => RegisterControllerRecord { controller_id: few as i32, ..Default::default() }.into(),
    };
    let before = image.clone();
    if image.replay(&record).is_err() {
        assert_eq!(*image, before, "what does not fit changes nothing");
    }
}

fn image(seed: u64, steps: u64) -> Image {
    let (mut image, mut rng) = (Image::new(), Rng(seed));
    (0..steps).for_each(|_| step(&mut image, &mut rng));
    image
}

#[test]
fn a_snapshot_gives_back_its_image_and_its_quorum() {
    let quorum = First::default().quorum(&Config::default(), NODE);
    for seed in 0..200 {
        let image = image(seed, seed * 5);
        let bytes = snapshot::encode(&image, &quorum, ID, 1234);
        let read = snapshot::decode(&bytes).unwrap();
        assert_eq!(read.image, image, "seed {seed}");
        assert_eq!(read.quorum.voters, quorum.voters);
        assert_eq!(read.quorum.kraft_version, Some(1));
        assert_eq!(read.quorum.voter_ids, [1]);
        assert_eq!(read.quorum.epoch, ID.epoch);
    }
}

/// The frames of all records of an image.
fn frames(image: &Image) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    image.write(|record| frames.push(record.to_bytes()));
    frames
}

#[test]
fn damaged_records_never_get_further_than_a_snapshot_can_carry() {
    let (mut rng, mut taken) = (Rng(7), 0);
    for seed in 0..150 {
        let mut frames = frames(&image(seed, 150));
        for _ in 0..=rng.below(3) {
            let which = rng.below(frames.len() as u64) as usize;
            let at = rng.below(frames[which].len() as u64) as usize;
            frames[which][at] = rng.below(256) as u8;
        }
        let mut replay = Replay::default();
        for (offset, frame) in (0..).zip(&frames) {
            // What does not fit is an error and nothing more; the batch itself is in order.
            let bytes = batches::metadata(offset, 1, 0, [frame.as_slice()]);
            taken += usize::from(replay.batch(&bytes).is_ok());
        }
        replay.end();
        let bytes = snapshot::encode(&replay.image, &Quorum::default(), ID, 0);
        assert_eq!(snapshot::decode(&bytes).map(|read| read.image), Ok(replay.image), "{seed}");
    }
    assert!(taken > 1000, "most records are whole: {taken}");
}

#[test]
fn a_large_image_takes_several_batches() {
    let mut image = Image::new();
    for number in 0..40_000 {
        let name = format!("{number:0>100}");
        let record = TopicRecord { name: &name, topic_id: uuid(number) };
        image.replay(&record.into()).unwrap();
    }
    let bytes = snapshot::encode(&image, &Quorum::default(), ID, 0);
    assert!(bytes.len() > 3 << 20);
    assert_eq!(snapshot::decode(&bytes).unwrap().image, image);
}

#[test]
fn a_snapshot_that_is_not_whole_is_refused() {
    let quorum = First::default().quorum(&Config::default(), NODE);
    let bytes = snapshot::encode(&image(3, 100), &quorum, ID, 1234);
    for end in 0..bytes.len() {
        assert!(snapshot::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    let twice = [&bytes[..], &bytes[..]].concat();
    assert!(snapshot::decode(&twice).is_err());
    let whole = snapshot::decode(&bytes).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let read = snapshot::decode(&damaged);
        // What no checksum covers: the leader epoch.
        let same = |read: &Replay| read.image == whole.image;
        assert!(read.as_ref().is_err() || read.as_ref().is_ok_and(same), "byte {at}");
    }
}

/// A log of one batch each.
fn replay(plans: &[&[MetadataRecord<'_>]]) -> (Replay, bool) {
    let (mut replay, mut offset) = (Replay::default(), 0);
    for records in plans {
        let frames: Vec<Vec<u8>> = records.iter().map(MetadataRecord::to_bytes).collect();
        let batch = batches::metadata(offset, 1, 0, frames.iter().map(Vec::as_slice));
        offset += frames.len() as i64;
        replay.batch(&batch).unwrap();
    }
    let open = replay.end();
    (replay, open)
}

#[test]
fn a_transaction_counts_when_it_has_ended() {
    let topic = |name, number| MetadataRecord::from(TopicRecord { name, topic_id: uuid(number) });
    let (begin, end) = (BeginTransactionRecord::default().into(), EndTransactionRecord {}.into());
    let abort = AbortTransactionRecord::default().into();
    let names = |replay: &Replay| {
        replay.image.topics().map(|topic| topic.name.to_string()).collect::<Vec<_>>()
    };
    let (a, b) = (topic("a", 1), topic("b", 2));
    for (last, left, open) in [(Some(end), "b", false), (Some(abort), "", false), (None, "", true)]
    {
        let more: Vec<MetadataRecord<'_>> = last.into_iter().collect();
        let (replayed, was_open) = replay(&[&[a, begin], &[b], &more]);
        let expected: Vec<&str> = ["a", left].into_iter().filter(|name| !name.is_empty()).collect();
        assert_eq!(names(&replayed), expected);
        assert_eq!(was_open, open);
    }
}

#[test]
fn the_first_records_are_kafkas() {
    let plan = First::default().records(&Config::default());
    let kinds: Vec<u8> = plan.records.iter().map(|frame| frame[1]).collect();
    assert_eq!(kinds, [23, 12, 12, 12, 12, 12, 12, 4, 24]);
    let mut image = Image::new();
    for frame in &plan.records {
        image.replay(&MetadataRecord::decode(frame).unwrap()).unwrap();
    }
    let features: Vec<String> =
        image.features().iter().map(|(name, level)| format!("{name}={level}")).collect();
    assert_eq!(
        features,
        [
            "eligible.leader.replicas.version=1",
            "group.version=1",
            "metadata.version=30",
            "share.version=1",
            "streams.version=1",
            "transaction.version=2"
        ]
    );
}
