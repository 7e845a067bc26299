"""Produce (key 0): PROTOCOL 7.1 and 7.2, case by case. What was stored is read back and compared too."""

import time

import cramjam
import lz4.frame
import pytest

import records
from harness import produce_body, scenario
from profiles import STRICT
from records import (BASE_TIMESTAMP, CODECS, CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, TRANSACTIONAL,
                     batch)
from schema import ZERO_ID

VERSIONS = range(3, 14)
SOME_ID = "00000000-0000-0000-0000-00000000004d"


def sized(size):
    """A batch of exactly so many bytes."""
    value = size
    while len(batch([b"x" * value])) > size:
        value -= 1
    assert len(batch([b"x" * value])) == size
    return batch([b"x" * value])


def stored(b, topic, label="what is stored", partition=0, limit=1 << 20):
    """Reads a partition from its start."""
    asked = {"topic": topic, "partitions": [
        {"partition": partition, "fetchOffset": 0, "partitionMaxBytes": limit}]}
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
            b.call("Produce", version, produce_body({("produce-acks", None): {0: batch(), 7: batch()},
                                                     ("produce-nope", None): {0: batch()}}, acks), f"acks {acks} mixed")
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
def test_malformed_batches(b):
    """Headers that lie, one field after the other; nothing of it is stored."""
    b.create("produce-malformed")
    good = batch()
    for label, data in {
        "empty": b"", "5 bytes": b"hello", "garbage": b"h" * 100, "zeros": b"\0" * 100,
        "two batches": good + good, "three batches": good * 3,
        "magic 0": batch(magic=0), "magic 1": batch(magic=1), "magic 3": batch(magic=3), "magic -1": batch(magic=-1),
        "bad checksum": batch(crc=1), "flipped bit": good[:-1] + bytes([good[-1] ^ 1]),
        "length too long": batch(length=500), "length of the header": batch(length=49),
        "length too short": batch(length=50), "length 48": batch(length=48), "length 14": batch(length=14),
        "length 13": batch(length=13), "length 3": batch(length=3), "length 0": batch(length=0),
        "length -1": batch(length=-1), "length 2^31-1": batch(length=0x7FFFFFFF),
        "half": good[:40], "header only": good[:61], "header less one": good[:60], "17 bytes": good[:17],
        "16 bytes": good[:16], "12 bytes": good[:12],
        "20 bytes behind": good + b"x" * 20, "zeros behind": good + b"\0" * 61,
        "base offset 5": batch(base_offset=5), "base offset -1": batch(base_offset=-1),
        "count 2 of 1": batch(count=2), "count and delta 2 of 1": batch(count=2, last_offset_delta=1),
        "count 0": batch([], last_offset_delta=-1), "count 0 delta 0": batch([], count=0, last_offset_delta=0),
        "count -1": batch(count=-1), "count 2^31-1": batch(count=0x7FFFFFFF, last_offset_delta=0x7FFFFFFE),
        "count 1 of 2": batch([b"a", b"b"], count=1, last_offset_delta=0),
        "delta -5": batch(last_offset_delta=-5), "delta 1": batch(last_offset_delta=1),
        "control": batch(flags=CONTROL),
        "records garbage": batch(raw=b"garbage!!"), "records empty": batch(raw=b"", count=1),
        "records and more": batch(raw=records.records([b"a"]) + b"zz"),
        "record longer than the batch": batch(raw=b"\x7f" + records.record(b"a")[1:]),
        "record of length 0": batch(raw=b"\0"), "record of length -1": batch(raw=b"\x01"),
        "headers claimed": batch(raw=records.record(b"a")[:-1] + b"\x7e"),
        "key longer than the record": batch(raw=b"\x0e\0\0\0\x7e\0\0\0"),
    }.items():
        for version in (3, 9):
            b.produce("produce-malformed", data, label, version)
    stored(b, "produce-malformed", "nothing is stored")


@scenario()
def test_trailing_bytes(b):
    """The beginning of a second batch behind a good one is dropped without a word."""
    b.create("produce-trailing")
    for size in (1, 2, 11, 12, 16):
        b.produce("produce-trailing", batch() + b"\0" * size, f"{size} zeros behind")
        b.produce("produce-trailing", batch() + batch()[:size], f"{size} bytes of a batch behind")
    for size in (17, 40, 61):
        b.produce("produce-trailing", batch() + batch()[:size], f"{size} bytes of a batch behind")
    stored(b, "produce-trailing")


