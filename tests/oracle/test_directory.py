"""One data directory, two brokers: what Apache Kafka left, Barnabas goes on with, and the other way round.

Each test has a directory of its own. A broker must show the same topics, ids, configs, batches, offsets,
aborted transactions and producers as the one before it, and go on working.
"""

import hashlib
import json

import pytest

from directory import LATEST, ApacheKafka, Barnabas, Turns, committed, offset, picture, same
from kafka import BrokerFailed
from records import BASE_TIMESTAMP, CODECS, TRANSACTIONAL, batch

SEGMENT = 1 << 20  # the least that Kafka 4 allows


@pytest.fixture
def turns(tmp_path):
    """A new directory."""
    return Turns(tmp_path)


def noise(seed, size):
    """Bytes that no codec makes smaller."""
    out, block = bytearray(), str(seed).encode()
    while len(out) < size:
        block = hashlib.sha512(block).digest()
        out += block
    return bytes(out[:size])


def send(b, topic, data, partition=0, tx=None):
    """Appends a batch; its offset."""
    answer = b.produce(topic, data, partition=partition, tx=tx)
    assert answer["errorCode"] == 0, answer
    return answer["baseOffset"]


def all_codecs(b, topic, seed):
    """A batch of each codec."""
    for codec in CODECS.values():
        send(b, topic, batch([(b"key", noise(seed, 300)), (None, b"text " * 40)], codec))


