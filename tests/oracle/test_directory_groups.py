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
