"""A member of a group that speaks the classic protocol, on a connection of its own.

    one, two = Member(b, "g", "one"), Member(b, "g", "two")
    one.join()
    two.send_join()  # parked until `one` joins again
    one.told_to_join()
    one.send_join()
    two.joined(), one.joined()

Every answer is written down. Answers are read in one order on both brokers: followers before the leader,
whose list has the ids of all (they are numbered as they are seen).

The metadata of a "consumer" are a subscription that can be read: with others Kafka may leave a join without
an answer for ever (its timer's event fails with "Tried to allocate a collection of size ...").
"""

import struct

REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED = 27, 79
# Sessions may be short, groups are small, texts are short: what a scenario needs to reach the limits.
GROUPS = {
    "group.min.session.timeout.ms": "100",
    "group.max.session.timeout.ms": "60000",
    "group.max.size": "3",
    "offset.metadata.max.bytes": "64",
}
LAST = {"JoinGroup": 9, "SyncGroup": 5, "Heartbeat": 4, "LeaveGroup": 5}


def coordinator(b):
    """Waits until every group has its coordinator: the first that asks for one makes `__consumer_offsets`."""
    one_of_each_partition = ["a", "b", "c", "d"]
    asked = {"keyType": 0, "coordinatorKeys": one_of_each_partition}
    found = lambda answer: not any(c["errorCode"] for c in answer["coordinators"])  # noqa: E731
    b.until("FindCoordinator", 4, asked, found, compare=False)
    served = lambda answer: not any(g["errorCode"] for g in answer["groups"])  # noqa: E731
    b.until("DescribeGroups", 5, {"groups": one_of_each_partition}, served, compare=False)


def subscription(user_data, *topics):
    """A consumer's metadata in the oldest version: its topics, and bytes of its own."""
    data = struct.pack(">hi", 0, len(topics))
    for topic in topics:
        data += struct.pack(">h", len(topic)) + topic.encode()
    return data + struct.pack(">i", len(user_data)) + user_data.encode()


def protocols(*names, of="metadata"):
    """A member's protocols, the one that it likes best first."""
    return [{"name": name, "metadata": subscription(f"{of} {name}")} for name in names]


class Member:
    """What it sends is right unless a scenario changes it by keyword."""

    def __init__(self, b, group, name, version=9, client_id="oracle", **fields):
        self.b, self.group, self.name, self.version = b, group, name, version
        coordinator(b)
        self.client, self.client_id = b.connect(), client_id
        self.id, self.generation, self.asked = "", -1, group
        self.fields = {
            "sessionTimeoutMs": 30000,
            "rebalanceTimeoutMs": 30000,
            "groupInstanceId": None,
            "protocolType": "consumer",
            "protocols": [{"name": "range", "metadata": subscription(name)}],
            **fields,
        }

    def _send(self, api, changes, **fields):
        version = changes.pop("version", min(self.version, LAST[api]))
        body = {"groupId": self.group, "memberId": self.id, **fields, **changes}
        self.asked = body["groupId"]
        self.client.send(api, version, body, self.client_id)

    def _static(self):
        return {"groupInstanceId": self.fields["groupInstanceId"]}

    def _received(self, label):
        return self.b.received(self.client, f"{self.name}: {label}")

    # -- joining

    def send_join(self, **changes):
        """Asks to join, without waiting."""
        self._send("JoinGroup", changes, **self.fields)

    def joined(self, label="joined"):
        """The answer to that."""
        answer = self._received(label)
        if answer and answer["errorCode"] in (0, MEMBER_ID_REQUIRED):
            self.id, self.generation = answer["memberId"], answer["generationId"]
            self._shown()
        return answer

    def _shown(self):
        """Waits until tools see the group: a new one is answered for before its record is committed."""
        shown = lambda answer: answer["groups"][0]["groupState"] != "Dead"  # noqa: E731
        self.b.until(
            "DescribeGroups", 5, {"groups": [self.asked]}, shown, f"{self.asked} is shown", compare=False
        )

    def join(self, label="joined", **changes):
        """Both, and with the id that a new member is given."""
        self.send_join(**changes)
        answer = self.joined(label)
        if answer and answer["errorCode"] == MEMBER_ID_REQUIRED:
            self.send_join(**changes)
            answer = self.joined(label)
        return answer

    def ask_for_id(self):
        """The first half of a join since version 4."""
        self.send_join()
        return self.joined("is given an id")

    # -- the rest of its life

    def send_sync(self, assignments=(), **changes):
        """Asks for its assignment; a leader brings {member: bytes}."""
        given = [{"memberId": m.id, "assignment": data} for m, data in dict(assignments).items()]
        own = {"protocolType": self.fields["protocolType"], "protocolName": "range"}
        fields = {"generationId": self.generation, "assignments": given, **self._static(), **own}
        self._send("SyncGroup", changes, **fields)

    def synced(self, label="synced"):
        """The answer to that."""
        return self._received(label)

    def sync(self, assignments=(), label="synced", **changes):
        """Both."""
        self.send_sync(assignments, **changes)
        return self.synced(label)

    def heartbeat(self, label="heartbeat", **changes):
        """One heartbeat."""
        self._send("Heartbeat", changes, generationId=self.generation, **self._static())
        return self._received(label)

    def told_to_join(self):
        """Heartbeats until it hears that the group rebalances."""
        body = {"groupId": self.group, "memberId": self.id, "generationId": self.generation}
        version = min(self.version, LAST["Heartbeat"])
        rebalances = lambda answer: answer["errorCode"] == REBALANCE_IN_PROGRESS  # noqa: E731
        self.b.until("Heartbeat", version, body | self._static(), rebalances, f"{self.name}: told to join")

    def leave(self, label="leaves", **changes):
        """By its own id, as clients do."""
        listed = {"memberId": self.id, **self._static(), "reason": "because"}
        self._send("LeaveGroup", changes, members=[listed])
        return self._received(label)


def describe(b, group, label="described", version=6):
    """How the group looks now."""
    return b.call("DescribeGroups", version, {"groups": [group]}, f"{group}: {label}")


def until(b, group, state, members=None):
    """Waits for a state of the group, and for so many members."""

    def holds(answer):
        found = answer["groups"][0]
        return found["groupState"] == state and members in (None, len(found["members"]))

    asked = {"groups": [group]}
    b.until("DescribeGroups", 5, asked, holds, f"{group}: {state} with {members}", compare=False)


def stable(b, group, *members):
    """A group of these members, led by the first, each with its assignment."""
    first, *others = members
    first.join()
    if others:
        for number, member in enumerate(others, 2):
            if member.version >= 4 and member.fields["groupInstanceId"] is None:
                member.ask_for_id()
            member.send_join()
            until(b, group, "PreparingRebalance", number)
        first.told_to_join()
        first.send_join()
        for member in [*others, first]:
            member.joined()
    assigned(first, *others)


def rebalance_again(leader, *others):
    """The leader joins again, and so do the others."""
    leader.send_join()
    for member in others:
        member.told_to_join()
        member.send_join()
    for member in (*others, leader):
        member.joined()


def assigned(leader, *others):
    """All sync; the leader brings the assignments."""
    for member in others:
        member.send_sync()
    leader.sync({member: f"for {member.name}".encode() for member in (leader, *others)})
    for member in others:
        member.synced()


__all__ = [
    "GROUPS",
    "Member",
    "assigned",
    "coordinator",
    "describe",
    "rebalance_again",
    "stable",
    "subscription",
    "until",
]
