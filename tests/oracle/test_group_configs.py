"""Settings of single groups (resource type 32; Kafka: GroupConfig), and a broker without the consumer protocol."""

from classic import coordinator
from modern import MODERN, Consumer, describe
from test_configs import APPEND, DELETE, GROUP, SET, _change, _describe, _overrides

import pytest

from harness import scenario
from kafka import ApacheKafka, Barnabas, BrokerFailed

# All of Kafka's; those of share and streams groups have no effect in Barnabas, but are kept like the others.
GOOD = {
    "consumer.session.timeout.ms": "50000",
    "consumer.heartbeat.interval.ms": "6000",
    "consumer.assignment.interval.ms": "0",
    "share.session.timeout.ms": "50000",
    "share.heartbeat.interval.ms": "6000",
    "share.record.lock.duration.ms": "20000",
    "share.delivery.count.limit": "3",
    "share.partition.max.record.locks": "300",
    "share.auto.offset.reset": "by_duration:PT1H",
    "share.isolation.level": "read_committed",
    "share.renew.acknowledge.enable": "false",
    "share.assignment.interval.ms": "5",
    "streams.session.timeout.ms": "50000",
    "streams.heartbeat.interval.ms": "6000",
    "streams.num.standby.replicas": "1",
    "streams.initial.rebalance.delay.ms": "1",
    "streams.assignment.interval.ms": "5",
}
BAD = [
    ("nope", "1"),
    ("max.message.bytes", "1"),
    ("consumer.session.timeout.ms", "x"),
    ("consumer.session.timeout.ms", "0"),
    ("consumer.session.timeout.ms", "44999"),
    ("consumer.session.timeout.ms", "60001"),
    ("consumer.heartbeat.interval.ms", "4999"),
    ("consumer.heartbeat.interval.ms", "15001"),
    ("consumer.heartbeat.interval.ms", ""),
    ("consumer.assignment.interval.ms", "-1"),
    ("consumer.assignment.interval.ms", "15001"),
    ("share.auto.offset.reset", "sometimes"),
    ("share.auto.offset.reset", "by_duration:1h"),
    ("share.auto.offset.reset", "by_duration:-PT1H"),
    ("share.isolation.level", "READ_COMMITTED"),
    ("share.renew.acknowledge.enable", "yes"),
    ("share.delivery.count.limit", "11"),
    ("share.partition.max.record.locks", "99"),
    ("share.record.lock.duration.ms", "60001"),
    ("streams.num.standby.replicas", "3"),
    ("streams.session.timeout.ms", "1"),
]


@scenario()
def test_every_key(b):
    """All keys of a group: defaults, synonyms, types; with values of its own; taken away again."""
    for version in range(1, 5):
        _describe(b, "new", (GROUP, "keys", None), version=version, includeSynonyms=True)
    _describe(b, "texts", (GROUP, "keys", None), includeDocumentation=True)
    _describe(b, "chosen", (GROUP, "keys", ["share.auto.offset.reset", "nope", "max.message.bytes"]))
    name = {"name": "keys", "kind": GROUP}
    _change(b, "set all", *((key, SET, value) for key, value in GOOD.items()), **name)
    _overrides(b, "after set", GOOD, **name, sources=(8,))
    _change(b, "take away", *((key, DELETE, None) for key in GOOD if key.startswith("s")), **name)
    left = {key: value for key, value in GOOD.items() if key.startswith("c")}
    _overrides(b, "after delete", left, **name, sources=(8,))


@scenario()
def test_what_is_refused(b):
    """Values out of bounds, unknown names, lists that are none; nothing of a refused change takes effect."""
    name = {"name": "refused", "kind": GROUP}
    for key, value in BAD:
        _change(b, f"{key}={value}", (key, SET, value), **name)
    _change(b, "a key twice", ("consumer.session.timeout.ms", SET, "50000"), ("consumer.session.timeout.ms", DELETE, None), **name)
    _change(b, "null", ("consumer.session.timeout.ms", SET, None), **name)
    _change(b, "append", ("consumer.session.timeout.ms", APPEND, "5"), **name)
    _change(b, "append to a text", ("share.isolation.level", APPEND, "x"), **name)
    _change(b, "append to nothing known", ("nope", APPEND, "x"), **name)
    _change(b, "only looked at", ("consumer.session.timeout.ms", SET, "50000"), **name, validate=True)
    _change(b, "nothing", **name)
    _change(b, "no group", ("consumer.session.timeout.ms", SET, "50000"), kind=GROUP, name="")
    _overrides(b, "untouched", {}, **name, sources=(8,))


