"""CreateTopics, DeleteTopics, CreatePartitions (keys 19, 20, 37; Kafka: ReplicationControlManager)."""

from harness import scenario
from profiles import STRICT
from schema import ZERO_ID

SOME_ID = "00000000-0000-0000-0000-00000000004d"


def _topic(name, partitions=1, replicas=1, **more):
    configs = [{"name": n, "value": v} for n, v in more.pop("configs", {}).items()]
    return {
        "name": name,
        "numPartitions": partitions,
        "replicationFactor": replicas,
        "configs": configs,
        **more,
    }


def _assigned(name, *assignments, partitions=-1, replicas=-1):
    entries = [{"partitionIndex": p, "brokerIds": brokers} for p, brokers in assignments]
    return _topic(name, partitions, replicas, assignments=entries)


def _create(b, label, *topics, version=7, validate=False):
    body = {"topics": list(topics), "timeoutMs": 10000, "validateOnly": validate}
    return b.call("CreateTopics", version, body, label)


@scenario()
def test_create_in_every_version(b):
    """A topic with configs, in every version; then Metadata and the configs say the same."""
    for version in range(2, 8):
        name = f"create-v{version}"
        configs = {"retention.ms": "5000", "cleanup.policy": "compact"}
        _create(b, "created", _topic(name, 2, configs=configs), version=version)
        b.settled(name, 2)
        b.call("Metadata", 12, {"topics": [{"name": name}]}, "its metadata")
    _create(b, "none")


@scenario()
def test_names(b):
    """Every name that is refused, and names at the edges of what is allowed."""
    for name in ("", ".", "..", "a b", "ü", "a/b", "a:b", "x" * 250, "__cluster_metadata"):
        _create(b, f"name {name[:20]!r}", _topic(name))
    for name in ("...", "-", "_", "create-" + "x" * 242, "create_Az.09-"):
        _create(b, f"name {name[:20]!r}", _topic(name))
    for name in ("a b", "", "x" * 250):
        _create(b, "invalid and everything else wrong too", _topic(name, 0, 9, configs={"nope": "1"}))


@scenario()
def test_collisions(b):
    """Names that differ only in dots and underscores collide; also within a request."""
    _create(b, "first", _topic("create.coll.x"))
    for name in ("create_coll_x", "create.coll_x", "create_coll.x"):
        _create(b, "collides", _topic(name))
    _create(b, "exists already", _topic("create.coll.x"))


@scenario()
def test_existing_and_twice(b):
    """A topic that exists, also with wrong counts; a name twice in a request."""
    b.create("create-there")
    _create(b, "exists", _topic("create-there"))
    _create(b, "exists, wrong counts", _topic("create-there", 0, 5))
    _create(b, "exists, bad config", _topic("create-there", configs={"nope": "1"}))
    _create(b, "exists, only validated", _topic("create-there"), validate=True)
    _create(b, "twice", _topic("create-twice"), _topic("create-twice"), _topic("create-once"))
    _create(b, "twice an existing one", _topic("create-there"), _topic("create-there"))
    b.call(
        "Metadata", 12, {"topics": [{"name": "create-twice"}], "allowAutoTopicCreation": False}, "not made"
    )


@scenario()
def test_counts(b):
    """Partition and replica counts."""
    for partitions, replicas in (
        (0, 1),
        (-2, 1),
        (1, 0),
        (1, -2),
        (1, 2),
        (1, 32767),
        (0, 0),
        (-1, 5),
        (-2147483648, 1),
    ):
        for version in (2, 7):
            _create(
                b,
                f"{partitions} x {replicas}",
                _topic("create-counts", partitions, replicas),
                version=version,
            )
    for version in (2, 4, 5, 7):
        _create(b, "broker defaults", _topic(f"create-default-{version}", -1, -1), version=version)
    _create(b, "too many partitions", _topic("create-many", 20000))


