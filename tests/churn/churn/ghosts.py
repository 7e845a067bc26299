"""Commits in the name of members that the group has replaced: each must be refused.

Real clients send such commits too, but seldom, and hardly ever those of a member
that is dead. The offset that is sent is one that nobody else sends, so that it is
seen wherever it comes out again.
"""

from __future__ import annotations

import random
import struct
from typing import NamedTuple

from churn import ownership
from churn.history import FOREVER, Event, Ghost, History
from churn.member import now
from harness.raw import Raw

OFFSET_COMMIT = 8
VERSION = 9
FIRST_OFFSET = 10**12
LOADING, NOT_COORDINATOR = 14, 16
NO_TAGS = b"\0"
NULL = b"\0"


class Past(NamedTuple):
    """Who a member once was: another has the partition in a later generation."""

    member: str
    gen: int
    instance: str | None
    partition: int


def replaced(history: History) -> list[Past]:
    """All that may be said of members that lost a partition to another, in a generation after theirs; of a
    mixed group, those that have ended."""
    if history.mixed:
        return _ended(history)
    last: dict[int, tuple[int, str]] = {}
    claims: list[tuple[Event, str | None]] = []
    for member in history.members:
        for event in member.events:
            if event["e"] == "assigned" and event["member"] and event["gen"] >= 0:
                claims.append((event, member.instance))
                for p in event["owned"]:
                    last[p] = max(last.get(p, (-1, "")), (event["gen"], event["member"]))
    claims.sort(key=lambda claim: claim[0]["t"])
    return [
        Past(event["member"], event["gen"], instance, p)
        for event, instance in claims for p in event["owned"]
        if last[p][0] > event["gen"] and last[p][1] != event["member"]
    ]


def _ended(history: History) -> list[Past]:
    found = []
    for member in history.members:
        last = member.events[-1] if member.events else {"e": "", "t": 0.0}
        ended = member.killed or (last["t"] if last["e"] == "end" else FOREVER)
        others = [e for m in history.members if m is not member for e in m.events if e["e"] == "assigned"]
        heirs = {p for e in others if e["t"] > ended + ownership.GRAIN_MS for p in e["added"]}
        for event in member.events:
            if event["e"] == "assigned" and event["member"]:
                parts = heirs & set(event["owned"])
                found += [Past(event["member"], event["gen"], member.instance, p) for p in sorted(parts)]
    return found


def choose(history: History, chance: random.Random) -> Past | None:
    """One of them; the youngest are the most likely to be taken for members still."""
    past = replaced(history)
    if not past:
        return None
    return chance.choice(past[-12:] if chance.random() < 0.5 else past)


def haunt(raw: Raw, group: str, topic: str, who: Past, offset: int) -> Ghost | None:
    """Sends such a commit; what came of it, unless the coordinator is not there yet."""
    sent = now()
    code = commit(raw, group, topic, who, offset)
    if code in (LOADING, NOT_COORDINATOR):
        return None
    return Ghost(sent, who.member, who.gen, who.partition, offset, code)


def commit(raw: Raw, group: str, topic: str, who: Past, offset: int) -> int:
    """OffsetCommit v9 of one partition; the partition's error."""
    partition = struct.pack(">iqi", who.partition, offset, -1) + _text("") + NO_TAGS
    topics = b"\2" + _text(topic) + b"\2" + partition + NO_TAGS
    body = _text(group) + struct.pack(">i", who.gen) + _text(who.member)
    body += (NULL if who.instance is None else _text(who.instance)) + topics + NO_TAGS
    answer = raw.call(OFFSET_COMMIT, VERSION, NO_TAGS + body)
    # Tags of the header, throttle time, one topic, its name, one partition, its index.
    at = 1 + 4 + 1 + len(_text(topic)) + 1 + 4
    (code,) = struct.unpack_from(">h", answer, at)
    return code


def _text(text: str) -> bytes:
    """A compact string; those here are short enough that a varint of two bytes will do."""
    data = text.encode()
    size = len(data) + 1
    return (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data
