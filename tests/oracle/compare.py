"""Compares what two brokers answered, field by field, and allows only the differences listed here.

A field's path is its names joined by dots, without array indexes: `topics.partitions.leaderEpoch`.
Where an array is compared by keys, an element may be named: `results.configs<log.dirs>.value`. Every
entry of `ALLOWED` says which API, which path, what may differ and why; what is not listed must be equal.
What applied in a run is printed at its end (with -v also what did not), so that the list stays honest.
"""

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from schema import ZERO_ID

_NAMED = re.compile(r"<[^<>]*(?:<[^<>]*>[^<>]*)*>")  # a name may have such a part itself: <oracle-<1>>
IGNORED = "ignored"  # may differ freely
RENAMED = "renamed"  # own value on each side, but the same one wherever the other side repeats its own
SIGN = "sign"  # both negative, both zero or both positive
PRESENCE = "presence"  # both null or both not
UNORDERED = "unordered"  # an array whose order means nothing


@dataclass
class Allowed:
    """One allowed difference."""

    api: str
    path: str
    how: str
    why: str
    step: str = "*"  # glob over the labels of a scenario's steps
    kind: str = ""  # RENAMED: values of one kind share one renaming
    keys: tuple = ()  # UNORDERED: the fields that identify an element; "a|b": the first that says something
    used: int = field(default=0, compare=False)

    def covers(self, api, path, step):
        """Whether this entry speaks about a field."""
        return (
            fnmatchcase(api, self.api)
            and fnmatchcase(step, self.step)
            and (fnmatchcase(path, self.path) or fnmatchcase(_NAMED.sub("", path), self.path))
        )


def _unordered(api, path, *keys, why="Kafka answers in the order of a hash map"):
    return Allowed(api, path, UNORDERED, why, keys=keys)


def _of_the_node(*names):
    """Broker configs that say where and as what a node runs."""
    return [
        Allowed(
            "DescribeConfigs",
            f"results.configs<{name}>.{part}",
            IGNORED,
            "says where and as what the node runs",
        )
        for name in names
        for part in ("value", "configSource", "synonyms*")
    ]


