"""DescribeCluster, DescribeTopicPartitions, DescribeLogDirs, DescribeProducers, ElectLeaders,
ListPartitionReassignments, FindCoordinator (Kafka: KafkaApis, DescribeTopicPartitionsRequestHandler)."""

from harness import scenario
from profiles import STRICT
from records import batch


@scenario()
def test_describe_cluster(b):
    """Brokers, controllers (not here), unknown endpoint types, authorized operations."""
    for version in range(3):
        for operations in (False, True):
            b.call(
                "DescribeCluster",
                version,
                {"includeClusterAuthorizedOperations": operations},
                f"operations {operations}",
            )
        if version >= 1:
            for kind in (0, 1, 2, 3, -1):
                b.call("DescribeCluster", version, {"endpointType": kind}, f"endpoint type {kind}")
    b.call("DescribeCluster", 2, {"includeFencedBrokers": True}, "with fenced brokers")


def _partitions(b, label, names, limit=2000, cursor=None):
    body = {"topics": [{"name": n} for n in names], "responsePartitionLimit": limit, "cursor": cursor}
    return b.call("DescribeTopicPartitions", 0, body, label)


@scenario()
def test_describe_topic_partitions(b):
    """Sorted by name, paged by a cursor."""
    b.create("dtp-a", partitions=3)
    b.create("dtp-b", partitions=2)
    both = ["dtp-b", "dtp-a"]
    _partitions(b, "two", [*both, "dtp-nope"])
    for limit in (-1, 0, 1, 2, 3, 4, 5, 6):
        _partitions(b, f"limit {limit}", both, limit)
    for name, index in (
        ("dtp-a", 1),
        ("dtp-a", 2),
        ("dtp-b", 0),
        ("dtp-a", 9),
        ("dtp-aa", 0),
        ("dtp-c", 0),
        ("a", 0),
        ("dtp-a", -1),
        ("dtp-b", 1),
        ("", 0),
    ):
        _partitions(b, f"cursor {name} {index}", both, 2, {"topicName": name, "partitionIndex": index})
    _partitions(
        b,
        "cursor of an unknown topic",
        ["dtp-gone", "dtp-a"],
        3,
        {"topicName": "dtp-gone", "partitionIndex": 1},
    )
    _partitions(b, "twice", ["dtp-a", "dtp-a"])
    _partitions(b, "unknown takes no part of the limit", ["aaa", "dtp-a"], 1)
    for name in ("a b", "", "..", "x" * 250):
        _partitions(b, f"invalid name {name[:5]!r}", [name])
        _partitions(b, f"invalid name {name[:5]!r} beside a good one", [name, "dtp-a"])


@scenario()
def test_walk_through_pages(b):
    """Following the cursor gives every partition once."""
    for number in range(3):
        b.create(f"dtp-walk-{number}", partitions=4)
    cursor, seen = None, []
    for page in range(20):
        answer = _partitions(b, f"page {page}", [f"dtp-walk-{n}" for n in range(3)], 5, cursor)
        seen += [(t["name"], p["partitionIndex"]) for t in answer["topics"] for p in t["partitions"]]
        cursor = answer["nextCursor"]
        if cursor is None:
            break
    b.note("every partition once", "none", {"count": len(seen), "different": len(set(seen))})


@scenario(settings=STRICT)
def test_partition_limit_of_the_broker(b):
    """max.request.partition.size.limit bounds a page."""
    b.create("dtp-strict", partitions=8)
    _partitions(b, "the broker's limit", ["dtp-strict"])
    _partitions(b, "no names are all names", [])


@scenario()
def test_describe_log_dirs(b):
    """Chosen partitions, none, unknown ones; sizes are those of the log files."""
    b.create("dirs", partitions=2)
    b.produce("dirs", batch([b"x" * 1000]), "fill")
    for version in range(1, 6):
        for label, topics in {
            "chosen": [("dirs", [0, 1, 9]), ("dirs-nope", [0])],
            "one": [("dirs", [1])],
            "none": [],
            "no partitions": [("dirs", [])],
            "only unknown": [("dirs-nope", [0])],
        }.items():
            b.call(
                "DescribeLogDirs",
                version,
                {"topics": [{"topic": t, "partitions": p} for t, p in topics]},
                label,
            )
    answer = b.quiet("DescribeLogDirs", 4, {"topics": None})
    names = {t["name"] for t in answer["results"][0]["topics"]}
    b.note("all", "none", {"has the topic": "dirs" in names})


@scenario()
def test_describe_producers(b):
    """Only idempotent producers appear; unknown partitions and topics have codes and words."""
    b.create("producers", partitions=2)
    b.produce("producers", batch(), "plain")
    ids = sorted(b.producer_id() for _ in range(3))
    for number, producer in enumerate(ids):
        b.produce(
            "producers",
            batch([b"a"] * 3, producer_id=producer, producer_epoch=number, base_sequence=0),
            "fill",
        )
    for label, topics in {
        "both": [("producers", [0, 1])],
        "unknown": [("producers", [9]), ("producers-nope", [0])],
        "invalid": [("", [0]), ("a b", [0])],
        "none": [("producers", [])],
        "nothing": [],
    }.items():
        b.call(
            "DescribeProducers", 0, {"topics": [{"name": t, "partitionIndexes": p} for t, p in topics]}, label
        )


@scenario()
def test_elect_leaders(b):
    """One replica: never needed."""
    b.create("elect", partitions=2)
    for version in range(3):
        kinds = (0,) if version == 0 else (0, 1, 5, -1)
        for kind in kinds:
            for label, topics in {
                "chosen": [("elect", [0, 1])],
                "unknown": [("elect", [0, 9]), ("elect-nope", [0])],
                "none": [],
            }.items():
                body = {
                    "topicPartitions": [{"topic": t, "partitions": p} for t, p in topics],
                    "timeoutMs": 10000,
                }
                if version >= 1:
                    body["electionType"] = kind
                b.call("ElectLeaders", version, body, f"type {kind} {label}")


@scenario(settings=STRICT)
def test_elect_all_leaders(b):
    """Null means all."""
    b.create("elect-all", partitions=1)
    for version in range(3):
        b.call("ElectLeaders", version, {"topicPartitions": None, "timeoutMs": 10000}, "all")


@scenario()
def test_list_partition_reassignments(b):
    """None run on a single node."""
    b.create("reassign")
    for label, topics in {
        "all": None,
        "chosen": [("reassign", [0, 9]), ("reassign-nope", [0])],
        "none": [],
    }.items():
        entries = topics and [{"name": t, "partitionIndexes": p} for t, p in topics]
        b.call("ListPartitionReassignments", 0, {"topics": entries, "timeoutMs": 10000}, label)


@scenario()
def test_find_coordinator_errors(b):
    """Unknown key types and keys that are not share keys; the good answers come with groups."""
    for version in range(1, 4):
        b.call("FindCoordinator", version, {"key": "g", "keyType": 7}, "unknown type")
        b.call("FindCoordinator", version, {"key": "g", "keyType": -1}, "negative type")
    for version in range(4, 7):
        b.call("FindCoordinator", version, {"keyType": 9, "coordinatorKeys": ["g", "h"]}, "unknown type")
        b.call("FindCoordinator", version, {"keyType": 0, "coordinatorKeys": []}, "no keys")
        b.call("FindCoordinator", version, {"keyType": 2, "coordinatorKeys": ["g"]}, "not a share key")
