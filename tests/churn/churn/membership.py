"""What must hold of the members of a group: who owns what, who is thrown out, in which generation."""

from __future__ import annotations

from churn import ownership
from churn.history import Event, History, MemberHistory
from churn.ownership import Ownership, by_partition, long_silences

# How long a member may take to find out that it was thrown out, after what made the group do so.
NOTICE_MS = 20_000
# UNKNOWN_SERVER_ERROR and GROUP_ID_NOT_FOUND in the words of Java and of librdkafka.
SWITCHED = (
    "UnknownServerException", "Unknown broker error", "GroupIdNotFoundException", "group id does not exist",
)


def one_owner(history: History) -> list[str]:
    """No partition has two owners in one generation (or member epoch)."""
    if history.mixed:
        return []
    owners: dict[tuple[int, int], tuple[str | None, str, str | None]] = {}
    found = []
    for member in history.members:
        for event in member.events:
            if event["e"] != "assigned" or event["gen"] < 0:
                continue
            for p in event["owned"]:
                mine = (event["member"], member.name, member.instance)
                other = owners.setdefault((event["gen"], p), mine)
                # A member that comes back under its group.instance.id is the same one.
                if all(a is None or a != b for a, b in zip(other, mine)):
                    found.append(f"partition {p} in generation {event['gen']}: {other[:2]} and {mine[:2]}")
    return found


def no_overlap(history: History) -> list[str]:
    """No partition is given to a member while another, which the group has not thrown out, still has it.

    A member that was silent for a session, one that did not poll for its time,
    and one that then learns that it has lost its place, may believe what it likes.
    """
    found = []
    for partition, owned in sorted(by_partition(history).items()):
        for i, old in enumerate(owned):
            for new in owned[i + 1:]:
                overlap = new.start + ownership.GRAIN_MS < old.end
                if overlap and not _out(history, old, new) and not _late(history, new, old):
                    found.append(
                        f"partition {partition}: {new.member.name} had it at {new.start:.0f}, "
                        f"{old.member.name} from {old.start:.0f} to {old.end:.0f} ({old.how})"
                    )
    return found


def _late(history: History, claim: Ownership, other: Ownership) -> bool:
    """Whether a claim is but an old one, told too late: the other's is of a later generation."""
    return claim.late and (history.mixed or claim.gen < other.gen)


def _out(history: History, old: Ownership, new: Ownership) -> bool:
    """Whether the group may have thrown the old owner out when it had the new one."""
    if old.how == "lost" or _other_id_after(old) or _late(history, old, new):
        return True
    if old.first and old.gen < new.gen and old.end - old.start < history.session_ms:
        return True  # told late, and given up before another had told that it has it
    return any(s.start < new.start and s.end > old.start for s in long_silences(history, old.member))


def _other_id_after(old: Ownership) -> bool:
    for event in old.member.events:
        if event["e"] == "assigned" and event["t"] >= old.end:
            return event["member"] != old.member_id
    return False


def no_eviction(history: History) -> list[str]:
    """No member loses its place in the group, or gives up, that has kept to the rules."""
    found = []
    for member in history.members:
        known: str | None = None
        for i, event in enumerate(member.events):
            leaves = history.loses_when_leaving and _leaves(member, event)
            out = event["e"] == "fatal" or event["e"] == "lost" and event["parts"] and not leaves
            if event["e"] == "assigned":
                out = known not in (None, "", event["member"])
                known = event["member"]
            if out and not _excuse(history, member, event["t"]) and not _switch(history, member, i):
                found.append(f"{member.name} was thrown out at {event['t']:.0f}: {event['e']}")
    return found


def _leaves(member: MemberHistory, lost: Event) -> bool:
    """Whether it had been asked to leave by then."""
    return member.asked is not None and member.asked < lost["t"]


def _switch(history: History, member: MemberHistory, i: int) -> bool:
    """What a mixed group may do to a member when it goes to the other protocol, in Kafka too.

    A member of the new protocol that comes in the first rebalance of a classic group has an unknown error,
    one that was thrown out of a group that is classic now is told that there is no such group: Java's
    consumer and librdkafka give up. A classic member that has not learned of the last epochs when the last
    one of the new protocol leaves has an illegal generation: it loses what it has, but not its place.
    """
    event = member.events[i]
    if event["e"] == "fatal":
        return history.mixed and any(word in event["why"] for word in SWITCHED)
    ids = [e["member"] for e in member.events[:i] if e["e"] == "assigned"][-1:]
    ids += [e["member"] for e in member.events[i:] if e["e"] == "assigned"][:1]
    return history.mixed and event["e"] == "lost" and len(ids) == 2 and ids[0] == ids[1]


def _excuse(history: History, member: MemberHistory, at: float) -> bool:
    silences = [s for s in member.silences if s.end - s.start > 0.5 * history.session_ms]
    return any(s.start < at < s.end + NOTICE_MS for s in silences + history.outages)


def generations_grow(history: History) -> list[str]:
    """A process never sees a generation older than one it has seen."""
    if history.mixed:
        return []
    found = []
    for member in history.members:
        last = -1
        for event in member.events:
            if event["e"] == "assigned" and event["gen"] >= 0:
                if event["gen"] < last:
                    found.append(f"{member.name}: generation {event['gen']} after {last}")
                last = event["gen"]
    return found
