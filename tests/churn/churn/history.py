"""What happened to one group, as its members, the conductor and the watcher of offsets saw it.

Everything that the checks look at is here, and nothing of the processes: a
history can as well be written by hand (test_checks.py). Times are milliseconds
of the one machine's wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
FOREVER = float("inf")


@dataclass
class Silence:
    """A time in which a member could not, or would not, speak to the broker: `pause`, `blip`, `stall`,
    `double` (another took its name), `starved` (it waited for a processor)."""

    start: float
    end: float = FOREVER
    kind: str = "pause"


@dataclass
class MemberHistory:
    """The events of one process, in its own order."""

    name: str
    events: list[Event] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    killed: float | None = None
    # When it was asked to leave.
    asked: float | None = None
    # The group.instance.id, which its successors have too.
    instance: str | None = None
    # What its client's log says of offsets that it went back to by itself.
    resets: list[str] = field(default_factory=list)


@dataclass
class Ghost:
    """A commit that the conductor sent in the name of a member that had been replaced, and its answer."""

    t: float
    member: str
    gen: int
    partition: int
    offset: int
    code: int


@dataclass
class Sample:
    """The committed offsets that the broker told, -1 where there is none."""

    asked: float
    offsets: dict[int, int]


@dataclass
class History:
    """One group."""

    partitions: int
    session_ms: float
    members: list[MemberHistory] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    ghosts: list[Ghost] = field(default_factory=list)
    # When the broker was away: from its end to its line on stdout; or had no processor.
    outages: list[Silence] = field(default_factory=list)
    # The number of records that the producer has acknowledged, by partition.
    produced: dict[int, int] = field(default_factory=dict)
    # Members of both protocols: a group that is empty for a moment may go to the other protocol, and its
    # generations then begin anew. Only time orders what was said.
    mixed: bool = False
    # What a member commits after a refusal is not of the generation that it told last.
    commits_as_another: bool = False
    # A member that was silent for a session may go on where it was itself.
    keeps_positions: bool = False
    # A member that leaves may say that it has lost what it has.
    loses_when_leaving: bool = False
    # What the conductor saw by itself: rebalances that took too long, processes that ended.
    problems: list[str] = field(default_factory=list)
