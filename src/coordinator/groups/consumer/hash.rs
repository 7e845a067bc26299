//! The hash by which a group notices that its topics have changed (`Utils.computeGroupHash`,
//! `computeTopicHash`, KIP-1101): XXH3 over what hash4j feeds it.

use super::super::World;
use super::Wishes;
use twox_hash::XxHash3_64;

/// Of all topics that are there, in the order of their names.
pub(super) fn of_group(wishes: &Wishes, world: &World<'_>) -> i64 {
    let hashes = wishes.topics().filter_map(|topic| of_topic(topic, world));
    let bytes: Vec<u8> = hashes.flat_map(u64::to_le_bytes).collect();
    if bytes.is_empty() { 0 } else { XxHash3_64::oneshot(&bytes) as i64 }
}

/// Of a topic's id, name, and partitions with the racks of their replicas, if it is there.
fn of_topic(name: &str, world: &World<'_>) -> Option<u64> {
    let id = world.topics.id(name)?;
    let partitions = world.topics.partitions(id)?;
    let mut bytes = vec![0];
    let id = u128::from_be_bytes(*id.as_bytes());
    bytes.extend(((id >> 64) as u64).to_le_bytes());
    bytes.extend((id as u64).to_le_bytes());
    text(&mut bytes, name);
    bytes.extend(partitions.to_le_bytes());
    for partition in 0..partitions {
        bytes.extend(partition.to_le_bytes());
        // A single node holds all replicas.
        if let Some(rack) = world.settings.rack.as_deref() {
            bytes.extend((rack.encode_utf16().count() as i32).to_le_bytes());
            text(&mut bytes, rack);
        }
    }
    Some(XxHash3_64::oneshot(&bytes))
}

/// As Java has strings: their UTF-16, then its length.
fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend((text.encode_utf16().count() as i32).to_le_bytes());
}