def several_segments(b, topic, seed, partition=1):
    """Three segments and a half."""
    end = offset(b, topic, partition, LATEST)
    for number in range(end, end + 14):
        value = noise(f"{seed} {number}", SEGMENT // 4 - 500)
        send(b, topic, batch([value], base_timestamp=BASE_TIMESTAMP + number), partition)


class Sequenced:
    """An idempotent producer that lives longer than one broker."""

    def __init__(self, b, topic):
        self.topic, self.id, self.next, self.last = topic, b.producer_id(), 0, None

    def data(self, sequence):
        """The batch with this sequence number."""
        value = f"sequenced {sequence}".encode()
        return batch([value], producer_id=self.id, producer_epoch=0, base_sequence=sequence)

    def send(self, b, count=1):
        """The next batches."""
        for _ in range(count):
            self.last = send(b, self.topic, self.data(self.next))
            self.next += 1

    def goes_on(self, b):
        """A repeated batch is known, a gap is refused, the next one is taken."""
        assert send(b, self.topic, self.data(self.next - 1)) == self.last
        gap = b.produce(self.topic, self.data(self.next + 3))
        assert gap["errorCode"] == 45, gap
        self.send(b, 2)


def transactions(b, topic, ident):
    """One committed transaction and one aborted one, by Kafka's coordinator; the last stays open."""
    body = {"transactionalId": ident, "transactionTimeoutMs": 600000, "producerId": -1, "producerEpoch": -1}
    find = {"keyType": 1, "coordinatorKeys": [ident]}
    b.until("FindCoordinator", 4, find, lambda a: a["coordinators"][0]["errorCode"] == 0)
    producer = b.until("InitProducerId", 4, body, lambda a: a["errorCode"] not in (14, 15, 16, 51))
    assert producer["errorCode"] == 0, producer
    ids = {"producerId": producer["producerId"], "producerEpoch": producer["producerEpoch"]}
    for sequence, committed_ in enumerate((True, False)):
        add = {
            "v3AndBelowTransactionalId": ident,
            "v3AndBelowProducerId": ids["producerId"],
            "v3AndBelowProducerEpoch": ids["producerEpoch"],
            "v3AndBelowTopics": [{"name": topic, "partitions": [0]}],
        }
        b.until(
            "AddPartitionsToTxn",
            3,
            add,
            lambda a: a["resultsByTopicV3AndBelow"][0]["resultsByPartition"][0]["partitionErrorCode"] == 0,
        )
        data = batch(
            [f"in a transaction: {committed_}".encode()],
            producer_id=ids["producerId"],
            producer_epoch=ids["producerEpoch"],
            base_sequence=sequence,
            flags=TRANSACTIONAL,
        )
        send(b, topic, data, tx=ident)
        end = {"transactionalId": ident, **ids, "committed": committed_}
        b.until("EndTxn", 3, end, lambda a: a["errorCode"] == 0)


def commit(b, group, topic, offset_, metadata):
    """Commits an offset of a group without members."""
    find = {"keyType": 0, "coordinatorKeys": [group]}
    b.until("FindCoordinator", 4, find, lambda a: a["coordinators"][0]["errorCode"] == 0)
    partition = {"partitionIndex": 0, "committedOffset": offset_, "committedMetadata": metadata}
    body = {"groupId": group, "topics": [{"name": topic, "partitions": [partition]}]}
    body |= {"generationIdOrMemberEpoch": -1, "memberId": ""}

    def is_taken(answer):
        return answer["topics"][0]["partitions"][0]["errorCode"] == 0

    b.until("OffsetCommit", 8, body, is_taken)


def alter(b, kind, name, **configs):
    """Sets configs of a resource."""
    entries = [{"name": k.replace("_", "."), "configOperation": 0, "value": v} for k, v in configs.items()]
    resource = {"resourceType": kind, "resourceName": name, "configs": entries}
    answer = b.quiet("IncrementalAlterConfigs", 1, {"resources": [resource]})["responses"][0]
    assert answer["errorCode"] == 0, answer


def delete(b, name):
    """Deletes a topic, and waits until it is gone."""
    answer = b.quiet("DeleteTopics", 5, {"topicNames": [name], "timeoutMs": 10000})["responses"][0]
    assert answer["errorCode"] == 0, answer
    asked = {"topics": [{"name": name}], "allowAutoTopicCreation": False}
    b.until("Metadata", 12, asked, lambda a: a["topics"][0]["errorCode"] == 3)


def quotas_and_users(b):
    """What Barnabas keeps without acting on it yet."""
    entity = [{"entityType": "user", "entityName": "alice"}]
    ops = [{"key": "producer_byte_rate", "value": 1e6, "remove": False}]
    body = {"entries": [{"entity": entity, "ops": ops}], "validateOnly": False}
    assert b.quiet("AlterClientQuotas", 1, body)["entries"][0]["errorCode"] == 0
    user = {"name": "bob", "mechanism": 1, "iterations": 4096, "salt": b"salt", "saltedPassword": b"x" * 32}
    body = {"deletions": [], "upsertions": [user]}
    assert b.quiet("AlterUserScramCredentials", 0, body)["results"][0]["errorCode"] == 0
    alter(b, 16, "subscription", interval_ms="60000", metrics="org.apache.kafka.producer.")


def kept(b):
    """The same, as Kafka shows it."""
    quotas = b.quiet("DescribeClientQuotas", 1, {"components": [], "strict": False})["entries"]
    users = b.quiet("DescribeUserScramCredentials", 0, {"users": None})["results"]
    asked = {"resources": [{"resourceType": 16, "resourceName": "subscription", "configurationKeys": None}]}
    configs = b.quiet("DescribeConfigs", 4, asked)["results"][0]["configs"]
    return {
        "quotas": [(q["entity"], q["values"]) for q in quotas],
        "users": [(u["user"], u["credentialInfos"]) for u in users],
        "subscription": sorted((c["name"], c["value"]) for c in configs),
    }


def filled(b, prefix):
    """Topics with something of everything that both brokers write; the producer that goes on."""
    b.create(f"{prefix}-data", 2, segment_bytes=SEGMENT, retention_ms=-1)
    b.create(f"{prefix}-compact", 1, cleanup_policy="compact", min_insync_replicas=1)
    b.create(f"{prefix}-gone", 1)
    all_codecs(b, f"{prefix}-data", prefix)
    several_segments(b, f"{prefix}-data", prefix)
    send(b, f"{prefix}-compact", batch([(b"k", b"1"), (b"k", None)]))
    producer = Sequenced(b, f"{prefix}-data")
    producer.send(b, 3)
    delete(b, f"{prefix}-gone")
    alter(b, 2, f"{prefix}-compact", segment_ms="777000")
    alter(b, 4, "", log_retention_ms="123456789")
    body = {"name": f"{prefix}-data", "partitions": [{"partitionIndex": 1, "offset": 3}]}
    answer = b.quiet("DeleteRecords", 2, {"topics": [body], "timeoutMs": 10000})["topics"][0]["partitions"]
    assert answer[0]["errorCode"] == 0 and answer[0]["lowWatermark"] == 3, answer
    return producer


def test_kafka_then_barnabas_then_kafka(turns):
    """A directory that Kafka began, with transactions, groups, quotas and users in it."""
    with turns.of(ApacheKafka) as b:
        producer = filled(b, "k")
        transactions(b, "k-data", "tx")
        commit(b, "g", "k-data", 2, "by kafka")
        quotas_and_users(b)
        before, others = picture(b), kept(b)
        groups = committed(b, "g")
        ids = {b.producer_id()}
    internal = [name for name, topic in before.items() if topic["internal"]]
    assert sorted(internal) == ["__consumer_offsets", "__transaction_state"]
    assert len(before["k-data"]["partitions"][0]["aborted"]) == 1
    assert before["k-data"]["configs"]["segment.bytes"] == str(SEGMENT)
    with turns.of(Barnabas) as b:
        same(picture(b), before)
        producer.goes_on(b)
        all_codecs(b, "k-data", "barnabas")
        several_segments(b, "k-data", "barnabas")
        ours = filled(b, "b")
        ids.add(b.producer_id())
        between = picture(b)
    with turns.of(ApacheKafka) as b:
        same(picture(b), between)
        assert kept(b) == others
        assert committed(b, "g") == groups
        producer.goes_on(b)
        ours.goes_on(b)
        transactions(b, "b-data", "tx")
        commit(b, "g", "b-data", 1, "by kafka, after barnabas")
        ids.add(b.producer_id())
        after = picture(b)
    with turns.of(Barnabas) as b:
        same(picture(b), after)
        producer.goes_on(b)
        ours.goes_on(b)
        ids.add(b.producer_id())
    assert len(ids) == 4, "no producer id is given twice"
    turns.metadata()


def test_barnabas_then_kafka_then_barnabas(turns):
    """A directory that Barnabas began."""
    with turns.of(Barnabas) as b:
        producer = filled(b, "b")
        before = picture(b)
    turns.metadata()
    with turns.of(ApacheKafka) as b:
        same(picture(b), before)
        producer.goes_on(b)
        theirs = filled(b, "k")
        transactions(b, "b-data", "tx")
        commit(b, "g", "b-data", 7, "")
        between = picture(b)
    with turns.of(Barnabas) as b:
        same(picture(b), between)
        producer.goes_on(b)
        theirs.goes_on(b)
        after = picture(b)
    with turns.of(ApacheKafka) as b:
        same(picture(b), after)
        assert committed(b, "g") == {("b-data", 0): (7, "")}
        producer.goes_on(b)


@pytest.mark.parametrize("first", [ApacheKafka, Barnabas])
def test_after_a_kill(turns, first):
    """A broker that was killed, and the other one after it: what was acked is there."""
    second = Barnabas if first is ApacheKafka else ApacheKafka
    with turns.of(first, crash=True) as b:
        b.create("t", 2)
        all_codecs(b, "t", 1)
        producer = Sequenced(b, "t")
        producer.send(b, 3)
        before = picture(b)
    for kind in (second, first, second):
        with turns.of(kind, crash=True) as b:
            same(picture(b), before)
            producer.goes_on(b)
            b.create(f"t-{kind.name}-{producer.next}")
            before = picture(b)
    with turns.of(first) as b:
        same(picture(b), before)
    turns.metadata()


def test_static_quorum(turns):
    """A directory whose voters stand in the settings, not in the log, as before Kafka 3.9."""
    turns.settings["controller.quorum.voters"] = "static"
    with turns.of(ApacheKafka) as b:
        b.create("t")
        all_codecs(b, "t", 1)
        before = picture(b)
    state = json.loads((turns.data / "__cluster_metadata-0" / "quorum-state").read_text())
    assert state["data_version"] == 0 and state["currentVoters"] == [{"voterId": 1}]
    for kind in (Barnabas, ApacheKafka, Barnabas):
        with turns.of(kind) as b:
            same(picture(b), before)
            b.create(f"t{len(before)}")
            before = picture(b)
    after = json.loads((turns.data / "__cluster_metadata-0" / "quorum-state").read_text())
    assert after == {**state, "leaderEpoch": 4}
    assert "KRaftVoters" not in turns.metadata()


SNAPSHOTS = {"metadata.log.max.record.bytes.between.snapshots": "3000", "metadata.max.idle.interval.ms": "50"}


def test_snapshots(turns):
    """Each broker goes on from snapshots of the other one, and they are all there is."""
    turns.settings.update(SNAPSHOTS)
    folder = turns.data / "__cluster_metadata-0"
    names, seen = [], set()
    for turn, kind in enumerate((ApacheKafka, Barnabas, ApacheKafka, Barnabas, ApacheKafka)):
        with turns.of(kind) as b:
            if names:
                same(picture(b), before)
            for number in range(40):
                b.create(f"t-{turn}-{number}", 1, retention_ms=1000 * turn + number)
            if kind is ApacheKafka and turn == 0:
                quotas_and_users(b)
                others = kept(b)
            elif kind is ApacheKafka:
                assert kept(b) == others
            delete(b, f"t-{turn}-7")
            before = picture(b)
        names = sorted(path.name for path in folder.glob("*.checkpoint"))
        assert set(names) - seen, f"{kind.name} took a snapshot"
        seen |= set(names)
        assert not [*folder.glob("*.part")]
        dumped = turns.metadata()
        assert "SnapshotFooter" in dumped


def test_formatted_and_never_started(turns):
    """Barnabas is the first to start on what `kafka-storage format` made, with what it was told there."""
    kafka = ApacheKafka(turns.settings, turns.folder)
    kafka.format("--feature", "group.version=0", "--add-scram", "SCRAM-SHA-256=[name=carol,password=secret]")
    cluster = kafka.cluster_id()
    with turns.of(Barnabas) as b:
        assert b.quiet("Metadata", 12, {"topics": []})["clusterId"] == cluster
        b.create("t")
        send(b, "t", batch([b"first"]))
        before = picture(b)
    with turns.of(ApacheKafka) as b:
        same(picture(b), before)
        users = b.quiet("DescribeUserScramCredentials", 0, {"users": None})["results"]
        assert [user["user"] for user in users] == ["carol"]
        features = b.quiet("ApiVersions", 4, {"clientSoftwareName": "x", "clientSoftwareVersion": "1"})
        levels = {f["name"]: f["maxVersionLevel"] for f in features["finalizedFeatures"]}
        assert "group.version" not in levels and levels["metadata.version"] == 30


def test_an_older_metadata_version(turns):
    """Barnabas writes no records that the cluster's metadata.version does not have."""
    kafka = ApacheKafka(turns.settings, turns.folder)
    kafka.format("--release-version", "3.6")
    with turns.of(ApacheKafka) as b:
        b.create("t")
        send(b, "t", batch([b"first"]))
    with turns.of(Barnabas) as b:
        b.create("u", 2)
        send(b, "u", batch([b"second"]))
        before = picture(b)
    assert '"PARTITION_RECORD","version":2' not in turns.metadata()
    with turns.of(ApacheKafka) as b:
        same(picture(b), before)
        assert offset(b, "u", 0, -1) == 1


def test_one_at_a_time(turns):
    """Neither broker starts on a directory that the other one is using."""
    for holder, other in ((ApacheKafka, Barnabas), (Barnabas, ApacheKafka)):
        with turns.of(holder) as b:
            b.create(f"t-{holder.name}")
            with pytest.raises(BrokerFailed, match="another broker is using it|Failed to acquire lock"):
                other(turns.settings, turns.folder).start()
            before = picture(b)
        with turns.of(other) as b:
            same(picture(b), before)
