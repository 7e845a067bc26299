"""Apache Kafka's own command line tools against both brokers: what they print is the same, except
where it names times, sizes on disk, ids or ports (tools.py says how these are taken out)."""

import json
import tempfile

from harness import scenario
from test_api_versions import LATER


@scenario()
def test_topics(b):
    """kafka-topics: create, list, describe, more partitions, delete, and what is refused."""

    def topics(*args, **more):
        return b.tool("kafka-topics", *args, **more)

    topics(
        "--create",
        "--topic",
        "tool-topic",
        "--partitions",
        "3",
        "--replication-factor",
        "1",
        "--config",
        "retention.ms=5000",
        "--config",
        "cleanup.policy=compact",
    )
    b.settled("tool-topic", 3)
    topics("--create", "--topic", "tool-default")
    b.settled("tool-default", 1)
    topics("--create", "--topic", "tool-assigned", "--replica-assignment", "1,1")
    b.settled("tool-assigned", 2)
    topics("--create", "--topic", "tool-topic")
    topics("--create", "--topic", "tool-topic", "--if-not-exists")
    topics("--create", "--topic", "tool.topic")
    b.settled("tool.topic", 1)
    topics("--create", "--topic", "tool_topic")
    topics("--create", "--topic", "a b")
    topics("--create", "--topic", "tool-bad", "--partitions", "0")
    topics("--create", "--topic", "tool-bad", "--replication-factor", "3")
    topics("--create", "--topic", "tool-bad", "--config", "nope=1")
    topics("--create", "--topic", "tool-bad", "--config", "retention.ms=x")
    topics("--list", sort=True, keep=lambda line: line.startswith("tool-"))
    topics("--list", "--topic", "tool-.*", sort=True)
    topics("--describe", "--topic", "tool-topic")
    topics("--describe", "--topic", "tool-.*", sort=True)
    topics("--describe", "--topic", "tool-nope")
    topics("--describe", "--topic", "tool-nope", "--if-exists")
    topics("--describe", "--under-replicated-partitions")
    topics("--describe", "--unavailable-partitions")
    topics("--describe", "--topics-with-overrides", "--topic", "tool-topic")
    topics("--alter", "--topic", "tool-topic", "--partitions", "5")
    b.settled("tool-topic", 5)
    topics("--describe", "--topic", "tool-topic")
    topics("--alter", "--topic", "tool-topic", "--partitions", "2")
    topics("--alter", "--topic", "tool-nope", "--partitions", "2")
    topics("--delete", "--topic", "tool-default")
    b.until(
        "Metadata",
        12,
        {"topics": [{"name": "tool-default"}], "allowAutoTopicCreation": False},
        lambda a: a["topics"][0]["errorCode"] == 3,
        "gone",
    )
    topics("--delete", "--topic", "tool-nope")
    topics("--list", "--topic", "tool-.*", sort=True)


@scenario()
def test_configs(b):
    """kafka-configs: topics and brokers, describe, add, delete, and what is refused."""
    b.create("tool-config", retention_ms=5000)

    def configs(kind, name, *args, **more):
        entity = ["--entity-default"] if name is None else ["--entity-name", name]
        return b.tool(
            "kafka-configs",
            "--entity-type",
            kind,
            *entity,
            *args,
            sort=True,
            keep=lambda line: "min.insync.replicas" not in line,
            **more,
        )

    def settled(key, value):
        b.until(
            "DescribeConfigs",
            4,
            {"resources": [{"resourceType": 2, "resourceName": "tool-config", "configurationKeys": [key]}]},
            lambda a: a["results"][0]["configs"][0]["value"] == value,
            f"{key} is {value}",
        )

    configs("topics", "tool-config", "--describe")
    configs("topics", "tool-config", "--describe", "--all")
    configs(
        "topics", "tool-config", "--alter", "--add-config", "segment.ms=777,cleanup.policy=[compact,delete]"
    )
    settled("segment.ms", "777")
    configs("topics", "tool-config", "--describe")
    configs("topics", "tool-config", "--alter", "--delete-config", "retention.ms")
    settled("retention.ms", "604800000")
    configs("topics", "tool-config", "--describe")
    configs("topics", "tool-config", "--alter", "--delete-config", "nope")
    configs("topics", "tool-config", "--alter", "--add-config", "nope=1")
    configs("topics", "tool-config", "--alter", "--add-config", "retention.ms=x")
    configs("topics", "tool-nope", "--describe")
    configs("topics", "tool-nope", "--alter", "--add-config", "retention.ms=1")
    configs("brokers", "1", "--describe")
    configs("brokers", None, "--describe")
    configs("brokers", "1", "--alter", "--add-config", "log.cleaner.threads=2")
    configs("brokers", None, "--alter", "--add-config", "log.retention.ms=7000000")
    b.until(
        "DescribeConfigs",
        4,
        {"resources": [{"resourceType": 4, "resourceName": "1", "configurationKeys": ["log.retention.ms"]}]},
        lambda a: a["results"][0]["configs"][0]["value"] == "7000000",
        "seen by the broker",
    )
    configs("brokers", "1", "--describe")
    configs("brokers", None, "--describe")
    configs("brokers", "1", "--alter", "--delete-config", "log.cleaner.threads")
    configs("brokers", None, "--alter", "--delete-config", "log.retention.ms")
    configs("brokers", "1", "--alter", "--add-config", "node.id=5")
    settled("retention.ms", "604800000")