@scenario()
def test_replaced(b):
    """AlterConfigs gives a group exactly what it says."""
    for version in (0, 2):
        for label, configs in {
            "one": {"consumer.session.timeout.ms": "50000"},
            "another": {"share.isolation.level": "read_committed"},
            "a bad one": {"consumer.session.timeout.ms": "1"},
        }.items():
            entries = [{"name": n, "value": v} for n, v in configs.items()]
            resource = {"resourceType": GROUP, "resourceName": "replaced", "configs": entries}
            b.call("AlterConfigs", version, {"resources": [resource], "validateOnly": False}, label)
        own = {"share.isolation.level": "read_committed"}
        _overrides(b, "replaced", own, name="replaced", kind=GROUP, sources=(8,))


SHORT = {**MODERN, "group.consumer.max.heartbeat.interval.ms": "9000"}


@scenario(settings=SHORT)
def test_effect(b):
    """Members are told the group's interval, and lose their place after the group's session timeout."""
    b.create("effect", 2)
    one = Consumer(b, "effect", "one", subscribedTopicNames=["effect"])
    one.beat("joins")
    one.count(2)

    def interval(wanted):
        def told(answer):
            one._heard(answer)
            return answer["heartbeatIntervalMs"] == wanted

        b.until("ConsumerGroupHeartbeat", 1, lambda: one._body({}), told, f"is told {wanted}")

    own = {"name": "effect", "kind": GROUP}
    _change(b, "set", ("consumer.heartbeat.interval.ms", SET, "300"), **own)
    interval(300)
    _change(b, "a session", ("consumer.session.timeout.ms", SET, "500"), **own)
    _overrides(
        b,
        "has a session",
        {"consumer.session.timeout.ms": "500", "consumer.heartbeat.interval.ms": "300"},
        **own,
        sources=(8,),
    )
    one.beat("once more, its session is short now")

    def gone(answer):
        return answer["groups"][0]["groupState"] == "Empty"

    b.until("ConsumerGroupDescribe", 1, {"groupIds": ["effect"]}, gone, "its time is up", seconds=10)
    one.beat("comes too late")


ONLY_CLASSIC = {"group.coordinator.rebalance.protocols": "classic", "group.initial.rebalance.delay.ms": "0"}


@scenario(settings=ONLY_CLASSIC)
def test_without_the_protocol(b):
    """The APIs answer that they are not there."""
    coordinator(b)
    for version in (0, 1):
        body = {
            "groupId": "none",
            "memberId": "me",
            "memberEpoch": 0,
            "rebalanceTimeoutMs": 1000,
            "subscribedTopicNames": ["none"],
            "topicPartitions": [],
        }
        b.call("ConsumerGroupHeartbeat", version, body, "joins")
        describe(b, "none", "described", version)
        b.call("ConsumerGroupDescribe", version, {"groupIds": ["none", "", "other"]}, "several")


@scenario()
def test_tool(b):
    """kafka-configs and kafka-groups on groups."""
    def configs(*args, **more):
        return b.tool("kafka-configs", "--entity-type", "groups", *args, **more)

    entity = ("--entity-name", "tool-group")
    configs(*entity, "--alter", "--add-config", "consumer.session.timeout.ms=50000,share.isolation.level=read_committed")
    _overrides(
        b,
        "set by the tool",
        {"consumer.session.timeout.ms": "50000", "share.isolation.level": "read_committed"},
        name="tool-group",
        kind=GROUP,
        sources=(8,),
    )
    configs(*entity, "--describe")
    configs(*entity, "--describe", "--all", sort=True)
    configs(*entity, "--alter", "--add-config", "consumer.session.timeout.ms=5")
    configs(*entity, "--alter", "--delete-config", "share.isolation.level")
    configs(*entity, "--alter", "--delete-config", "nope")


@pytest.mark.parametrize("codec", ["-1", "4", "5", "99"])
def test_codec_of_the_offsets_topic(codec):
    """A broker starts with a codec that there is; -1 is none."""
    for kind in (ApacheKafka, Barnabas):
        broker = kind({"offsets.topic.compression.codec": codec})
        try:
            broker.start()
            said = None
        except BrokerFailed as why:
            said, broker.process = str(why), None  # It has ended by itself.
        finally:
            broker.close()
        refusal = f"Unknown compression type id: {codec}"
        assert said is None if codec == "4" else refusal in said, (kind.name, said)