@scenario()
def test_assignments(b):
    """Manual assignments: what is refused, with which words; one that is fine."""
    name = "create-assigned"
    for label, topic in {
        "with a partition count": _assigned(name, (0, [1]), partitions=1),
        "with a replication factor": _assigned(name, (0, [1]), replicas=1),
        "with both": _assigned(name, (0, [1]), partitions=1, replicas=1),
        "does not begin at 0": _assigned(name, (1, [1])),
        "with a gap": _assigned(name, (0, [1]), (2, [1])),
        "negative index": _assigned(name, (-1, [1])),
        "a partition twice": _assigned(name, (0, [1]), (0, [1])),
        "a replica twice": _assigned(name, (0, [1, 1])),
        "unknown broker": _assigned(name, (0, [9])),
        "negative broker": _assigned(name, (0, [-1])),
        "no replicas": _assigned(name, (0, [])),
        "unequal lengths": _assigned(name, (0, [1]), (1, [1, 2])),
    }.items():
        _create(b, label, topic)
    _create(b, "fine, out of order", _assigned(name, (2, [1]), (0, [1]), (1, [1])))
    b.settled(name, 3)
    b.call("Metadata", 12, {"topics": [{"name": name}]}, "its metadata")


BAD_CONFIGS = [
    ("nope", "1"),
    ("", "1"),
    ("retention.ms", "x"),
    ("retention.ms", ""),
    ("retention.ms", "-2"),
    ("retention.ms", None),
    ("retention.ms", "9223372036854775808"),
    ("retention.ms", "1.5"),
    ("cleanup.policy", "x"),
    ("cleanup.policy", "compact,x"),
    ("cleanup.policy", "compact,compact"),
    ("compression.type", "x"),
    ("compression.type", "GZIP"),
    ("preallocate", "x"),
    ("preallocate", "TRUE"),
    ("min.insync.replicas", "0"),
    ("segment.bytes", "0"),
    ("segment.bytes", "100"),
    ("segment.ms", "0"),
    ("max.message.bytes", "-1"),
    ("message.timestamp.type", "x"),
    ("message.timestamp.type", "logappendtime"),
    ("min.cleanable.dirty.ratio", "1.1"),
    ("min.cleanable.dirty.ratio", "-0.1"),
    ("min.cleanable.dirty.ratio", "abc"),
    ("compression.gzip.level", "10"),
    ("compression.gzip.level", "0"),
    ("compression.lz4.level", "0"),
    ("compression.zstd.level", "100"),
    ("index.interval.bytes", "-1"),
    ("segment.index.bytes", "1"),
    ("flush.messages", "0"),
    ("flush.ms", "-1"),
    ("delete.retention.ms", "-1"),
    ("file.delete.delay.ms", "-1"),
    ("min.compaction.lag.ms", "-1"),
    ("max.compaction.lag.ms", "0"),
    ("message.timestamp.before.max.ms", "-1"),
    ("message.timestamp.after.max.ms", "-1"),
    ("leader.replication.throttled.replicas", "x"),
    ("leader.replication.throttled.replicas", "0:1,x"),
    ("unclean.leader.election.enable", "yes"),
    ("retention.bytes", "x"),
    ("segment.jitter.ms", "-1"),
    ("remote.storage.enable", "true"),
    ("local.retention.ms", "-3"),
    ("local.retention.bytes", "-3"),
    ("message.format.version", "3.0"),
    ("message.downconversion.enable", "true"),
    ("retention.ms ", "5"),
]


