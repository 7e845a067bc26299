"""Drives aiokafka."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: E402
from aiokafka.errors import KafkaError, for_code  # noqa: E402

from cli import ClientError, Sink, main  # noqa: E402
from records import Record  # noqa: E402


class Aiokafka:
    """The three commands with aiokafka."""

    def create(self, job: argparse.Namespace) -> str:
        return asyncio.run(named(create(job)))

    def produce(self, job: argparse.Namespace, batches: Iterator[list[Record]]) -> None:
        asyncio.run(named(produce(job, batches)))

    def consume(self, job: argparse.Namespace, sink: Sink) -> None:
        asyncio.run(named(consume(job, sink)))


async def named(work: Any) -> Any:
    """Turns aiokafka's errors into their class names."""
    try:
        return await work
    except KafkaError as error:
        raise ClientError(type(error).__name__) from error


async def create(job: argparse.Namespace) -> str:
    """Creates the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=job.bootstrap)
    await admin.start()
    try:
        config = dict(item.split("=", 1) for item in job.config)
        topic = NewTopic(job.topic, job.partitions, 1, topic_configs=config)
        response = await admin.create_topics([topic], timeout_ms=30_000)
        for _name, code, *_message in response.topic_errors:
            if code != 0:
                raise for_code(code)
    finally:
        await admin.close()
    return ""


async def produce(job: argparse.Namespace, batches: Iterator[list[Record]]) -> None:
    """Sends the records, waiting for every report."""
    config: dict[str, Any] = {
        "bootstrap_servers": job.bootstrap,
        "compression_type": None if job.codec == "none" else job.codec,
        "linger_ms": 5,
        "max_request_size": 100_000_000,
    }
    if job.acks != "default":
        config["acks"] = job.acks if job.acks == "all" else int(job.acks)
    if job.idempotent:
        config["enable_idempotence"] = True
    producer = AIOKafkaProducer(**config)
    await producer.start()
    try:
        for batch in batches:
            futures = [
                await producer.send(
                    job.topic, value=r.value, key=r.key, partition=r.partition,
                    timestamp_ms=r.timestamp, headers=r.headers,
                )
                for r in batch
            ]
            await producer.flush()
            await asyncio.gather(*futures)
    finally:
        await producer.stop()


async def consume(job: argparse.Namespace, sink: Sink) -> None:
    """Reads assigned partitions from the beginning."""
    config: dict[str, Any] = {
        "bootstrap_servers": job.bootstrap,
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": job.isolation,
    }
    if job.fetch_bytes:
        config |= {"fetch_max_bytes": job.fetch_bytes, "max_partition_fetch_bytes": job.fetch_bytes}
    consumer = AIOKafkaConsumer(**config)
    await consumer.start()
    try:
        parts = [TopicPartition(job.topic, p) for p in range(job.partitions)]
        consumer.assign(parts)
        await consumer.seek_to_beginning()
        deadline = time.monotonic() + job.timeout
        while not sink.full and time.monotonic() < deadline:
            for part, messages in (await consumer.getmany(timeout_ms=200)).items():
                for m in messages:
                    sink.add(m.offset, Record(part.partition, m.timestamp, m.key, m.value, list(m.headers)))
    finally:
        await consumer.stop()


if __name__ == "__main__":
    main(Aiokafka())
