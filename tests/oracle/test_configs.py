"""DescribeConfigs, IncrementalAlterConfigs, AlterConfigs (keys 32, 44, 33; Kafka: ConfigHelper,
ConfigurationControlManager)."""

from harness import scenario
from profiles import STRICT
from records import batch
from test_topics import BAD_CONFIGS

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)


def _describe(b, label, *resources, version=4, **flags):
    entries = [{"resourceType": t, "resourceName": n, "configurationKeys": k} for t, n, k in resources]
    return b.call("DescribeConfigs", version, {"resources": entries, **flags}, label)


@scenario()
def test_every_topic_key(b):
    """All keys of a topic in every version, with synonyms and documentation and without."""
    b.create(
        "config-all", retention_ms=5000, cleanup_policy="compact", compression_type="zstd", flush_messages=7
    )
    for version in range(1, 5):
        for synonyms in (False, True):
            for texts in (False, True) if version >= 3 else (False,):
                flags = {"includeSynonyms": synonyms}
                if version >= 3:
                    flags["includeDocumentation"] = texts
                _describe(b, "topic", (TOPIC, "config-all", None), version=version, **flags)


@scenario()
def test_every_broker_key(b):
    """All keys of the broker: names, values, types, sources, synonyms, flags."""
    _describe(b, "broker", (BROKER, "1", None), includeSynonyms=True, includeDocumentation=True)
    _describe(b, "broker", (BROKER, "1", None), version=1)


@scenario(settings=STRICT)
def test_static_values(b):
    """Values from the static configuration: sources and synonyms of broker and topic keys."""
    b.create("config-static", partitions=1, retention_ms=5)
    _describe(b, "broker", (BROKER, "1", None), includeSynonyms=True)
    _describe(b, "topic", (TOPIC, "config-static", None), includeSynonyms=True)


@scenario()
def test_chosen_keys(b):
    """Null or empty keys mean all; unknown keys are left out; a key twice is answered once or twice."""
    b.create("config-keys")
    for keys in (
        ["retention.ms"],
        ["retention.ms", "nope"],
        ["nope"],
        ["retention.ms", "retention.ms"],
        [],
        None,
        ["log.retention.ms"],
        [""],
    ):
        _describe(b, f"keys {keys}", (TOPIC, "config-keys", keys))
    for keys in (["node.id", "num.partitions"], ["retention.ms"], ["ssl.keystore.password"], ["nope"]):
        _describe(b, f"broker keys {keys}", (BROKER, "1", keys))


@scenario()
def test_resources(b):
    """Every kind of resource that exists, does not exist, or cannot exist."""
    b.create("config-res")
    for version in (1, 4):
        for kind, name in (
            (TOPIC, "config-nope"),
            (TOPIC, "a b"),
            (TOPIC, ""),
            (TOPIC, "x" * 250),
            (BROKER, "9"),
            (BROKER, "x"),
            (BROKER, "-1"),
            (0, "x"),
            (1, "x"),
            (3, "x"),
            (99, "x"),
            (-1, "x"),
            (LOGGER, "7"),
            (LOGGER, ""),
            (LOGGER, "x"),
            (METRICS, ""),
            (GROUP, ""),
        ):
            _describe(b, f"type {kind} name {name[:10]!r}", (kind, name, ["retention.ms"]), version=version)
    _describe(b, "cluster default", (BROKER, "", None))
    _describe(b, "twice", (TOPIC, "config-res", ["retention.ms"]), (TOPIC, "config-res", ["segment.ms"]))
    _describe(
        b,
        "mixed",
        (TOPIC, "config-nope", None),
        (TOPIC, "config-res", ["segment.ms"]),
        (BROKER, "1", ["node.id"]),
    )
    _describe(b, "nothing")


def _change(b, label, *configs, kind=TOPIC, name="config-change", version=1, validate=False):
    resource = {
        "resourceType": kind,
        "resourceName": name,
        "configs": [{"name": n, "configOperation": o, "value": v} for n, o, v in configs],
    }
    return b.call(
        "IncrementalAlterConfigs", version, {"resources": [resource], "validateOnly": validate}, label
    )


