//! A partition's registration, and what changes it (Kafka's `PartitionRegistration`).

use crate::wire::codec::Array;
use crate::wire::metadata_records::{PartitionChangeRecord, PartitionRecord};
use crate::wire::uuid::Uuid;

/// In a [`PartitionChangeRecord`]: the leader did not change.
const NO_LEADER_CHANGE: i32 = -2;
/// In a [`PartitionChangeRecord`]: the recovery state did not change.
const NO_RECOVERY_CHANGE: i8 = -1;
/// The directory of a replica that was made before directories had ids (`DirectoryId.MIGRATING`).
const MIGRATING: Uuid = Uuid::ZERO;
/// The directory of a replica that has none yet (`DirectoryId.UNASSIGNED`).
const UNASSIGNED: Uuid = Uuid::ONE;

/// One partition's registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionImage {
    /// Node ids of the replicas, the preferred one first.
    pub replicas: Vec<i32>,
    /// The log directory of each replica, on its own node.
    pub directories: Vec<Uuid>,
    /// Node ids of the replicas that are in sync.
    pub isr: Vec<i32>,
    /// Node id of the leader, −1 for none.
    pub leader: i32,
    /// Grows by one with each leader change.
    pub leader_epoch: i32,
    /// Grows by one with each change of the registration.
    pub partition_epoch: i32,
    /// What few partitions have.
    rare: Option<Box<Rare>>,
}

/// What a partition has while its replicas move or its leader is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rare {
    removing: Vec<i32>,
    adding: Vec<i32>,
    /// Replicas outside the ISR that have all committed data (KIP-966).
    eligible: Vec<i32>,
    last_known_eligible: Vec<i32>,
    /// 1 while an unclean leader repairs the partition.
    recovery_state: i8,
}

impl PartitionImage {
    /// What a record registers.
    pub(super) fn new(record: &PartitionRecord<'_>) -> Self {
        let replicas: Vec<i32> = record.replicas.iter().collect();
        let mut partition = Self {
            directories: migrating_unless(record.directories.iter().collect(), replicas.len()),
            replicas,
            isr: record.isr.iter().collect(),
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            rare: None,
        };
        partition.set_rare(Rare {
            removing: record.removing_replicas.iter().collect(),
            adding: record.adding_replicas.iter().collect(),
            eligible: list(record.eligible_leader_replicas),
            last_known_eligible: list(record.last_known_elr),
            recovery_state: record.leader_recovery_state,
        });
        partition
    }

    /// Applies a change.
    pub(super) fn merge(&mut self, record: &PartitionChangeRecord<'_>) {
        let directories = record.directories.map(|dirs| dirs.iter().collect::<Vec<_>>());
        if let Some(directories) = directories.filter(|dirs| !dirs.is_empty()) {
            self.directories = directories;
        } else if let Some(replicas) = &record.replicas {
            self.directories = replicas.iter().map(|id| self.directory_of(id)).collect();
        }
        if let Some(replicas) = &record.replicas {
            self.replicas = replicas.iter().collect();
        }
        if let Some(isr) = &record.isr {
            self.isr = isr.iter().collect();
        }
        if record.leader != NO_LEADER_CHANGE {
            self.leader = record.leader;
            self.leader_epoch = self.leader_epoch.saturating_add(1);
        }
        self.partition_epoch = self.partition_epoch.saturating_add(1);
        let mut rare = self.rare.take().map_or_else(Rare::default, |rare| *rare);
        let put = |into: &mut Vec<i32>, changed: Option<Array<'_, i32>>| {
            if changed.is_some() {
                *into = list(changed);
            }
        };
        put(&mut rare.removing, record.removing_replicas);
        put(&mut rare.adding, record.adding_replicas);
        put(&mut rare.eligible, record.eligible_leader_replicas);
        put(&mut rare.last_known_eligible, record.last_known_elr);
        if record.leader_recovery_state != NO_RECOVERY_CHANGE {
            rare.recovery_state = record.leader_recovery_state;
        }
        self.set_rare(rare);
    }

    /// Whether an unclean leader was to repair it.
    pub fn is_recovering(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.recovery_state != 0)
    }

    /// Forgets the eligible replicas.
    pub(super) fn clear_eligible(&mut self) {
        if let Some(rare) = self.rare.take() {
            self.set_rare(Rare { eligible: Vec::new(), last_known_eligible: Vec::new(), ..*rare });
        }
    }

    /// Whether a node leads it, alone in sync, with nothing left over from a time without a leader.
    pub fn is_led_by(&self, node: i32) -> bool {
        let settled = self.rare.as_ref().is_none_or(|rare| {
            rare.eligible.is_empty()
                && rare.last_known_eligible.is_empty()
                && rare.recovery_state == 0
        });
        self.leader == node && self.isr == [node] && settled
    }

    /// The record that registers it as it is now.
    pub(super) fn record(&self, topic_id: Uuid, index: usize) -> PartitionRecord<'_> {
        let mut record = PartitionRecord {
            partition_id: i32::try_from(index).unwrap_or(i32::MAX),
            topic_id,
            replicas: (&self.replicas).into(),
            isr: (&self.isr).into(),
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: (&self.directories).into(),
            ..Default::default()
        };
        if let Some(rare) = &self.rare {
            record.removing_replicas = (&rare.removing).into();
            record.adding_replicas = (&rare.adding).into();
            record.eligible_leader_replicas = rare_list(&rare.eligible);
            record.last_known_elr = rare_list(&rare.last_known_eligible);
            record.leader_recovery_state = rare.recovery_state;
        }
        record
    }

    fn directory_of(&self, replica: i32) -> Uuid {
        let mut known = self.replicas.iter().zip(&self.directories);
        known.find(|(id, _)| **id == replica).map_or(UNASSIGNED, |(_, directory)| *directory)
    }

    fn set_rare(&mut self, rare: Rare) {
        self.rare = (rare != Rare::default()).then(|| Box::new(rare));
    }
}

/// Tagged lists are only written when there is something in them.
fn rare_list(list: &[i32]) -> Option<Array<'_, i32>> {
    (!list.is_empty()).then(|| list.into())
}

fn list(array: Option<Array<'_, i32>>) -> Vec<i32> {
    array.into_iter().flatten().collect()
}

fn migrating_unless(directories: Vec<Uuid>, replicas: usize) -> Vec<Uuid> {
    if directories.is_empty() { vec![MIGRATING; replicas] } else { directories }
}
