"""What must hold of the records and of the committed offsets of a group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from churn import ownership
from churn.history import Event, History, MemberHistory
from churn.ownership import Claim, claims_of, late_claims, successor


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
            while at < len(acks) and acks[at][0] + ownership.GRAIN_MS < sample.asked:
                if acks[at][1] > offset:
                    found.append(
                        f"partition {partition}: {acks[at][1]} was acknowledged at {acks[at][0]:.0f}, "
                        f"at {sample.asked:.0f} {offset} was committed"
                    )
                at += 1
            if offset < before:
                found.append(
                    f"partition {partition}: {offset} was committed at {sample.asked:.0f} after {before}"
                )
            if offset > most:
                found.append(f"partition {partition}: {offset} is committed, nobody tried more than {most}")
            before = offset
    return found


def starts_at_commit(history: History) -> list[str]:
    """A new owner goes on from the committed offset: not before what was committed when it was given the
    partition, and not after what anybody had tried to commit when it began to read. One that tells late of
    an assignment that has been followed by another is not asked; of a client that keeps its positions, nor is one
    that was silent and goes on where it was itself."""
    found = []
    acknowledged, attempted = _commits(history, "committed"), _commits(history, "commit")
    claims = claims_of(history)
    for member in history.members:
        given: dict[int, float] = {}
        kept: dict[int, int] = {}
        own: dict[int, int] = {}
        late = late_claims(history, member)
        for i, event in enumerate(member.events):
            if event["e"] == "assigned":
                given |= {p: event["t"] for p in event["added"]}
                kept = dict(own) if i in late and history.keeps_positions else {}
                if i in late:
                    mine = Claim(event["t"], event["gen"], event["member"], member.name)
                    heirs = {p: successor(history, claims[p], mine, late[i]) for p in given}
                    given = {p: t for p, t in given.items() if heirs[p] is None}
            elif event["e"] == "read":
                p, first = event["p"], event["from"]
                own[p] = event["to"] + 1
                at = given.pop(p, None)
                if at is None or kept.get(p) == first:
                    continue
                least = max((o for t, o in acknowledged[p] if t + ownership.GRAIN_MS < at), default=0)
                most = max((o for t, o in attempted[p] if t < event["t"] + ownership.GRAIN_MS), default=0)
                if not least <= first <= most:
                    found.append(
                        f"{member.name} began partition {p} at {first}, committed was {least} to {most} "
                        f"(given at {at:.0f})"
                    )
    return found
