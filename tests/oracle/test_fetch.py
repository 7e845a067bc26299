"""Fetch (key 1) without sessions: offsets, limits, epochs, long polls
(Kafka: ReplicaManager, DelayedFetch)."""

from harness import produce_body, scenario
from profiles import STRICT
from records import CODECS, batch
from schema import ZERO_ID

VERSIONS = range(4, 19)
SOME_ID = "00000000-0000-0000-0000-00000000004d"
ALL = 1 << 20


def wanted(partition, offset, limit=ALL, **more):
    """One partition of a request."""
    return {"partition": partition, "fetchOffset": offset, "partitionMaxBytes": limit, **more}


def request(name, *partitions, topic_id=None, wait=0, least=1, most=1 << 24, **more):
    """A request for partitions of one topic. Name and id are both given: the version decides."""
    topic = {"topic": name, "partitions": list(partitions)}
    if topic_id is not None:
        topic["topicId"] = topic_id
    return {"maxWaitMs": wait, "minBytes": least, "maxBytes": most, "topics": [topic] if name else [], **more}


def fetch(b, label, name, *partitions, version=12, **more):
    """Asks for partitions of one topic."""
    return b.call("Fetch", version, request(name, *partitions, **more), label)


def filled(b, name, partitions=1, **configs):
    """A topic with three batches of 77, 370 and 69 bytes, offsets 0-1, 2, 3, in partition 0."""
    topic_id = b.create(name, partitions, **configs)
    for values in ([b"a", b"b"], [b"x" * 300], [b"c"]):
        b.produce(name, batch(values), "fill")
    return topic_id


@scenario()
def test_every_version(b):
    """Data, the end, beyond the end, unknown partition and topic, in every version."""
    known = filled(b, "fetch-versions", 2)
    for version in VERSIONS:
        for label, partition, offset in (
            ("data", 0, 0),
            ("end", 0, 4),
            ("beyond", 0, 5),
            ("negative", 0, -1),
            ("empty partition", 1, 0),
            ("unknown partition", 9, 0),
        ):
            fetch(b, label, "fetch-versions", wanted(partition, offset), version=version, topic_id=known)
        fetch(b, "unknown topic", "fetch-nope", wanted(0, 0), version=version, topic_id=SOME_ID)
        fetch(b, "zero id", "a b", wanted(0, 0), version=version, topic_id=ZERO_ID)
        fetch(
            b,
            "read committed",
            "fetch-versions",
            wanted(0, 0),
            version=version,
            topic_id=known,
            isolationLevel=1,
        )
        fetch(b, "nothing asked", None, version=version)


@scenario()
def test_offsets(b):
    """Each offset from before the start to beyond the end; a batch is returned from its beginning."""
    filled(b, "fetch-offsets")
    for offset in range(-2, 8):
        fetch(b, f"offset {offset}", "fetch-offsets", wanted(0, offset))
    fetch(b, "offset 2^62", "fetch-offsets", wanted(0, 1 << 62))


@scenario()
def test_size_limits(b):
    """The first batch comes whole whatever the limits; then they hold."""
    filled(b, "fetch-limits", 2)
    b.produce("fetch-limits", batch([b"o" * 400]), "fill", partition=1)  # larger than any rest of a limit
    for limit in (0, 1, 76, 77, 78, 100, 446, 447, 448, 515, 516, 517):
        fetch(b, f"partition limit {limit}", "fetch-limits", wanted(0, 0, limit), wanted(1, 0))
        fetch(b, f"request limit {limit}", "fetch-limits", wanted(0, 0), wanted(1, 0), most=limit)
        fetch(
            b, f"other order, request limit {limit}", "fetch-limits", wanted(1, 0), wanted(0, 0), most=limit
        )
        fetch(b, f"empty first, limit {limit}", "fetch-limits", wanted(0, 4, limit), wanted(1, 0, limit))
    fetch(b, "oversize in the middle", "fetch-limits", wanted(0, 2, 1))
    fetch(b, "error first, then oversize", "fetch-limits", wanted(0, 99, 1), wanted(1, 0, 1))
    fetch(b, "unknown first, then oversize", "fetch-limits", wanted(9, 0, 1), wanted(1, 0, 1))
    fetch(b, "negative partition limit", "fetch-limits", wanted(0, 0, -1))
    fetch(b, "negative request limit", "fetch-limits", wanted(0, 0), most=-1)


