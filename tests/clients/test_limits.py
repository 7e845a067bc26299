"""Sizes and numbers at their limits, and the ways clients are used by default."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.broker import Broker
from harness.clients import CLIENTS, Client
from harness.expect import Batch, batch_size, compare, filling
from harness.raw import Raw

KEEP = "--config retention.ms=-1"
DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
FETCH_BYTES = 50 * 1024 * 1024
MANY_PARTITIONS = 1000
IDEMPOTENT = [c.name for c in CLIENTS.values() if c.can_idempotent]


def create(broker: Broker, client: Client, topic: str, partitions: int, *options: str) -> None:
    """Creates a topic with this client, or with librdkafka where it cannot."""
    creator = client if client.can_create else CLIENTS["librdkafka"]
    creator.run(
        "create", "--bootstrap", broker.address, "--topic", topic, "--partitions", str(partitions),
        *KEEP.split(), *options,
    ).check()


def produce_arguments(broker: Broker, client: Client, topic: str, batch: Batch, *options: str) -> list[str]:
    """The arguments of `produce`."""
    return [
        "produce", "--bootstrap", broker.address, "--topic", topic, *batch.options.split(),
        *client.without_option.split(), *options,
    ]


def produce(broker: Broker, client: Client, topic: str, batch: Batch, *options: str) -> tuple[int, int]:
    """Produces, and gives the time of sending as a window in milliseconds."""
    start = int(time.time() * 1000)
    client.run(*produce_arguments(broker, client, topic, batch, *options)).check()
    return start, int(time.time() * 1000)


def consume(broker: Broker, client: Client, topic: str, batch: Batch, file: Path, *options: str) -> str:
    """Reads the batch's records into the file; gives what the driver said."""
    return client.run(
        "consume", "--bootstrap", broker.address, "--topic", topic, "--partitions", str(batch.partitions),
        "--expect", str(batch.count), "--out", str(file), *options,
    ).check().out


@pytest.mark.parametrize("limit", [100_000, DEFAULT_MAX_MESSAGE_BYTES])
@pytest.mark.parametrize("name", CLIENTS)
def test_max_message_bytes(broker: Broker, name: str, limit: int, tmp_path: Path) -> None:
    """A batch of exactly max.message.bytes is taken; one byte more is refused by its own error."""
    client, topic = CLIENTS[name], f"max-message-{name}-{limit}"
    options = [] if limit == DEFAULT_MAX_MESSAGE_BYTES else ["--config", f"max.message.bytes={limit}"]
    create(broker, client, topic, 1, *options)
    fits = filling(limit, 77, client.without)
    over = Batch(fits.seed, 1, 1, fits.size + 1)
    assert batch_size(over, client.without) == limit + 1
    refused = client.run(*produce_arguments(broker, client, topic, over, "--acks", "all"))
    assert refused.code == 3, refused
    assert client.too_large in (refused.error() or ""), refused
    window = produce(broker, client, topic, fits, "--acks", "all")
    with Raw(broker.address) as raw:
        assert [header.size for header in raw.batches(topic, 0)] == [limit]
    consume(broker, client, topic, fits, tmp_path / "out")
    compare(tmp_path / "out", fits, client, client, window)


LARGE_TOPIC = "fetch-50-mb"
LARGE = Batch(5, 54, 1, 1_000_000)


@pytest.fixture(scope="session")
def large_topic(broker: Broker) -> Client:
    """One partition with more than 50 MiB; gives who produced it."""
    producer = CLIENTS["franz-go"]
    create(broker, producer, LARGE_TOPIC, 1)
    produce(broker, producer, LARGE_TOPIC, LARGE, "--acks", "all")
    return producer


@pytest.mark.parametrize("name", CLIENTS)
def test_fetch_of_50_mb(broker: Broker, large_topic: Client, name: str, tmp_path: Path) -> None:
    """A consumer that asks for 50 MiB at once gets it, complete."""
    client, file = CLIENTS[name], tmp_path / "out"
    said = consume(broker, client, LARGE_TOPIC, LARGE, file, "--fetch-bytes", str(FETCH_BYTES))
    compare(file, LARGE, large_topic, client)
    if client.tells_fetch_size:
        largest = int(said.split("largest-fetch=")[1])
        assert largest >= 50_000_000, f"the largest fetch response had {largest} bytes"


