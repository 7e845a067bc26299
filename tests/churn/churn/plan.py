"""What is run: the clients with their assignors, and the two profiles."""

from __future__ import annotations

from dataclasses import dataclass

from harness.members import CLASSIC, CONSUMER

PARTITIONS = 12
SESSION_MS = 6000  # the least that a broker takes by default
HEARTBEAT_MS = 1000
# Also the rebalance timeout: clients that know both give the one as the other.
MAX_POLL_MS = 8000
# What the broker is told, so that the new protocol has the same times as the old one.
SETTINGS = {
    "group.consumer.min.session.timeout.ms": SESSION_MS,
    "group.consumer.session.timeout.ms": SESSION_MS,
    "group.consumer.min.heartbeat.interval.ms": HEARTBEAT_MS,
    "group.consumer.heartbeat.interval.ms": HEARTBEAT_MS,
    "offsets.topic.replication.factor": 1,
}


@dataclass(frozen=True)
class Config:
    """One client with one assignor: one group."""

    client: str
    assignor: str
    protocol: str = "classic"
    # It leaves its group by itself when the application does not poll.
    leaves_when_stalled: bool = False

    @property
    def name(self) -> str:
        """For groups, topics and reports."""
        return f"{self.client}-{self.assignor}" + ("-848" if self.protocol == "consumer" else "")

    @property
    def options(self) -> list[str]:
        """What a member is told beside where and what to read."""
        return [
            "--assignor", self.assignor, "--protocol", self.protocol, "--session-ms", str(SESSION_MS),
            "--heartbeat-ms", str(HEARTBEAT_MS), "--max-poll-ms", str(MAX_POLL_MS),
        ]


LEAVES_WHEN_STALLED = {"java-4", "java-3.9", "librdkafka", "kafka-python"}


def _config(client: str, assignor: str, protocol: str) -> Config:
    return Config(client, assignor, protocol, client in LEAVES_WHEN_STALLED)


CONFIGS = {
    config.name: config
    for protocol, table in (("classic", CLASSIC), ("consumer", CONSUMER))
    for client, assignors in table.items()
    for config in (_config(client, assignor, protocol) for assignor in assignors)
}


@dataclass(frozen=True)
class Profile:
    """How many groups at once, how large, for how long."""

    rounds: tuple[tuple[str, ...], ...]
    members: int
    seconds: float
    kills: int


def short() -> tuple[tuple[str, ...], ...]:
    """Every client at once, each assignor in one of them at least."""
    return ((
        "java-4-cooperative-sticky", "java-3.9-sticky", "librdkafka-cooperative-sticky",
        "franz-go-roundrobin", "sarama-range", "kafka-python-sticky", "aiokafka-range", "kafkajs-roundrobin",
        "java-4-uniform-848", "librdkafka-range-848", "franz-go-uniform-848",
    ),)


def rounds(names: list[str], at_once: int) -> tuple[tuple[str, ...], ...]:
    """Everything, a few groups at a time: the clients mixed, so that no round is all JVMs."""
    ordered = sorted(names, key=lambda name: (_rank(name), name))
    return tuple(tuple(ordered[i:i + at_once]) for i in range(0, len(ordered), at_once))


def _rank(name: str) -> int:
    config = CONFIGS[name]
    table = CONSUMER if config.protocol == "consumer" else CLASSIC
    return table[config.client].index(config.assignor)
