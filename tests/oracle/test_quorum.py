"""DescribeQuorum and kafka-metadata-quorum (Kafka: KafkaRaftClient, LeaderState): a quorum of one."""

import time

from harness import scenario

QUORUM = "__cluster_metadata"


def _asked(*topics):
    return {
        "topics": [
            {"topicName": name, "partitions": [{"partitionIndex": p} for p in partitions]}
            for name, partitions in topics
        ]
    }


@scenario()
def test_describe_quorum(b):
    """This node is the leader and the only voter, and it is up to date."""
    for version in range(3):
        b.call("DescribeQuorum", version, _asked((QUORUM, [0])), "the quorum")


@scenario()
def test_only_one_partition_has_a_quorum(b):
    """Everything else is unknown, also in company."""
    b.create("no-quorum")
    for version in range(3):
        for label, topics in {
            "nothing": [],
            "no partition": [(QUORUM, [])],
            "another partition": [(QUORUM, [1])],
            "negative": [(QUORUM, [-1])],
            "two partitions": [(QUORUM, [0, 1])],
            "the same twice": [(QUORUM, [0, 0])],
            "topic twice": [(QUORUM, [0]), (QUORUM, [0])],
            "another topic": [("no-quorum", [0])],
            "a topic that is not there": [("no-quorum-nope", [0, 3])],
            "no name": [("", [0])],
            "beside another topic": [(QUORUM, [0]), ("no-quorum", [0])],
        }.items():
            b.call("DescribeQuorum", version, _asked(*topics), label)


@scenario(alone=True)
def test_the_quorum_moves_on(b):
    """Records move the high watermark and the end with it; a restart begins an epoch."""

    def state():
        answer = b.quiet("DescribeQuorum", 2, _asked((QUORUM, [0])))
        return answer["topics"][0]["partitions"][0]

    before = state()
    b.create("moves-the-quorum", partitions=3)
    asked = int(time.time() * 1000)
    after = state()
    answered = int(time.time() * 1000)
    b.restart()
    again = state()
    voter, later = after["currentVoters"][0], again["currentVoters"][0]
    b.note(
        "compared",
        "none",
        {
            "records move it": after["highWatermark"] - before["highWatermark"] >= 4,
            "the end is the high watermark": voter["logEndOffset"] == after["highWatermark"],
            "the end moves": voter["logEndOffset"] > before["currentVoters"][0]["logEndOffset"],
            "the leader has fetched now": asked <= voter["lastFetchTimestamp"] <= answered,
            "and is up to date now": asked <= voter["lastCaughtUpTimestamp"] <= answered,
            "an epoch begins": again["leaderEpoch"] > after["leaderEpoch"] >= before["leaderEpoch"] > 0,
            "the same directory": voter["replicaDirectoryId"] == later["replicaDirectoryId"],
            "and further on": again["highWatermark"] > after["highWatermark"],
        },
    )


@scenario()
def test_tool(b):
    """kafka-metadata-quorum describe, as a status and as a table of replicas."""
    b.tool("kafka-metadata-quorum", "describe", "--status")
    b.tool("kafka-metadata-quorum", "describe", "--replication")
    b.tool("kafka-metadata-quorum", "describe", "--replication", "--human-readable")
    b.tool("kafka-metadata-quorum", "describe")