@scenario()
def test_broker_configs(b):
    """kafka-configs --all of the broker, without the lines that say where the node runs."""
    where = ("listeners", "log.dir", "controller.", "process.roles", "min.insync", "broker.id")
    b.tool(
        "kafka-configs",
        "--entity-type",
        "brokers",
        "--entity-name",
        "1",
        "--describe",
        "--all",
        sort=True,
        keep=lambda line: not any(word in line for word in where),
    )


@scenario()
def test_get_offsets(b):
    """kafka-get-offsets with every special time, with topics, patterns and partitions."""
    b.create("tool-offsets", partitions=3)
    b.tool(
        "kafka-console-producer",
        "--topic",
        "tool-offsets",
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "key.separator=:",
        stdin="".join(f"{n}:v{n}\n" for n in range(30)),
    )
    for time in (
        "latest",
        "earliest",
        "max-timestamp",
        "earliest-local",
        "latest-tiered",
        "earliest-pending-upload",
        "-1",
        "-2",
        "-3",
        "-4",
        "-5",
        "0",
        "99999999999999",
        "nope",
    ):
        keep = (
            None if time not in ("max-timestamp", "-3") else lambda line: False
        )  # which record is the youngest varies
        b.tool("kafka-get-offsets", "--topic", "tool-offsets", "--time", time, keep=keep)
    b.tool("kafka-get-offsets", "--topic", "tool-offsets", "--partitions", "0,2")
    b.tool("kafka-get-offsets", "--topic-partitions", "tool-offsets:1,tool-off.*:0-2")
    b.tool("kafka-get-offsets", "--topic", "tool-offsets-nope")


@scenario()
def test_delete_records(b):
    """kafka-delete-records moves the log start."""
    b.create("tool-delete", partitions=2)
    b.tool(
        "kafka-console-producer",
        "--topic",
        "tool-delete",
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "key.separator=:",
        stdin="k:1\nk:2\nk:3\n",
    )
    for offsets in (((0, 1), (1, 1)), ((0, -1), (1, -1)), ((0, 99),)):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(
                {
                    "version": 1,
                    "partitions": [{"topic": "tool-delete", "partition": p, "offset": o} for p, o in offsets],
                },
                file,
            )
            file.flush()
            b.tool(
                "kafka-delete-records",
                "--offset-json-file",
                file.name,
                label=f"kafka-delete-records {offsets}",
                sort=True,
            )
        b.tool(
            "kafka-get-offsets",
            "--topic",
            "tool-delete",
            "--time",
            "earliest",
            label=f"earliest after {offsets}",
        )


@scenario()
def test_broker_api_versions(b):
    """kafka-broker-api-versions: the same lines for every API but those that are not built yet."""
    b.tool(
        "kafka-broker-api-versions",
        keep=lambda line: not any(f"\t{name}(" in line for name in LATER),
        sort=True,
    )


@scenario()
def test_log_dirs(b):
    """kafka-log-dirs: the same partitions."""
    b.create("tool-dirs", partitions=2)
    b.tool("kafka-log-dirs", "--describe", "--topic-list", "tool-dirs", "--broker-list", "1")
    b.tool("kafka-log-dirs", "--describe", "--topic-list", "tool-dirs")
    b.tool("kafka-log-dirs", "--describe", "--topic-list", "tool-dirs", "--broker-list", "1,9")