@scenario(settings=STRICT)
def test_broker_limit(b):
    """fetch.max.bytes of the broker bounds what a request may ask for."""
    b.create("fetch-strict", partitions=2, compression_type="producer")
    for number in range(8):
        for partition in (0, 1):
            b.produce("fetch-strict", batch([(b"k", b"%d" % number * 700)]), "fill", partition=partition)
    fetch(b, "more than the broker gives", "fetch-strict", wanted(0, 0), wanted(1, 0))


@scenario()
def test_leader_epochs(b):
    """current_leader_epoch and last_fetched_epoch."""
    known = filled(b, "fetch-epochs")
    for version in (9, 11, 12, 13, 16, 18):
        for epoch in (-2, -1, 0, 1, 5, 2147483647):
            fetch(
                b,
                f"current epoch {epoch}",
                "fetch-epochs",
                wanted(0, 0, currentLeaderEpoch=epoch),
                version=version,
                topic_id=known,
            )
    for version in (12, 18):
        for epoch, offset in ((-2, 4), (-1, 4), (0, 4), (0, 2), (0, 9), (3, 4), (3, 0), (2147483647, 4)):
            fetch(
                b,
                f"last fetched epoch {epoch} at {offset}",
                "fetch-epochs",
                wanted(0, offset, lastFetchedEpoch=epoch),
                version=version,
                topic_id=known,
            )


@scenario()
def test_request_shapes(b):
    """Partitions and topics given twice; unknown isolation levels; several topics."""
    filled(b, "fetch-shapes", 3)
    b.produce("fetch-shapes", batch(), "fill", partition=1)
    fetch(b, "a partition twice", "fetch-shapes", wanted(0, 0), wanted(0, 2))
    fetch(b, "order of partitions", "fetch-shapes", wanted(2, 0), wanted(0, 0), wanted(1, 0))
    fetch(b, "isolation 9", "fetch-shapes", wanted(0, 0), isolationLevel=9)
    body = request("fetch-shapes", wanted(0, 3))
    body["topics"] *= 2
    b.call("Fetch", 12, body, "a topic twice")
    fetch(b, "rack", "fetch-shapes", wanted(0, 3), rackId="somewhere")
    fetch(b, "no partitions", "fetch-shapes")
    fetch(b, "replica -2", "fetch-shapes", wanted(0, 3), version=11, replicaId=-2)


@scenario()
def test_unknown_beside_good(b):
    """Errors of one partition do not hinder another."""
    known = filled(b, "fetch-mixed")
    for version in (4, 12, 13, 17):
        body = request("fetch-mixed", wanted(0, 0), wanted(5, 0), topic_id=known)
        body["topics"] += request("fetch-nope", wanted(0, 0), topic_id=SOME_ID)["topics"]
        b.call("Fetch", version, body, "good and unknown")


@scenario()
def test_codecs(b):
    """Old versions get every codec as it is stored."""
    b.create("fetch-codecs")
    for codec in CODECS.values():
        b.produce("fetch-codecs", batch([b"x" * 100], codec), "fill")
    for version in (4, 9, 10, 12):
        fetch(b, "all codecs", "fetch-codecs", wanted(0, 0), version=version)


@scenario()
def test_immediate_answers(b):
    """What is answered at once although max_wait is long. (A broker that waits runs into the time limit.)"""
    filled(b, "fetch-now", 2)
    forever = 600_000
    fetch(b, "enough bytes", "fetch-now", wanted(0, 0), wait=forever)
    fetch(b, "min_bytes 0", "fetch-now", wanted(0, 4), wait=forever, least=0)
    fetch(b, "min_bytes -1", "fetch-now", wanted(0, 4), wait=forever, least=-1)
    fetch(b, "nothing asked", None, wait=forever)
    fetch(b, "only unknown ones", "fetch-nope", wanted(0, 0), wait=forever)
    fetch(b, "out of range", "fetch-now", wanted(0, 99), wait=forever)
    fetch(b, "out of range beside good", "fetch-now", wanted(0, 4), wanted(1, 99), wait=forever)
    fetch(b, "fenced epoch", "fetch-now", wanted(0, 0, currentLeaderEpoch=5), wait=forever)
    fetch(b, "diverging epoch", "fetch-now", wanted(0, 9, lastFetchedEpoch=0), wait=forever)
    fetch(b, "min_bytes above max_bytes", "fetch-now", wanted(0, 0), wait=forever, least=1 << 20, most=50)