@scenario()
def test_bad_configs(b):
    """Every way in which a config can be wrong, with Kafka's words for it."""
    for name, value in BAD_CONFIGS:
        _create(b, f"{name}={value}", _topic("create-bad-config", configs={name: value}), validate=True)
    for configs in (
        {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"},
        {"retention.ms": "10", "local.retention.ms": "20"},
        {"retention.bytes": "10", "local.retention.bytes": "20"},
        {"nope": "1", "retention.ms": "5"},
    ):
        _create(b, f"{configs}", _topic("create-bad-config", configs=configs), validate=True)


@scenario()
def test_good_configs(b):
    """Values at the edges that are fine, and how they come back."""
    for configs in (
        {"retention.ms": "-1"},
        {"retention.bytes": "-1"},
        {"cleanup.policy": ""},
        {"cleanup.policy": "delete,compact"},
        {"cleanup.policy": " compact , delete "},
        {"compression.type": "uncompressed"},
        {"max.message.bytes": "0"},
        {"min.cleanable.dirty.ratio": "1"},
        {"min.insync.replicas": "5"},
        {"segment.bytes": "1048576"},
        {"leader.replication.throttled.replicas": "*"},
        {"follower.replication.throttled.replicas": "0:1,1:1"},
        {"compression.gzip.level": "9"},
        {"compression.gzip.level": "-1"},
        {"retention.ms": " 77 "},
        {"preallocate": "true"},
        {"unclean.leader.election.enable": "true"},
        {"flush.messages": "1"},
    ):
        _create(b, f"{configs}", _topic("create-good-config", configs=configs), validate=True)
    twice = _topic("create-config-twice")
    twice["configs"] = [{"name": "retention.ms", "value": "1"}, {"name": "retention.ms", "value": "2"}]
    _create(b, "a config twice", twice, validate=True)


@scenario()
def test_validate_only(b):
    """The same answer, and nothing is made."""
    for version in (2, 4, 5, 6, 7):
        _create(b, "validated", _topic("create-validate", 2), version=version, validate=True)
    asked = {"topics": [{"name": "create-validate"}], "allowAutoTopicCreation": False}
    b.call("Metadata", 12, asked, "not there")


@scenario()
def test_several(b):
    """Good and bad topics in one request do not hinder one another."""
    _create(
        b,
        "mixed",
        _topic("create-several-1"),
        _topic("a b"),
        _topic("create-several-2", 0),
        _topic("create-several-3", configs={"nope": "1"}),
        _topic("create-several-4"),
    )
    b.settled("create-several-4", 1)


@scenario(settings=STRICT)
def test_broker_defaults(b):
    """num.partitions and the broker's values for topic configs, with their sources in the answer."""
    _create(b, "defaults", _topic("create-strict", -1, -1))
    b.settled("create-strict", 3)
    b.call("Metadata", 12, {"topics": [{"name": "create-strict"}]}, "its metadata")
    _create(b, "one set", _topic("create-strict-2", -1, -1, configs={"compression.type": "gzip"}))


# -- DeleteTopics


def _delete(b, label, *topics, version=6):
    if version <= 5:
        body = {"topicNames": list(topics), "timeoutMs": 10000}
    else:
        body = {"topics": [t if isinstance(t, dict) else {"name": t} for t in topics], "timeoutMs": 10000}
    return b.call("DeleteTopics", version, body, label)


@scenario()
def test_delete(b):
    """By name in every version, by id in v6; gone is gone; the name can be used again with a new id."""
    for version in range(1, 7):
        b.create(f"delete-v{version}")
        _delete(b, "deleted", f"delete-v{version}", version=version)
        b.until(
            "Metadata",
            12,
            {"topics": [{"name": f"delete-v{version}"}], "allowAutoTopicCreation": False},
            lambda a: a["topics"][0]["errorCode"] == 3,
            "gone",
        )
        _delete(b, "again", f"delete-v{version}", version=version)
    first = b.create("delete-again")
    _delete(b, "by id", {"name": None, "topicId": first})
    b.until(
        "Metadata",
        12,
        {"topics": [{"name": "delete-again"}], "allowAutoTopicCreation": False},
        lambda a: a["topics"][0]["errorCode"] == 3,
        "gone",
    )
    b.create("delete-again", partitions=2)
    _delete(b, "the old id", {"name": None, "topicId": first})
    b.call(
        "Metadata",
        12,
        {"topics": [{"topicId": first, "name": None}], "allowAutoTopicCreation": False},
        "old id",
    )


@scenario()
def test_delete_errors(b):
    """Names and ids that are wrong, missing, unknown or given twice."""
    known = b.create("delete-errors")
    for version in (1, 3, 5):
        _delete(b, "unknown", "delete-nope", version=version)
        _delete(b, "invalid names", "a b", "", "x" * 250, version=version)
        _delete(b, "twice", "delete-errors", "delete-errors", version=version)
        _delete(b, "none", version=version)
    _delete(b, "name and id", {"name": "delete-errors", "topicId": known})
    _delete(b, "neither", {"name": None, "topicId": ZERO_ID})
    _delete(b, "unknown id", {"name": None, "topicId": SOME_ID})
    _delete(b, "unknown name", "delete-nope")
    _delete(b, "its name and its id", "delete-errors", {"name": None, "topicId": known})
    _delete(b, "an id twice", {"name": None, "topicId": known}, {"name": None, "topicId": known})
    _delete(b, "an unknown name twice", "delete-nope", "delete-nope")
    _delete(b, "cluster metadata", "__cluster_metadata")
    _delete(b, "none")
    b.call("Metadata", 12, {"topics": [{"name": "delete-errors"}]}, "still there")


@scenario(settings=STRICT)
def test_delete_switched_off(b):
    """delete.topic.enable=false."""
    known = b.create("delete-off", partitions=1)
    for version in range(1, 7):
        _delete(b, "refused", "delete-off", "delete-off-nope", version=version)
    _delete(b, "by id", {"name": None, "topicId": known})


# -- CreatePartitions


def _grow(b, label, *topics, version=3, validate=False):
    body = {
        "topics": [{"name": n, "count": c, "assignments": a} for n, c, a in topics],
        "timeoutMs": 10000,
        "validateOnly": validate,
    }
    return b.call("CreatePartitions", version, body, label)


@scenario()
def test_create_partitions(b):
    """More partitions in every version, with and without assignments; the new ones work."""
    b.create("grow", partitions=1)
    for version in range(4):
        _grow(b, "one more", ("grow", version + 2, None), version=version)
        b.settled("grow", version + 2)
    _grow(b, "assigned", ("grow", 7, [{"brokerIds": [1]}, {"brokerIds": [1]}]))
    b.settled("grow", 7)
    b.call("Metadata", 12, {"topics": [{"name": "grow"}]}, "its metadata")
    _grow(b, "validated", ("grow", 9, None), validate=True)
    b.call("Metadata", 12, {"topics": [{"name": "grow"}]}, "not grown")


@scenario()
def test_create_partitions_errors(b):
    """Counts and assignments that are refused."""
    b.create("grow-bad", partitions=2)
    for count in (2, 1, 0, -1):
        _grow(b, f"count {count}", ("grow-bad", count, None))
        _grow(b, f"count {count} assigned", ("grow-bad", count, [{"brokerIds": [1]}]))
    for label, count, brokers in (
        ("too few assignments", 4, [[1]]),
        ("too many assignments", 3, [[1], [1]]),
        ("no assignments", 3, []),
        ("unknown broker", 3, [[9]]),
        ("a broker twice", 3, [[1, 1]]),
        ("no replicas", 3, [[]]),
        ("other factor", 4, [[1], [1, 2]]),
    ):
        _grow(b, label, ("grow-bad", count, [{"brokerIds": ids} for ids in brokers]))
    _grow(b, "unknown", ("grow-nope", 3, None))
    _grow(b, "invalid names", ("", 3, None), ("a b", 3, None))
    _grow(b, "twice", ("grow-bad", 4, None), ("grow-bad", 5, None))
    _grow(b, "one good", ("grow-bad", 3, None), ("grow-nope", 4, None))
    _grow(b, "none")
