"""What must hold of a group's history, whatever happened to its members.

Each check gives its violations as texts. No check may depend on a client's
manners: what is said here holds of Apache Kafka, and is tried there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Callable, Iterator, Optional

from churn.history import FOREVER, Event, History, MemberHistory

# How long a member may take to find out that it was thrown out, after what made the group do so.
NOTICE_MS = 20_000
# The clocks of some languages tell whole milliseconds.
GRAIN_MS = 1


@dataclass
class Ownership:
    """One member owns one partition for a while."""

    partition: int
    member: MemberHistory
    member_id: str
    start: float
    end: float = FOREVER
    # revoked, lost, replaced (assigned anew without it), killed, kept
    how: str = "kept"


def ownerships(member: MemberHistory) -> Iterator[Ownership]:
    """What a member owned, by its own words."""
    held: dict[int, Ownership] = {}
    for event in member.events:
        if event["e"] == "assigned" and not _is_of_nobody(event):
            owned = set(event["owned"])
            for p in list(held):
                if p not in owned or held[p].member_id != event["member"]:
                    yield _ended(held.pop(p), event["t"], "replaced")
            for p in owned - held.keys():
                held[p] = Ownership(p, member, event["member"], event["t"])
        elif event["e"] in ("revoked", "lost"):
            for p in event["parts"]:
                if p in held:
                    yield _ended(held.pop(p), event["t"], event["e"])
    for each in held.values():
        yield each if member.killed is None else _ended(each, member.killed, "killed")


def _is_of_nobody(event: Event) -> bool:
    """librdkafka's, that left because it was not polled: with no member id it is told what it had."""
    return event["member"] is None and not event["added"]


def _ended(ownership: Ownership, end: float, how: str) -> Ownership:
    ownership.end, ownership.how = end, how
    return ownership


def one_owner(history: History) -> list[str]:
    """No partition has two owners in one generation (or member epoch)."""
    owners: dict[tuple[int, int], tuple[str, str]] = {}
    found = []
    for member in history.members:
        for event in member.events:
            if event["e"] != "assigned" or event["gen"] < 0:
                continue
            for p in event["owned"]:
                mine = (event["member"], member.name)
                other = owners.setdefault((event["gen"], p), mine)
                if other[0] != mine[0]:
                    found.append(f"partition {p} in generation {event['gen']}: {other} and {mine}")
    return found


def no_overlap(history: History) -> list[str]:
    """No partition is given to a member while another, which the group has not thrown out, still has it.

    A member that was silent for a session, one that did not poll for its time,
    and one that then learns that it has lost its place, may believe what it likes.
    """
    by_partition: dict[int, list[Ownership]] = defaultdict(list)
    for member in history.members:
        for each in ownerships(member):
            by_partition[each.partition].append(each)
    found = []
    for partition, owned in sorted(by_partition.items()):
        owned.sort(key=lambda each: each.start)
        for i, old in enumerate(owned):
            for new in owned[i + 1:]:
                if new.start + GRAIN_MS < old.end and not _out(history, old, new.start):
                    found.append(
                        f"partition {partition}: {new.member.name} had it at {new.start:.0f}, "
                        f"{old.member.name} from {old.start:.0f} to {old.end:.0f} ({old.how})"
                    )
    return found


def _out(history: History, old: Ownership, at: float) -> bool:
    """Whether the group may have thrown the old owner out by then."""
    if old.how == "lost" or _other_id_after(old):
        return True
    return any(s.start < at and s.end - s.start > 0.9 * history.session_ms for s in old.member.silences)


def _other_id_after(old: Ownership) -> bool:
    for event in old.member.events:
        if event["e"] == "assigned" and event["t"] >= old.end:
            return event["member"] != old.member_id
    return False


def no_eviction(history: History) -> list[str]:
    """No member loses its place in the group, or gives up, that has kept to the rules."""
    found = []
    for member in history.members:
        known: Optional[str] = None
        for event in member.events:
            out = event["e"] == "fatal" or event["e"] == "lost" and event["parts"]
            if event["e"] == "assigned":
                out = known not in (None, "", event["member"])
                known = event["member"]
            if out and not _excuse(history, member, event["t"]):
                found.append(f"{member.name} was thrown out at {event['t']:.0f}: {event['e']}")
    return found


def _excuse(history: History, member: MemberHistory, at: float) -> bool:
    silences = [s for s in member.silences if s.end - s.start > 0.5 * history.session_ms]
    return any(s.start < at < s.end + NOTICE_MS for s in silences + history.outages)