MANY_TOPIC = "thousand-partitions"
MANY = Batch(6, 20_000, MANY_PARTITIONS)


@pytest.fixture(scope="session")
def many_partitions(broker: Broker) -> Client:
    """A topic of 1,000 partitions with records in each; gives who produced it."""
    create(broker, CLIENTS["java-4"], MANY_TOPIC, MANY_PARTITIONS)
    producer = CLIENTS["librdkafka"]
    # Idempotent, for the order: a fresh topic may refuse the first requests.
    produce(broker, producer, MANY_TOPIC, MANY, "--acks", "all", "--idempotent")
    return producer


@pytest.mark.parametrize("name", CLIENTS)
def test_thousand_partitions(broker: Broker, many_partitions: Client, name: str, tmp_path: Path) -> None:
    """Every client reads all of 1,000 partitions."""
    consume(broker, CLIENTS[name], MANY_TOPIC, MANY, tmp_path / "out")
    compare(tmp_path / "out", MANY, many_partitions, CLIENTS[name])


@pytest.mark.parametrize("name", CLIENTS)
def test_auto_creation(broker: Broker, name: str, tmp_path: Path) -> None:
    """Producing to a topic that does not exist creates it, with the client's own defaults."""
    client, topic, batch = CLIENTS[name], f"auto-{name}", Batch(8, 500, 1)
    window = produce(broker, client, topic, batch, "--acks", "all")
    consume(broker, client, topic, batch, tmp_path / "out")
    compare(tmp_path / "out", batch, client, client, window)


def check_sequences(broker: Broker, topic: str, batch: Batch) -> None:
    """All batches are of one idempotent producer, their sequences follow one another."""
    producers = set()
    with Raw(broker.address) as raw:
        for partition in range(batch.partitions):
            for header in raw.batches(topic, partition):
                producers.add((header.producer_id, header.producer_epoch))
                assert header.base_sequence == header.base_offset, f"{topic}-{partition}: {header}"
    assert len(producers) == 1 and min(producers) >= (0, 0), producers


@pytest.mark.parametrize("name", ["java-4", "java-3.9", "franz-go", "kafka-python"])
def test_default_producer_is_idempotent(broker: Broker, name: str, tmp_path: Path) -> None:
    """The default configuration of these clients asks for a producer id and uses it."""
    client, topic, batch = CLIENTS[name], f"default-{name}", Batch(9, 5000, 3)
    create(broker, client, topic, 3)
    produce(broker, client, topic, batch, "--acks", "default")
    check_sequences(broker, topic, batch)
    consume(broker, client, topic, batch, tmp_path / "out")
    compare(tmp_path / "out", batch, client, client)


@pytest.mark.parametrize("name", [name for name in IDEMPOTENT if name != "kcat"])
def test_idempotent_across_kill(own_broker: Broker, name: str, tmp_path: Path) -> None:
    """A living idempotent producer goes on after kill -9: nothing lost, nothing twice."""
    client, topic, batch = CLIENTS[name], f"killed-{name}", Batch(10, 4000, 3)
    create(own_broker, client, topic, 3)
    arguments = produce_arguments(
        own_broker, client, topic, batch, "--acks", "all", "--idempotent", "--pause-at", "2000",
    )
    with client.popen(*arguments) as driver:
        assert driver.stdin is not None and driver.stdout is not None
        line = driver.stdout.readline()
        if line.strip() == "PAUSED":
            own_broker.kill()
            own_broker.start()
        out, err = driver.communicate("\n", timeout=120)
    assert line.strip() == "PAUSED" and driver.returncode == 0, f"{line}{out}\n{err}"
    check_sequences(own_broker, topic, batch)
    consume(own_broker, client, topic, batch, tmp_path / "out")
    compare(tmp_path / "out", batch, client, client)


@pytest.mark.parametrize("name", IDEMPOTENT)
def test_idempotent(broker: Broker, name: str, tmp_path: Path) -> None:
    """Idempotent production with compression, in one go."""
    client, topic, batch = CLIENTS[name], f"idempotent-{name}", Batch(11, 5000, 1)
    create(broker, client, topic, 1)
    window = produce(broker, client, topic, batch, "--acks", "all", "--idempotent", "--codec", "lz4")
    check_sequences(broker, topic, batch)
    consume(broker, client, topic, batch, tmp_path / "out")
    compare(tmp_path / "out", batch, client, client, window)
