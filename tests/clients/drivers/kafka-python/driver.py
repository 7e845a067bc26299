"""Drives kafka-python: the newest, and 2.0.2 when PYTHONPATH puts that first."""

from __future__ import annotations

import argparse
import sys
import time
import types
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

# 2.0.2 carries a copy of `six` whose import hook Python 3.12 no longer knows.
# The only thing it takes from there is `range`. The newest has no such module.
_moves = types.ModuleType("kafka.vendor.six.moves")
_moves.range = range  # type: ignore[attr-defined]
sys.modules.setdefault("kafka.vendor.six.moves", _moves)

import kafka  # noqa: E402
from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import KafkaAdminClient  # noqa: E402
from kafka.errors import KafkaError, for_code  # noqa: E402

from cli import ClientError, Sink, main  # noqa: E402
from records import Record  # noqa: E402

OLD = kafka.__version__.startswith("2.0.")


def error_name(error: BaseException) -> str:
    """kafka-python names its errors by class."""
    return type(error).__name__


class KafkaPython:
    """The three commands with kafka-python."""

    def create(self, job: argparse.Namespace) -> str:
        admin = KafkaAdminClient(bootstrap_servers=job.bootstrap)
        config = dict(item.split("=", 1) for item in job.config)
        try:
            if OLD:
                self._create_old(admin, job, config)
            else:
                topic = {"num_partitions": job.partitions, "replication_factor": 1, "configs": config}
                admin.create_topics({job.topic: topic}, timeout_ms=30_000)
        except KafkaError as error:
            raise ClientError(error_name(error)) from error
        finally:
            admin.close()
        return ""

    def _create_old(self, admin: Any, job: argparse.Namespace, config: dict[str, str]) -> None:
        from kafka.admin import NewTopic

        topic = NewTopic(job.topic, job.partitions, 1, topic_configs=config)
        response = admin.create_topics([topic], timeout_ms=30_000)
        for _name, code, *_message in response.topic_errors:
            if code != 0:
                raise for_code(code)

    def produce(self, job: argparse.Namespace, batches: Iterator[list[Record]]) -> None:
        config: dict[str, Any] = {
            "bootstrap_servers": job.bootstrap,
            "compression_type": None if job.codec == "none" else job.codec,
            "linger_ms": 5,
            "max_request_size": 100_000_000,
        }
        if OLD:
            # Its default buffer refuses records past 32 MiB in flight by blocking.
            config |= {"buffer_memory": 200_000_000}
        if job.acks != "default":
            config["acks"] = job.acks if job.acks == "all" else int(job.acks)
            if not OLD:
                config["enable_idempotence"] = job.idempotent
        producer = KafkaProducer(**config)
        try:
            for batch in batches:
                futures = [
                    producer.send(
                        job.topic, value=r.value, key=r.key, headers=r.headers,
                        partition=r.partition, timestamp_ms=r.timestamp,
                    )
                    for r in batch
                ]
                producer.flush(60)
                for future in futures:
                    future.get(timeout=30)
        except KafkaError as error:
            raise ClientError(error_name(error)) from error
        finally:
            producer.close(timeout=30)

    def consume(self, job: argparse.Namespace, sink: Sink) -> None:
        config: dict[str, Any] = {
            "bootstrap_servers": job.bootstrap,
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "max_poll_records": 5000,
        }
        if OLD:
            if job.isolation != "read_uncommitted":
                raise ClientError("kafka-python 2.0.2 has no isolation level")
        else:
            config["isolation_level"] = job.isolation
        if job.fetch_bytes:
            config |= {"fetch_max_bytes": job.fetch_bytes, "max_partition_fetch_bytes": job.fetch_bytes}
        consumer = KafkaConsumer(**config)
        try:
            parts = [TopicPartition(job.topic, p) for p in range(job.partitions)]
            consumer.assign(parts)
            consumer.seek_to_beginning()
            deadline = time.monotonic() + job.timeout
            while not sink.full and time.monotonic() < deadline:
                for part, messages in consumer.poll(timeout_ms=200).items():
                    for m in messages:
                        sink.add(m.offset, Record(part.partition, m.timestamp, m.key, m.value, m.headers))
        except KafkaError as error:
            raise ClientError(error_name(error)) from error
        finally:
            consumer.close()


if __name__ == "__main__":
    main(KafkaPython())
