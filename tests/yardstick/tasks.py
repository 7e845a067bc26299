"""The tasks that are counted: each prepares a broker, and gives the request that is repeated.

A task is a function of a `Bench`: what it does there is not counted, what it returns is sent again and
again, one request at a time, or so many at once as `in_flight` says.
"""

import time

import records
from harness import produce_body
from protocol import APIS, request_bytes

TASKS = {}
TOPIC = "counted"


class Bench:
    """A broker to prepare, by one connection."""

    def __init__(self, client):
        self.client = client

    def call(self, name, version, body):
        """An answer, of a request that is not counted."""
        return self.client.call(name, version, body)

    def topic(self, partitions=1, **configs):
        """A topic, and its id."""
        entries = [{"name": name.replace("_", "."), "value": value} for name, value in configs.items()]
        topic = {"name": TOPIC, "numPartitions": partitions, "replicationFactor": 1, "configs": entries}
        answer = self.call("CreateTopics", 7, {"topics": [topic], "timeoutMs": 10000})["topics"][0]
        assert answer["errorCode"] == 0, answer
        return answer["topicId"]

    def produce(self, values, times=1):
        """Records in the topic."""
        for _ in range(times):
            answer = self.call("Produce", 9, _produce(values))
            assert answer["responses"][0]["partitionResponses"][0]["errorCode"] == 0, answer

    def coordinator(self, group):
        """Waits until the group has its coordinator, and that knows it; asks seldom, because it counts."""
        find = {"keyType": 0, "coordinatorKeys": [group]}
        while self.call("FindCoordinator", 4, find)["coordinators"][0]["errorCode"]:
            time.sleep(0.5)
        body = {"groups": [{"groupId": group, "memberId": None, "topics": None}], "requireStable": False}
        while self.call("OffsetFetch", 9, body)["groups"][0]["errorCode"]:
            time.sleep(0.5)

    def member(self, group):
        """The only member of a new classic group: its id."""
        self.coordinator(group)
        join = {
            "groupId": group,
            "sessionTimeoutMs": 30000,
            "rebalanceTimeoutMs": 30000,
            "memberId": "",
            "groupInstanceId": None,
            "protocolType": "consumer",
            "protocols": [{"name": "range", "metadata": b""}],
        }
        join["memberId"] = self.call("JoinGroup", 5, join)["memberId"]
        joined = self.call("JoinGroup", 5, join)
        assert joined["errorCode"] == 0, joined
        member = joined["memberId"]
        sync = {
            "groupId": group,
            "generationId": 1,
            "memberId": member,
            "groupInstanceId": None,
            "assignments": [{"memberId": member, "assignment": b"a"}],
        }
        assert self.call("SyncGroup", 4, sync)["errorCode"] == 0
        return member


class Request:
    """What is repeated."""

    def __init__(self, name, version, body, in_flight=1):
        self.bytes = request_bytes(APIS[name], version, body)
        self.in_flight = in_flight
        self.of = (name, version)


def task(function):
    """Adds a task under its own name."""
    TASKS[function.__name__] = function
    return function


def _produce(values, partitions=1):
    batches = {index: records.batch(values) for index in range(partitions)}
    return produce_body({(TOPIC, None): batches}, acks=1)


def _fetch(topic_id, offset, max_bytes, partitions=1):
    asked = {"currentLeaderEpoch": -1, "fetchOffset": offset, "partitionMaxBytes": max_bytes}
    asked = [{"partition": index, **asked} for index in range(partitions)]
    return {
        "maxWaitMs": 0,
        "minBytes": 1,
        "maxBytes": max_bytes,
        "sessionId": 0,
        "sessionEpoch": -1,
        "topics": [{"topicId": topic_id, "partitions": asked}],
    }


@task
def api_versions(_bench):
    return Request("ApiVersions", 3, {"clientSoftwareName": "yardstick", "clientSoftwareVersion": "1"})


@task
def api_versions_64_in_flight(_bench):
    body = {"clientSoftwareName": "yardstick", "clientSoftwareVersion": "1"}
    return Request("ApiVersions", 3, body, in_flight=64)


@task
def metadata_of_a_topic(bench):
    bench.topic()
    return Request("Metadata", 12, {"topics": [{"name": TOPIC}], "allowAutoTopicCreation": False})


