"""A member of a group that speaks the consumer protocol (KIP-848): one API, and the broker assigns.

`beat` sends one heartbeat and writes its answer down; the member remembers its epoch and its assignment, and
reports the partitions that it owns as a client would. `until` beats until something holds: epochs and
assignments of others come a little later, so only the answer for which it held is written down.

The order of partitions and topics in an assignment means nothing.
"""

import itertools
import time

from classic import coordinator

from harness import Stopped

# The least that Kafka allows without complaint, so that sessions can end; no batching of assignments.
MODERN = {
    "group.consumer.min.session.timeout.ms": "400",
    "group.consumer.session.timeout.ms": "45000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "5000",
    "group.consumer.assignment.interval.ms": "0",
    "group.consumer.max.size": "3",
}
JOIN, LEAVE, LEAVE_FOR_A_WHILE = 0, -1, -2


class Consumer:
    """What it sends is right unless a scenario changes it by keyword."""

    def __init__(self, b, group, name, version=1, **fields):
        coordinator(b)
        known(b, group, fields.get("subscribedTopicNames") or [])
        self.b, self.group, self.name, self.version = b, group, name, version
        self.id, self.epoch, self.owned = "" if version == 0 else name, JOIN, []
        self.fields = {"rebalanceTimeoutMs": 30000, **fields}
        self.pending = {**self.fields, "topicPartitions": []}  # what the next heartbeat tells

    def _body(self, changes):
        body = {"groupId": self.group, "memberId": self.id, "memberEpoch": self.epoch}
        return {**body, "instanceId": self.fields.get("instanceId"), **self.pending, **changes}

    def _heard(self, answer):
        if not answer or answer["errorCode"]:
            return
        self.id, self.epoch, self.pending = answer["memberId"] or self.id, answer["memberEpoch"], {}
        if answer["assignment"] is not None:
            self.owned = answer["assignment"]["topicPartitions"]
            self.pending = {"topicPartitions": self.owned}

    def beat(self, label="heartbeat", **changes):
        """One heartbeat; with changes the member keeps telling them."""
        version = changes.pop("version", self.version)
        body = self._body(changes)
        answer = self.b.call("ConsumerGroupHeartbeat", version, body, f"{self.name}: {label}")
        self._heard(answer)
        return answer

    def until(self, holds, label):
        """Heartbeats until `holds(member)`; only that it came true is compared, and then one heartbeat."""

        def true(answer):
            self._heard(answer)
            return holds(self)

        name, label = "ConsumerGroupHeartbeat", f"{self.name}: {label}"
        self.b.until(name, self.version, lambda: self._body({}), true, label, compare=False)
        self.b.note(label, "owned", {"epoch": self.epoch, "topicPartitions": self.owned})

    def partitions(self):
        """The partitions that it owns, of all topics."""
        return sorted(p for topic in self.owned for p in topic["partitions"])

    def count(self, number, label=""):
        """Beats until it owns so many partitions."""
        self.until(lambda me: len(me.partitions()) == number, label or f"owns {number} partitions")

    def leave(self, label="leaves", epoch=LEAVE, **changes):
        """For good, or for a while."""
        self.pending = {}
        answer = self.beat(label, memberEpoch=epoch, **changes)
        self.epoch, self.owned = JOIN, []
        self.pending = {**self.fields, "topicPartitions": []}
        return answer


def known(b, group, names):
    """Waits until the group's coordinator knows the topics that there are. Kafka's coordinators learn of a topic
    after its partitions serve, each shard in its own time: a member that joins in between is assigned nothing.
    A group of the same shard joins until it is assigned them all, and goes without a trace."""
    asked = {"topics": [{"name": name} for name in names], "allowAutoTopicCreation": False}
    found = b.quiet("Metadata", 12, asked)["topics"] if names else []
    partitions = sum(len(topic["partitions"]) for topic in found if topic["errorCode"] == 0)
    if not partitions:
        return
    beside = _beside(group)
    member = {"groupId": beside, "memberId": "one", "subscribedTopicNames": names, "topicPartitions": []}
    deadline = time.monotonic() + 20
    assigned = -1
    while assigned < partitions:
        if time.monotonic() > deadline:
            raise Stopped(f"the coordinator of {group} does not know all of {names}: {assigned} of {partitions}")
        joins = {**member, "memberEpoch": JOIN, "rebalanceTimeoutMs": 30000}
        answer = b.quiet("ConsumerGroupHeartbeat", 1, joins)
        if answer["errorCode"]:
            return  # the scenario is about brokers where nobody can join
        given = (answer["assignment"] or {"topicPartitions": []})["topicPartitions"]
        assigned = sum(len(topic["partitions"]) for topic in given)
        b.quiet("ConsumerGroupHeartbeat", 1, {**member, "memberEpoch": LEAVE})
    b.quiet("DeleteGroups", 2, {"groupsNames": [beside]})


def _beside(group):
    """A group's name that falls into the same partition of `__consumer_offsets`, which have 1, 4 or 50 here."""
    names = (f"beside-{number}" for number in itertools.count())
    return next(name for name in names if (_java_hash(name) - _java_hash(group)) % 100 == 0)


def _java_hash(text):
    """`String.hashCode`, without its sign as Kafka takes it; of ASCII names."""
    number = 0
    for letter in text.encode():
        number = (number * 31 + letter) & 0xFFFFFFFF
    return number & 0x7FFFFFFF


def balanced(counts, label="balanced"):
    """All beat in turn, giving up what they are told to, until each owns so many and all are in one epoch."""
    members = list(counts)
    deadline = time.monotonic() + 20
    while not _even(counts):
        if time.monotonic() > deadline:
            raise Stopped(f"{label}: {[(m.name, m.epoch, m.partitions()) for m in members]}")
        for member in members:
            body = member._body({})
            member._heard(member.b.quiet("ConsumerGroupHeartbeat", member.version, body))
        time.sleep(0.02)
    for member in members:
        owned = {"epoch": member.epoch, "topicPartitions": member.owned}
        member.b.note(f"{member.name}: {label}", "owned", owned)


def _even(counts):
    epochs = {member.epoch for member in counts}
    return len(epochs) == 1 and all(len(m.partitions()) == number for m, number in counts.items())


def describe(b, group, label="described", version=1):
    """How the group looks now."""
    return b.call("ConsumerGroupDescribe", version, {"groupIds": [group]}, f"{group}: {label}")


__all__ = ["LEAVE_FOR_A_WHILE", "MODERN", "Consumer", "balanced", "describe"]
