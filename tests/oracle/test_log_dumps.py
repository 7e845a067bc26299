"""kafka-dump-log reads everything that Barnabas writes, and transaction indexes are Kafka's."""

import random

import pytest

import log_files
from directory import LATEST, ApacheKafka, Barnabas, Turns, offset
from harness import produce_body
from records import BASE_TIMESTAMP, CODECS, CONTROL, TRANSACTIONAL, batch, parse
from tools import runner

SEGMENT = 1 << 20  # the least that Kafka 4 allows


@pytest.fixture
def turns(tmp_path):
    """A new directory."""
    return Turns(tmp_path)


def send(b, topic, batches):
    """Appends batches, all of them on their way at a time."""
    for data in batches:
        b.client.send("Produce", 9, produce_body({(topic, None): {0: data}}))
    for _ in batches:
        answer = b.client.receive()["responses"][0]["partitionResponses"][0]
        assert answer["errorCode"] == 0, answer


def some(seed, count, **more):
    """Batches of all codecs, with times in any order."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        values = [(draw.randbytes(5), draw.randbytes(draw.randrange(1, 8000))) for _ in range(3)]
        at = BASE_TIMESTAMP + draw.randrange(3_000_000)
        more |= {"base_sequence": 3 * number} if "producer_id" in more else {}
        made.append(batch(values, draw.choice(tuple(CODECS.values())), base_timestamp=at, **more))
    return made


def fill(b, round_=0):
    """Topics with several segments each, some of them closed early by a full index."""
    if round_ == 0:
        b.create("plain", segment_bytes=SEGMENT)
        b.create("indexed", segment_bytes=SEGMENT, index_interval_bytes=0, segment_index_bytes=72)
        b.create("sequenced", segment_bytes=SEGMENT)
        b.create("empty")
    send(b, "plain", some(round_, 200))
    send(b, "indexed", some(round_ + 10, 60))
    producer = {"producer_id": 7000 + round_, "producer_epoch": 1}
    send(b, "sequenced", some(round_ + 20, 150, **producer))


def dump_records(paths):
    """What kafka-dump-log says of segments. It finds fault with the first offset of every segment but the
    first one, Kafka's own as well; nothing else may be wrong."""
    options = ["--deep-iteration", "--print-data-log", "--files", ",".join(map(str, paths))]
    said = runner("kafka").run("org.apache.kafka.tools.DumpLogSegments", options)
    complaints = [line for line in said["stderr"].splitlines() if not line.startswith("Non-consecutive")]
    first = {f"  -1 is followed by {int(path.stem)}" for path in paths}
    assert said["code"] == 0 and set(complaints) <= first, said["stderr"]
    assert "isvalid: false" not in said["stdout"] and "Exception" not in said["stdout"]


def dump_everything(turns, topics, sealed=False):
    """Every kind of file, with the options that there are for it. `sealed`: without the last segments,
    which are as they are while they grow."""
    found = {}
    for topic in topics:
        folder = turns.data / f"{topic}-0"
        bases = sorted(path.stem for path in folder.glob("*.log"))
        for path in folder.iterdir():
            if not (sealed and path.stem == bases[-1]):
                found.setdefault(path.suffix, []).append(path)
    dump_records(found[".log"])
    indexes = [*found[".index"], *found[".timeindex"]]
    turns.dump(*indexes)
    sane = turns.dump(*indexes, options=["--index-sanity-check"])
    fine = [line for line in sane.splitlines() if line.endswith((" passed sanity check.", " is empty."))]
    assert len(fine) == len(indexes), sane
    turns.dump(*indexes, options=["--verify-index-only"])
    others = [*found.get(".snapshot", []), *found.get(".txnindex", [])]
    if others:
        turns.dump(*others)
    return found


def await_finished(b, turns, topics):
    """Waits until all segments but the last ones have the form that they keep: that is given to them behind
    the appends, and the snapshot at their end comes last."""

    def are_finished(_):
        folders = [turns.data / f"{topic}-0" for topic in topics]
        rolled = [path for folder in folders for path in sorted(folder.glob("*.log"))[1:]]
        return all(path.with_suffix(".snapshot").exists() for path in rolled)

    b.until("ApiVersions", 0, {}, are_finished)


def test_dumps_after_a_clean_stop(turns):
    """Segments, indexes, time indexes, snapshots; the metadata log."""
    with turns.of(Barnabas) as b:
        fill(b)
    found = dump_everything(turns, ["plain", "indexed", "sequenced", "empty"])
    assert len(found[".log"]) > 10 and len(found[".snapshot"]) > 10
    assert "producerId: 7000" in turns.dump(*(p for p in found[".snapshot"] if "sequenced" in str(p)))
    turns.metadata()
    turns.metadata(options=("--deep-iteration", "--print-data-log", "--cluster-metadata-decoder"))


def test_dumps_after_crashes(turns):
    """What a crash leaves of closed segments, and what recovery makes of the rest."""
    for round_ in range(2):
        with turns.of(Barnabas, crash=True) as b:
            fill(b, round_)
            await_finished(b, turns, ["plain", "indexed", "sequenced"])
        dump_everything(turns, ["plain", "indexed", "sequenced"], sealed=True)
        with turns.of(Barnabas, crash=True) as b:
            b.settled("plain", 1)
            assert offset(b, "plain", 0, LATEST) == 600 * (round_ + 1)
            for topic in ("indexed", "sequenced", "empty"):
                offset(b, topic, 0, LATEST)
        dump_everything(turns, ["plain", "indexed", "sequenced", "empty"])
    with turns.of(Barnabas) as b:
        b.settled("plain", 1)
    turns.metadata()