@scenario()
def test_accepted_oddities(b):
    """What looks wrong and is accepted; how it is stored."""
    b.create("produce-odd")
    for label, data in {
        "LogAppendTime bit on a CreateTime topic": batch(flags=LOG_APPEND_TIME),
        "delete horizon bit": batch(flags=DELETE_HORIZON), "unused attribute bit": batch(flags=0x100),
        "leader epoch 7": batch(leader_epoch=7), "timestamp -1": batch(base_timestamp=-1, max_timestamp=-1),
        "timestamp -2": batch(base_timestamp=-2), "timestamp 0": batch(base_timestamp=0),
        "max timestamp too large": batch([b"a", b"b"], max_timestamp=BASE_TIMESTAMP + 99),
        "max timestamp too small": batch([b"a", b"b"], max_timestamp=BASE_TIMESTAMP - 99),
        "max timestamp too large, gzip": batch([b"a", b"b"], 1, max_timestamp=BASE_TIMESTAMP + 99),
        "offsets 0 and 5": batch([{"offset_delta": 0}, {"offset_delta": 5}]),
        "offset begins at 1": batch([{"offset_delta": 1}]),
        "record attributes": batch([{"attributes": 1}]), "timestamp before the base": batch([{"timestamp_delta": -5}]),
        "null key and value": batch([(None, None)]), "empty key and value": batch([(b"", b"")]),
        "headers": batch([{"headers": [("h", b"1"), ("h", None), ("", b"")]}]),
        "producer id -2": batch(producer_id=-2, producer_epoch=0, base_sequence=0),
        "epoch and sequence without a producer id": batch(producer_epoch=3, base_sequence=0),
    }.items():
        b.produce("produce-odd", data, label)
    stored(b, "produce-odd")


@scenario()
def test_codecs(b):
    """Each codec in the oldest and newest versions; stored as it was sent."""
    known = b.create("produce-codecs")
    for name, codec in CODECS.items():
        for version in (3, 6, 7, 9, 13):
            b.produce("produce-codecs", batch([b"a" * 200, b"b" * 200], codec), f"codec {name}", version, topic_id=known)
    stored(b, "produce-codecs")


@scenario()
def test_compressed_oddities(b):
    """Compressed data that is damaged, framed differently, or does not hold what the header says."""
    b.create("produce-compressed")
    one = records.records([b"x" * 100])
    big = records.records([b"x" * 200000])
    for label, data in {
        "gzip garbage": batch(raw=b"garbage", codec=1), "snappy garbage": batch(raw=b"garbage", codec=2),
        "lz4 garbage": batch(raw=b"garbage", codec=3), "zstd garbage": batch(raw=b"garbage", codec=4),
        "gzip empty": batch(raw=b"", codec=1), "snappy empty": batch(raw=b"", codec=2),
        "lz4 empty": batch(raw=b"", codec=3), "zstd empty": batch(raw=b"", codec=4),
        "gzip cut": batch([b"x" * 100], raw=records.compress(1, one)[:-9], codec=1),
        "zstd cut": batch([b"x" * 100], raw=records.compress(4, one)[:-5], codec=4),
        "codec 5": batch(attributes=5), "codec 7": batch(attributes=7),
        "raw snappy": batch([b"x"], raw=bytes(cramjam.snappy.compress_raw(one)), codec=2),
        "lz4 linked blocks": batch([b"x"], raw=lz4.frame.compress(big, block_linked=True), codec=3),
        "lz4 with size": batch([b"x"], raw=lz4.frame.compress(one, block_linked=False, store_size=True), codec=3),
        "lz4 with content checksum": batch([b"x"], raw=lz4.frame.compress(
            one, block_linked=False, store_size=False, content_checksum=True), codec=3),
        "lz4 with block checksum": batch([b"x"], raw=lz4.frame.compress(
            one, block_linked=False, store_size=False, block_checksum=True), codec=3),
    }.items():
        b.produce("produce-compressed", data, label)
    for name, codec in list(CODECS.items())[1:]:
        two = [b"a", b"b"]
        b.produce("produce-compressed", batch(two, codec, count=1, last_offset_delta=0), f"{name} count 1 of 2")
        b.produce("produce-compressed", batch(two, codec, count=3, last_offset_delta=2), f"{name} count 3 of 2")
        b.produce("produce-compressed", batch([{"offset_delta": 0}, {"offset_delta": 5}], codec), f"{name} wrong offsets")
        b.produce("produce-compressed", batch(two, codec, crc=5), f"{name} bad checksum")
        b.produce("produce-compressed", batch(raw=records.compress(codec, b"garbage!!"), codec=codec), f"{name} garbage inside")
        b.produce("produce-compressed", batch([b"z" * 300000], codec), f"{name} compresses well")
    stored(b, "produce-compressed", limit=1 << 22)


@scenario()
def test_null_key_on_compacted(b):
    """A record without a key is refused where the topic is compacted; the batch goes as a whole."""
    b.create("produce-compact", cleanup_policy="compact")
    b.create("produce-compact-delete", cleanup_policy="compact,delete")
    for topic in ("produce-compact", "produce-compact-delete"):
        for version in (3, 7, 8, 9):
            b.produce(topic, batch([(b"k", b"v"), (None, b"v"), (b"k", None), (None, None)]), "two without key", version)
        b.produce(topic, batch([(None, b"v")] * 12), "twelve without key")
        b.produce(topic, batch([(None, b"v")], 1), "gzip without key")
        b.produce(topic, batch([(b"k", b"v"), (b"", b"v"), (b"k", None)]), "keys")
        stored(b, topic)


