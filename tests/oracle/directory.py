"""One data directory that Apache Kafka and Barnabas take turns with, and what a broker shows of it.

    turns = Turns(tmp_path)
    with turns.of(ApacheKafka) as b:
        b.create("t")
    with turns.of(Barnabas) as b:
        assert picture(b) == ...

Each turn is a whole life of a broker: start, work, clean stop (or `crash=True`).
"""

from contextlib import contextmanager

import records
from harness import Session
from kafka import ApacheKafka, Barnabas
from tools import runner

EARLIEST, LATEST, MAXIMUM = -2, -1, -3
# A broker that was killed is alive for the next controller until its session has expired.
QUICK = {"broker.session.timeout.ms": "1500", "broker.heartbeat.interval.ms": "300"}


class Turns:
    """The folder, and whose turn it is."""

    def __init__(self, folder, settings=None):
        self.folder = folder
        self.settings = {**QUICK, **(settings or {})}

    @property
    def data(self):
        """The data directory."""
        return self.folder / "data"

    @contextmanager
    def of(self, kind, crash=False, settings=None):
        """A session with a broker of this kind on the directory, for one turn."""
        settings = {**self.settings, **(settings or {})}
        if kind is Barnabas:
            settings.pop("controller.quorum.voters", None)  # meant for Kafka alone, see kafka.py
        broker = kind(settings, self.folder)
        broker.start()
        session = Session(broker)
        try:
            yield session
        except BaseException:
            session.close()
            broker.kill()
            raise
        session.close()
        if crash:
            broker.kill()
        else:
            broker.stop()

    def dump(self, *paths, options=()):
        """What kafka-dump-log says of files; it must not complain."""
        files = ",".join(str(path) for path in paths)
        said = runner("kafka").run("org.apache.kafka.tools.DumpLogSegments", [*options, "--files", files])
        assert said["code"] == 0 and not said["stderr"], said
        for complaint in ("Found invalid", "Mismatches", "isvalid: false", "Could not", "Exception"):
            assert complaint not in said["stdout"], said["stdout"]
        return said["stdout"]

    def metadata(self, options=("--cluster-metadata-decoder",)):
        """What kafka-dump-log says of the metadata log and its snapshots."""
        folder = self.data / "__cluster_metadata-0"
        files = sorted([*folder.glob("*.log"), *folder.glob("*.checkpoint")])
        return self.dump(*files, options=options)


def picture(b, groups=()):
    """Topics with their ids, configs, every batch, offsets, producers; offsets of groups. Leader epochs
    are left out: each broker counts its starts in its own way."""
    topics = b.quiet("Metadata", 12, {"topics": None})["topics"]
    shown = {}
    for topic in sorted(topics, key=lambda topic: topic["name"]):
        name, count = topic["name"], len(topic["partitions"])
        b.settled(name, count)
        assert topic["errorCode"] == 0, topic
        shown[name] = {
            "id": topic["topicId"],
            "internal": topic["isInternal"],
            "configs": _configs(b, name),
            "partitions": [_partition(b, name, index) for index in range(count)],
        }
    for group in groups:
        shown[f"group {group}"] = committed(b, group)
    return shown


def same(shown, before):
    """Fails with the paths of what is not the same."""
    different = list(_differences(shown, before, ""))
    assert not different, "\n".join(different[:20])


def _differences(left, right, path):
    if type(left) is type(right) is dict:
        for key in sorted({*left, *right}, key=str):
            yield from _differences(left.get(key), right.get(key), f"{path}.{key}")
    elif type(left) is type(right) is list and len(left) == len(right):
        for index, pair in enumerate(zip(left, right)):
            yield from _differences(*pair, f"{path}[{index}]")
    elif left != right:
        yield f"{path}: {str(left)[:200]}, was {str(right)[:200]}"


def _configs(b, name):
    resource = {"resourceType": 2, "resourceName": name, "configurationKeys": None}
    answer = b.quiet("DescribeConfigs", 4, {"resources": [resource]})["results"][0]
    return {c["name"]: c["value"] for c in answer["configs"] if c["configSource"] in (1, 3)}


def _partition(b, name, index):
    start, end, largest = (offset(b, name, index, at) for at in (EARLIEST, LATEST, MAXIMUM))
    asked = {"topics": [{"name": name, "partitionIndexes": [index]}]}
    producers = b.quiet("DescribeProducers", 0, asked)["topics"][0]["partitions"][0]
    return {
        "start": start,
        "end": end,
        "largest timestamp": largest,
        "batches": batches(b, name, index, start, end),
        "aborted": aborted(b, name, index),
        "producers": sorted(
            (p["producerId"], p["producerEpoch"], p["lastSequence"], p["currentTxnStartOffset"])
            for p in producers["activeProducers"]
        ),
    }


def offset(b, name, index, at):
    """ListOffsets."""
    partition = {"partitionIndex": index, "timestamp": at}
    asked = {"replicaId": -1, "topics": [{"name": name, "partitions": [partition]}]}
    answer = b.quiet("ListOffsets", 7, asked)["topics"][0]["partitions"][0]
    assert answer["errorCode"] == 0, answer
    return answer["offset"] if at != MAXIMUM else (answer["offset"], answer["timestamp"])


def _fetch(b, name, index, at, isolation=0):
    partition = {"partition": index, "fetchOffset": at, "partitionMaxBytes": 1 << 22}
    body = {
        "maxWaitMs": 0,
        "minBytes": 0,
        "maxBytes": 1 << 23,
        "isolationLevel": isolation,
        "topics": [{"topic": name, "partitions": [partition]}],
    }
    answer = b.quiet("Fetch", 12, body)["responses"][0]["partitions"][0]
    assert answer["errorCode"] == 0, answer
    return answer


def batches(b, name, index, start, end):
    """Every batch from one offset to another, each field of it."""
    found, at = [], start
    while at < end:
        whole = [p for p in records.parse(_fetch(b, name, index, at)["records"]) if "cut" not in p]
        assert whole, f"nothing at {at} of {name}-{index}, which ends at {end}"
        found += whole
        at = whole[-1]["baseOffset"] + whole[-1]["lastOffsetDelta"] + 1
    assert all(one["crcHolds"] for one in found)
    return found


def aborted(b, name, index):
    """The aborted transactions that a reader of committed data is told of."""
    start = offset(b, name, index, EARLIEST)
    told = _fetch(b, name, index, start, isolation=1)["abortedTransactions"] or []
    return sorted((entry["producerId"], entry["firstOffset"]) for entry in told)


def committed(b, group):
    """The offsets of a group."""
    body = {"groups": [{"groupId": group, "topics": None}], "requireStable": False}
    answer = b.until("OffsetFetch", 8, body, lambda a: a["groups"][0]["errorCode"] not in (14, 15, 16))
    found = answer["groups"][0]
    assert found["errorCode"] == 0, found
    return {
        (topic["name"], p["partitionIndex"]): (p["committedOffset"], p["metadata"])
        for topic in found["topics"]
        for p in topic["partitions"]
    }


__all__ = ["ApacheKafka", "Barnabas", "Turns", "batches", "committed", "offset", "picture", "same"]
