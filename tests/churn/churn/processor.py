"""Who waited for a processor: what Linux says of every thread (schedstat: nanoseconds on a run queue).

A process that is not run for half a session is as silent as a stopped one, by no
fault of the broker or of its client. Nothing is guessed: where the kernel does
not tell, nobody waited.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from churn.history import Silence
from churn.member import now

TICK_SECONDS = 0.5
STARVED = "starved"
# The broker's flushers, Java's compilers.
PATIENT = ("flusher", "C1 ", "C2 ")


class Watched(NamedTuple):
    """A process, the lists into which its starved times go, and whom to tell."""

    pid: int
    silences: list[list[Silence]]
    tell: list[Callable[[], None]]


class Waits:
    """What one process waited in the last session."""

    def __init__(self, session_ms: float) -> None:
        self.session_ms = session_ms
        self.before: dict[str, int] = {}
        self.recent: deque[tuple[float, float]] = deque()

    def add(self, at: float, threads: dict[str, int]) -> bool:
        """Takes a sample; whether the process was without a processor for half a session."""
        waited = max((ns - self.before.get(thread, ns) for thread, ns in threads.items()), default=0) / 1e6
        self.before = threads
        self.recent.append((at, waited))
        while self.recent[0][0] < at - self.session_ms:
            self.recent.popleft()
        return sum(ms for _, ms in self.recent) > self.session_ms / 2


def run_delays(pid: int) -> dict[str, int]:
    """By thread, the nanoseconds that it waited while it could have run; not of those for
    which nobody waits."""
    found = {}
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            if not (task / "comm").read_text().startswith(PATIENT):
                found[task.name] = int((task / "schedstat").read_text().split()[1])
    except (OSError, IndexError):
        pass  # the process, or this thread of it, has ended; or another system
    return found


class Processor:
    """Looks at all processes of a round, twice a second."""

    def __init__(self, session_ms: float, watched: Callable[[], Iterable[Watched]]) -> None:
        self.session_ms = session_ms
        self.watched = watched
        self.waits: dict[int, Waits] = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.over.wait(TICK_SECONDS):
            for each in self.watched():
                waits = self.waits.setdefault(each.pid, Waits(self.session_ms))
                if waits.add(now(), run_delays(each.pid)):
                    self._starved(each, waits.recent[0][0])

    @staticmethod
    def _starved(each: Watched, since: float) -> None:
        # Half a session of waiting within a session: the whole of it counts.
        for silences in each.silences:
            last = next((s for s in reversed(silences) if s.kind == STARVED), None)
            if last is not None and last.end >= since:
                last.end = now()
            else:
                silences.append(Silence(since, now(), STARVED))
        for tell in each.tell:
            tell()

    def stop(self) -> None:
        """No more samples."""
        self.over.set()
        self.thread.join()
