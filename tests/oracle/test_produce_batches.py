"""The record batches of a Produce: malformed, odd, compressed, too large (Kafka: LogValidator, UnifiedLog).
What was stored is read back and compared too."""

import cramjam
import lz4.frame

import records
from harness import scenario
from records import BASE_TIMESTAMP, CODECS, CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, batch
from test_produce import stored


def sized(size):
    """A batch of exactly so many bytes."""
    value = size
    while len(batch([b"x" * value])) > size:
        value -= 1
    assert len(batch([b"x" * value])) == size
    return batch([b"x" * value])


@scenario()
def test_malformed_batches(b):
    """Headers that lie, one field after the other; nothing of it is stored."""
    b.create("produce-malformed")
    good = batch()
    for label, data in {
        "empty": b"",
        "5 bytes": b"hello",
        "garbage": b"h" * 100,
        "zeros": b"\0" * 100,
        "two batches": good + good,
        "three batches": good * 3,
        "magic 0": batch(magic=0),
        "magic 1": batch(magic=1),
        "magic 3": batch(magic=3),
        "magic -1": batch(magic=-1),
        "bad checksum": batch(crc=1),
        "flipped bit": good[:-1] + bytes([good[-1] ^ 1]),
        "length too long": batch(length=500),
        "length of the header": batch(length=49),
        "length too short": batch(length=50),
        "length 48": batch(length=48),
        "length 14": batch(length=14),
        "length 13": batch(length=13),
        "length 3": batch(length=3),
        "length 0": batch(length=0),
        "length -1": batch(length=-1),
        "length 2^31-1": batch(length=0x7FFFFFFF),
        "half": good[:40],
        "header only": good[:61],
        "header less one": good[:60],
        "17 bytes": good[:17],
        "16 bytes": good[:16],
        "12 bytes": good[:12],
        "20 bytes behind": good + b"x" * 20,
        "zeros behind": good + b"\0" * 61,
        "base offset 5": batch(base_offset=5),
        "base offset -1": batch(base_offset=-1),
        "count 2 of 1": batch(count=2),
        "count and delta 2 of 1": batch(count=2, last_offset_delta=1),
        "count 0": batch([], last_offset_delta=-1),
        "count 0 delta 0": batch([], count=0, last_offset_delta=0),
        "count -1": batch(count=-1),
        "count 2^31-1": batch(count=0x7FFFFFFF, last_offset_delta=0x7FFFFFFE),
        "count 1 of 2": batch([b"a", b"b"], count=1, last_offset_delta=0),
        "delta -5": batch(last_offset_delta=-5),
        "delta 1": batch(last_offset_delta=1),
        "control": batch(flags=CONTROL),
        "records garbage": batch(raw=b"garbage!!"),
        "records empty": batch(raw=b"", count=1),
        "records and more": batch(raw=records.records([b"a"]) + b"zz"),
        "record longer than the batch": batch(raw=b"\x7f" + records.record(b"a")[1:]),
        "record of length 0": batch(raw=b"\0"),
        "record of length -1": batch(raw=b"\x01"),
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
        "delete horizon bit": batch(flags=DELETE_HORIZON),
        "unused attribute bit": batch(flags=0x100),
        "leader epoch 7": batch(leader_epoch=7),
        "timestamp -1": batch(base_timestamp=-1, max_timestamp=-1),
        "timestamp -2": batch(base_timestamp=-2),
        "timestamp 0": batch(base_timestamp=0),
        "max timestamp too large": batch([b"a", b"b"], max_timestamp=BASE_TIMESTAMP + 99),
        "max timestamp too small": batch([b"a", b"b"], max_timestamp=BASE_TIMESTAMP - 99),
        "max timestamp too large, gzip": batch([b"a", b"b"], 1, max_timestamp=BASE_TIMESTAMP + 99),
        "record attributes": batch([{"attributes": 1}]),
        "timestamp before the base": batch([{"timestamp_delta": -5}]),
        "null key and value": batch([(None, None)]),
        "empty key and value": batch([(b"", b"")]),
        "headers": batch([{"headers": [("h", b"1"), ("h", None), ("", b"")]}]),
        "producer id -2": batch(producer_id=-2, producer_epoch=0, base_sequence=0),
        "epoch and sequence without a producer id": batch(producer_epoch=3, base_sequence=0),
    }.items():
        b.produce("produce-odd", data, label)
    stored(b, "produce-odd")


