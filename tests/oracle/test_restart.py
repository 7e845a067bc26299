"""What survives a clean stop and a crash: topics, ids, configs, records, offsets, producer state.

These scenarios have a pair of brokers of their own, because they stop them. Kafka raises the leader
epoch twice at each start (fenced, then elected again); a broker need only never go back.
"""

from compare import IGNORED, Allowed
from harness import scenario
from records import BASE_TIMESTAMP, CODECS, batch
from test_fetch import filled, request, wanted
from test_offsets import EARLIEST, LATEST, MAXIMUM, _list

# A crashed Kafka waits for its own old session to expire before it leads again.
QUICK = {"broker.session.timeout.ms": "1500", "broker.heartbeat.interval.ms": "300"}
EPOCHS = [
    Allowed(api, path, IGNORED, "each broker counts its starts in its own way", step="after*")
    for api, path in (
        ("Metadata", "*leaderEpoch"),
        ("ListOffsets", "*leaderEpoch"),
        ("Fetch", "*partitionLeaderEpoch"),
        ("OffsetForLeaderEpoch", "*endOffset"),
    )
]


def _send(b, producer, sequence, label, values=(b"v",)):
    data = batch(list(values), producer_id=producer, producer_epoch=0, base_sequence=sequence)
    b.produce("keep", data, label)


# Of the five batches that a producer may repeat Kafka remembers only the last over a restart (its
# snapshot holds one). A broker may remember more, so that only the last is repeated here.


def _everything(b, label, known):
    b.call(
        "Metadata",
        12,
        {"topics": [{"name": n} for n in ("keep", "keep-2", "keep-gone")], "allowAutoTopicCreation": False},
        f"{label} metadata",
    )
    b.call(
        "Metadata",
        12,
        {"topics": [{"topicId": known, "name": None}], "allowAutoTopicCreation": False},
        f"{label} metadata by id",
    )
    b.call(
        "DescribeConfigs",
        4,
        {
            "resources": [
                {
                    "resourceType": 2,
                    "resourceName": "keep-2",
                    "configurationKeys": ["retention.ms", "cleanup.policy", "segment.ms"],
                }
            ]
        },
        f"{label} configs",
    )
    for partition in (0, 1):
        b.call(
            "Fetch",
            12,
            request("keep", wanted(partition, 2 - 2 * partition)),
            f"{label} records of {partition}",
        )
    _list(b, label, "keep", LATEST, EARLIEST, MAXIMUM, 0)
    b.call(
        "DescribeProducers", 0, {"topics": [{"name": "keep", "partitionIndexes": [0]}]}, f"{label} producers"
    )
    b.call(
        "OffsetForLeaderEpoch",
        4,
        {
            "replicaId": -1,
            "topics": [
                {
                    "topic": "keep",
                    "partitions": [{"partition": 0, "currentLeaderEpoch": -1, "leaderEpoch": 0}],
                }
            ],
        },
        f"{label} epoch 0",
    )


def _fill(b):
    known = filled(b, "keep", 2)
    b.create("keep-2", 1, retention_ms=5000)
    b.create("keep-gone")
    for codec in CODECS.values():
        b.produce("keep", batch([b"a", b"b"], codec), "fill")
    b.produce("keep", batch([b"youngest"], base_timestamp=BASE_TIMESTAMP + 5000), "fill")
    b.call("DeleteTopics", 6, {"topics": [{"name": "keep-gone"}], "timeoutMs": 10000}, "deleted")
    b.until(
        "Metadata",
        12,
        {"topics": [{"name": "keep-gone"}], "allowAutoTopicCreation": False},
        lambda a: a["topics"][0]["errorCode"] == 3,
        "gone",
    )
    b.call(
        "IncrementalAlterConfigs",
        1,
        {
            "resources": [
                {
                    "resourceType": 2,
                    "resourceName": "keep-2",
                    "configs": [{"name": "segment.ms", "configOperation": 0, "value": "777"}],
                }
            ]
        },
        "changed",
    )
    return known


def _truncate(b):
    b.call(
        "DeleteRecords",
        2,
        {
            "topics": [{"name": "keep", "partitions": [{"partitionIndex": 0, "offset": 2}]}],
            "timeoutMs": 10000,
        },
        "truncated",
    )


def _back(b):
    b.settled("keep", 2)
    b.settled("keep-2", 1)


@scenario(settings=QUICK, alone=True, allowed=EPOCHS)
def test_restart(b):
    """A clean stop and start."""
    known = _fill(b)
    _truncate(b)
    one = b.producer_id()
    for sequence in range(3):
        _send(b, one, sequence, "before")
    b.restart()
    _back(b)
    _everything(b, "after", known)
    _send(b, one, 2, "a duplicate over the restart")
    _send(b, one, 5, "a gap over the restart")
    _send(b, one, 3, "goes on")
    two = b.producer_id()
    b.note("a new producer id", "none", {"is new": two != one})
    b.produce("keep", batch([b"after"]), "after", partition=1)
    b.restart()
    _back(b)
    _everything(b, "after the second", known)


@scenario(settings=QUICK, alone=True, allowed=EPOCHS)
def test_crash(b):
    """SIGKILL: what was acked is there; producers go on. (Kafka may forget a moved log start here: it
    is written down once a minute.)"""
    known = _fill(b)
    one = b.producer_id()
    for sequence in range(3):
        _send(b, one, sequence, "before")
    b.crash()
    _back(b)
    _everything(b, "after", known)
    _send(b, one, 2, "a duplicate over the crash")
    _send(b, one, 5, "a gap over the crash")
    _send(b, one, 3, "goes on")
    two = b.producer_id()
    b.note("a new producer id", "none", {"is new": two != one})