class Transactional:
    """A transactional producer, by Kafka's coordinator."""

    def __init__(self, b, ident):
        find = {"keyType": 1, "coordinatorKeys": [ident]}
        b.until("FindCoordinator", 4, find, lambda a: a["coordinators"][0]["errorCode"] == 0)
        body = {"transactionalId": ident, "transactionTimeoutMs": 600000}
        body |= {"producerId": -1, "producerEpoch": -1}
        answer = b.until("InitProducerId", 4, body, lambda a: a["errorCode"] not in (14, 15, 16, 51))
        assert answer["errorCode"] == 0, answer
        self.ident, self.id, self.epoch = ident, answer["producerId"], answer["producerEpoch"]
        self.sequence, self.open = 0, False

    def send(self, b, topic, size):
        """A record in the transaction, which begins if none is open."""
        if not self.open:
            add = {
                "v3AndBelowTransactionalId": self.ident,
                "v3AndBelowProducerId": self.id,
                "v3AndBelowProducerEpoch": self.epoch,
                "v3AndBelowTopics": [{"name": topic, "partitions": [0]}],
            }
            b.until("AddPartitionsToTxn", 3, add, lambda a: _added(a) == 0)
            self.open = True
        data = batch(
            [bytes(size)],
            producer_id=self.id,
            producer_epoch=self.epoch,
            base_sequence=self.sequence,
            flags=TRANSACTIONAL,
        )
        answer = b.produce(topic, data, tx=self.ident)
        assert answer["errorCode"] == 0, answer
        self.sequence += 1

    def end(self, b, committed):
        """Commits or aborts."""
        ids = {"producerId": self.id, "producerEpoch": self.epoch}
        body = {"transactionalId": self.ident, **ids, "committed": committed}
        b.until("EndTxn", 3, body, lambda a: a["errorCode"] == 0)
        self.open = False


def _added(answer):
    return answer["resultsByTopicV3AndBelow"][0]["resultsByPartition"][0]["partitionErrorCode"]


def _all_ended(answer):
    producers = answer["topics"][0]["partitions"][0]["activeProducers"]
    return producers and all(p["currentTxnStartOffset"] == -1 for p in producers)


def committed(b, topic):
    """The offsets of records that a reader of committed data sees, from every offset on, by one fetch of
    little and one of much, as Kafka's consumer makes them out of an answer. (Answers themselves may differ:
    a transaction too many may be told of, how many depends on the index entries at hand.)"""
    end = offset(b, topic, 0, LATEST)
    seen = {}
    for at in range(end):
        for limit in (1, 300_000):
            partition = {"partition": 0, "fetchOffset": at, "partitionMaxBytes": limit}
            body = {"maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 23, "isolationLevel": 1}
            body |= {"topics": [{"topic": topic, "partitions": [partition]}]}
            answer = b.quiet("Fetch", 12, body)["responses"][0]["partitions"][0]
            assert answer["errorCode"] == 0, answer
            seen[at, limit] = _visible(answer)
    return seen


def _visible(answer):
    told = sorted((entry["firstOffset"], entry["producerId"]) for entry in answer["abortedTransactions"] or [])
    aborted, visible = set(), []
    for found in parse(answer["records"]):
        if "cut" in found:
            break
        last = found["baseOffset"] + found["lastOffsetDelta"]
        while told and told[0][0] <= last:
            aborted.add(told.pop(0)[1])
        if found["attributes"] & CONTROL:
            aborted.discard(found["producerId"])
        elif not (found["attributes"] & TRANSACTIONAL and found["producerId"] in aborted):
            visible += range(found["baseOffset"], last + 1)
    return visible


def test_transactions_of_kafka(turns):
    """Aborted transactions over several segments: the same answers; after a recovery the same index."""
    draw = random.Random(3)
    with turns.of(ApacheKafka) as b:
        b.create("tx", segment_bytes=SEGMENT)
        producers = [Transactional(b, f"tx-{number}") for number in range(3)]
        for _ in range(40):
            producer = draw.choice(producers)
            if producer.open and draw.random() < 0.4:
                producer.end(b, committed=draw.random() < 0.4)
            else:
                producer.send(b, "tx", 90_000)
        for number, producer in enumerate(producers):
            if producer.open:
                producer.end(b, committed=number == 1)
        asked = {"topics": [{"name": "tx", "partitionIndexes": [0]}]}
        b.until("DescribeProducers", 0, asked, _all_ended)
        known = committed(b, "tx")
    folder = turns.data / "tx-0"
    indexes = {path.name: path.read_bytes() for path in folder.glob("*.txnindex") if path.stat().st_size}
    assert len(indexes) > 1 and sum(map(len, indexes.values())) > 5 * 34
    before = log_files.picture(folder, epochs=False)
    dump_everything(turns, ["tx"])
    with turns.of(Barnabas) as b:
        b.settled("tx", 1)
        assert committed(b, "tx") == known
    after = log_files.picture(folder, epochs=False)
    assert {name: after.get(name) for name in before} == before
    dump_everything(turns, ["tx"])
    with turns.of(Barnabas, crash=True) as b:
        b.settled("tx", 1)
    # Without it nothing is taken to be on the disk: every segment is read.
    (turns.data / "recovery-point-offset-checkpoint").unlink()
    for suffix in (".txnindex", ".timeindex", ".index"):
        for path in folder.glob(f"*{suffix}"):
            path.unlink()
    with turns.of(Barnabas) as b:
        b.settled("tx", 1)
        assert committed(b, "tx") == known
    rebuilt = {path.name: path.read_bytes() for path in folder.glob("*.txnindex")}
    assert rebuilt == indexes
    after = log_files.picture(folder, epochs=False)
    for name in (name for name in before if name.endswith("index")):
        assert after.get(name, []) == before[name], name
    dump_everything(turns, ["tx"])
