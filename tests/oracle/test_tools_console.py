"""Kafka's console producer, console consumer and producer performance test against both brokers."""

import pytest

from harness import scenario

PRINT = [
    "--formatter-property",
    "print.timestamp=true",
    "--formatter-property",
    "print.key=true",
    "--formatter-property",
    "print.offset=true",
    "--formatter-property",
    "print.partition=true",
    "--formatter-property",
    "print.headers=true",
]


@scenario()
def test_console(b):
    """kafka-console-producer writes, kafka-console-consumer reads it back from a partition."""
    b.create("tool-console", partitions=2)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        b.tool(
            "kafka-console-producer",
            "--topic",
            "tool-console",
            "--compression-codec",
            codec,
            "--reader-property",
            "parse.key=true",
            "--reader-property",
            "key.separator=:",
            stdin="".join(f"k:{codec} {n}\n" for n in range(5)),
        )
    b.tool(
        "kafka-console-producer",
        "--topic",
        "tool-console",
        "--request-required-acks",
        "1",
        "--reader-property",
        "parse.headers=true",
        "--reader-property",
        "parse.key=true",
        stdin="h1:v1,h2:v2\tk\twith headers\n",
    )
    b.tool(
        "kafka-console-producer",
        "--topic",
        "tool-console",
        "--request-required-acks",
        "0",
        "--command-property",
        "enable.idempotence=false",
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "key.separator=:",
        stdin="k:without an answer\n",
    )
    ends = {
        "topics": [
            {"name": "tool-console", "partitions": [{"partitionIndex": p, "timestamp": -1} for p in (0, 1)]}
        ],
        "replicaId": -1,
    }
    b.until(
        "ListOffsets",
        5,
        ends,
        lambda a: sum(p["offset"] for p in a["topics"][0]["partitions"]) == 27,
        "all there",
    )
    for partition in ("0", "1"):
        b.tool(
            "kafka-console-consumer",
            "--topic",
            "tool-console",
            "--partition",
            partition,
            "--offset",
            "earliest",
            "--timeout-ms",
            "1000",
            *PRINT,
        )
    ended = b.quiet("ListOffsets", 5, ends)["topics"][0]["partitions"]
    full = "0" if next(p["offset"] for p in ended if p["partitionIndex"] == 0) else "1"
    b.tool(
        "kafka-console-consumer",
        "--topic",
        "tool-console",
        "--partition",
        full,
        "--offset",
        "7",
        "--max-messages",
        "3",
        *PRINT,
    )
    b.tool(
        "kafka-console-consumer",
        "--topic",
        "tool-console",
        "--partition",
        full,
        "--offset",
        "20",
        "--timeout-ms",
        "500",
        "--isolation-level",
        "read_committed",
        *PRINT,
    )


@scenario()
def test_auto_created_by_the_producer(b):
    """kafka-console-producer to a topic that is not there yet."""
    b.tool("kafka-console-producer", "--topic", "tool-auto", stdin="one\ntwo\n")
    b.settled("tool-auto", 1)
    b.tool(
        "kafka-console-consumer",
        "--topic",
        "tool-auto",
        "--partition",
        "0",
        "--offset",
        "0",
        "--max-messages",
        "2",
    )


@pytest.mark.parametrize("acks", ["0", "1", "all"])
@scenario()
def test_producer_perf(b, acks):
    """kafka-producer-perf-test: every record is sent, and they are all there."""
    topic = f"tool-perf-{acks}"
    b.create(topic, partitions=2)
    b.tool(
        "kafka-producer-perf-test",
        "--topic",
        topic,
        "--num-records",
        "20000",
        "--record-size",
        "100",
        "--throughput",
        "-1",
        "--print-metrics",
        "--command-property",
        f"acks={acks}",
        "--command-property",
        f"enable.idempotence={str(acks == 'all').lower()}",
        keep=lambda line: "records sent" in line,
        label=f"kafka-producer-perf-test acks {acks}",
    )
    ends = {
        "topics": [{"name": topic, "partitions": [{"partitionIndex": p, "timestamp": -1} for p in (0, 1)]}],
        "replicaId": -1,
    }
    b.until(
        "ListOffsets",
        5,
        ends,
        lambda a: sum(p["offset"] for p in a["topics"][0]["partitions"]) == 20000,
        "all there",
        compare=False,
    )
