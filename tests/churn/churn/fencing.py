"""What must hold of commits by members that the group has replaced: none is taken.

A member is replaced, for a partition, when another has said that it has it in a
later generation. Which clients still commit then is their matter. Not asked is
one that has just told late of an old assignment: Java's consumer has joined again
behind its application by then, and commits for it as the member that it is now.
"""

from __future__ import annotations

from typing import NamedTuple

from churn.history import History, MemberHistory
from churn.ownership import Claim, Claims, claims_of, late_claims, successor

# UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID, STALE_MEMBER_EPOCH.
REFUSED = {25, 22, 27, 82, 113}


class Attempt(NamedTuple):
    """One offset of one partition that a member tried to commit."""

    mine: Claim
    partition: int
    offset: int
    successor: Claim | None
    acknowledged: bool


def _attempts(history: History, claims: Claims, member: MemberHistory) -> list[Attempt]:
    found = []
    gen, member_id, since = -1, None, 0.0
    late = late_claims(history, member)
    for i, event in enumerate(member.events):
        if event["e"] == "assigned":
            gen, member_id, since = event["gen"], event["member"], event["t"]
            gen = -1 if i in late else gen
        elif event["e"] == "refused" and history.commits_as_another:
            gen = -1
        elif event["e"] == "commit":
            mine = Claim(event["t"], gen, member_id, member.name)
            later = (e for e in member.events[i + 1:] if e["e"] in ("commit", "committed", "refused"))
            acknowledged = next(later, {"e": ""})["e"] == "committed"
            for p, offset in event["o"].items():
                heir = successor(history, claims[int(p)], mine, since) if gen >= 0 else None
                found.append(Attempt(mine, int(p), offset, heir, acknowledged))
    return found


def fenced_out(history: History) -> list[str]:
    """No commit of a member that was replaced is acknowledged, none is told as the group's offset."""
    claims = claims_of(history)
    attempts = [each for member in history.members for each in _attempts(history, claims, member)]
    found = [
        f"{a.mine.name} committed {a.offset} of partition {a.partition} in generation {a.mine.gen} at "
        f"{a.mine.t:.0f}, {a.successor.name} had it in {a.successor.gen} from {a.successor.t:.0f}"
        for a in attempts if a.successor is not None and a.acknowledged
    ]
    rightful = {(a.partition, a.offset) for a in attempts if a.successor is None}
    fenced = {(a.partition, a.offset) for a in attempts} - rightful
    fenced |= {(ghost.partition, ghost.offset) for ghost in history.ghosts}
    told = {each for sample in history.samples for each in sample.offsets.items()}
    return found + [
        f"partition {p}: {offset} is committed, which only members sent that had been replaced"
        for p, offset in sorted(told & fenced)
    ]


def ghosts_refused(history: History) -> list[str]:
    """What the conductor commits in the name of members of before is refused, for what it is."""
    return [
        f"a commit of {ghost.member} in generation {ghost.gen} at {ghost.t:.0f} was answered {ghost.code}"
        for ghost in history.ghosts if ghost.code not in REFUSED
    ]
