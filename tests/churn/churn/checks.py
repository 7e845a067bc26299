"""All checks of a group's history, whatever happened to its members.

Each gives its violations as texts. No check may depend on a client's
manners: what is said here holds of Apache Kafka, and is tried there.
"""

from __future__ import annotations

from collections.abc import Callable

from churn.fencing import fenced_out, ghosts_refused
from churn.history import History
from churn.membership import generations_grow, no_eviction, no_overlap, one_owner
from churn.offsets import all_read, commits_stay, no_gap, starts_at_commit


def no_reset(history: History) -> list[str]:
    """No client goes back by itself to where its policy says, as for an offset that the log does not have."""
    return [f"{member.name}: {line}" for member in history.members for line in member.resets]


CHECKS: dict[str, Callable[[History], list[str]]] = {
    check.__name__: check
    for check in (
        one_owner, no_overlap, no_eviction, generations_grow, all_read, no_gap, commits_stay,
        starts_at_commit, fenced_out, ghosts_refused, no_reset,
    )
}


def violations(history: History) -> list[str]:
    """Everything that does not hold."""
    found = [f"{name}: {text}" for name, check in CHECKS.items() for text in check(history)]
    return [f"conductor: {problem}" for problem in history.problems] + found