@task
def produce_1_record_of_100_bytes(bench):
    bench.topic()
    return Request("Produce", 9, _produce([b"x" * 100]))


@task
def produce_1_record_64_in_flight(bench):
    bench.topic()
    return Request("Produce", 9, _produce([b"x" * 100]), in_flight=64)


# Batches below 4 KiB are copied, those from 64 KiB on are written by calls. What lies between goes by who is faster,
# the worker or the preparer, and so is no task.


@task
def produce_3_records_of_1000_bytes(bench):
    bench.topic()
    return Request("Produce", 9, _produce([b"x" * 1000] * 3))


@task
def produce_30_records_of_100_bytes(bench):
    bench.topic()
    return Request("Produce", 9, _produce([b"x" * 100] * 30))


@task
def produce_100_records_of_1000_bytes(bench):
    bench.topic()
    return Request("Produce", 9, _produce([b"x" * 1000] * 100))


@task
def produce_1_record_to_each_of_16_partitions(bench):
    bench.topic(partitions=16)
    return Request("Produce", 9, _produce([b"x" * 100], partitions=16))


@task
def fetch_at_the_end(bench):
    topic_id = bench.topic()
    bench.produce([b"x" * 1000])
    return Request("Fetch", 16, _fetch(topic_id, 1, 1 << 20))


@task
def fetch_at_the_end_of_16_partitions(bench):
    topic_id = bench.topic(partitions=16)
    return Request("Fetch", 16, _fetch(topic_id, 0, 1 << 20, partitions=16))


@task
def fetch_of_16_kb(bench):
    topic_id = bench.topic()
    bench.produce([b"x" * 1000] * 16, times=20)
    return Request("Fetch", 16, _fetch(topic_id, 160, 16000))


@task
def fetch_of_64_kb(bench):
    topic_id = bench.topic()
    bench.produce([b"x" * 1000] * 16, times=20)
    return Request("Fetch", 16, _fetch(topic_id, 160, 65536))


@task
def list_offsets(bench):
    bench.topic()
    asked = {"name": TOPIC, "partitions": [{"partitionIndex": 0, "currentLeaderEpoch": -1, "timestamp": -1}]}
    return Request("ListOffsets", 7, {"replicaId": -1, "isolationLevel": 0, "topics": [asked]})


@task
def heartbeat(bench):
    member = bench.member("g")
    body = {"groupId": "g", "generationId": 1, "memberId": member, "groupInstanceId": None}
    return Request("Heartbeat", 4, body)


@task
def consumer_heartbeat(bench):
    bench.topic()
    bench.coordinator("g")
    join = {
        "groupId": "g",
        "memberId": "member",
        "memberEpoch": 0,
        "instanceId": None,
        "rackId": None,
        "rebalanceTimeoutMs": 30000,
        "subscribedTopicNames": [TOPIC],
        "serverAssignor": None,
        "topicPartitions": [],
    }
    joined = bench.call("ConsumerGroupHeartbeat", 1, join)
    assert joined["assignment"]["topicPartitions"], joined
    beat = {**join, "memberEpoch": joined["memberEpoch"], "rebalanceTimeoutMs": -1, "topicPartitions": None}
    return Request("ConsumerGroupHeartbeat", 1, {**beat, "subscribedTopicNames": None})


@task
def offset_commit(bench):
    bench.topic()
    partition = {
        "partitionIndex": 0,
        "committedOffset": 7,
        "committedLeaderEpoch": -1,
        "committedMetadata": "",
    }
    body = {
        "groupId": "g",
        "generationIdOrMemberEpoch": -1,
        "memberId": "",
        "groupInstanceId": None,
        "topics": [{"name": TOPIC, "partitions": [partition]}],
    }
    bench.coordinator("g")
    bench.call("OffsetCommit", 9, body)
    return Request("OffsetCommit", 9, body)


@task
def offset_fetch(bench):
    offset_commit(bench)
    group = {
        "groupId": "g",
        "memberId": None,
        "memberEpoch": -1,
        "topics": [{"name": TOPIC, "partitionIndexes": [0]}],
    }
    return Request("OffsetFetch", 9, {"groups": [group], "requireStable": False})
