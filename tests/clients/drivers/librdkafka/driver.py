"""Drives librdkafka through confluent-kafka."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from confluent_kafka import (  # noqa: E402
    OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

from cli import ClientError, Sink, main  # noqa: E402
from records import Record  # noqa: E402

QUEUE = {"queue.buffering.max.messages": 1_000_000, "queue.buffering.max.kbytes": 1_048_576}


class Librdkafka:
    """The three commands with librdkafka."""

    def create(self, job: argparse.Namespace) -> str:
        admin = AdminClient({"bootstrap.servers": job.bootstrap})
        config = dict(item.split("=", 1) for item in job.config)
        topic = NewTopic(job.topic, num_partitions=job.partitions, replication_factor=1, config=config)
        for future in admin.create_topics([topic]).values():
            try:
                future.result(30)
            except KafkaException as error:
                raise ClientError(error.args[0].name()) from error
        return ""

    def produce(self, job: argparse.Namespace, batches: Iterator[list[Record]]) -> None:
        config = {
            "bootstrap.servers": job.bootstrap,
            "compression.type": job.codec,
            "message.max.bytes": 100_000_000,
            "linger.ms": 5,
            **QUEUE,
        }
        if job.acks != "default":
            config["acks"] = job.acks
        if job.idempotent:
            config["enable.idempotence"] = True
        producer = Producer(config)
        failures: list[str] = []
        delivered = 0

        def report(error, _message) -> None:
            nonlocal delivered
            delivered += 1
            if error is not None:
                failures.append(error.name())

        sent = 0
        for batch in batches:
            for r in batch:
                # librdkafka asks for the partition's leader first; poll serves reports.
                producer.produce(
                    job.topic, value=r.value, key=r.key, partition=r.partition,
                    timestamp=r.timestamp, headers=r.headers, on_delivery=report,
                )
                producer.poll(0)
            sent += len(batch)
            if producer.flush(60) != 0:
                raise ClientError("flush timed out")
            if failures:
                raise ClientError(failures[0])
            if delivered != sent:
                raise ClientError(f"{delivered} of {sent} reports")

    def consume(self, job: argparse.Namespace, sink: Sink) -> None:
        config = {
            "bootstrap.servers": job.bootstrap,
            "group.id": "unused",  # demanded by the binding; assign() joins no group
            "enable.auto.commit": False,
            "isolation.level": job.isolation,
            "check.crcs": True,
        }
        if job.fetch_bytes:
            config |= {
                "fetch.max.bytes": job.fetch_bytes,
                "max.partition.fetch.bytes": job.fetch_bytes,
                "receive.message.max.bytes": job.fetch_bytes + 1_048_576,
                "queued.max.messages.kbytes": 1_048_576,
            }
        consumer = Consumer(config)
        try:
            # Without this the first fetch waits 0.5 s for a timer of librdkafka's.
            consumer.list_topics(job.topic, 30)
            parts = [TopicPartition(job.topic, p, OFFSET_BEGINNING) for p in range(job.partitions)]
            consumer.assign(parts)
            deadline = time.monotonic() + job.timeout
            while not sink.full and time.monotonic() < deadline:
                for m in consumer.consume(5000, 0.2):
                    if m.error() is not None:
                        raise ClientError(m.error().name())
                    _, timestamp = m.timestamp()
                    sink.add(m.offset(), Record(m.partition(), timestamp, m.key(), m.value(), m.headers() or []))
        finally:
            consumer.close()


if __name__ == "__main__":
    main(Librdkafka())
