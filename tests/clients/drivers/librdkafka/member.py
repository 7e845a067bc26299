"""A member of a group with librdkafka."""

from __future__ import annotations

import argparse
import struct
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition  # noqa: E402

from member import POLL_SECONDS, Log, Offsets, arguments, run  # noqa: E402

METADATA_MAGIC = b"CGMDv2:"


def config(job: argparse.Namespace) -> dict[str, Any]:
    """librdkafka refuses the classic protocol's settings beside the new one."""
    same: dict[str, Any] = {
        "bootstrap.servers": job.bootstrap,
        "group.id": job.group,
        "group.protocol": job.protocol,
        "max.poll.interval.ms": job.max_poll_ms,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 100,
        # Warnings on stderr: it names the offsets that it goes back to by itself.
        "log_level": 4,
    }
    if job.instance:
        same["group.instance.id"] = job.instance
    if job.protocol == "consumer":
        return same | {"group.remote.assignor": job.assignor}
    return same | {
        "partition.assignment.strategy": job.assignor,
        "session.timeout.ms": job.session_ms,
        "heartbeat.interval.ms": job.heartbeat_ms,
    }


def generation(consumer: Consumer) -> int:
    """Out of librdkafka's own serialized form of the group metadata."""
    data = consumer.consumer_group_metadata()
    assert data.startswith(METADATA_MAGIC), data
    (value,) = struct.unpack_from("=i", data, len(METADATA_MAGIC))
    return value


class Librdkafka:
    """Callbacks and commits; librdkafka assigns by itself after a callback."""

    def __init__(self, job: argparse.Namespace, log: Log) -> None:
        self.job, self.log = job, log
        self.whole = job.protocol == "classic" and job.assignor != "cooperative-sticky"
        self.consumer = Consumer(config(job))
        self.consumer.subscribe(
            [job.topic], on_assign=self.assigned,
            on_revoke=lambda _, parts: log.gone("revoked", (p.partition for p in parts)),
            on_lost=lambda _, parts: log.gone("lost", (p.partition for p in parts)),
        )

    def assigned(self, consumer: Consumer, parts: list[TopicPartition]) -> None:
        added = [p.partition for p in parts]
        self.log.assigned(generation(consumer), consumer.memberid(), added, self.whole)

    def poll(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for m in self.consumer.consume(500, POLL_SECONDS / 2):
            if m.error() is not None:
                self.error(m.error())
            else:
                found[m.partition()].append(m.offset())
        return found

    def error(self, error: KafkaError) -> None:
        """A fatal one leaves a client that is good for nothing: its application ends."""
        if not error.fatal() and error.name() != "_FATAL":
            self.log.say("error", why=error.name())
            return
        self.log.gone("lost", self.log.owned)
        self.log.fatal(error.str())

    def commit(self, offsets: Offsets) -> Optional[str]:
        parts = [TopicPartition(self.job.topic, p, o) for p, o in offsets.items()]
        try:
            results = self.consumer.commit(offsets=parts, asynchronous=False)
        except KafkaException as error:
            return error.args[0].name()
        return next((p.error.name() for p in results if p.error is not None), None)

    def close(self) -> None:
        self.consumer.close()


if __name__ == "__main__":
    log = Log()
    run(log, Librdkafka(arguments(), log))