ALLOWED = [
    # What each cluster makes up for itself.
    Allowed("*", "*topicId", RENAMED, "topic ids are random", kind="topic id"),
    Allowed("*", "clusterId", RENAMED, "cluster ids are random", kind="cluster id"),
    Allowed("*", "*port", RENAMED, "each broker listens on a port of its own", kind="port"),
    Allowed("Fetch", "sessionId", RENAMED, "session ids are random", kind="session id"),
    Allowed("*", "*producerId", RENAMED, "each broker hands out ids of its own", kind="producer id"),
    # Time and space.
    Allowed("*", "throttleTimeMs", SIGN, "throttle times depend on the clock"),
    Allowed("Produce", "responses.partitionResponses.logAppendTimeMs", SIGN, "the broker's clock"),
    Allowed(
        "DescribeProducers",
        "topics.partitions.activeProducers.lastTimestamp",
        SIGN,
        "the broker's clock where the topic has LogAppendTime",
    ),
    Allowed("DescribeLogDirs", "results.logDir", RENAMED, "each broker has its own folder", kind="log dir"),
    Allowed("DescribeLogDirs", "results.totalBytes", SIGN, "the volume's size, which others fill too"),
    Allowed("DescribeLogDirs", "results.usableBytes", SIGN, "the volume's free space, which others use too"),
    # The metadata quorum.
    Allowed("DescribeQuorum", "*irectoryId", RENAMED, "directory ids are random", kind="directory id"),
    Allowed("DescribeQuorum", "*leaderEpoch", SIGN, "Kafka elects itself anew when it was held up"),
    Allowed("DescribeQuorum", "*highWatermark", SIGN, "Kafka writes a record every half second"),
    Allowed("DescribeQuorum", "*logEndOffset", SIGN, "Kafka writes a record every half second"),
    Allowed("DescribeQuorum", "*Timestamp", SIGN, "the broker's clock"),
    Allowed("DescribeQuorum", "nodes.listeners", IGNORED, "Barnabas opens no listener for its controller"),
    # Orders that are not promised.
    _unordered("Metadata", "topics", "name|topicId"),
    _unordered("Metadata", "topics.partitions", "partitionIndex"),
    _unordered("Metadata", "brokers", "nodeId"),
    _unordered("CreateTopics", "topics", "name"),
    _unordered("CreateTopics", "topics.configs", "name"),
    _unordered("CreatePartitions", "results", "name"),
    _unordered("DeleteTopics", "responses", "name|topicId", "errorCode"),
    _unordered("DeleteRecords", "topics", "name"),
    _unordered("DeleteRecords", "topics.partitions", "partitionIndex"),
    _unordered("DescribeConfigs", "results.configs", "name"),
    _unordered("*AlterConfigs", "responses", "resourceType", "resourceName"),
    _unordered("Produce", "responses", "name|topicId"),
    _unordered("Produce", "responses.partitionResponses", "index"),
    _unordered("Fetch", "unknown", "topic|topicId", "partitionIndex"),
    _unordered("ListOffsets", "topics", "name"),
    _unordered("ListOffsets", "topics.partitions", "partitionIndex"),
    _unordered("OffsetForLeaderEpoch", "topics", "topic"),
    _unordered("ElectLeaders", "replicaElectionResults", "topic"),
    _unordered("ElectLeaders", "replicaElectionResults.partitionResult", "partitionId"),
    _unordered("DescribeLogDirs", "results.topics", "name"),
    _unordered("DescribeLogDirs", "results.topics.partitions", "partitionIndex"),
    _unordered("DescribeProducers", "topics.partitions.activeProducers", "producerId"),
    _unordered("JoinGroup", "members", "memberId"),
    _unordered("DescribeGroups", "groups", "groupId"),
    _unordered("DescribeGroups", "groups.members", "memberId"),
    _unordered("ListGroups", "groups", "groupId"),
    _unordered("DeleteGroups", "results", "groupId"),
    _unordered("OffsetFetch", "topics", "name"),
    _unordered("OffsetFetch", "topics.partitions", "partitionIndex"),
    _unordered("OffsetFetch", "groups.topics", "name|topicId"),
    _unordered("OffsetFetch", "groups.topics.partitions", "partitionIndex"),
    _unordered("OffsetCommit", "topics", "name|topicId"),
    _unordered("OffsetDelete", "topics", "name"),
    _unordered("ConsumerGroupDescribe", "groups", "groupId"),
    _unordered("ConsumerGroupDescribe", "groups.members", "memberId"),
    _unordered("ConsumerGroupDescribe", "*ssignment.topicPartitions", "topicName"),
    _unordered("ConsumerGroupDescribe", "*ssignment.topicPartitions.partitions"),
    _unordered("ConsumerGroupDescribe", "groups.members.subscribedTopicNames"),
    _unordered("ConsumerGroupHeartbeat", "assignment.topicPartitions", "topicId"),
    _unordered("ConsumerGroupHeartbeat", "assignment.topicPartitions.partitions"),
    _unordered("owned", "topicPartitions", "topicId"),
    _unordered("owned", "topicPartitions.partitions"),
    _unordered("DescribeUserScramCredentials", "results", "user"),
    _unordered("ListTransactions", "unknownStateFilters"),
    _unordered("ApiVersions", "supportedFeatures", "name"),
    _unordered("ApiVersions", "finalizedFeatures", "name"),
    Allowed("Produce", "*errorCode", IGNORED, "Kafka's size arithmetic overflows", step="length 2^31-1*"),
    # Configs.
    Allowed("DescribeConfigs", "results.configs.documentation", PRESENCE, "texts are our own"),
    *(
        Allowed("DescribeConfigs", f"results.configs<{name}>.readOnly", IGNORED, "Barnabas opens listeners at start only")
        for name in ("listeners", "listener.security.protocol.map")
    ),
    *_of_the_node(
        "process.roles",
        "listeners",
        "advertised.listeners",
        "controller.listener.names",
        "controller.quorum.bootstrap.servers",
        "log.dirs",
        "broker.id",
    ),
    # Records.
    Allowed("Fetch", "*records.crc", IGNORED, "Barnabas numbers records anew", step="inner offsets*"),
    Allowed("Fetch", "*records.offsetDelta", IGNORED, "Barnabas numbers records anew", step="inner offsets*"),
    Allowed("Fetch", "*records.batchLength", IGNORED, "compressors differ in size", step="*recompress*"),
    Allowed("Fetch", "*records.crc", IGNORED, "compressors differ in bytes", step="*recompress*"),
]

_SPECIAL = (None, -1, "", ZERO_ID)  # never renamed: they say that there is none


@dataclass
class Difference:
    """One field in which the brokers disagree."""

    step: str
    path: str
    kafka: object
    subject: object

    def __str__(self):
        return f"{self.step}: {self.path}: kafka {_short(self.kafka)}, subject {_short(self.subject)}"


def _short(value):
    text = value if isinstance(value, str) and value.startswith("<") else json.dumps(value, default=_text)
    return text if len(text) <= 300 else text[:280] + f"... ({len(text)} characters)"


def _text(value):
    return value.hex() if isinstance(value, bytes) else str(value)


