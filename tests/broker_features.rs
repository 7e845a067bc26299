//! What ApiVersions says of features: of which moment it speaks.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;

/// The epoch that a new connection is told.
fn epoch(broker: &Broker) -> i64 {
    broker.client().features_epoch()
}

#[test]
fn the_epoch_of_the_features_is_where_the_metadata_log_is() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    // The node is registered behind the start's back, but before the first change.
    client.create("s", 1);
    let first = epoch(&broker);
    // One record for the topic, one for each partition.
    client.create("t", 3);
    assert_eq!(epoch(&broker), first + 4);
    client.create("u", 1);
    assert_eq!(epoch(&broker), first + 6);
    broker.kill();
    // The leader change is a record too.
    let broker = Broker::start(dir.path(), &[]);
    let again = epoch(&broker);
    assert!(again > first + 6, "{again}");
    broker.stop_cleanly();
    let log = dir.join("__cluster_metadata-0").join("00000000000000000000.log");
    let bytes = std::fs::read(log).unwrap();
    let last = barnabas::wire::records::Batches::new(&bytes).map_while(Result::ok).last().unwrap();
    // The stop fences the node, and takes its leaders.
    assert!(last.header().next_offset() > again, "it is an offset of that log");
}
