"""What Kafka's groups committed is there after Barnabas had the directory, and Kafka loads it in peace.

When Kafka starts it loads `__consumer_offsets` as soon as it sees itself lead a partition of it, in the first
image of the metadata. If the log says that it leads them already, it loses them again when its own
controller registers it, and says of each partition that is still being read (`CoordinatorLoaderImpl`):

    Failed to load metadata from __consumer_offsets-N ... the partition is not online or no longer the leader

then loads all of them again. Kafka's own controlled shutdown leaves them without a leader, and so does a
clean stop of Barnabas. After a SIGKILL of Kafka the line comes too (for 42 and 72 of these partitions in two
starts): that is Kafka's own way.
"""

import json
import shutil
import time

import pytest

from directory import ApacheKafka, Barnabas, Turns, committed
from test_directory import commit
from tools import runner

# As many partitions as Kafka has by itself, and enough in them that loading takes its time.
SETTINGS = {"offsets.topic.num.partitions": "50"}
GROUPS = [f"group-{number}" for number in range(40)]
COMPLAINT = "Failed to load metadata"


@pytest.fixture
def turns(tmp_path):
    """A new directory."""
    return Turns(tmp_path, SETTINGS)


def described(b):
    """What kafka-consumer-groups says of every group."""
    args = ["--bootstrap-server", b.broker.address, "--describe", "--all-groups"]
    said = runner("kafka").run("kafka-consumer-groups", args)
    assert said["code"] == 0, said
    rows = (line.split() for line in said["stdout"].splitlines())
    return {row[0]: tuple(row[1:6]) for row in rows if row and row[0].startswith("group-")}


def leaders(turns, topic):
    """Who leads the partitions of a topic by the metadata log: what the next start finds."""
    lines = turns.metadata().splitlines()
    records = [json.loads(line.split("payload: ", 1)[1]) for line in lines if "payload: {" in line]
    named = (r["data"] for r in records if r["type"] == "TOPIC_RECORD" and r["data"]["name"] == topic)
    (ident,) = {data["topicId"] for data in named}
    found = {}
    for data in (r["data"] for r in records if r["type"].startswith("PARTITION_")):
        if data["topicId"] == ident and "leader" in data:
            found[data["partitionId"]] = data["leader"]
    return found


def test_committed_offsets_survive(turns):
    """Three turns of Kafka with Barnabas between them: each has what the other committed, and Kafka complains
    of nothing that it loads."""
    before, rows = {}, {}
    for turn in range(3):
        with turns.of(ApacheKafka) as b:
            if turn == 0:
                b.create("t")
            else:
                assert {group: committed(b, group) for group in GROUPS} == before  # waits for loading
                assert described(b) == rows
            for group in GROUPS:
                for number in range(3):
                    commit(b, group, "t", 10 * turn + number, f"{turn} of {group} " + "m" * 3000)
            before = {group: committed(b, group) for group in GROUPS}
            rows = described(b)
            assert rows["group-7"][:3] == ("t", "0", str(10 * turn + 2)), rows
            assert len(rows) == len(GROUPS)
        assert COMPLAINT not in (turns.folder / "broker.log").read_text()
        with turns.of(Barnabas) as b:
            b.create(f"of-barnabas-{turn}")
            assert {group: committed(b, group) for group in GROUPS} == before
            assert described(b) == rows
            for group in GROUPS:
                commit(b, group, "t", 10 * turn + 5, f"of barnabas in {turn}")
            before = {group: committed(b, group) for group in GROUPS}
            rows = described(b)
        # Whether Kafka would complain otherwise depends on how fast it reads; this does not.
        assert leaders(turns, "__consumer_offsets") == dict.fromkeys(range(50), -1)
        assert leaders(turns, f"of-barnabas-{turn}") == {0: 1}


GROUP = 32  # a resource type
OWN = {"consumer.heartbeat.interval.ms": "7000"}


def found(answer):
    """Whether the offsets topic is there."""
    return answer["coordinators"][0]["errorCode"] == 0


def beat(b, group, member, epoch, **fields):
    """One heartbeat of the consumer protocol; its answer."""
    body = {"groupId": group, "memberId": member, "memberEpoch": epoch, **fields}
    return b.quiet("ConsumerGroupHeartbeat", 1, body)


def joined(b, group, member, **wishes):
    """The epoch of a member that has joined and has what it is to have."""
    answer = beat(b, group, member, 0, rebalanceTimeoutMs=300_000, topicPartitions=[], **wishes)
    deadline = time.monotonic() + 30
    while answer["errorCode"] or not (answer["assignment"] or {}).get("topicPartitions"):
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
        epoch = 0 if answer["errorCode"] else answer["memberEpoch"]
        more = {"rebalanceTimeoutMs": 300_000, "topicPartitions": [], **wishes} if epoch == 0 else {}
        answer = beat(b, group, member, epoch, **more)
    return answer["memberEpoch"]


