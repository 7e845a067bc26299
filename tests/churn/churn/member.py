"""One member: its process, and its events as they come."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from churn.history import MemberHistory, Silence
from churn.plan import Config
from harness.members import start

# librdkafka's words. It says nothing of a group that has no offset yet.
RESET = re.compile(r".*offset reset.*|.*truncat.*", re.IGNORECASE)
RUNNING, PAUSED, STALLED, LEAVING, DEAD = "running", "paused", "stalled", "leaving", "dead"


def now() -> float:
    """Milliseconds, as the members' own events have them."""
    return time.time() * 1000


class Member:
    """Starts a member, pauses, stalls, kills it, asks it to leave; never another process."""

    def __init__(
        self, config: Config, options: list[str], name: str, out: Path, changed: threading.Condition,
        problem: Callable[[str], None], started: Callable[[], None], instance: str | None = None,
    ) -> None:
        self.name = name
        self.instance = instance
        self.history = MemberHistory(name, instance=instance)
        self.state = RUNNING
        self.owned: set[int] = set()
        self.changed = changed
        self.problem = problem
        self.on_start = started
        self.log = open(out / f"{name}.jsonl", "w", encoding="utf-8", buffering=1)
        self.errors = out / f"{name}.stderr"
        with open(self.errors, "wb") as errors:
            self.process = start(config.client, *options, errors=errors)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.write(line)
            self._event(line)
        code = self.process.wait()
        # Hundreds of members end in a run: each would keep its descriptors.
        for file in (self.log, self.process.stdout, self.process.stdin):
            with contextlib.suppress(BrokenPipeError):
                file.close()
        said = self.errors.read_text(encoding="utf-8", errors="replace")
        with self.changed:
            self.history.resets += RESET.findall(said)
            if self.history.events and self.history.events[-1]["e"] == "fatal":
                self.history.killed = now()
            elif self.state not in (DEAD, LEAVING):
                self.problem(f"{self.name} ended by itself with exit code {code}")
            elif self.state == LEAVING and (code != 0 or not self.ended):
                self.problem(f"{self.name} did not leave as asked: exit code {code}")
            self.state = DEAD
            self.changed.notify_all()

    def _event(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            # The last line of a killed process may be cut.
            if line.endswith("\n"):
                self.problem(f"{self.name} said {line!r}")
            return
        with self.changed:
            if not self.started:
                self.on_start()
            self.history.events.append(event)
            if "owned" in event:
                self.owned = set(event["owned"])
            if event["e"] == "resume" and self.state == STALLED:
                self._awake()
            self.changed.notify_all()

    @property
    def started(self) -> bool:
        """Whether it has said anything yet: a machine under load takes its time to start a process."""
        return bool(self.history.events)

    @property
    def ended(self) -> bool:
        """Whether it has said that it left."""
        return bool(self.history.events) and self.history.events[-1]["e"] == "end"

    def _awake(self) -> None:
        self.state = RUNNING
        self._silent().end = now()

    def _silent(self) -> Silence:
        """The silence that it was put into."""
        return next(s for s in reversed(self.history.silences) if s.kind in ("pause", "stall"))

    def pause(self) -> None:
        """SIGSTOP."""
        self.history.silences.append(Silence(now()))
        self.state = PAUSED
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)
        self._awake()

    def stall(self, milliseconds: int) -> None:
        """The application stops polling, its client's threads go on."""
        self.history.silences.append(Silence(now(), kind="stall"))
        self.state = STALLED
        self._say(f"stall {milliseconds}\n")

    def kill(self) -> None:
        """SIGKILL."""
        self.history.killed = now()
        self.state = DEAD
        self.process.kill()

    def leave(self) -> None:
        """Asks it to leave its group and to end."""
        self.state = LEAVING
        self.history.asked = now()
        self._say("quit\n")

    def _say(self, text: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended, and may be closed: the reader says so
