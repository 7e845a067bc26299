"""What is run: the clients with their assignors, and the two profiles."""

from __future__ import annotations

import random
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


LEAVES_WHEN_STALLED = {"java-4", "java-3.9", "librdkafka", "kafka-python"}
# kafka-python's leader believes what its members say that they own, and its members that were thrown out
# say what they had before (3.0.12 never resets CooperativeStickyAssignor.member_assignment).
# The new consumer of Java 3.9 begins with a partition that it is given while it asks for the offset of another where
# auto.offset.reset says, and commits there: a group's offset goes back (KAFKA-17674, mended in 4.0).
LEFT_OUT = {
    ("classic", "kafka-python", "cooperative-sticky"), ("consumer", "java-3.9", "uniform"),
    ("consumer", "java-3.9", "range"),
}
STATIC = {
    "classic": {
        "java-4": "range", "java-3.9": "sticky", "librdkafka": "range",
        "franz-go": "sticky", "sarama": "range", "kafka-python": "roundrobin", "aiokafka": "range",
    },
    "consumer": {"java-4": "uniform", "librdkafka": "uniform", "franz-go": "range"},
}
# aiokafka has no ear for FENCED_INSTANCE_ID.
FENCED_ENDS = set(STATIC["classic"]) - {"aiokafka"}
# franz-go does not give its name back in the consumer protocol, so nobody may have it for a session.
KEEPS_ITS_NAME = {("franz-go", "consumer")}
# It joins a second time when it learns late how many partitions there are; a leader that does is a rebalance.
JOINS_TWICE = {"kafka-python"}
# What these commit after a refusal is not of the generation that they told last: aiokafka sends a commit also while
# it has no generation, which a group without members takes, as of anybody; franz-go joins again behind its
# application, lets a commit wait for that (noCommitDuringJoinAndSync), and sends it as the member that it is then.
COMMITS_AS_ANOTHER = {"aiokafka", "franz-go"}
# A member that was thrown out while it waited for its group goes on, with what it gets again, where it was itself
# (3.0.12: one _on_join_prepare for all attempts to join, and assign_from_subscribed keeps positions).
KEEPS_POSITIONS = {"kafka-python"}
# They say that they have lost what they have where they leave amidst a rebalance (onLeavePrepare).
LOSES_WHEN_LEAVING = {"java-4", "java-3.9"}
# Of these, groups with members of both protocols, each with an assignor of its own.
MIXED = ("java-4", "librdkafka", "franz-go")
MIXED_ASSIGNORS = {"classic": "range", "consumer": "uniform"}


@dataclass(frozen=True)
class Config:
    """One client with one assignor: one group. `mixed` is a protocol here: each member has one of the two."""

    client: str
    assignor: str
    protocol: str = "classic"
    static: bool = False

    @property
    def name(self) -> str:
        """For groups, topics and reports."""
        words = {"consumer": "-848", "mixed": "-mixed"}
        assignor = "" if self.protocol == "mixed" else f"-{self.assignor}"
        return self.client + assignor + words.get(self.protocol, "") + ("-static" if self.static else "")

    @property
    def leaves_when_stalled(self) -> bool:
        """It leaves its group by itself when the application does not poll."""
        return self.client in LEAVES_WHEN_STALLED

    def options(self, chance: random.Random, instance: str | None) -> list[str]:
        """What a member is told beside where and what to read."""
        protocol, assignor = self.protocol, self.assignor
        if protocol == "mixed":
            protocol = chance.choice(list(MIXED_ASSIGNORS))
            assignor = MIXED_ASSIGNORS[protocol]
        return [
            "--assignor", assignor, "--protocol", protocol, "--session-ms", str(SESSION_MS),
            "--heartbeat-ms", str(HEARTBEAT_MS), "--max-poll-ms", str(MAX_POLL_MS),
            *(["--instance", instance] if instance else []),
        ]


def _configs() -> list[Config]:
    tables = (("classic", CLASSIC), ("consumer", CONSUMER))
    found = [
        Config(client, assignor, protocol) for protocol, table in tables
        for client, assignors in table.items() for assignor in assignors
        if (protocol, client, assignor) not in LEFT_OUT
    ]
    found += [Config(c, a, protocol, True) for protocol, table in STATIC.items() for c, a in table.items()]
    return found + [Config(client, "", "mixed") for client in MIXED]


CONFIGS = {config.name: config for config in _configs()}


@dataclass(frozen=True)
class Profile:
    """How many groups at once, how large, for how long."""

    rounds: tuple[tuple[str, ...], ...]
    members: int
    seconds: float
    kills: int


def short() -> tuple[tuple[str, ...], ...]:
    """Every client at once, with each assignor somewhere; then the static and the mixed groups."""
    return ((
        "java-4-cooperative-sticky", "java-3.9-sticky", "librdkafka-cooperative-sticky",
        "franz-go-roundrobin", "sarama-range", "kafka-python-sticky", "aiokafka-range", "kafkajs-roundrobin",
        "java-4-uniform-848", "librdkafka-range-848", "franz-go-uniform-848",
    ), (
        "java-4-range-static", "librdkafka-range-static", "franz-go-sticky-static",
        "sarama-range-static", "kafka-python-roundrobin-static", "aiokafka-range-static",
        "java-4-uniform-848-static", "librdkafka-uniform-848-static", "franz-go-range-848-static",
        "java-4-mixed", "librdkafka-mixed", "franz-go-mixed",
    ))


def rounds(names: list[str], at_once: int) -> tuple[tuple[str, ...], ...]:
    """Everything, a few groups at a time: the clients mixed, so that no round is all JVMs."""
    ordered = sorted(names, key=lambda name: (_rank(name), name))
    return tuple(tuple(ordered[i:i + at_once]) for i in range(0, len(ordered), at_once))


def _rank(name: str) -> int:
    config = CONFIGS[name]
    table = {"classic": CLASSIC, "consumer": CONSUMER}.get(config.protocol, {})
    if config.static or config.protocol == "mixed":
        return 4 if config.static else 5
    return table[config.client].index(config.assignor)
