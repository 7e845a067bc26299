"""One group under churn: what is done to its members, and how long it takes to come to rest."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

from churn import statics
from churn.history import History, Silence
from churn.member import DEAD, LEAVING, PAUSED, RUNNING, STALLED, Member, now
from churn.plan import (
    COMMITS_AS_ANOTHER, KEEPS_POSITIONS, LOSES_WHEN_LEAVING, MAX_POLL_MS, PARTITIONS, SESSION_MS, Config,
)
from churn.processor import Watched

# A slow machine: the start of a process, a scheduler with many of them.
SLACK_MS = 20_000
START_MS = 60_000
# Kafka's own limits. A member that is asked to join again has the rebalance timeout for it (it is
# told with its next heartbeat); one that is silent is first missed for a session. A cooperative
# rebalance takes two rounds, the second is not waited for anybody who was there in the first.
POLITE_MS = MAX_POLL_MS + SLACK_MS
SILENT_MS = SESSION_MS + POLITE_MS
END_MS = 60_000
LEAVE_MS = 30_000

WEIGHTS = {"join": 3, "leave": 2, "crash": 2, "pause": 2, "blip": 1, "stall": 1}
# What the group finds out by a silence only.
SILENT = {"crash", "pause", "stall", "restart", "starved"}


class Group:
    """Its members and its history; `changed` guards both."""

    def __init__(self, config: Config, seed: str, address: str, members: int, out: Path) -> None:
        self.config = config
        self.random = random.Random(f"{seed}/{config.name}")
        self.address = address
        self.most = members
        self.out = out / config.name
        self.out.mkdir(parents=True)
        self.changed = threading.Condition()
        self.history = History(
            PARTITIONS, SESSION_MS, mixed=config.protocol == "mixed",
            commits_as_another=config.client in COMMITS_AS_ANOTHER,
            keeps_positions=config.client in KEEPS_POSITIONS,
            loses_when_leaving=config.client in LOSES_WHEN_LEAVING,
        )
        self.members: list[Member] = []
        self.resumes: list[tuple[float, Member]] = []
        self.disturbed: list[tuple[float, str]] = []
        self.actions: list[str] = []
        # Kind of what was done, and the milliseconds until all was at rest again.
        self.rests: list[tuple[str, float]] = []
        self.broker_away = False

    @property
    def topic(self) -> str:
        """One topic of its own."""
        return f"churn-{self.config.name}"

    # What is done.

    def join(self, instance: str | None = None, state: str = RUNNING) -> Member:
        """One member more; of a static group with a new name, if none is given."""
        name = f"m{len(self.members) + 1}"
        if self.config.static:
            instance = instance or f"i{len(self.members) + 1}"
        options = ["--bootstrap", self.address, "--topic", self.topic, "--group", self.config.name]
        options += self.config.options(self.random, instance)
        member = Member(
            self.config, options, name, self.out, self.changed, self.problem, self._started, instance,
        )
        with self.changed:
            member.state = state
            self.members.append(member)
            self.history.members.append(member.history)
        self._did("join", member)
        return member

    def problem(self, text: str) -> None:
        """What must not be, and is not seen in the members' words."""
        self.history.problems.append(text)

    def did(self, kind: str, member: Member) -> None:
        """Notes what happened, beside what was done."""
        with self.changed:
            self.actions.append(f"{now():.0f} {kind} {member.name}")

    def _started(self) -> None:
        """A member's process is up: from here on the group has to do with it. `changed` is held."""
        self.disturbed.append((now(), "join"))

    def _did(self, kind: str, member: Member | None = None) -> None:
        with self.changed:
            self.disturbed.append((now(), kind))
            self.actions.append(f"{now():.0f} {kind} {member.name if member else ''}".rstrip())

    def act(self) -> None:
        """One thing at random that makes sense now."""
        if self.config.static and self.random.random() < 0.5:
            self.settle()
            statics.act(self)
            return
        running = [m for m in self.members if m.state == RUNNING]
        alive = [m for m in self.members if m.state in (RUNNING, PAUSED, STALLED)]
        weights = dict(WEIGHTS)
        if len(alive) >= self.most:
            del weights["join"]
        if not self.config.leaves_when_stalled:
            del weights["stall"]
        if not running:
            weights = {kind: w for kind, w in weights.items() if kind == "join"}
        if not weights:
            return
        kind = self.random.choices(list(weights), list(weights.values()))[0]
        if kind == "join":
            self.join()
        else:
            self.end(kind, self.random.choice(running))

    def end(self, kind: str, member: Member) -> None:
        """One thing to one member that runs, by which it may be lost to the group."""
        with self.changed:
            if member.state != RUNNING:
                return
            if kind == "leave":
                member.leave()
            elif kind == "crash":
                member.kill()
            elif kind == "stall":
                member.stall(MAX_POLL_MS + self.random.randint(1000, 3000))
            else:
                member.pause()
                low, high = (1.1, 1.6) if kind == "pause" else (0.2, 0.5)
                self.resumes.append((now() + SESSION_MS * self.random.uniform(low, high), member))
        self._did(kind, member)

    def broker_left(self) -> None:
        """The broker is killed."""
        with self.changed:
            self.broker_away = True
            self.history.outages.append(Silence(now(), kind="restart"))

    def broker_came(self) -> None:
        """The broker is there again."""
        with self.changed:
            self.broker_away = False
            next(s for s in reversed(self.history.outages) if s.kind == "restart").end = now()
            self.changed.notify_all()
        self._did("restart")

    def watched(self) -> list[Watched]:
        """The processes that must have a processor."""
        with self.changed:
            alive = [m for m in self.members if m.state != DEAD]
        return [Watched(m.process.pid, [m.history.silences], [self.starved]) for m in alive]

    def starved(self) -> None:
        """One of its members, or the broker, waits for a processor: nothing can be asked of the group yet."""
        with self.changed:
            if self.disturbed:
                self.disturbed.append((now(), "starved"))

    # Waiting.

    def _resume_due(self, at: float) -> None:
        for due, member in list(self.resumes):
            if due <= at:
                self.resumes.remove((due, member))
                if member.state == PAUSED:
                    member.resume()
                    self._did("resume", member)

    def wait(self, until: float, what: Callable[[], bool]) -> bool:
        """Waits for a condition, or for a time; meanwhile resumes whom it is time to."""
        with self.changed:
            while not what():
                at = now()
                if at >= until:
                    return False
                self._resume_due(at)
                next_due = min((due for due, _ in self.resumes), default=until)
                self.changed.wait(max(0.0, min(until, next_due) - now()) / 1000)
            return True

    def idle(self, seconds: float) -> None:
        """The schedule's own time."""
        self.wait(now() + seconds * 1000, lambda: False)

    def at_rest(self) -> bool:
        """Whether those who can speak have all partitions between them, each some and none twice."""
        running = [m for m in self.members if m.state == RUNNING]
        leaving = any(m.state == LEAVING for m in self.members)
        if self.broker_away or leaving:
            return False
        sets = [m.owned for m in running]
        return all(sets) and sum(map(len, sets)) == (PARTITIONS if running else 0) == len(set().union(*sets))

    def settle(self) -> None:
        """Waits until all is at rest; later than Kafka would take is a violation."""
        while not self.at_rest():
            if not self.disturbed:
                self.disturbed.append((now(), "drift"))
            seen = len(self.disturbed)
            last = max(t for t, _ in self.disturbed)
            silent = self._silent()
            unready = self._unready()
            limit = START_MS if unready else SILENT_MS if silent else POLITE_MS
            until = (now() if unready else last) + limit
            if not self.wait(until, lambda seen=seen: self.at_rest() or len(self.disturbed) > seen):
                if len(self.disturbed) > seen:
                    continue
                kinds = list(dict.fromkeys(kind for _, kind in self.disturbed))
                owned = {m.name: (m.state, sorted(m.owned)) for m in self.members if m.state != DEAD}
                self.problem(f"no rest {limit} ms after {kinds} at {last:.0f}: {owned}")
                break
        self._rested()

    def _silent(self) -> bool:
        """Whether the group may have to wait for a session; static members leave without a word."""
        return any(kind in SILENT or kind == "leave" and self.config.static for _, kind in self.disturbed)

    def _unready(self) -> bool:
        """Whether the group cannot come to rest yet, for it waits for a process."""
        return self.broker_away or any(m.state in (RUNNING, LEAVING) and not m.started for m in self.members)

    def _rested(self) -> None:
        with self.changed:
            if self.disturbed and any(m.state == RUNNING for m in self.members):
                last, kind = self.disturbed[-1]
                alone = len(self.disturbed) == 1
                self.rests.append((kind if alone else "several", now() - last))
            self.disturbed.clear()

    # The whole.

    def churn(self, over: threading.Event) -> None:
        """Until `over`: something happens, or all comes to rest."""
        try:
            for _ in range(self.random.randint(1, max(1, self.most // 2))):
                self.join()
            self.settle()
            while not over.is_set():
                self.act()
                if self.random.random() < 0.5:
                    self.settle()
                else:
                    self.idle(self.random.uniform(0.2, 2.5))
            self.calm()
        except Exception as error:  # a thread must not end in silence
            self.problem(f"the conductor failed: {error!r}")
            raise

    def calm(self) -> None:
        """Everybody is awake, somebody is there, all is at rest."""
        self.wait(now() + END_MS, lambda: not any(m.state in (PAUSED, STALLED) for m in self.members))
        if not any(m.state == RUNNING for m in self.members):
            self.join()
        self.settle()

    def wait_committed(self) -> None:
        """Waits until everything produced is committed, as the watcher sees it."""
        def all_committed() -> bool:
            last = self.history.samples[-1].offsets if self.history.samples else {}
            return all(last.get(p, -1) >= n for p, n in self.history.produced.items() if n)

        if not self.wait(now() + END_MS, all_committed):
            last = self.history.samples[-1].offsets if self.history.samples else {}
            self.problem(
                f"not all committed in {END_MS} ms: {last}, produced {self.history.produced}"
            )

    def leave_all(self) -> None:
        """Everybody leaves; whoever does not is ended."""
        with self.changed:
            leaving = [m for m in self.members if m.state == RUNNING]
            for member in leaving:
                member.leave()
        self.wait(now() + LEAVE_MS, lambda: all(m.state == DEAD for m in self.members))
        self.close(leaving)

    def close(self, asked: list[Member] | None = None) -> None:
        """Ends what still runs."""
        for member in self.members:
            if member.process.poll() is None and member.state != DEAD:
                if asked is not None:
                    text = f"{member.name} did not leave in {LEAVE_MS} ms ({member.state})"
                    self.problem(text)
                member.kill()
        for member in self.members:
            member.process.wait()
            member.reader.join()
