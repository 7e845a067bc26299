"""What is special about members with a group.instance.id, done to a group at rest.

One that comes back within its session gets what it had, and nobody else learns
of it. Of two with one name the first is fenced; in the consumer protocol, where
the first has to let go of its name, the second is refused instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.history import Event, MemberHistory, Silence
from churn.member import DEAD, LEAVING, RUNNING, Member, now
from churn.plan import FENCED_ENDS, HEARTBEAT_MS, JOINS_TWICE, KEEPS_ITS_NAME, SESSION_MS

if TYPE_CHECKING:
    from churn.group import Group

GONE_MS = 20_000
# In the consumer protocol all may own what they shall have by an assignment that another follows at once: it is made
# once a second (group.consumer.assignment.interval.ms) and told with the next heartbeats.
CALM_MS = 2 * HEARTBEAT_MS + 1000
TOLD = ("assigned", "revoked", "lost", "fatal")


def act(group: Group) -> None:
    """A member comes back, or another takes its name."""
    client, protocol = group.config.client, group.config.protocol
    if (client, protocol) in KEEPS_ITS_NAME or group.random.random() < 0.3 and client in FENCED_ENDS:
        double(group)
    else:
        come_back(group)


def _calm_members(group: Group) -> list[Member]:
    """Who runs, when all is at rest and will be: nobody is about to be thrown out or to wake up."""
    alive = [m for m in group.members if m.state != DEAD]
    silences = [s for m in alive for s in m.history.silences] + group.history.outages
    over = max((s.end for s in silences), default=0.0)
    # What a silence leads to is not over when all is at rest for a moment.
    quiet = over + SESSION_MS < now() and not told([m.history for m in alive], now() - CALM_MS, now())
    calm = quiet and group.at_rest() and not group.disturbed and all(m.state == RUNNING for m in alive)
    return alive if calm else []


def told(members: list[MemberHistory], since: float, until: float) -> list[tuple[str, Event]]:
    """What these learned of the group in between."""
    return [
        (m.name, event) for m in members for event in list(m.events)
        if event["e"] in TOLD and since < event["t"] < until
    ]


def come_back(group: Group) -> None:
    """One ends, without leaving the group, and a new process has its name soon."""
    alive = _calm_members(group)
    if not alive:
        return
    member = group.random.choice(alive)
    had, last = set(member.owned), _last_assigned(member)
    begun = now()
    # In the consumer protocol a name is kept for one who does not give it back.
    if group.config.protocol == "classic" and group.random.random() < 0.5:
        group.end("crash", member)
    else:
        group.end("leave", member)
    if not group.wait(now() + GONE_MS, lambda: member.state == DEAD):
        return
    left = now()
    heir = group.join(member.instance)
    group.settle()
    back = next((e for e in heir.history.events if e["e"] == "assigned" and e["owned"]), None)
    if back is None or not _soon(group, heir, left, back):
        group.did("late", heir)
        return
    group.did("back", heir)
    others = told([m.history for m in alive if m is not member], begun, back["t"])
    same = group.config.protocol == "classic" and group.config.client not in JOINS_TWICE
    for text in differences(had, last if same else None, back, others):
        group.problem(f"{heir.name} came back as {member.instance}: {text}")


def differences(
    had: set[int], last: Event | None, back: Event, others: list[tuple[str, Event]],
) -> list[str]:
    """What must not be when one comes back, that had these partitions (and, if given, this assignment)."""
    found = [f"{name} was told {event}" for name, event in others]
    if set(back["owned"]) != had:
        found.append(f"{sorted(had)} became {back['owned']}")
    if last is not None and back["gen"] != last["gen"]:
        found.append(f"generation {last['gen']} became {back['gen']}")
    return found


def _last_assigned(member: Member) -> Event | None:
    return next((e for e in reversed(member.history.events) if e["e"] == "assigned"), None)


def _soon(group: Group, heir: Member, left: float, back: Event) -> bool:
    """Whether it was there in half a session, and nothing else happened by then."""
    excused = heir.history.silences + group.history.outages
    disturbed = any(s.end > left - SESSION_MS and s.start < back["t"] for s in excused)
    started = heir.history.events[0]["t"]
    return started - left < SESSION_MS / 2 and not disturbed


def double(group: Group) -> None:
    """A second process has the name of one that runs."""
    alive = _calm_members(group)
    if not alive:
        return
    member = group.random.choice(alive)
    begun = now()
    if group.config.protocol == "classic":
        with group.changed:
            # From here on it may be out; it must learn of it and end.
            member.history.silences.append(Silence(begun, kind="double"))
            member.state = LEAVING
        heir = group.join(member.instance)
        group.did("double", heir)
        group.settle()
        return
    heir = group.join(member.instance, LEAVING)
    heir.history.silences.append(Silence(begun, kind="double"))
    group.did("double", heir)
    group.wait(now() + GONE_MS * 2, lambda: heir.state == DEAD)
    if heir.state != DEAD or not any(e["e"] == "fatal" for e in heir.history.events):
        group.problem(f"{heir.name} took the name {member.instance} of {member.name}, which runs")
    others = told([m.history for m in alive], begun, now())
    disturbed = any(s.end > begun - SESSION_MS for s in group.history.outages)
    if others and not disturbed:
        group.problem(f"{heir.name} wanted the name {member.instance}, and others were told: {others}")
