"""What a round says at its end."""

from __future__ import annotations

from collections import Counter, defaultdict

from churn.group import Group
from churn.processor import STARVED

KINDS = ("join", "leave", "crash", "pause", "blip", "stall", "resume", "restart", "several")


def facts(group: Group) -> str:
    """One line on what happened to a group."""
    done = Counter(action.split()[1] for action in group.actions)
    events = [event for m in group.history.members for event in m.events]
    read = sum(event["n"] for event in events if event["e"] == "read")
    count = Counter(event["e"] for event in events)
    generation = max((event["gen"] for event in events if event["e"] == "assigned"), default=0)
    produced = sum(group.history.produced.values())
    actions = " ".join(f"{kind} {n}" for kind, n in sorted(done.items()))
    silences = [s for m in group.history.members for s in m.silences] + group.history.outages
    starved = sum(s.end - s.start for s in silences if s.kind == STARVED) / 1000
    return (
        f"{group.config.name}: {actions}; generation {generation}, {produced} records, "
        f"{read - produced} read again, {count['committed'] or count['commit']} commits, {count['refused']} "
        f"refused, {len(group.history.ghosts)} of nobody's, {count['error']} errors"
        + (f", {starved:.0f} s without a processor" if starved else "")
    )


def rests(groups: list[Group]) -> list[str]:
    """How long it took to come to rest, by client and by what was done."""
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for group in groups:
        for kind, ms in group.rests:
            rows[group.config.name][kind].append(ms / 1000)
    lines = [f"{'seconds to rest, median/most (number)':<34}" + "".join(f"{kind:>16}" for kind in KINDS)]
    for name, row in rows.items():
        lines.append(f"{name:<34}" + "".join(f"{_cell(row[kind]):>16}" for kind in KINDS))
    return lines


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    values.sort()
    return f"{values[len(values) // 2]:.1f}/{values[-1]:.1f} ({len(values)})"
