"""Idempotent producers (KIP-98; Kafka: ProducerAppendInfo). Producer ids differ between the
brokers, nothing else does."""

from harness import scenario
from records import CODECS, batch
from test_produce import stored


def _send(b, topic, producer, sequence, label, values=(b"v",), epoch=0, version=9, codec=0):
    data = batch(list(values), codec, producer_id=producer, producer_epoch=epoch, base_sequence=sequence)
    return b.produce(topic, data, label, version)


@scenario()
def test_init_producer_id(b):
    """Null id: always new ids, epoch 0. Half of the pair is refused; an empty transactional id too."""
    known = b.producer_id()
    for version in range(6):
        body = {"transactionalId": None, "transactionTimeoutMs": 60000}
        b.call("InitProducerId", version, body, "new id")
        b.call("InitProducerId", version, {**body, "transactionTimeoutMs": -5}, "timeout does not matter")
        b.call("InitProducerId", version, {**body, "transactionalId": ""}, "empty transactional id")
        if version >= 3:
            b.call("InitProducerId", version, {**body, "producerId": known, "producerEpoch": 0}, "both")
            b.call("InitProducerId", version, {**body, "producerId": known}, "only the id")
            b.call("InitProducerId", version, {**body, "producerEpoch": 1}, "only the epoch")


@scenario()
def test_ids_do_not_repeat(b):
    """2,500 ids: more than two of Kafka's blocks, all different."""
    seen = [b.producer_id()]
    while len(seen) < 2500:
        answer = b.quiet("InitProducerId", 4, {"transactionalId": None, "transactionTimeoutMs": 60000})
        if answer["errorCode"] == 0:
            seen.append(answer["producerId"])
    b.note("different", "none", {"ids": len(set(seen)), "ascending": seen == sorted(seen)})


@scenario()
def test_duplicates_and_gaps(b):
    """Duplicates, gaps, what left the cache of five batches."""
    b.create("idem")
    one = b.producer_id()
    _send(b, "idem", one, 0, "first", (b"a", b"b"))
    _send(b, "idem", one, 0, "again", (b"a", b"b"))
    _send(b, "idem", one, 0, "again with other bytes", (b"zz", b"y"))
    _send(b, "idem", one, 0, "its first half", (b"a",))
    _send(b, "idem", one, 1, "its second half", (b"b",))
    _send(b, "idem", one, 1, "overlapping", (b"b", b"c"))
    _send(b, "idem", one, 5, "a gap")
    _send(b, "idem", one, 2, "next")
    for sequence in range(3, 9):
        _send(b, "idem", one, sequence, f"sequence {sequence}")
    for sequence in range(8, 2, -1):
        _send(b, "idem", one, sequence, f"sequence {sequence} again")
    _send(b, "idem", one, 0, "long ago", (b"a", b"b"))
    _send(b, "idem", one, 9, "goes on")
    stored(b, "idem")
    b.call("DescribeProducers", 0, {"topics": [{"name": "idem", "partitionIndexes": [0]}]}, "producers")


@scenario()
def test_epochs(b):
    """A higher epoch begins at 0; a lower one is refused; cached batches of the old epoch are gone."""
    b.create("idem-epochs")
    one = b.producer_id()
    _send(b, "idem-epochs", one, 0, "epoch 0")
    _send(b, "idem-epochs", one, 1, "epoch 0 goes on")
    _send(b, "idem-epochs", one, 2, "epoch 1 in the middle", epoch=1)
    _send(b, "idem-epochs", one, 0, "epoch 1", epoch=1)
    _send(b, "idem-epochs", one, 0, "epoch 1 again", epoch=1)
    _send(b, "idem-epochs", one, 2, "epoch 0 goes on")
    _send(b, "idem-epochs", one, 1, "epoch 0 again")
    _send(b, "idem-epochs", one, 0, "epoch 32767", epoch=32767)
    _send(b, "idem-epochs", one, 1, "epoch 1 goes on", epoch=1)
    b.call(
        "DescribeProducers", 0, {"topics": [{"name": "idem-epochs", "partitionIndexes": [0]}]}, "producers"
    )