def modern(b, group):
    """How a group of the consumer protocol looks, once it is loaded."""
    deadline = time.monotonic() + 30
    while True:
        (shown,) = b.quiet("ConsumerGroupDescribe", 1, {"groupIds": [group]})["groups"]
        if shown["errorCode"] not in (14, 15, 16):
            break
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    for member in shown["members"]:
        for kind in ("assignment", "targetAssignment"):
            member[kind]["topicPartitions"].sort(key=lambda topic: topic["topicName"])
            for topic in member[kind]["topicPartitions"]:
                topic["partitions"].sort()
    return shown


def own(b, group):
    """The settings that a group has for itself."""
    resource = {"resourceType": GROUP, "resourceName": group, "configurationKeys": None}
    (shown,) = b.quiet("DescribeConfigs", 4, {"resources": [resource]})["results"]
    return {c["name"]: c["value"] for c in shown["configs"] if c["configSource"] == 8}


def test_groups_of_the_consumer_protocol_survive(turns):
    """Members of both, by name and by expression, go on in their epochs with the other broker, and so do
    settings of single groups."""
    groups = {"names": {"subscribedTopicNames": ["t"]}, "regex": {"subscribedTopicRegex": "t.*"}}
    with turns.of(ApacheKafka) as b:
        b.create("t", 3)
        b.until("FindCoordinator", 4, {"keyType": 0, "coordinatorKeys": ["names"]}, found, compare=False)
        changes = [{"name": n, "configOperation": 0, "value": v} for n, v in OWN.items()]
        resource = {"resourceType": GROUP, "resourceName": "names", "configs": changes}
        b.quiet("IncrementalAlterConfigs", 1, {"resources": [resource], "validateOnly": False})
        epochs = {group: joined(b, group, "one", **wishes) for group, wishes in groups.items()}
        before = {group: modern(b, group) for group in groups}
        assert {shown["groupState"] for shown in before.values()} == {"Stable"}, before
    for kind in (Barnabas, ApacheKafka, Barnabas):
        with turns.of(kind) as b:
            assert {group: modern(b, group) for group in groups} == before, kind
            assert own(b, "names") == OWN
            for group in groups:
                answer = beat(b, group, "one", epochs[group])
                assert (answer["errorCode"], answer["memberEpoch"]) == (0, epochs[group]), (kind, answer)
                interval = int(OWN["consumer.heartbeat.interval.ms"]) if group == "names" else 5000
                assert answer["heartbeatIntervalMs"] == interval, kind
            # What this one makes of it the next one finds.
            epochs["regex"] = joined(b, "regex", "one", **groups["regex"])
            before = {group: modern(b, group) for group in groups}


def test_an_expression_that_is_too_large_keeps_its_topics(turns):
    """Kafka takes expressions of any size. One that Barnabas cannot compile goes on with what it stood for; a line
    says so, and Kafka finds all as it was."""
    wishes = {"subscribedTopicRegex": "t|(.{0,1000}){30}"}
    with turns.of(ApacheKafka) as b:
        b.create("t", 3)
        b.until("FindCoordinator", 4, {"keyType": 0, "coordinatorKeys": ["large"]}, found, compare=False)
        epoch = joined(b, "large", "one", **wishes)
        before = modern(b, "large")
    with turns.of(Barnabas) as b:
        assert modern(b, "large") == before
        b.create("t2", 1)
        deadline = time.monotonic() + 30
        while "stands for the topics that it stood for" not in (turns.folder / "broker.log").read_text():
            assert time.monotonic() < deadline
            answer = beat(b, "large", "one", epoch)
            assert (answer["errorCode"], answer["memberEpoch"], answer["assignment"]) == (0, epoch, None)
            time.sleep(0.1)
        assert modern(b, "large") == before
    with turns.of(ApacheKafka) as b:
        assert modern(b, "large")["members"] == before["members"]


class Transaction:
    """A producer of Kafka's that commits offsets of a group in a transaction."""

    def __init__(self, b, ident):
        self.ident = ident
        find = {"keyType": 1, "coordinatorKeys": [ident]}
        b.until("FindCoordinator", 4, find, found)
        body = {"transactionalId": ident, "transactionTimeoutMs": 600000, "producerId": -1, "producerEpoch": -1}
        answer = b.until("InitProducerId", 4, body, lambda a: a["errorCode"] not in (14, 15, 16, 51))
        self.ids = {"producerId": answer["producerId"], "producerEpoch": answer["producerEpoch"]}

    def commit(self, b, group, *offsets):
        """Commits an offset for each partition, from the first on."""
        add = {"transactionalId": self.ident, "groupId": group, **self.ids}
        b.until("AddOffsetsToTxn", 3, add, lambda a: a["errorCode"] == 0)
        parts = [{"partitionIndex": i, "committedOffset": o} for i, o in enumerate(offsets)]
        topics = [{"name": "t", "partitions": parts}]
        body = {"transactionalId": self.ident, "groupId": group, **self.ids, "topics": topics}
        codes = [0] * len(offsets)
        b.until("TxnOffsetCommit", 3, body, lambda a: _codes(a["topics"]) == codes)

    def end(self, b, is_commit):
        """Ends it; the group's coordinator learns of it a little later."""
        end = {"transactionalId": self.ident, **self.ids, "committed": is_commit}
        b.until("EndTxn", 3, end, lambda a: a["errorCode"] == 0)