def generations_grow(history: History) -> list[str]:
    """A process never sees a generation older than one it has seen."""
    found = []
    for member in history.members:
        last = -1
        for event in member.events:
            if event["e"] == "assigned" and event["gen"] >= 0:
                if event["gen"] < last:
                    found.append(f"{member.name}: generation {event['gen']} after {last}")
                last = event["gen"]
    return found


def all_read(history: History) -> list[str]:
    """Every record that the producer has an acknowledgement for was read by somebody."""
    ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for member in history.members:
        for event in _events(member, "read"):
            ranges[event["p"]].append((event["from"], event["to"]))
    found = []
    for partition, count in sorted(history.produced.items()):
        next_offset = 0
        for first, last in sorted(ranges[partition]):
            if first > next_offset:
                found.append(f"partition {partition}: {next_offset} to {first - 1} were never read")
            next_offset = max(next_offset, last + 1)
        if next_offset != count:
            found.append(f"partition {partition}: read up to {next_offset}, produced {count}")
    return found


def no_gap(history: History) -> list[str]:
    """What a member reads of a partition while it owns it has no hole and does not repeat."""
    found = []
    for member in history.members:
        following: dict[int, int] = {}
        for event in member.events:
            if event["e"] in ("assigned", "revoked", "lost"):
                gone = set(event["added"] if event["e"] == "assigned" else event["parts"])
                following = {p: o for p, o in following.items() if p not in gone}
            elif event["e"] == "read":
                wanted = following.get(event["p"], event["from"])
                if event["from"] != wanted or event["n"] != event["to"] - event["from"] + 1:
                    found.append(f"{member.name}: {event} after the offset {wanted - 1}")
                following[event["p"]] = event["to"] + 1
    return found


def _events(member: MemberHistory, kind: str) -> Iterator[Event]:
    return (event for event in member.events if event["e"] == kind)


def _commits(history: History, kind: str) -> dict[int, list[tuple[float, int]]]:
    """The times and offsets of commits by partition, in the order of time."""
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for member in history.members:
        for event in _events(member, kind):
            for p, offset in event["o"].items():
                found[int(p)].append((event["t"], offset))
    for commits in found.values():
        commits.sort()
    return found


def commits_stay(history: History) -> list[str]:
    """What the broker tells as committed never moves back, and holds every commit that it acknowledged."""
    found = []
    acknowledged, attempted = _commits(history, "committed"), _commits(history, "commit")
    for partition in range(history.partitions):
        before, at = -1, 0
        acks = acknowledged[partition]
        most = max((offset for _, offset in attempted[partition]), default=-1)
        for sample in history.samples:
            offset = sample.offsets.get(partition, -1)
            while at < len(acks) and acks[at][0] + GRAIN_MS < sample.asked:
                if acks[at][1] > offset:
                    found.append(
                        f"partition {partition}: {acks[at][1]} was acknowledged at {acks[at][0]:.0f}, "
                        f"at {sample.asked:.0f} {offset} was committed"
                    )
                at += 1
            if offset < before:
                found.append(f"partition {partition}: {offset} was committed at {sample.asked:.0f} after {before}")
            if offset > most:
                found.append(f"partition {partition}: {offset} is committed, nobody tried more than {most}")
            before = offset
    return found


def starts_at_commit(history: History) -> list[str]:
    """A new owner goes on from the committed offset: not before what was committed when it was given the
    partition, and not after what anybody had tried to commit when it began to read."""
    found = []
    acknowledged, attempted = _commits(history, "committed"), _commits(history, "commit")
    for member in history.members:
        given: dict[int, float] = {}
        for event in member.events:
            if event["e"] == "assigned":
                given |= {p: event["t"] for p in event["added"]}
            elif event["e"] == "read" and event["p"] in given:
                p, first = event["p"], event["from"]
                at = given.pop(p)
                least = max((o for t, o in acknowledged[p] if t + GRAIN_MS < at), default=0)
                most = max((o for t, o in attempted[p] if t < event["t"] + GRAIN_MS), default=0)
                if not least <= first <= most:
                    found.append(
                        f"{member.name} began partition {p} at {first}, committed was {least} to {most} "
                        f"(given at {at:.0f})"
                    )
    return found


CHECKS: dict[str, Callable[[History], list[str]]] = {
    check.__name__: check
    for check in (
        one_owner, no_overlap, no_eviction, generations_grow, all_read, no_gap, commits_stay, starts_at_commit,
    )
}


def violations(history: History) -> list[str]:
    """Everything that does not hold."""
    found = [f"{name}: {text}" for name, check in CHECKS.items() for text in check(history)]
    return [f"conductor: {problem}" for problem in history.problems] + found
