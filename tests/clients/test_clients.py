"""Every client, every acks, every codec: what was produced comes back, byte by byte.

Each client creates 15 topics of 3 partitions, produces 10,000 records into
each, the broker restarts, and the client reads all of them from assigned
partitions. Then the clients read each other's topics.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.broker import Broker
from harness.clients import CLIENTS, Client
from harness.expect import Batch, compare, counts
from harness.raw import CODECS, Raw

ACKS = ("0", "1", "all")
RECORDS = 10_000
PARTITIONS = 3
COMBINATIONS = [(acks, codec) for acks in ACKS for codec in CODECS]
# Their batches differ most: block sizes, frame flags, snappy without xerial's frame.
CROSS_PRODUCERS = ("librdkafka", "java-4", "sarama", "kafkajs")
# The records carry timestamps of past years: without this they may be deleted.
KEEP = "--config retention.ms=-1"


def batch_of(acks: str, codec: str) -> Batch:
    """The records of one combination, the same for every client."""
    return Batch(1 + COMBINATIONS.index((acks, codec)), RECORDS, PARTITIONS)


def topic_of(client: Client, acks: str, codec: str) -> str:
    """The topic of one combination."""
    return f"matrix-{client.name}-acks-{acks}-{codec}"


@dataclass
class Produced:
    """One client's topics, complete and restarted over."""

    client: Client
    window: tuple[int, int]


class Producers:
    """Produces each client's topics once, when first asked for."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.broker = broker
        self.directory = directory
        self.done: dict[str, Produced | str] = {}

    def get(self, name: str) -> Produced:
        """The topics of this client."""
        if name not in self.done:
            self.done[name] = f"{name} failed to produce in an earlier test"
            self.done[name] = self._produce(CLIENTS[name])
        produced = self.done[name]
        assert isinstance(produced, Produced), produced
        return produced

    def _produce(self, client: Client) -> Produced:
        creates, produces = [], []
        for acks, codec in COMBINATIONS:
            topic = topic_of(client, acks, codec)
            creates.append(f"create --topic {topic} --partitions {PARTITIONS} {KEEP}")
            produces.append(
                f"produce --topic {topic} --acks {acks} --codec {codec} "
                f"{batch_of(acks, codec).options} {client.without_option}".strip()
            )
        creator = client if client.can_create else CLIENTS["librdkafka"]
        creator.jobs(self.broker.address, creates, self.directory).check()
        start = int(time.time() * 1000)
        client.jobs(self.broker.address, produces, self.directory).check()
        self._wait(client)
        end = int(time.time() * 1000)
        self.broker.restart()
        return Produced(client, (start, end))

    def _wait(self, client: Client) -> None:
        """With acks=0 the client is done before the broker is."""
        with Raw(self.broker.address) as raw:
            for codec in CODECS:
                for partition, count in counts(batch_of("0", codec)).items():
                    raw.wait_for(topic_of(client, "0", codec), partition, count)


@pytest.fixture(scope="session")
def producers(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Producers:
    """The topics of all clients."""
    return Producers(broker, tmp_path_factory.mktemp("produce"))


def consume_and_compare(
    broker: Broker, produced: Produced, consumer: Client, combinations: list[tuple[str, str]],
    directory: Path, options: str = "",
) -> None:
    """Reads these topics with one process of the consumer and compares them."""
    jobs = []
    for acks, codec in combinations:
        topic = topic_of(produced.client, acks, codec)
        jobs.append(
            f"consume --topic {topic} --partitions {PARTITIONS} --expect {RECORDS} "
            f"--out {directory / topic} {options}".strip()
        )
    consumer.jobs(broker.address, jobs, directory).check()
    for acks, codec in combinations:
        file = directory / topic_of(produced.client, acks, codec)
        compare(file, batch_of(acks, codec), produced.client, consumer, produced.window)


@pytest.mark.parametrize("name", CLIENTS)
def test_matrix(broker: Broker, producers: Producers, name: str, tmp_path: Path) -> None:
    """The client reads back what it produced, after a restart of the broker."""
    consume_and_compare(broker, producers.get(name), CLIENTS[name], COMBINATIONS, tmp_path)


@pytest.mark.parametrize("name", CLIENTS)
def test_batches(broker: Broker, producers: Producers, name: str) -> None:
    """The broker keeps the batches as they came: codec, count, offsets without a gap."""
    client = producers.get(name).client
    with Raw(broker.address) as raw:
        for acks, codec in COMBINATIONS:
            codecs = set()
            for partition, count in counts(batch_of(acks, codec)).items():
                topic, offset = topic_of(client, acks, codec), 0
                for header in raw.batches(topic, partition):
                    assert header.magic == 2
                    assert header.base_offset == offset, f"a gap in {topic}-{partition}"
                    assert header.count == header.last_offset_delta + 1
                    offset = header.next_offset
                    codecs.add(header.codec)
                assert offset == count, f"{topic}-{partition}"
            # A client may send a batch as it is when compression gains nothing.
            assert CODECS[codec] in codecs and codecs <= {CODECS[codec], CODECS["none"]}, codec


@pytest.mark.parametrize("name", [name for name in CLIENTS if name != "librdkafka"])
def test_read_by_librdkafka(broker: Broker, producers: Producers, name: str, tmp_path: Path) -> None:
    """librdkafka reads every topic of every other client."""
    consume_and_compare(broker, producers.get(name), CLIENTS["librdkafka"], COMBINATIONS, tmp_path)


@pytest.mark.parametrize("name", CLIENTS)
def test_reads_others(broker: Broker, producers: Producers, name: str, tmp_path: Path) -> None:
    """Every client reads what clients of other families produced, in every codec."""
    for other in CROSS_PRODUCERS:
        if other != name:
            combinations = [("all", codec) for codec in CODECS]
            consume_and_compare(broker, producers.get(other), CLIENTS[name], combinations, tmp_path)


@pytest.mark.parametrize("name", [c.name for c in CLIENTS.values() if c.can_read_committed])
def test_read_committed(broker: Broker, producers: Producers, name: str, tmp_path: Path) -> None:
    """read_committed shows everything where nothing is transactional."""
    consume_and_compare(
        broker, producers.get("java-4"), CLIENTS[name], [("all", "none"), ("1", "zstd")], tmp_path,
        "--isolation read_committed",
    )
