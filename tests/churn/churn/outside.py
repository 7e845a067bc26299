"""What the groups are measured against: the records produced, and the offsets that the broker tells."""

from __future__ import annotations

import random
import struct
import threading
from collections import defaultdict

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from churn import ghosts
from churn.group import Group
from churn.history import Sample
from churn.member import now
from churn.plan import PARTITIONS
from harness.raw import Raw, _string

OFFSET_FETCH = 9
TICK_SECONDS = 0.1
PER_TICK = 12
SAMPLE_SECONDS = 0.2
# One sample in so many is followed by a commit that must be refused.
HAUNT_EACH = 4


def create_topics(address: str, groups: list[Group]) -> None:
    """A topic for each group."""
    admin = AdminClient({"bootstrap.servers": address})
    wanted = [NewTopic(g.topic, num_partitions=PARTITIONS, replication_factor=1) for g in groups]
    for future in admin.create_topics(wanted).values():
        future.result(60)


class Load:
    """Produces into every topic at an even pace, through everything that happens to the broker."""

    def __init__(self, address: str, groups: list[Group]) -> None:
        self.groups = groups
        self.over = threading.Event()
        self.counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.problems: list[str] = []
        self.producer = Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "message.timeout.ms": 120_000,
            "linger.ms": 0, "log_level": 0, "reconnect.backoff.max.ms": 500,
        })
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        sequence = 0
        while not self.over.is_set():
            for group in self.groups:
                for _ in range(PER_TICK):
                    sequence += 1
                    self.producer.produce(
                        group.topic, str(sequence).encode(), partition=sequence % PARTITIONS,
                        on_delivery=self._report,
                    )
            self.producer.poll(0)
            self.over.wait(TICK_SECONDS)

    def _report(self, error, message) -> None:
        if error is not None:
            self.problems.append(f"the producer: {error}")
        else:
            self.counts[message.topic()][message.partition()] += 1

    def stop(self, address: str) -> None:
        """Waits for all reports and gives each group its numbers."""
        self.over.set()
        self.thread.join()
        if self.producer.flush(60):
            self.problems.append("the producer: not everything was acknowledged in 60 s")
        with Raw(address) as raw:
            for group in self.groups:
                counts = dict(self.counts[group.topic])
                for partition, count in counts.items():
                    end = raw.end_offset(group.topic, partition)
                    if end != count:
                        self.problems.append(
                            f"{group.topic}-{partition} ends at {end}, acknowledged were {count}"
                        )
                with group.changed:
                    group.history.produced = counts
                    group.changed.notify_all()


class Watcher:
    """Asks for the committed offsets of all groups, again and again, and commits as nobody may."""

    def __init__(self, address: str, groups: list[Group], chance: random.Random) -> None:
        self.chance = chance
        self.address = address
        self.groups = groups
        self.over = threading.Event()
        self.raw: Raw | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.over.wait(SAMPLE_SECONDS):
            try:
                self.raw = self.raw or Raw(self.address)
                for group in self.groups:
                    self._sample(self.raw, group)
                    if self.chance.randrange(HAUNT_EACH) == 0:
                        self._haunt(self.raw, group)
            except OSError:
                self.raw = None  # the broker is away

    def _sample(self, raw: Raw, group: Group) -> None:
        asked = now()
        offsets = committed(raw, group.config.name, group.topic)
        if offsets is not None:
            with group.changed:
                group.history.samples.append(Sample(asked, offsets))
                group.changed.notify_all()

    def _haunt(self, raw: Raw, group: Group) -> None:
        with group.changed:
            who = ghosts.choose(group.history, self.chance)
            offset = ghosts.FIRST_OFFSET + len(group.history.ghosts)
        ghost = who and ghosts.haunt(raw, group.config.name, group.topic, who, offset)
        if ghost is not None:
            with group.changed:
                group.history.ghosts.append(ghost)

    def stop(self) -> None:
        """No more samples."""
        self.over.set()
        self.thread.join()


def committed(raw: Raw, group: str, topic: str) -> dict[int, int] | None:
    """The group's offsets, by OffsetFetch v1; nothing while the coordinator is loading."""
    body = _string(group) + struct.pack(">i", 1) + _string(topic) + struct.pack(">i", PARTITIONS)
    answer = raw.call(OFFSET_FETCH, 1, body + struct.pack(f">{PARTITIONS}i", *range(PARTITIONS)))
    at = 4 + 2 + len(topic.encode()) + 4
    offsets = {}
    for _ in range(PARTITIONS):
        partition, offset, size = struct.unpack_from(">iqh", answer, at)
        at += 14 + max(size, 0)
        (code,) = struct.unpack_from(">h", answer, at)
        at += 2
        if code:
            return None
        offsets[partition] = offset
    return offsets