@scenario()
def test_answers_after_the_wait(b):
    """When max_wait is over the answer is what there is."""
    filled(b, "fetch-wait", 2)
    fetch(b, "nothing new", "fetch-wait", wanted(0, 4), wait=50)
    fetch(b, "not enough", "fetch-wait", wanted(0, 0), wait=50, least=1 << 20)
    fetch(b, "not enough for the partition's limit", "fetch-wait", wanted(0, 0, 10), wait=50, least=1 << 20)
    fetch(b, "unknown beside good", "fetch-wait", wanted(0, 4), wanted(9, 0), wait=50)
    fetch(b, "no wait", "fetch-wait", wanted(0, 4), wait=0)
    fetch(b, "negative wait", "fetch-wait", wanted(0, 4), wait=-5)


@scenario()
def test_long_poll_wakes(b):
    """A waiting fetch is answered by the append that brings enough bytes, and not by the one before."""
    b.create("fetch-poll", partitions=2)
    waiting = b.connect()
    for least, appends in ((1, 1), (100, 2), (200, 3)):
        end = b.quiet(
            "ListOffsets",
            5,
            {
                "replicaId": -1,
                "topics": [{"name": "fetch-poll", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}],
            },
        )
        offset = end["topics"][0]["partitions"][0]["offset"]
        body = request("fetch-poll", wanted(0, offset), wanted(1, 0), wait=600_000, least=least)
        waiting.send("Fetch", 12, body)
        for number in range(appends):
            b.produce("fetch-poll", batch([b"%d" % number]), f"append {number}")
        b.note(f"woken at {least} bytes", "Fetch", waiting.receive())
    waiting.send("Fetch", 12, request("fetch-poll", wanted(0, 6), wanted(1, 0), wait=600_000))
    b.produce("fetch-poll", batch([b"other"]), "append elsewhere", partition=1)
    b.note("woken by the other partition", "Fetch", waiting.receive())


@scenario()
def test_long_poll_and_deletion(b):
    """A waiting fetch ends when its topic is deleted."""
    b.create("fetch-deleted")
    waiting = b.connect()
    waiting.send("Fetch", 12, request("fetch-deleted", wanted(0, 0), wait=600_000))
    b.call("DeleteTopics", 6, {"topics": [{"name": "fetch-deleted"}], "timeoutMs": 10000}, "deleted")
    answer = waiting.receive()
    b.note("ended", "none", {"errorCode": answer["responses"][0]["partitions"][0]["errorCode"]})


@scenario()
def test_many_waiting(b):
    """One append answers a hundred waiting fetches."""
    b.create("fetch-many")
    clients = [b.connect() for _ in range(100)]
    for client in clients:
        client.send("Fetch", 12, request("fetch-many", wanted(0, 0), wait=600_000))
    b.produce("fetch-many", batch([b"for all"]), "append")
    for number, client in enumerate(clients):
        b.note(f"answer {number}", "Fetch", client.receive())


@scenario()
def test_behind_a_long_poll(b):
    """A request behind a waiting fetch is answered after it, in order."""
    b.create("fetch-order")
    client = b.connect()
    client.send("Fetch", 12, request("fetch-order", wanted(0, 0), wait=600_000))
    client.send("Metadata", 12, {"topics": []})
    b.produce("fetch-order", batch(), "append")
    b.note("the fetch", "Fetch", client.receive())
    b.note("the metadata", "Metadata", client.receive())


@scenario()
def test_large(b):
    """A batch of a megabyte and fifteen more of them in one answer."""
    b.create("fetch-large")
    for number in range(16):
        b.call(
            "Produce",
            9,
            produce_body({("fetch-large", None): {0: batch([bytes([number]) * 1_000_000])}}),
            "fill",
        )
    answer = b.quiet("Fetch", 12, request("fetch-large", wanted(0, 0, 1 << 30), most=1 << 30))
    records = answer["responses"][0]["partitions"][0]["records"]
    b.note("all of it", "none", {"bytes": len(records)})
