"""Whichever of a broker's addresses a client is given, it works: what it is told back is one that it can reach.

A wildcard listener without an advertised address, the default, and a listener behind a mapped port.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness.broker import Broker
from harness.forward import Forward

SECONDS = 30
MAP = "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT"


def to_and_fro(bootstrap: str, topic: str) -> list[str]:
    """Produces a record and reads it back; the addresses that the client was told."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(SECONDS)
    told = [f"{b.host}:{b.port}" for b in admin.list_topics(timeout=SECONDS).brokers.values()]
    failed: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, b"hello", on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(SECONDS) == 0 and not failed, failed
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(SECONDS)
        assert message is not None and message.error() is None and message.value() == b"hello"
        consumer.commit(asynchronous=False)
        assert consumer.committed([TopicPartition(topic, 0)], SECONDS)[0].offset == 1
    except KafkaException as error:
        raise AssertionError(f"by {bootstrap}, told {told}") from error
    finally:
        consumer.close()
    return told


def test_a_wildcard_listener_is_reached_by_every_address(tmp_path: Path) -> None:
    """Over IPv4, over IPv6, by name, by another address of the machine, and through a mapped port."""
    broker = Broker(tmp_path, options=("--host", "")).start()
    try:
        port = broker.port
        for number, host in enumerate(("127.0.0.1", "127.0.0.7", "[::1]")):
            told = to_and_fro(f"{host}:{port}", f"wild-{number}")
            assert told == [f"{host.strip('[]')}:{port}"]
        to_and_fro(f"localhost:{port}", "wild-by-name")
        with Forward() as mapped:
            mapped.target = ("127.0.0.8", port)
            assert to_and_fro(f"127.0.0.1:{mapped.port}", "wild-mapped") == [f"127.0.0.8:{port}"]
    finally:
        broker.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_the_default_is_reached_over_either_family(broker: Broker, host: str) -> None:
    """`localhost` is 127.0.0.1 and [::1]; a resolver may know one of them alone."""
    told = to_and_fro(f"{host}:{broker.port}", f"default-{host.strip('[]').replace(':', 'v')}")
    assert told == [f"{host.strip('[]')}:{broker.port}"] or host == "localhost"


def test_each_listener_sends_its_clients_to_its_own_address(tmp_path: Path) -> None:
    """A client from outside, where the broker is known by another address, stays outside."""
    with Forward() as outer:
        options = (
            "--set", MAP, "--set", "listeners=INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.6:0",
            "--set", f"advertised.listeners=OUTSIDE://127.0.0.1:{outer.port}",
        )
        broker = Broker(tmp_path, options=options, pick=False).start()
        try:
            inside, outside = re.findall(r"://([\d.]+):(\d+)", broker.line)
            assert to_and_fro(":".join(inside), "inside") == [":".join(inside)]
            assert outer.taken == 0
            outer.target = (outside[0], int(outside[1]))
            assert to_and_fro(f"127.0.0.1:{outer.port}", "outside") == [f"127.0.0.1:{outer.port}"]
            assert outer.taken > 1
        finally:
            broker.close()