@scenario()
def test_unknown_producers(b):
    """Without state any first sequence is accepted; illegal epochs and sequences."""
    b.create("idem-unknown")
    one = b.producer_id() + 500_000  # far from any block that was handed out
    _send(b, "idem-unknown", one, 10, "begins at 10")
    _send(b, "idem-unknown", one, 11, "goes on")
    _send(b, "idem-unknown", one, 10, "again")
    _send(b, "idem-unknown", one + 1, 5, "epoch 3 begins at 5", epoch=3)
    _send(b, "idem-unknown", one + 2, -1, "no sequence")
    _send(b, "idem-unknown", one + 3, -7, "sequence -7")
    _send(b, "idem-unknown", one + 4, 0, "epoch -1", epoch=-1)
    _send(b, "idem-unknown", one + 5, 0, "epoch -7", epoch=-7)
    _send(b, "idem-unknown", one + 2, -1, "no sequence gzip", codec=1)


@scenario()
def test_sequence_wrap(b):
    """From 2147483647 to 0, also inside a batch."""
    b.create("idem-wrap")
    one = b.producer_id()
    last = 2147483647
    _send(b, "idem-wrap", one, last, "the last number")
    _send(b, "idem-wrap", one, 1, "a gap over the wrap")
    _send(b, "idem-wrap", one, 0, "wraps")
    _send(b, "idem-wrap", one, 1, "goes on")
    _send(b, "idem-wrap", one, last, "the last number again")
    two = b.producer_id()
    _send(b, "idem-wrap", two, last - 1, "wraps inside", (b"a", b"b", b"c"))
    _send(b, "idem-wrap", two, last - 1, "wraps inside, again", (b"a", b"b", b"c"))
    _send(b, "idem-wrap", two, 1, "goes on")
    stored(b, "idem-wrap")


@scenario()
def test_versions_and_codecs(b):
    """The answers to a duplicate and to a gap in each version; duplicates of compressed batches."""
    known = b.create("idem-versions")
    for version in range(3, 14):
        one = b.producer_id()
        for label, sequence in (("first", 0), ("again", 0), ("gap", 7)):
            data = batch(producer_id=one, producer_epoch=0, base_sequence=sequence)
            b.produce("idem-versions", data, label, version, topic_id=known)
        data = batch(producer_id=one, producer_epoch=-1 if version == 3 else 0, base_sequence=0)
        b.produce("idem-versions", data, "again or a lower epoch", version, topic_id=known)
    for name, codec in CODECS.items():
        one = b.producer_id()
        for label in ("first", "again"):
            _send(b, "idem-versions", one, 0, f"{name} {label}", (b"a", b"b"), codec=codec)


@scenario()
def test_append_time_of_a_duplicate(b):
    """With LogAppendTime a duplicate tells the time of the first append."""
    b.create("idem-lat", message_timestamp_type="LogAppendTime")
    one = b.producer_id()
    first = _send(b, "idem-lat", one, 0, "first")
    again = _send(b, "idem-lat", one, 0, "again")
    b.note("same time", "none", {"same": first["logAppendTimeMs"] == again["logAppendTimeMs"]})


@scenario()
def test_two_producers_two_partitions(b):
    """Sequences are counted per producer and partition."""
    b.create("idem-two", partitions=2)
    one, two = b.producer_id(), b.producer_id()
    for partition in (0, 1):
        for producer in (one, two):
            data = batch(producer_id=producer, producer_epoch=0, base_sequence=0)
            b.produce("idem-two", data, f"partition {partition}", partition=partition)
    b.produce("idem-two", batch(), "without a producer id")
    _send(b, "idem-two", one, 1, "goes on")
    b.call(
        "DescribeProducers", 0, {"topics": [{"name": "idem-two", "partitionIndexes": [0, 1, 2]}]}, "producers"
    )