def _overrides(b, label, expected, name="config-change", kind=TOPIC, sources=(1,)):
    """Waits until the overrides are what they should be, then writes the whole answer down."""

    def settled(answer):
        found = {
            c["name"]: c["value"] for c in answer["results"][0]["configs"] if c["configSource"] in sources
        }
        return found == expected

    b.until(
        "DescribeConfigs",
        4,
        {
            "resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": None}],
            "includeSynonyms": True,
        },
        settled,
        label,
        seconds=10,
    )


@scenario()
def test_operations(b):
    """SET, DELETE, APPEND, SUBTRACT, and what they leave."""
    b.create("config-change")
    _change(b, "set", ("retention.ms", SET, "100"))
    _overrides(b, "after set", {"retention.ms": "100"})
    _change(b, "set again", ("retention.ms", SET, "200"), ("segment.ms", SET, "7"))
    _overrides(b, "after set again", {"retention.ms": "200", "segment.ms": "7"})
    _change(b, "delete", ("segment.ms", DELETE, None))
    _change(b, "delete unset", ("segment.bytes", DELETE, None))
    _change(b, "delete with a value", ("segment.bytes", DELETE, "5"))
    _change(b, "delete unknown", ("nope", DELETE, None))
    _overrides(b, "after delete", {"retention.ms": "200"})
    _change(b, "append", ("cleanup.policy", APPEND, "compact"))
    _overrides(b, "after append", {"retention.ms": "200", "cleanup.policy": "delete,compact"})
    _change(b, "append present", ("cleanup.policy", APPEND, "compact"))
    _change(b, "append two", ("cleanup.policy", APPEND, "compact,delete"))
    _change(b, "subtract", ("cleanup.policy", SUBTRACT, "delete"))
    _overrides(b, "after subtract", {"retention.ms": "200", "cleanup.policy": "compact"})
    _change(b, "subtract absent", ("cleanup.policy", SUBTRACT, "delete"))
    _change(b, "subtract last", ("cleanup.policy", SUBTRACT, "compact"))
    _overrides(b, "after subtract last", {"retention.ms": "200", "cleanup.policy": ""})
    _change(
        b, "set with spaces", ("cleanup.policy", SET, " delete , compact "), ("retention.ms", SET, " 77 ")
    )
    _overrides(b, "after spaces", {"retention.ms": "77", "cleanup.policy": "delete,compact"})
    _change(b, "all gone", ("cleanup.policy", DELETE, None), ("retention.ms", DELETE, None))
    _overrides(b, "after all", {})


@scenario()
def test_bad_operations(b):
    """What is refused; nothing of a refused resource takes effect."""
    b.create("config-change-bad")
    for version in (0, 1):
        for label, configs in {
            "unknown key": [("nope", SET, "1")],
            "null": [("retention.ms", SET, None)],
            "append null": [("cleanup.policy", APPEND, None)],
            "subtract null": [("cleanup.policy", SUBTRACT, None)],
            "append to a number": [("retention.ms", APPEND, "5")],
            "subtract from a number": [("retention.ms", SUBTRACT, "5")],
            "append unknown": [("nope", APPEND, "5")],
            "append a bad item": [("cleanup.policy", APPEND, "zzz")],
            "a key twice": [("retention.ms", SET, "5"), ("retention.ms", DELETE, None)],
            "one good one bad": [("segment.ms", SET, "7777"), ("retention.ms", SET, "x")],
            "crossing": [("min.compaction.lag.ms", SET, "10"), ("max.compaction.lag.ms", SET, "5")],
            "nothing": [],
        }.items():
            _change(b, label, *configs, name="config-change-bad", version=version)
    for key, value in BAD_CONFIGS:
        _change(b, f"{key}={value}", (key, SET, value), name="config-change-bad", validate=True)
    _change(b, "validated", ("segment.ms", SET, "7777"), name="config-change-bad", validate=True)
    _change(
        b, "operation 9", ("retention.ms", 9, "5"), name="config-change-bad"
    )  # Kafka's controller resigns
    _overrides(b, "untouched", {}, name="config-change-bad")