class Comparison:
    """Compares step by step; renamings hold for the whole comparison."""

    def __init__(self, allowed=()):
        self.allowed = [*allowed, *ALLOWED]
        self.names = {}
        self.differences = []

    def step(self, label, api, kafka, subject):
        """Compares the answers of one step."""
        self.label, self.api = label, api
        self._compare("", "", kafka, subject)

    def _differs(self, where, kafka, subject):
        self.differences.append(Difference(f"{self.label} [{self.api}]", where or "answer", kafka, subject))

    def _find(self, path, *kinds):
        for entry in self.allowed:
            if entry.how in kinds and entry.covers(self.api, path, self.label):
                return entry
        return None

    def _compare(self, path, where, kafka, subject):
        if isinstance(kafka, (dict, list)) and kafka != subject and self._ignorable(path):
            return
        if isinstance(kafka, dict) and isinstance(subject, dict):
            self._dicts(path, where, kafka, subject)
        elif isinstance(kafka, list) and isinstance(subject, list):
            self._lists(path, where, kafka, subject)
        elif not self._same(path, kafka, subject):
            self._differs(where, kafka, subject)

    def _dicts(self, path, where, kafka, subject):
        for name in [*kafka, *(n for n in subject if n not in kafka)]:
            inner = f"{path}.{name}" if path else name
            deep = f"{where}.{name}" if where else name
            if name not in subject or name not in kafka:
                if not self._ignorable(inner):
                    self._differs(deep, kafka.get(name, "<absent>"), subject.get(name, "<absent>"))
            else:
                self._compare(inner, deep, kafka[name], subject[name])

    def _lists(self, path, where, kafka, subject):
        entry = self._find(path, UNORDERED)
        if entry is None:
            return self._elements(path, where, kafka, subject)
        entry.used += kafka != subject
        if not entry.keys:
            return self._elements(path, where, sorted(kafka, key=repr), sorted(subject, key=repr))
        left, right = (self._keyed(path, entry, side, values) for side, values in enumerate((kafka, subject)))
        for key in [*left, *(k for k in right if k not in left)]:
            name = "/".join(str(part) for part in key[:-1])
            at, inner = f"{where}[{name}]", f"{path}<{name}>"
            if key in left and key in right:
                self._compare(inner, at, left[key], right[key])
            elif not self._ignorable(inner):
                self._differs(at, left.get(key, "<absent>"), right.get(key, "<absent>"))
        return None

    def _ignorable(self, path):
        entry = self._find(path, IGNORED)
        if entry is not None:
            entry.used += 1
        return entry is not None

    def _keyed(self, path, entry, side, values):
        """Elements by their identity; the last part of a key counts repetitions."""
        found = {}
        for value in values:
            parts = [self._identity(path, side, value, names.split("|")) for names in entry.keys]
            number = 0
            while (*parts, number) in found:
                number += 1
            found[(*parts, number)] = value
        return found

    def _identity(self, path, side, value, names):
        told = [(name, value[name]) for name in names if value.get(name) not in _SPECIAL]
        name, part = told[0] if told else (names[0], None)
        return self._name(f"{path}.{name}", side, part)

    def _name(self, path, side, value):
        """Kafka's name of an identity that may be renamed, if a renaming is known."""
        entry = self._find(path, RENAMED)
        if entry is None or side == 0 or value in _SPECIAL:
            return value
        return self.names.get((entry.kind, "subject", value), value)

    def _elements(self, path, where, kafka, subject):
        for index, (left, right) in enumerate(zip(kafka, subject)):
            self._compare(path, f"{where}[{index}]", left, right)
        if len(kafka) != len(subject):
            self._differs(
                f"{where} (length)",
                f"<{len(kafka)}: {_short(kafka)}>",
                f"<{len(subject)}: {_short(subject)}>",
            )

    def _same(self, path, kafka, subject):
        if kafka == subject and type(kafka) is type(subject) and not self._find(path, RENAMED):
            return True
        entry = self._find(path, IGNORED, SIGN, PRESENCE, RENAMED)
        if entry is None:
            return False
        same = {IGNORED: self._ignored, SIGN: self._sign, PRESENCE: self._presence, RENAMED: self._renamed}[
            entry.how
        ](entry, kafka, subject)
        entry.used += same and kafka != subject
        return same

    @staticmethod
    def _ignored(_entry, _kafka, _subject):
        return True

    @staticmethod
    def _sign(_entry, kafka, subject):
        return (kafka > 0) - (kafka < 0) == (subject > 0) - (subject < 0)

    @staticmethod
    def _presence(_entry, kafka, subject):
        return (kafka is None) == (subject is None)

    def _renamed(self, entry, kafka, subject):
        if kafka in _SPECIAL or subject in _SPECIAL:
            return kafka == subject
        there = self.names.setdefault((entry.kind, "kafka", kafka), subject)
        back = self.names.setdefault((entry.kind, "subject", subject), kafka)
        return there == subject and back == kafka