@scenario()
def test_inner_offsets(b):
    """Records of an uncompressed batch that are not numbered 0, 1, 2: accepted. Kafka stores what no
    consumer can read; Barnabas numbers them anew."""
    b.create("produce-inner")
    for label, data in {
        "offsets 0 and 5": batch([{"offset_delta": 0}, {"offset_delta": 5}]),
        "offset begins at 1": batch([{"offset_delta": 1}]),
    }.items():
        b.produce("produce-inner", data, label)
    stored(b, "produce-inner", "inner offsets")


@scenario()
def test_codecs(b):
    """Each codec in the oldest and newest versions; stored as it was sent."""
    known = b.create("produce-codecs")
    for name, codec in CODECS.items():
        for version in (3, 6, 7, 9, 13):
            b.produce(
                "produce-codecs",
                batch([b"a" * 200, b"b" * 200], codec),
                f"codec {name}",
                version,
                topic_id=known,
            )
    stored(b, "produce-codecs")


@scenario()
def test_compressed_oddities(b):
    """Compressed data that is damaged, framed differently, or does not hold what the header says."""
    b.create("produce-compressed")
    one = records.records([b"x" * 100])
    big = records.records([b"x" * 200000])
    for label, data in {
        "gzip garbage": batch(raw=b"garbage", codec=1),
        "snappy garbage": batch(raw=b"garbage", codec=2),
        "lz4 garbage": batch(raw=b"garbage", codec=3),
        "zstd garbage": batch(raw=b"garbage", codec=4),
        "gzip empty": batch(raw=b"", codec=1),
        "snappy empty": batch(raw=b"", codec=2),
        "lz4 empty": batch(raw=b"", codec=3),
        "zstd empty": batch(raw=b"", codec=4),
        "gzip cut": batch([b"x" * 100], raw=records.compress(1, one)[:-9], codec=1),
        "zstd cut": batch([b"x" * 100], raw=records.compress(4, one)[:-5], codec=4),
        "codec 5": batch(attributes=5),
        "codec 7": batch(attributes=7),
        "raw snappy": batch([b"x"], raw=bytes(cramjam.snappy.compress_raw(one)), codec=2),
        "lz4 linked blocks": batch([b"x"], raw=lz4.frame.compress(big, block_linked=True), codec=3),
        "lz4 with size": batch(
            [b"x"], raw=lz4.frame.compress(one, block_linked=False, store_size=True), codec=3
        ),
        "lz4 with content checksum": batch(
            [b"x"],
            raw=lz4.frame.compress(one, block_linked=False, store_size=False, content_checksum=True),
            codec=3,
        ),
        "lz4 with block checksum": batch(
            [b"x"],
            raw=lz4.frame.compress(one, block_linked=False, store_size=False, block_checksum=True),
            codec=3,
        ),
    }.items():
        b.produce("produce-compressed", data, label)
    for name, codec in list(CODECS.items())[1:]:
        two = [b"a", b"b"]
        b.produce(
            "produce-compressed", batch(two, codec, count=1, last_offset_delta=0), f"{name} count 1 of 2"
        )
        b.produce(
            "produce-compressed", batch(two, codec, count=3, last_offset_delta=2), f"{name} count 3 of 2"
        )
        b.produce(
            "produce-compressed",
            batch([{"offset_delta": 0}, {"offset_delta": 5}], codec),
            f"{name} wrong offsets",
        )
        b.produce("produce-compressed", batch(two, codec, crc=5), f"{name} bad checksum")
        b.produce(
            "produce-compressed",
            batch(raw=records.compress(codec, b"garbage!!"), codec=codec),
            f"{name} garbage inside",
        )
        b.produce("produce-compressed", batch([b"z" * 300000], codec), f"{name} compresses well")
    stored(b, "produce-compressed", limit=1 << 22)


@scenario()
def test_null_key_on_compacted(b):
    """A record without a key is refused where the topic is compacted; the batch goes as a whole."""
    b.create("produce-compact", cleanup_policy="compact")
    b.create("produce-compact-delete", cleanup_policy="compact,delete")
    for topic in ("produce-compact", "produce-compact-delete"):
        for version in (3, 7, 8, 9):
            b.produce(
                topic,
                batch([(b"k", b"v"), (None, b"v"), (b"k", None), (None, None)]),
                "two without key",
                version,
            )
        b.produce(topic, batch([(None, b"v")] * 12), "twelve without key")
        b.produce(topic, batch([(None, b"v")], 1), "gzip without key")
        b.produce(topic, batch([(b"k", b"v"), (b"", b"v"), (b"k", None)]), "keys")
        stored(b, topic)


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