@scenario()
def test_bad_resources(b):
    """Resources that cannot be changed; several in one request."""
    b.create("config-change-res")
    for kind, name in (
        (TOPIC, "config-nope"),
        (TOPIC, ""),
        (TOPIC, "a b"),
        (0, "x"),
        (3, "x"),
        (99, "x"),
        (BROKER, "9"),
        (BROKER, "x"),
        (LOGGER, "3"),
        (LOGGER, ""),
        (LOGGER, "x"),
    ):
        _change(b, f"type {kind} name {name!r}", ("retention.ms", SET, "5"), kind=kind, name=name)
        b.call(
            "AlterConfigs",
            2,
            {
                "resources": [
                    {
                        "resourceType": kind,
                        "resourceName": name,
                        "configs": [{"name": "retention.ms", "value": "5"}],
                    }
                ]
            },
            f"legacy type {kind} name {name!r}",
        )
    good = {
        "resourceType": TOPIC,
        "resourceName": "config-change-res",
        "configs": [{"name": "retention.ms", "configOperation": 0, "value": "9"}],
    }
    b.call("IncrementalAlterConfigs", 1, {"resources": [good, good]}, "twice")
    b.call(
        "IncrementalAlterConfigs",
        1,
        {"resources": [{**good, "resourceName": "config-nope"}, good]},
        "one unknown",
    )
    b.call("IncrementalAlterConfigs", 1, {"resources": []}, "nothing")
    _overrides(b, "the good one", {"retention.ms": "9"}, name="config-change-res")


@scenario()
def test_legacy_alter(b):
    """AlterConfigs replaces the whole set."""
    b.create("config-legacy", retention_ms=100, segment_ms=200)

    def alter(label, *configs, version=2, validate=False):
        b.call(
            "AlterConfigs",
            version,
            {
                "resources": [
                    {
                        "resourceType": TOPIC,
                        "resourceName": "config-legacy",
                        "configs": [{"name": n, "value": v} for n, v in configs],
                    }
                ],
                "validateOnly": validate,
            },
            label,
        )

    for version in range(3):
        alter("replaced", ("segment.ms", f"{version + 5}"), version=version)
        _overrides(b, "after", {"segment.ms": f"{version + 5}"}, name="config-legacy")
    for label, configs in {
        "unknown key": [("nope", "1")],
        "null": [("segment.ms", None)],
        "a key twice": [("segment.ms", "1"), ("segment.ms", "2")],
        "bad value": [("retention.ms", "x")],
        "one good one bad": [("segment.ms", "1"), ("retention.ms", "x")],
    }.items():
        alter(label, *configs)
    alter("validated", ("retention.ms", "1"), validate=True)
    _overrides(b, "untouched", {"segment.ms": "7"}, name="config-legacy")
    alter("emptied")
    _overrides(b, "after emptying", {}, name="config-legacy")


@scenario()
def test_broker_configs(b):
    """Dynamic broker configs: of the node, of the cluster; what cannot be changed; who wins."""

    def node(label, *configs, **more):
        _change(b, label, *configs, kind=BROKER, name="1", **more)

    def cluster(label, *configs, **more):
        _change(b, label, *configs, kind=BROKER, name="", **more)

    for change, at in ((node, "node"), (cluster, "cluster")):
        for key, value in (
            ("node.id", "5"),
            ("log.dirs", "/x"),
            ("nope.key", "5"),
            ("log.retention.ms", "x"),
            ("log.retention.ms", "-2"),
            ("num.io.threads", "0"),
            ("auto.create.topics.enable", "false"),
            ("log.cleanup.policy", "x"),
        ):
            change(f"{at} {key}={value}", (key, SET, value), validate=True)
        change(f"{at} append", ("log.cleanup.policy", APPEND, "compact"), validate=True)
        change(f"{at} null", ("log.retention.ms", SET, None))
        change(f"{at} append", ("log.retention.ms", APPEND, "1"))
    cluster("cluster listeners", ("listeners", SET, "PLAINTEXT://:1"), validate=True)
    b.create("config-inherits")
    inherited = {
        "resources": [
            {
                "resourceType": TOPIC,
                "resourceName": "config-inherits",
                "configurationKeys": ["retention.ms", "segment.bytes", "max.message.bytes"],
            }
        ],
        "includeSynonyms": True,
    }
    cluster("cluster set", ("log.retention.ms", SET, "5000000"), ("message.max.bytes", SET, "5000"))
    b.until(
        "DescribeConfigs",
        4,
        inherited,
        lambda a: {"5000", "5000000"} <= {c["value"] for c in a["results"][0]["configs"]},
        "topic inherits from the cluster",
    )
    node("node set", ("log.retention.ms", SET, "6000000"), ("log.segment.bytes", SET, "5000000"))
    b.until(
        "DescribeConfigs",
        4,
        inherited,
        lambda a: {"6000000", "5000000"} <= {c["value"] for c in a["results"][0]["configs"]},
        "topic inherits from the node",
    )
    keys = ["log.retention.ms", "log.segment.bytes", "message.max.bytes", "log.retention.hours"]
    _describe(b, "node", (BROKER, "1", keys), includeSynonyms=True)
    _describe(b, "cluster", (BROKER, "", None), includeSynonyms=True)
    b.produce("config-inherits", batch([b"x" * 6000]), "above the cluster's limit")
    cluster("cluster reset", ("log.retention.ms", DELETE, None), ("message.max.bytes", DELETE, None))
    node("node reset", ("log.retention.ms", DELETE, None), ("log.segment.bytes", DELETE, None))
    defaults = {"retention.ms": "604800000", "segment.bytes": "1073741824", "max.message.bytes": "1048588"}
    b.until(
        "DescribeConfigs",
        4,
        inherited,
        lambda a: (
            defaults == {c["name"]: c["value"] for c in a["results"][0]["configs"] if c["configSource"] == 5}
        ),
        "the defaults again",
    )