def _codes(topics):
    return [partition["errorCode"] for topic in topics for partition in topic["partitions"]]


UNSTABLE = 88


def stable(b, group, ready=lambda found: True):
    """Offset or error of each partition for who asks for stable ones."""
    topics = [{"name": "t", "partitionIndexes": [0, 1]}]
    body = {"groups": [{"groupId": group, "topics": topics}], "requireStable": True}

    def of(answer):
        partitions = answer["groups"][0]["topics"][0]["partitions"]
        return [p["errorCode"] or p["committedOffset"] for p in partitions]

    def served(answer):
        return answer["groups"][0]["errorCode"] == 0 and ready(of(answer))

    return of(b.until("OffsetFetch", 8, body, served))


def test_offsets_of_open_transactions_survive(turns):
    """What a transaction has committed waits for its marker in both, whoever has the directory meanwhile, and a
    commit that came after it is not undone when the marker comes."""
    with turns.of(ApacheKafka) as b:
        b.create("t", 2)
        for group in ("open", "over", "given-up"):
            commit(b, group, "t", 1, "")
        pending = Transaction(b, "pending")
        pending.commit(b, "open", 7, 8)
        pending.commit(b, "alone", 7, 8)
        for group, ident, is_commit in (("over", "committed", True), ("given-up", "aborted", False)):
            one = Transaction(b, ident)
            one.commit(b, group, 5, 6)
            one.end(b, is_commit)
            expected = [5, 6] if is_commit else [1, -1]
            assert stable(b, group, lambda f: UNSTABLE not in f) == expected
        before = {group: stable(b, group) for group in ("open", "alone", "over", "given-up")}
        plain = {group: committed(b, group) for group in before}
        assert before["open"] == before["alone"] == [UNSTABLE] * 2, before
    with turns.of(Barnabas) as b:
        assert {group: committed(b, group) for group in before} == plain
        assert {group: stable(b, group) for group in before} == before
        commit(b, "open", "t", 3, "later")
        assert stable(b, "open") == [UNSTABLE] * 2
    with turns.of(ApacheKafka) as b:
        assert stable(b, "open") == [UNSTABLE] * 2
        pending.end(b, True)
        assert stable(b, "open", lambda f: UNSTABLE not in f) == [3, 8]
        assert stable(b, "alone", lambda f: UNSTABLE not in f) == [7, 8]
        plain = {group: committed(b, group) for group in before}
    with turns.of(Barnabas) as b:
        assert {group: committed(b, group) for group in before} == plain
        assert stable(b, "open") == [3, 8]


def delete_offsets(b, group, *indexes):
    """What OffsetDelete says of each partition."""
    partitions = [{"partitionIndex": index} for index in indexes]
    asked = {"groupId": group, "topics": [{"name": "t", "partitions": partitions}]}
    answer = b.quiet("OffsetDelete", 0, asked)
    return answer["errorCode"], sorted(
        (p["partitionIndex"], p["errorCode"]) for topic in answer["topics"] for p in topic["partitions"]
    )


def test_offsets_of_open_transactions_are_deleted(turns, tmp_path_factory):
    """Both brokers delete them from the same directory: what they answer, what is left, and what Kafka makes
    of it when the transaction ends is the same."""
    groups = ("both", "alone", "pending")
    with turns.of(ApacheKafka) as b:
        b.create("t", 3)
        commit(b, "both", "t", 1, "")
        pending = Transaction(b, "pending")
        for group in groups:
            pending.commit(b, group, 7, 8)
        assert stable(b, "both") == stable(b, "alone") == [UNSTABLE] * 2
    other = Turns(tmp_path_factory.mktemp("other"), SETTINGS)
    shutil.copytree(turns.folder, other.folder, dirs_exist_ok=True)
    seen = {}
    for kind, where in ((ApacheKafka, turns), (Barnabas, other)):
        with where.of(kind) as b:
            assert stable(b, "alone") == [UNSTABLE] * 2, kind
            said = [
                delete_offsets(b, "both", 0, 1, 2, 3),
                delete_offsets(b, "alone", 0),
                delete_offsets(b, "alone", 0),
                delete_offsets(b, "nobody", 0),
            ]
            said += [stable(b, group) for group in groups]
        with where.of(ApacheKafka) as b:
            said += [stable(b, group) for group in groups]
            pending.end(b, True)
            said += [stable(b, group, lambda f: UNSTABLE not in f) for group in groups]
        seen[kind] = said
    assert seen[Barnabas] == seen[ApacheKafka]
    assert seen[Barnabas][-3:] == [[-1, -1], [-1, 8], [7, 8]]