@scenario()
def test_timestamps_out_of_range(b):
    """message.timestamp.before.max.ms and .after.max.ms; the text names the clock, so only its shape counts."""
    b.create("produce-time", message_timestamp_before_max_ms=1000)
    b.create("produce-time-free")
    now = int(time.time() * 1000)
    for version in (3, 8, 9):
        for label, topic, data in (
            ("future", "produce-time-free", batch([b"a", {"timestamp_delta": 7200000}, b"c"], base_timestamp=now,
                                                  max_timestamp=now + 7200000)),
            ("future gzip", "produce-time-free", batch([b"a"], 1, base_timestamp=now + 7200000)),
            ("fifty minutes ahead", "produce-time-free", batch([b"a"], base_timestamp=now + 3000000)),
            ("past", "produce-time", batch([b"a"] * 3, base_timestamp=now - 100000)),
            ("long past is fine", "produce-time-free", batch([b"a"], base_timestamp=5)),
            ("no timestamp", "produce-time", batch([b"a"], base_timestamp=-1, max_timestamp=-1)),
        ):
            answer = b.quiet("Produce", version, produce_body({(topic, None): {0: data}}))
            b.note(f"{label} v{version}", "Produce", _without_clock(answer))
    b.call("ListOffsets", 5, {"replicaId": -1, "topics": [
        {"name": "produce-time", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}]}, "what was stored")


def _without_clock(answer):
    for topic in answer["responses"]:
        for partition in topic["partitionResponses"]:
            for error in partition.get("recordErrors", []):
                words = error["batchIndexErrorMessage"].split()
                error["batchIndexErrorMessage"] = " ".join(
                    "<n>" if w.strip("[],.").lstrip("-").isdigit() and len(w) > 6 else w for w in words)
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
        b.produce(topic, batch([(b"k%d" % i, b"v" * i) for i in range(20)], codec, leader_epoch=4), f"from {name}")
        b.produce(topic, batch([{"headers": [("h", b"1")], "timestamp_delta": 5}, b"b"], codec,
                               max_timestamp=BASE_TIMESTAMP + 77), f"from {name}, wrong max timestamp")
    b.produce(topic, batch([b"a", b"b"], producer_id=987654, producer_epoch=2, base_sequence=5), "with a producer id")
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
def test_too_large(b):
    """max.message.bytes counts the whole batch; a batch above the segment size has a code of its own."""
    b.create("produce-small", max_message_bytes=200)
    b.create("produce-segment", segment_bytes=1048576, max_message_bytes=3000000)
    for version in (3, 9):
        b.produce("produce-small", batch([b"x" * 300]), "too large", version)
        b.produce("produce-small", sized(200), "200 bytes", version)
        b.produce("produce-small", sized(201), "201 bytes", version)
        b.produce("produce-small", batch([b"x" * 400], 1), "compressed it fits", version)
        b.produce("produce-segment", batch([b"x" * 2000000]), "larger than a segment", version)
    b.create("produce-small-uncompressed", max_message_bytes=300, compression_type="uncompressed")
    b.produce("produce-small-uncompressed", batch([b"x" * 400], 1), "too large when rebuilt")
    b.create("produce-default")
    b.produce("produce-default", sized(1048588), "the default limit")
    b.produce("produce-default", sized(1048589), "one more")
    stored(b, "produce-small")


@scenario()
def test_request_shapes(b):
    """Empty lists, things given twice, good beside bad."""
    known = b.create("produce-shapes", partitions=2)
    for version in (3, 9, 12):
        b.call("Produce", version, produce_body({}), "no topics")
        b.call("Produce", version, produce_body({("produce-shapes", None): {}}), "no partitions")
        b.call("Produce", version, produce_body({
            ("produce-shapes", None): {0: batch([b"good"]), 1: batch(crc=1), 9: batch()},
            ("produce-nope", None): {0: batch()}, ("a b", None): {0: batch()}}), "mixed")
    b.call("Produce", 13, produce_body({("x", known): {0: batch(), 1: batch(magic=1)}, ("x", SOME_ID): {0: batch()}}),
           "mixed ids")
    twice = produce_body({("produce-shapes", None): {0: batch([b"first"])}})
    twice["topicData"][0]["partitionData"].append({"index": 0, "records": batch([b"second"])})
    b.call("Produce", 9, twice, "a partition twice")
    twice = produce_body({("produce-shapes", None): {0: batch([b"first"])}})
    twice["topicData"] *= 2
    b.call("Produce", 9, twice, "a topic twice")
    for timeout in (0, -1, 2147483647):
        b.call("Produce", 9, produce_body({("produce-shapes", None): {0: batch()}}, timeout=timeout), f"timeout {timeout}")
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
        b.produce("produce-txn", batch(flags=TRANSACTIONAL, producer_id=77777, producer_epoch=0, base_sequence=0),
                  "a producer id", version)
        b.produce("produce-txn", batch(flags=TRANSACTIONAL | CONTROL, producer_id=1, producer_epoch=0, base_sequence=0),
                  "control", version)
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
