"""Produce (key 0), case by case (Kafka: ProduceRequest, UnifiedLog, LogValidator). What was stored is read
back and compared too."""

import time

import pytest

from harness import produce_body, scenario
from profiles import STRICT
from records import BASE_TIMESTAMP, CODECS, CONTROL, LOG_APPEND_TIME, TRANSACTIONAL, batch
from schema import ZERO_ID

VERSIONS = range(3, 14)
SOME_ID = "00000000-0000-0000-0000-00000000004d"


def stored(b, topic, label="what is stored", partition=0, limit=1 << 20):
    """Reads a partition from its start."""
    asked = {
        "topic": topic,
        "partitions": [{"partition": partition, "fetchOffset": 0, "partitionMaxBytes": limit}],
    }
    return b.call("Fetch", 12, {"maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 24, "topics": [asked]}, label)


@scenario()
def test_every_version(b):
    """Names up to v12, ids from v13; good, unknown topic, unknown partition."""
    known = b.create("produce-versions")
    for version in VERSIONS:
        b.produce("produce-versions", batch([b"one", b"two"]), "good", version, topic_id=known)
        b.produce("produce-versions", batch(), "unknown partition", version, partition=5, topic_id=known)
        b.produce("produce-versions", batch(), "negative partition", version, partition=-1, topic_id=known)
        b.produce("produce-nope", batch(), "unknown topic", version, topic_id=SOME_ID)
        b.produce("a b", batch(), "invalid name or no id", version, topic_id=ZERO_ID)
        b.produce("produce-versions", batch(crc=1), "bad checksum", version, topic_id=known)
        b.produce("produce-versions", batch()[:40], "half a batch", version, topic_id=known)
    stored(b, "produce-versions")


@scenario()
def test_acks(b):
    """-1, 0 and 1; everything else is refused on each partition, and nothing is stored."""
    b.create("produce-acks", partitions=2)
    for version in (3, 9, 12):
        for acks in (-1, 1, 2, -2, 32767, -32768):
            b.produce("produce-acks", batch(), f"acks {acks}", version, acks)
            b.call(
                "Produce",
                version,
                produce_body(
                    {("produce-acks", None): {0: batch(), 7: batch()}, ("produce-nope", None): {0: batch()}},
                    acks,
                ),
                f"acks {acks} mixed",
            )
        b.call("Produce", version, produce_body({}, 2), "acks 2 and nothing else")
    stored(b, "produce-acks")


@scenario()
def test_acks_0(b):
    """Never an answer: silence when all is well, the connection closes when anything is not."""
    known = b.create("produce-acks0", partitions=2)
    for version in (3, 8, 9, 12, 13):
        for label, parts in {
            "good": {("produce-acks0", known): {0: batch([b"%d" % version])}},
            "two good": {("produce-acks0", known): {0: batch([b"x"]), 1: batch([b"y"])}},
            "nothing": {},
            "bad checksum": {("produce-acks0", known): {0: batch(crc=1)}},
            "unknown partition": {("produce-acks0", known): {9: batch()}},
            "unknown topic": {("produce-nope", SOME_ID): {0: batch()}},
            "good and bad": {("produce-acks0", known): {0: batch([b"kept"]), 1: batch(magic=1)}},
        }.items():
            b.unanswered("Produce", version, produce_body(parts, 0), f"acks 0 {label}")
    stored(b, "produce-acks0")
    stored(b, "produce-acks0", partition=1)


@scenario()
def test_timestamps_out_of_range(b):
    """message.timestamp.before.max.ms and .after.max.ms; the text names the clock: its shape counts."""
    b.create("produce-time", message_timestamp_before_max_ms=1000)
    b.create("produce-time-free")
    now = int(time.time() * 1000)
    for version in (3, 8, 9):
        for label, topic, data in (
            (
                "future",
                "produce-time-free",
                batch(
                    [b"a", {"timestamp_delta": 7200000}, b"c"],
                    base_timestamp=now,
                    max_timestamp=now + 7200000,
                ),
            ),
            ("future gzip", "produce-time-free", batch([b"a"], 1, base_timestamp=now + 7200000)),
            ("fifty minutes ahead", "produce-time-free", batch([b"a"], base_timestamp=now + 3000000)),
            ("past", "produce-time", batch([b"a"] * 3, base_timestamp=now - 100000)),
            ("long past is fine", "produce-time-free", batch([b"a"], base_timestamp=5)),
            ("no timestamp", "produce-time", batch([b"a"], base_timestamp=-1, max_timestamp=-1)),
        ):
            answer = b.quiet("Produce", version, produce_body({(topic, None): {0: data}}))
            b.note(f"{label} v{version}", "Produce", _without_clock(answer))
    b.call(
        "ListOffsets",
        5,
        {
            "replicaId": -1,
            "topics": [{"name": "produce-time", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}],
        },
        "what was stored",
    )


def _without_clock(answer):
    for topic in answer["responses"]:
        for partition in topic["partitionResponses"]:
            for error in partition.get("recordErrors", []):
                words = error["batchIndexErrorMessage"].split()
                error["batchIndexErrorMessage"] = " ".join(
                    "<n>" if w.strip("[],.").lstrip("-").isdigit() and len(w) > 6 else w for w in words
                )
    return answer


@scenario()
def test_log_append_time(b):
    """The broker's clock: attributes bit 3 and the maximum timestamp, for each codec."""
    b.create("produce-lat", message_timestamp_type="LogAppendTime")
    for name, codec in CODECS.items():
        for version in (3, 9):
            if not (codec == 4 and version == 3):
                b.produce("produce-lat", batch([b"a", b"b"], codec), f"{name}", version)
    b.produce("produce-lat", batch([b"a"] * 5, flags=LOG_APPEND_TIME), "set by the client")
    b.produce("produce-lat", batch([b"a"], 1, flags=LOG_APPEND_TIME), "set by the client, gzip")
    b.produce("produce-lat", batch([b"a"], base_timestamp=1 << 60), "far future does not matter")
    b.produce("produce-lat", batch([b"a"], base_timestamp=-1, max_timestamp=-1), "no timestamp")
    stored(b, "produce-lat")


@pytest.mark.parametrize("target", ["uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"])
@scenario()
def test_recompress(b, target):
    """compression.type of the topic: batches with another codec are rebuilt. Records stay the same."""
    topic = f"produce-to-{target}"
    b.create(topic, compression_type=target)
    for name, codec in CODECS.items():
        b.produce(
            topic, batch([(b"k%d" % i, b"v" * i) for i in range(20)], codec, leader_epoch=4), f"from {name}"
        )
        b.produce(
            topic,
            batch(
                [{"headers": [("h", b"1")], "timestamp_delta": 5}, b"b"],
                codec,
                max_timestamp=BASE_TIMESTAMP + 77,
            ),
            f"from {name}, wrong max timestamp",
        )
    b.produce(
        topic,
        batch([b"a", b"b"], producer_id=987654, producer_epoch=2, base_sequence=5),
        "with a producer id",
    )
    stored(b, topic, "recompressed")


@scenario(settings=STRICT)
def test_recompress_and_append_time(b):
    """Both at once, by the broker's defaults; a compacted topic that needs keys."""
    b.create("produce-strict", partitions=1)
    for name, codec in CODECS.items():
        b.produce("produce-strict", batch([(b"a", b"1"), (b"b", b"2")], codec), f"from {name}")
    b.produce("produce-strict", batch([b"no key"]), "no key")
    b.produce("produce-strict", batch([(b"k", bytes(range(256)) * 20)]), "compresses below the limit")
    stored(b, "produce-strict", "recompressed")


@scenario()
def test_request_shapes(b):
    """Empty lists, things given twice, good beside bad."""
    known = b.create("produce-shapes", partitions=2)
    for version in (3, 9, 12):
        b.call("Produce", version, produce_body({}), "no topics")
        b.call("Produce", version, produce_body({("produce-shapes", None): {}}), "no partitions")
        b.call(
            "Produce",
            version,
            produce_body(
                {
                    ("produce-shapes", None): {0: batch([b"good"]), 1: batch(crc=1), 9: batch()},
                    ("produce-nope", None): {0: batch()},
                    ("a b", None): {0: batch()},
                }
            ),
            "mixed",
        )
    b.call(
        "Produce",
        13,
        produce_body({("x", known): {0: batch(), 1: batch(magic=1)}, ("x", SOME_ID): {0: batch()}}),
        "mixed ids",
    )
    twice = produce_body({("produce-shapes", None): {0: batch([b"first"])}})
    twice["topicData"][0]["partitionData"].append({"index": 0, "records": batch([b"second"])})
    b.call("Produce", 9, twice, "a partition twice")
    twice = produce_body({("produce-shapes", None): {0: batch([b"first"])}})
    twice["topicData"] *= 2
    b.call("Produce", 9, twice, "a topic twice")
    for timeout in (0, -1, 2147483647):
        b.call(
            "Produce",
            9,
            produce_body({("produce-shapes", None): {0: batch()}}, timeout=timeout),
            f"timeout {timeout}",
        )
    stored(b, "produce-shapes")


@scenario()
def test_internal_topics(b):
    """Internal topics are not for clients, whoever created them."""
    b.produce("__cluster_metadata", batch(), "cluster metadata")


@scenario()
def test_transactional_without_a_transaction(b):
    """Transactional batches of a request without a transactional id."""
    b.create("produce-txn")
    for version in (3, 9, 11, 12):
        b.produce("produce-txn", batch(flags=TRANSACTIONAL), "no producer id", version)
        b.produce(
            "produce-txn",
            batch(flags=TRANSACTIONAL, producer_id=77777, producer_epoch=0, base_sequence=0),
            "a producer id",
            version,
        )
        b.produce(
            "produce-txn",
            batch(flags=TRANSACTIONAL | CONTROL, producer_id=1, producer_epoch=0, base_sequence=0),
            "control",
            version,
        )
    b.produce("produce-txn", batch(), "a transactional id, a plain batch", tx="oracle-tx")


@scenario()
def test_min_insync_replicas(b):
    """min.insync.replicas above the replication factor counts as the factor."""
    b.create("produce-isr", min_insync_replicas=2)
    for acks in (-1, 1):
        b.produce("produce-isr", batch(), f"acks {acks}", acks=acks)


@scenario()
def test_pipelined(b):
    """Many requests on one connection, written at once: in order, each answered."""
    b.create("produce-pipe")
    client = b.connect()
    for number in range(300):
        client.send("Produce", 9, produce_body({("produce-pipe", None): {0: batch([b"%d" % number])}}))
    for number in range(300):
        b.note(f"answer {number}", "Produce", client.receive())
    stored(b, "produce-pipe")
