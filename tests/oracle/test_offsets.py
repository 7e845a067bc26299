"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords (keys 2, 23, 21; Kafka: UnifiedLog,
LeaderEpochFileCache, ReplicaManager)."""

from harness import scenario
from records import BASE_TIMESTAMP as T
from records import CODECS, batch

LATEST, EARLIEST, MAXIMUM, LOCAL, TIERED, PENDING = range(-1, -7, -1)


def _list(b, label, name, *timestamps, version=11, partition=0, isolation=0, replica=-1, **more):
    for timestamp in timestamps:
        body = {
            "replicaId": replica,
            "isolationLevel": isolation,
            "topics": [
                {"name": name, "partitions": [{"partitionIndex": partition, "timestamp": timestamp, **more}]}
            ],
            "timeoutMs": 5000,
        }
        b.call("ListOffsets", version, body, f"{label} {timestamp}")


def _filled(b, name, **configs):
    """Six records whose times go up and down: 0, 1, 500, 400, 500, 100."""
    b.create(name, 2, **configs)
    b.produce(name, batch([b"a", b"b"]), "fill")
    b.produce(name, batch([{"timestamp_delta": d} for d in (500, 400, 500)], max_timestamp=T + 500), "fill")
    b.produce(name, batch([b"c"], base_timestamp=T + 100), "fill")


@scenario()
def test_times(b):
    """Every special time in every version, with and without data."""
    _filled(b, "offsets")
    for version in range(1, 12):
        _list(b, "data", "offsets", *range(-8, 0), 0, T + 100, version=version)
        _list(b, "empty", "offsets", *range(-8, 0), 0, version=version, partition=1)
        _list(b, "committed", "offsets", LATEST, EARLIEST, 0, version=version, isolation=1)
    _list(b, "lowest", "offsets", -9223372036854775808)


@scenario()
def test_search_by_time(b):
    """The first offset whose time is at or after the target."""
    _filled(b, "offsets-search")
    for delta in (-1, 0, 1, 2, 99, 100, 101, 400, 401, 499, 500, 501):
        for version in (1, 5, 11):
            _list(b, f"T+{delta}", "offsets-search", T + delta, version=version)
    _list(b, "far", "offsets-search", 1 << 62)


@scenario()
def test_search_in_compressed_batches(b):
    """The record inside a compressed batch, for time and for the maximum."""
    for name, codec in CODECS.items():
        topic = f"offsets-{name}"
        b.create(topic)
        b.produce(topic, batch([b"a"] * 10, codec), "fill")
        b.produce(
            topic, batch([{"timestamp_delta": d} for d in (50, 70, 60)], codec, max_timestamp=T + 70), "fill"
        )
        _list(b, name, topic, MAXIMUM, T + 5, T + 10, T + 55, T + 65, T + 71)


@scenario()
def test_log_append_time(b):
    """With LogAppendTime the answer's time is the batch's."""
    b.create("offsets-lat", message_timestamp_type="LogAppendTime")
    b.produce("offsets-lat", batch([b"a"] * 3), "fill")
    for timestamp in (0, MAXIMUM):
        answer = b.quiet(
            "ListOffsets",
            11,
            {
                "replicaId": -1,
                "topics": [
                    {"name": "offsets-lat", "partitions": [{"partitionIndex": 0, "timestamp": timestamp}]}
                ],
                "timeoutMs": 5000,
            },
        )
        found = answer["topics"][0]["partitions"][0]
        b.note(f"time {timestamp}", "none", {**found, "timestamp": found["timestamp"] > T})


@scenario()
def test_errors(b):
    """Unknown topics and partitions, epochs, isolation levels, things given twice."""
    _filled(b, "offsets-errors")
    for version in (1, 4, 5, 6, 11):
        _list(b, "unknown topic", "offsets-nope", LATEST, version=version)
        _list(b, "invalid name", "a b", LATEST, version=version)
        _list(b, "unknown partition", "offsets-errors", LATEST, 5, version=version, partition=9)
        _list(b, "isolation 7", "offsets-errors", LATEST, version=version if version > 1 else 2, isolation=7)
        body = {
            "replicaId": -1,
            "topics": [
                {
                    "name": "offsets-errors",
                    "partitions": [{"partitionIndex": p, "timestamp": -1} for p in (0, 0, 1)],
                }
            ],
        }
        b.call("ListOffsets", version, body, "a partition twice")
    for epoch in (-2, -1, 0, 1, 5):
        for version in (4, 11):
            _list(b, f"epoch {epoch}", "offsets-errors", LATEST, 0, version=version, currentLeaderEpoch=epoch)
    _list(b, "replica -2", "offsets-errors", LATEST, replica=-2)
    for version in (1, 11):
        b.call("ListOffsets", version, {"replicaId": -1, "topics": []}, "nothing asked")


@scenario()
def test_offset_for_leader_epoch(b):
    """End offsets of known and unknown epochs."""
    _filled(b, "epochs")
    for version in (2, 3, 4):
        for label, topic, partition, epoch, current in (
            ("epoch 0", "epochs", 0, 0, -1),
            ("epoch 1", "epochs", 0, 1, -1),
            ("epoch -1", "epochs", 0, -1, -1),
            ("epoch -5", "epochs", 0, -5, -1),
            ("current 0", "epochs", 0, 0, 0),
            ("current 5", "epochs", 0, 0, 5),
            ("current -2", "epochs", 0, 0, -2),
            ("empty", "epochs", 1, 0, -1),
            ("no partition", "epochs", 9, 0, -1),
            ("no topic", "epochs-nope", 0, 0, -1),
            ("invalid name", "a b", 0, 0, -1),
        ):
            b.call(
                "OffsetForLeaderEpoch",
                version,
                {
                    "replicaId": -1,
                    "topics": [
                        {
                            "topic": topic,
                            "partitions": [
                                {"partition": partition, "currentLeaderEpoch": current, "leaderEpoch": epoch}
                            ],
                        }
                    ],
                },
                label,
            )
        b.call("OffsetForLeaderEpoch", version, {"replicaId": -1, "topics": []}, "nothing asked")


def _delete(b, label, name, offset, version=2, partition=0):
    b.call(
        "DeleteRecords",
        version,
        {
            "topics": [{"name": name, "partitions": [{"partitionIndex": partition, "offset": offset}]}],
            "timeoutMs": 10000,
        },
        label,
    )


@scenario()
def test_delete_records(b):
    """The log start moves and never goes back; fetches and lookups below it see that."""
    _filled(b, "truncate")
    for version in (0, 1, 2):
        _delete(b, "beyond", "truncate", 7, version)
        _delete(b, "-2", "truncate", -2, version)
        _delete(b, "unknown topic", "truncate-nope", 0, version)
        _delete(b, "unknown partition", "truncate", 0, version, partition=9)
    for offset in (0, 1, 3, 2, 3):
        _delete(b, f"to {offset}", "truncate", offset)
        _list(b, f"after {offset}", "truncate", LATEST, EARLIEST, LOCAL, 0, T + 1, T + 100)
        for start in (0, offset, 4):
            b.call(
                "Fetch",
                12,
                {
                    "maxWaitMs": 0,
                    "minBytes": 0,
                    "topics": [
                        {
                            "topic": "truncate",
                            "partitions": [
                                {"partition": 0, "fetchOffset": start, "partitionMaxBytes": 1 << 20}
                            ],
                        }
                    ],
                },
                f"fetch {start} after {offset}",
            )
        b.produce("truncate", batch(magic=1), "an answer with the log start")
        b.produce("truncate", batch(base_offset=3), "another answer with the log start")
    _delete(b, "to the end", "truncate", -1)
    _list(b, "at the end", "truncate", LATEST, EARLIEST, LOCAL, 0)
    b.produce("truncate", batch(), "goes on")
    _delete(b, "empty partition", "truncate", -1, partition=1)
    _delete(b, "empty partition to 0", "truncate", 0, partition=1)


@scenario()
def test_delete_records_refused(b):
    """Compacted topics keep their records; with delete besides it is allowed."""
    for policy, name in (
        ("compact", "truncate-c"),
        ("compact,delete", "truncate-cd"),
        ("delete", "truncate-d"),
    ):
        b.create(name, cleanup_policy=policy)
        b.produce(name, batch([(b"k", b"v")] * 3), "fill")
        _delete(b, policy, name, 1)
    b.call("DeleteRecords", 2, {"topics": [], "timeoutMs": 1000}, "nothing asked")
    b.call(
        "DeleteRecords",
        2,
        {
            "topics": [
                {
                    "name": "truncate-d",
                    "partitions": [{"partitionIndex": 0, "offset": 2}, {"partitionIndex": 7, "offset": 2}],
                },
                {"name": "truncate-nope", "partitions": [{"partitionIndex": 0, "offset": 2}]},
            ],
            "timeoutMs": 10000,
        },
        "mixed",
    )
