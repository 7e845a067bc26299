"""One member of a consumer group, for the Python clients (see tests/churn/README.md).

Arguments, commands from stdin and the lines on stdout are the same in every
language. A member reads, says what it has read, then commits it and says how
that ended. It must never retry or repair anything for its client: what was
not committed is committed with what comes next, as any consumer does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from typing import Iterable, NoReturn, Optional, Protocol

POLL_SECONDS = 0.2
Offsets = dict[int, int]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "group", "assignor"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--protocol", choices=["classic", "consumer"], default="classic")
    parser.add_argument("--instance", help="the group.instance.id of a static member")
    parser.add_argument("--session-ms", type=int, default=6000)
    parser.add_argument("--heartbeat-ms", type=int, default=1000)
    parser.add_argument("--max-poll-ms", type=int, default=10_000)
    return parser.parse_args()


class Log:
    """The lines on stdout: one event each, whole and at once, from any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owned: set[int] = set()
        # What was read of them and is not committed; it goes with them.
        self.pending: Offsets = {}

    def say(self, event: str, **fields: object) -> None:
        """Writes one event with the time of now."""
        with self.lock:
            self._write(event, fields)

    def _write(self, event: str, fields: dict[str, object]) -> None:
        line = json.dumps({"t": time.time() * 1000, "e": event, **fields})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def assigned(self, generation: int, member: str, added: Iterable[int], whole: bool) -> None:
        """The group gave these partitions, to what was owned or in its place."""
        with self.lock:
            added = sorted(added)
            self.owned = set(added) | (set() if whole else self.owned)
            self.pending = {} if whole else {p: o for p, o in self.pending.items() if p not in added}
            fields = {"gen": generation, "member": member, "added": added, "owned": sorted(self.owned)}
            self._write("assigned", fields)

    def gone(self, event: str, partitions: Iterable[int]) -> None:
        """`revoked` or `lost`: these are not owned any more."""
        with self.lock:
            partitions = sorted(partitions)
            self.owned -= set(partitions)
            for partition in partitions:
                self.pending.pop(partition, None)
            self._write(event, {"parts": partitions, "owned": sorted(self.owned)})

    def fatal(self, why: str) -> NoReturn:
        """The client is good for nothing any more: its application ends, and leaves nothing."""
        self.say("fatal", why=why)
        os._exit(1)

    def read(self, partition: int, offsets: list[int]) -> None:
        """These offsets were given to the application, in this order."""
        fields = {"p": partition, "from": offsets[0], "to": offsets[-1], "n": len(offsets)}
        self.say("read", **fields)


class Commands:
    """What stdin asks for: `stall MS`, `quit`. Its end means `quit` too."""

    def __init__(self) -> None:
        self.quit = False
        self.stall_ms = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            words = line.split()
            if words[:1] == ["stall"]:
                self.stall_ms = int(words[1])
            if words == ["quit"]:
                break
        self.quit = True

    def stall(self) -> float:
        """The seconds that the application is to spend away from its client."""
        stall, self.stall_ms = self.stall_ms / 1000, 0
        return stall


class Member(Protocol):
    """What one client library must offer."""

    def poll(self) -> dict[int, list[int]]:
        """The offsets that came, by partition."""

    def commit(self, offsets: Offsets) -> Optional[str]:
        """Commits and waits; gives the client's error."""

    def close(self) -> None:
        """Leaves the group."""


class Pending:
    """What was read and is not committed yet."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def read(self, partition: int, offsets: list[int]) -> None:
        """Says it and remembers the next offset."""
        self.log.read(partition, offsets)
        if partition in self.log.owned:
            self.log.pending[partition] = offsets[-1] + 1

    def take(self) -> Offsets:
        """What to commit: of partitions that are still owned."""
        offsets = {p: o for p, o in self.log.pending.items() if p in self.log.owned}
        if offsets:
            self.log.say("commit", o=offsets)
        return offsets

    def done(self, offsets: Offsets, error: Optional[str]) -> None:
        """Says how the commit ended."""
        if error is not None:
            self.log.say("refused", o=offsets, why=error)
            return
        self.log.say("committed", o=offsets)
        for partition, offset in offsets.items():
            if self.log.pending.get(partition) == offset:
                self.log.pending.pop(partition, None)


def run(log: Log, member: Member) -> None:
    """The life of a member whose client is driven by one thread."""
    commands, pending = Commands(), Pending(log)
    log.say("start", pid=os.getpid())
    while not commands.quit:
        stall = commands.stall()
        if stall:
            log.say("stall", ms=stall * 1000)
            time.sleep(stall)
            log.say("resume")
        for partition, offsets in member.poll().items():
            pending.read(partition, offsets)
        offsets = pending.take()
        if offsets:
            pending.done(offsets, member.commit(offsets))
    member.close()
    log.say("end")
