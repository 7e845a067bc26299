"""Who owned what and when, by the members' own words, and which of these words came too late.

A member that was silent for a session tells, when it is heard again, what its
client had been given in the meantime, or before: librdkafka and Java's consumer
do so before they say that it is lost. It is told by its generation, which is
older than that of the member that has the partition by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from churn.history import FOREVER, Event, History, MemberHistory, Silence

# The clocks of some languages tell whole milliseconds.
GRAIN_MS = 1


class Claim(NamedTuple):
    """A member says that it has a partition."""

    t: float
    gen: int
    member: str | None
    name: str
    # Whether it is the first that was said after a silence.
    late: bool = False


Claims = dict[int, list[Claim]]


def claims_of(history: History) -> Claims:
    """All that was ever said."""
    found: Claims = defaultdict(list)
    for member in history.members:
        late = late_claims(history, member)
        for i, event in enumerate(member.events):
            if event["e"] == "assigned":
                mine = Claim(event["t"], event["gen"], event["member"], member.name, i in late)
                for p in event["owned"]:
                    found[p].append(mine)
    return found


def successor(history: History, claims: list[Claim], mine: Claim, since: float) -> Claim | None:
    """Who had it already, in a later generation, at the time of `mine`; of a mixed group, who had it
    since `mine` was last heard."""
    for claim in claims:
        other = claim.name != mine.name and claim.member != mine.member
        later = claim.t > since and not claim.late if history.mixed else claim.gen > mine.gen >= 0
        if other and later and claim.t + GRAIN_MS < mine.t:
            return claim
    return None


@dataclass
class Ownership:
    """One member owns one partition for a while."""

    partition: int
    member: MemberHistory
    member_id: str
    gen: int
    start: float
    # Told as the first thing after a silence,
    first: bool
    # and when another had it in a later generation.
    late: bool
    end: float = FOREVER
    # revoked, lost, replaced (assigned anew without it), killed, kept
    how: str = "kept"


def ownerships(history: History, member: MemberHistory, claims: Claims) -> Iterator[Ownership]:
    """What a member owned."""
    held: dict[int, Ownership] = {}
    late = late_claims(history, member)
    for i, event in enumerate(member.events):
        if event["e"] == "assigned" and not _is_of_nobody(event):
            owned = set(event["owned"])
            for p in list(held):
                if p not in owned or held[p].member_id != event["member"]:
                    yield _ended(held.pop(p), event["t"], "replaced")
            mine = Claim(event["t"], event["gen"], event["member"], member.name)
            for p in owned - held.keys():
                followed = i in late and successor(history, claims[p], mine, late[i]) is not None
                held[p] = Ownership(p, member, mine.member, mine.gen, mine.t, i in late, followed)
        elif event["e"] in ("revoked", "lost"):
            # Java's consumer may not name all that is lost, but then has it no more.
            for p in set(held) - set(event["owned"]):
                yield _ended(held.pop(p), event["t"], event["e"])
    for each in held.values():
        yield each if member.killed is None else _ended(each, member.killed, "killed")


def by_partition(history: History) -> dict[int, list[Ownership]]:
    """All of them, in the order of their beginnings."""
    found: dict[int, list[Ownership]] = defaultdict(list)
    claims = claims_of(history)
    for member in history.members:
        for each in ownerships(history, member, claims):
            found[each.partition].append(each)
    for owned in found.values():
        owned.sort(key=lambda each: each.start)
    return found


def long_silences(history: History, member: MemberHistory) -> list[Silence]:
    """Those for which the group may throw a member out."""
    return [s for s in member.silences if s.end - s.start > 0.9 * history.session_ms]


def late_claims(history: History, member: MemberHistory) -> dict[int, float]:
    """Which of its events are the first assignment that it tells after a long silence, and its start."""
    found = {}
    for silence in long_silences(history, member):
        heard = silence.start + 0.9 * history.session_ms
        after = (i for i, e in enumerate(member.events) if e["e"] == "assigned" and e["t"] > heard)
        found[next(after, -1)] = silence.start
    return found


def _is_of_nobody(event: Event) -> bool:
    """librdkafka's, that left because it was not polled: with no member id it is told what it had."""
    return event["member"] is None and not event["added"]


def _ended(ownership: Ownership, end: float, how: str) -> Ownership:
    ownership.end, ownership.how = end, how
    return ownership
