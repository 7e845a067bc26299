"""A member of a group with aiokafka."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition  # noqa: E402
from aiokafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor  # noqa: E402
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor  # noqa: E402
from aiokafka.errors import KafkaConnectionError, KafkaError  # noqa: E402

from member import POLL_SECONDS, Commands, Log, Offsets, Pending, arguments  # noqa: E402

COMMIT_SECONDS = 5
ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}


class Listener(ConsumerRebalanceListener):
    """Says what the group gives and takes. aiokafka does not tell a loss from a revocation."""

    def __init__(self, consumer: AIOKafkaConsumer, log: Log) -> None:
        self.consumer, self.log = consumer, log

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # The public interface has no word for either.
        coordinator = self.consumer._coordinator
        added = [p.partition for p in assigned]
        self.log.assigned(coordinator.generation, coordinator.member_id, added, whole=True)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.log.gone("revoked", (p.partition for p in revoked))


def consumer_of(job: argparse.Namespace) -> AIOKafkaConsumer:
    """The consumer, not subscribed yet."""
    return AIOKafkaConsumer(
        bootstrap_servers=job.bootstrap,
        group_id=job.group,
        group_instance_id=job.instance,
        partition_assignment_strategy=[ASSIGNORS[job.assignor]],
        session_timeout_ms=job.session_ms,
        heartbeat_interval_ms=job.heartbeat_ms,
        max_poll_interval_ms=job.max_poll_ms,
        rebalance_timeout_ms=job.max_poll_ms,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )


async def commit(consumer: AIOKafkaConsumer, topic: str, offsets: Offsets) -> Optional[str]:
    """Commits and waits; gives the client's error."""
    try:
        wanted = {TopicPartition(topic, p): o for p, o in offsets.items()}
        await asyncio.wait_for(consumer.commit(wanted), COMMIT_SECONDS)
    except (KafkaError, asyncio.TimeoutError) as error:
        return type(error).__name__
    return None


async def step(consumer: AIOKafkaConsumer, job: argparse.Namespace, pending: Pending) -> None:
    """Reads once and commits it."""
    try:
        records = await consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000))
    except KafkaError as error:
        pending.log.say("error", why=type(error).__name__)
        return
    for part, found in records.items():
        if found:
            pending.read(part.partition, [r.offset for r in found])
    offsets = pending.take()
    if offsets:
        pending.done(offsets, await commit(consumer, job.topic, offsets))


async def started(job: argparse.Namespace, log: Log, commands: Commands) -> Optional[AIOKafkaConsumer]:
    """A consumer that has found its broker; aiokafka gives up at once when there is none."""
    while not commands.quit:
        consumer = consumer_of(job)
        consumer.subscribe([job.topic], listener=Listener(consumer, log))
        try:
            await consumer.start()
            return consumer
        except KafkaConnectionError as error:
            await consumer.stop()
            log.say("error", why=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)
    return None


async def live(job: argparse.Namespace, log: Log) -> None:
    """The life of a member."""
    commands, pending = Commands(), Pending(log)
    log.say("start", pid=os.getpid())
    consumer = await started(job, log, commands)
    if consumer is None:
        log.say("end")
        return
    while not commands.quit:
        stall = commands.stall()
        if stall:
            log.say("stall", ms=stall * 1000)
            await asyncio.sleep(stall)
            log.say("resume")
        await step(consumer, job, pending)
    # aiokafka has no callback for this; nothing is read any more.
    log.gone("revoked", log.owned)
    # While its connection is away, it is cancelled by its own fetcher.
    with contextlib.suppress(asyncio.CancelledError):
        await consumer.stop()
    log.say("end")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(live(arguments(), Log()))
