"""A member of a group with kafka-python."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition  # noqa: E402
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor  # noqa: E402
from kafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor  # noqa: E402
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor  # noqa: E402
from kafka.errors import FencedInstanceIdError, KafkaError  # noqa: E402
from kafka.structs import OffsetAndMetadata  # noqa: E402

from member import POLL_SECONDS, Log, Offsets, arguments, run  # noqa: E402

COMMIT_MS = 5000
BOOTSTRAP_MS = 60_000  # it may be started while there is no broker
ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}


class Listener(ConsumerRebalanceListener):
    """Says what the group gives and takes."""

    def __init__(self, member: "KafkaPython") -> None:
        self.member = member

    def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        group = self.member.consumer.group_metadata()
        whole = self.member.job.assignor != "cooperative-sticky"
        added = [p.partition for p in assigned]
        self.member.log.assigned(group.generation_id, group.member_id, added, whole)

    def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        self.member.log.gone("revoked", (p.partition for p in revoked))

    def on_partitions_lost(self, lost: list[TopicPartition]) -> None:
        self.member.log.gone("lost", (p.partition for p in lost))


class KafkaPython:
    """Callbacks and commits."""

    def __init__(self, job: argparse.Namespace, log: Log) -> None:
        self.job, self.log = job, log
        self.consumer = KafkaConsumer(
            bootstrap_servers=job.bootstrap,
            group_id=job.group,
            group_instance_id=job.instance,
            partition_assignment_strategy=[ASSIGNORS[job.assignor]],
            session_timeout_ms=job.session_ms,
            heartbeat_interval_ms=job.heartbeat_ms,
            max_poll_interval_ms=job.max_poll_ms,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
        )
        self.consumer.subscribe([job.topic], listener=Listener(self))

    def poll(self) -> dict[int, list[int]]:
        try:
            records = self.consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        except FencedInstanceIdError as error:
            self.log.fatal(type(error).__name__)
        except KafkaError as error:
            self.log.say("error", why=type(error).__name__)
            return {}
        return {part.partition: [r.offset for r in found] for part, found in records.items() if found}

    def commit(self, offsets: Offsets) -> Optional[str]:
        wanted = {TopicPartition(self.job.topic, p): OffsetAndMetadata(o, "", -1) for p, o in offsets.items()}
        try:
            self.consumer.commit(wanted, timeout_ms=COMMIT_MS)
        except FencedInstanceIdError as error:
            self.log.fatal(type(error).__name__)
        except KafkaError as error:
            return type(error).__name__
        return None

    def close(self) -> None:
        self.consumer.close()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    log = Log()
    run(log, KafkaPython(arguments(), log))
