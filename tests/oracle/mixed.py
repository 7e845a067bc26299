"""Members that speak the classic protocol in a group of the consumer protocol, which is a group of both.

An `Old` owns what it was assigned and says so when it joins again, as clients do with the cooperative
protocol. `again` is one round: it joins and syncs. Groups of the consumer protocol are nothing to
DescribeGroups, and ListGroups tells of every group of the broker: `listed` asks for one.
"""

import struct

from classic import Member
from modern import describe as describe_modern

NO_GENERATION = -1


def _text(name):
    return struct.pack(">h", len(name)) + name.encode()


def _partitions(owned):
    data = struct.pack(">i", len(owned))
    for topic, partitions in owned:
        data += _text(topic) + struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)
    return data


def subscription(*topics, owned=(), version=1, rack=None):
    """A consumer's metadata: topics and what it owns, from version 2 on its generation, from 3 its rack."""
    data = struct.pack(">hi", version, len(topics)) + b"".join(map(_text, topics)) + struct.pack(">i", -1)
    if version >= 1:
        data += _partitions(owned)
    if version >= 2:
        data += struct.pack(">i", NO_GENERATION)
    if version >= 3:
        data += struct.pack(">h", -1) if rack is None else _text(rack)
    return data


def assignment(*owned, version=1):
    """What a leader gives a consumer."""
    return struct.pack(">h", version) + _partitions(owned) + struct.pack(">i", -1)


def parsed(data):
    """The partitions of an assignment, [(topic, [partition, ...]), ...]."""
    if not data:
        return []
    (count,) = struct.unpack_from(">i", data, 2)
    at, owned = 6, []
    for _ in range(count):
        (size,) = struct.unpack_from(">h", data, at)
        topic = data[at + 2 : at + 2 + size].decode()
        (number,) = struct.unpack_from(">i", data, at + 2 + size)
        partitions = struct.unpack_from(f">{number}i", data, at + 6 + size)
        owned.append((topic, sorted(partitions)))
        at += 6 + size + 4 * number
    return sorted(owned)


class Old(Member):
    """A classic member with a subscription that can be read."""

    def __init__(self, b, group, name, *topics, version=9, protocol="range", metadata=1, **fields):
        super().__init__(b, group, name, version, **fields)
        self.topics, self.protocol, self.metadata, self.owned = topics, protocol, metadata, []
        self.tell()

    def tell(self, **changes):
        """What it says with its next join."""
        data = subscription(*self.topics, **{"owned": self.owned, "version": self.metadata, **changes})
        self.fields["protocols"] = [{"name": self.protocol, "metadata": data}]

    def _shown(self):
        """Tools see a group of the consumer protocol in another way."""

    def sync(self, assignments=(), label="synced", **changes):
        answer = super().sync(assignments, label, **{"protocolName": self.protocol, **changes})
        if answer and answer["errorCode"] == 0:
            self.owned = parsed(answer["assignment"])
            self.tell()
        return answer

    def begin(self, *owned):
        """The only member of a classic group, with its assignment."""
        self.join()
        self.sync({self: assignment(*owned)})

    def again(self, label="again"):
        """Joins, and syncs if that went well."""
        self.send_join()
        answer = self.joined(f"joins {label}")
        if answer and answer["errorCode"] == 0:
            self.sync(label=f"synced {label}")
        return answer


def listed(b, group, label, **filters):
    """What ListGroups says of one group."""
    answer = b.quiet("ListGroups", 5, filters)
    answer["groups"] = [g for g in answer["groups"] if g["groupId"] == group]
    b.note(f"{group}: listed {label} {filters or ''}", "ListGroups", answer)


def looked_at(b, group, label):
    """All that tools ask of a group."""
    describe_modern(b, group, label)
    b.call("DescribeGroups", 6, {"groups": [group]}, f"{group}: as a classic group, {label}")
    listed(b, group, label)


__all__ = ["Old", "assignment", "listed", "looked_at", "parsed", "subscription"]
