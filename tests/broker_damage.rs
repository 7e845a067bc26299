//! What a broker does with a data directory that is not as it left it: it says what is lost, keeps
//! what is not, and touches nothing that it refuses.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;

#[test]
fn a_partition_that_cannot_be_led_is_offline_and_is_checked_again() {
    let dir = TempDir::new();
    let data = dir.join("data");
    let broker = Broker::start(&data, &[]);
    broker.client().create("t", 2);
    broker.kill();
    // Where a new epoch is noted, there is no room for a file.
    let epochs = data.join("t-1").join("leader-epoch-checkpoint");
    std::fs::remove_file(&epochs).unwrap();
    std::fs::create_dir(&epochs).unwrap();

    let broker = Broker::start(&data, &[]);
    broker.logged(&["ERROR", "partition t-1 is offline", "leader-epoch-checkpoint"]);
    let mut client = broker.client();
    assert_eq!(client.append(("t", 0), &batch(1, 2, 10)), 0, "the others go on");
    let refused = client.produce(("t", 1), &batch(1, 2, 10));
    assert_eq!(refused.code, ErrorCode::KAFKA_STORAGE_ERROR);
    let ended = broker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert!(!data.join(".kafka_cleanshutdown").exists(), "t-1 was not closed");

    std::fs::remove_dir(&epochs).unwrap();
    let broker = Broker::start(&data, &[]);
    let mut client = broker.client();
    assert_eq!(client.cluster().topics["t"].epochs, [2, 2], "the start was not a clean one");
    assert_eq!(client.append(("t", 1), &batch(1, 2, 10)), 0);
    broker.stop_cleanly();
    assert!(data.join(".kafka_cleanshutdown").exists());
}