@scenario()
def test_changes_take_effect(b):
    """max.message.bytes and cleanup.policy hold for the next produce."""
    b.create("config-effect")
    b.produce("config-effect", batch([b"x" * 500]), "large is fine")
    _change(b, "smaller", ("max.message.bytes", SET, "100"), name="config-effect")
    _overrides(b, "smaller now", {"max.message.bytes": "100"}, name="config-effect")
    b.produce("config-effect", batch([b"x" * 500]), "large is refused")
    _change(
        b,
        "compacted",
        ("cleanup.policy", SET, "compact"),
        ("max.message.bytes", DELETE, None),
        name="config-effect",
    )
    _overrides(b, "compacted now", {"cleanup.policy": "compact"}, name="config-effect")
    b.produce("config-effect", batch([b"no key"]), "no key is refused")


@scenario(alone=True)
def test_pinned_minimum(b):
    """min.insync.replicas while eligible leader replicas are on: one for the cluster, and always one."""
    b.create("pinned")

    def incremental(label, kind, name, operation, value, key="min.insync.replicas"):
        config = {"name": key, "configOperation": operation, "value": value}
        resource = {"resourceType": kind, "resourceName": name, "configs": [config]}
        b.call("IncrementalAlterConfigs", 1, {"resources": [resource]}, label)

    def legacy(label, kind, name, *configs):
        entries = [{"name": key, "value": value} for key, value in configs]
        resource = {"resourceType": kind, "resourceName": name, "configs": entries}
        b.call("AlterConfigs", 2, {"resources": [resource]}, label)

    def shown(label, value, of_topic=None):
        key = ["min.insync.replicas"]
        resources = [
            {"resourceType": kind, "resourceName": name, "configurationKeys": key}
            for kind, name in ((2, "pinned"), (4, "1"), (4, ""))
        ]

        def holds(answer):
            topic, node, _ = (row["configs"][0]["value"] for row in answer["results"])
            return (topic, node) == (of_topic or value, value)

        # Kafka's broker learns of it a moment later, and of the two not at once.
        b.until("DescribeConfigs", 4, {"resources": resources, "includeSynonyms": True}, holds, label)

    shown("at first", "1")
    incremental("cluster, removed", 4, "", 1, None)
    incremental("node, set", 4, "1", 0, "1")
    incremental("node, removed", 4, "1", 1, None)
    incremental("another key of the cluster", 4, "", 0, "77777", "log.retention.ms")
    legacy("cluster, replaced without it", 4, "", ("log.retention.ms", "88888"))
    shown("replaced without it", "1")
    incremental("cluster, set", 4, "", 0, "2")
    shown("cluster, set", "2")
    incremental("topic, set", 2, "pinned", 0, "1")
    shown("topic, set", "2", of_topic="1")
    incremental("topic, removed", 2, "pinned", 1, None)
    legacy("cluster, replaced with it", 4, "", ("min.insync.replicas", "1"))
    shown("at last", "1")
