"""Settings of the cleaner, numbers of threads and of connections: what a start takes, and which changes of a running broker are
allowed (Kafka: LogCleaner.validateReconfiguration, DynamicThreadPool, KafkaConfig.validateValues)."""

import pytest

from harness import scenario
from kafka import ApacheKafka, Barnabas, BrokerFailed

BROKER, SET, DELETE = 4, 0, 1
THREADS = "log.cleaner.threads"
VALUES = {
    THREADS: ["0", "-1", "1", "2", "3", "1000"],
    "log.cleaner.io.max.bytes.per.second": ["0", "-5", "NaN", "-Infinity", "1e-300"],
    "log.cleaner.dedupe.buffer.size": ["1", "0", "-1", "1048576", "1048577"],
    "log.cleaner.io.buffer.load.factor": ["0", "-1", "NaN", "2"],
    "log.cleaner.io.buffer.size": ["0", "-1", "1"],
    "log.cleaner.backoff.ms": ["-1"],
    "num.recovery.threads.per.data.dir": ["0", "1", "4", "5", "99999"],
    "background.threads": ["0", "4", "5", "20", "21"],
    "num.io.threads": ["3", "4", "16", "17"],
    "num.replica.fetchers": ["0", "2", "3"],
    "max.connections": ["-1", "0", "1"],
    "max.connections.per.ip": ["-1", "0", "1"],
    "a\nb\r = #c": ["1"],
}


def _change(b, label, *configs, name="1", validate=True):
    entries = [
        {"name": n, "configOperation": DELETE if v is None else SET, "value": v} for n, v in configs
    ]
    resource = {"resourceType": BROKER, "resourceName": name, "configs": entries}
    b.call("IncrementalAlterConfigs", 1, {"resources": [resource], "validateOnly": validate}, label)


@scenario()
def test_values(b):
    """Each value for this broker, for all brokers, and as part of all that there is to be."""
    for key, values in VALUES.items():
        for value in values:
            for name in ("1", ""):
                _change(b, f"{name!r} {key}={value}", (key, value), name=name)
                whole = [{"name": key, "value": value}]
                resource = {"resourceType": BROKER, "resourceName": name, "configs": whole}
                body = {"resources": [resource], "validateOnly": True}
                b.call("AlterConfigs", 2, body, f"{name!r} {key}={value} alone")
    many = _pairs(num_io_threads="8", log_cleaner_threads="3", num_recovery_threads_per_data_dir="4")
    _change(b, "one of three", *many)
    _change(b, "memory for two", (THREADS, "2"), ("log.cleaner.dedupe.buffer.size", "2097152"))
    _change(b, "memory for two and more", (THREADS, "2"), ("log.cleaner.dedupe.buffer.size", "2097154"))


def _pairs(**settings):
    return [(name.replace("_", "."), value) for name, value in settings.items()]


@scenario(alone=True)
def test_steps(b):
    """The number in force counts, this broker's before the cluster's."""

    def set_to(value, name):
        _change(b, f"{name!r} to {value}", (THREADS, value), name=name, validate=False)

    def in_force(value):
        keys = [{"resourceType": BROKER, "resourceName": "1", "configurationKeys": [THREADS]}]

        def now(answer):
            return answer["results"][0]["configs"][0]["value"] == value

        b.until("DescribeConfigs", 4, {"resources": keys}, now, f"in force: {value}")

    def tried(*values):
        for value in values:
            for name in ("1", ""):
                _change(b, f"{name!r} {value}?", (THREADS, value), name=name)

    set_to("2", "")
    in_force("2")
    tried("1", "4", "5", None)
    set_to("4", "1")
    in_force("4")
    tried("1", "2", "8", "9", None)
    set_to("8", "1")
    in_force("8")
    tried("3", "4", "16", "17", None)
    _change(b, "another one", ("log.retention.ms", "55555"))
    set_to(None, "1")
    set_to("4", "1")
    in_force("4")
    set_to(None, "1")
    in_force("2")
    set_to(None, "")
    in_force("1")


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({THREADS: "0"}, False),
        ({THREADS: "-1"}, False),
        ({THREADS: "1000"}, False),
        ({"log.cleaner.dedupe.buffer.size": "1048576"}, False),
        ({"max.connections.per.ip": "0"}, False),
        ({"log.cleaner.enable": "false", "log.cleaner.dedupe.buffer.size": "1"}, False),
        (
            {
                "log.cleaner.dedupe.buffer.size": "1048577",
                "log.cleaner.io.buffer.load.factor": "0",
                "log.cleaner.io.max.bytes.per.second": "0",
                "num.recovery.threads.per.data.dir": "99999",
            },
            True,
        ),
    ],
)
def test_start(settings, starts):
    """Who starts with what."""
    for kind in (ApacheKafka, Barnabas):
        broker = kind(settings)
        try:
            broker.start()
            started = True
        except BrokerFailed:
            started, broker.process = False, None  # It has ended by itself.
        finally:
            broker.close()
        assert started == starts, kind.name
