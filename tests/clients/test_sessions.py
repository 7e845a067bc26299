"""Sessions as people type them, and librdkafka's own switch for auto-creation."""

from __future__ import annotations

import json
import subprocess
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from harness.broker import Broker
from harness.raw import Raw

SECONDS = 30.0


def kcat(broker: Broker, *arguments: str, text: str = "") -> str:
    """Runs kcat and gives its stdout; any complaint fails."""
    done = subprocess.run(
        ["kcat", "-b", broker.address, *arguments], input=text, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def test_kcat_session(broker: Broker) -> None:
    """List, produce, list, consume, query: as in the README."""
    assert f"at {broker.address} (controller)" in kcat(broker, "-L")
    kcat(broker, "-P", "-t", "hello-kcat", "-K:", text="a:one\nb:two\nc:three\n")
    listed = json.loads(kcat(broker, "-L", "-J", "-t", "hello-kcat"))
    (topic,) = listed["topics"]
    assert topic["topic"] == "hello-kcat"
    (partition,) = topic["partitions"]
    assert partition["leader"] == listed["controllerid"]
    assert partition["replicas"] == partition["isrs"] == [{"id": partition["leader"]}]
    consumed = kcat(broker, "-C", "-t", "hello-kcat", "-p", "0", "-o", "beginning", "-e", "-q", "-K:")
    assert consumed == "a:one\nb:two\nc:three\n"
    last = kcat(broker, "-C", "-t", "hello-kcat", "-p", "0", "-o", "-1", "-e", "-q", "-f", "%o %k %s\n")
    assert last == "2 c three\n"
    assert kcat(broker, "-Q", "-t", "hello-kcat:0:-1") == "hello-kcat [0] offset 3\n"


def consumer(broker: Broker, **config: object) -> Consumer:
    """A consumer of librdkafka's that joins no group."""
    return Consumer({"bootstrap.servers": broker.address, "group.id": "unused", "enable.auto.commit": False, **config})


def first(of: Consumer) -> Message:
    """The first message or error."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        message = of.poll(0.1)
        if message is not None:
            return message
    raise AssertionError(f"neither message nor error in {SECONDS} s")


def test_consumer_creates_topic(broker: Broker) -> None:
    """allow.auto.create.topics=true: assigning a topic that is not there creates it."""
    topic = "created-by-consumer"
    reader = consumer(broker, **{"allow.auto.create.topics": True, "enable.partition.eof": True})
    try:
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        assert first(reader).error().code() == KafkaError._PARTITION_EOF
    finally:
        reader.close()
    with Raw(broker.address) as raw:
        assert topic in raw.topics()


def test_consumer_does_not_create_topic(broker: Broker) -> None:
    """The default, allow.auto.create.topics=false: asking says UNKNOWN_TOPIC, and no topic."""
    topic = "not-created-by-consumer"
    reader = consumer(broker)
    try:
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        asked = reader.list_topics(topic, SECONDS).topics[topic]
        assert asked.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    finally:
        reader.close()
    with Raw(broker.address) as raw:
        assert topic not in raw.topics()


def test_metadata_of_admin(broker: Broker) -> None:
    """The admin client sees the broker as controller and one cluster id."""
    admin = AdminClient({"bootstrap.servers": broker.address})
    cluster = admin.describe_cluster(request_timeout=SECONDS).result()
    (node,) = cluster.nodes
    assert f"{node.host}:{node.port}" == broker.address
    assert cluster.controller.id == node.id
    assert cluster.cluster_id == admin.list_topics(timeout=SECONDS).cluster_id
