"""User interfaces for Kafka, page by page, as the calls that they make: programs that print a line a page."""

from __future__ import annotations

import subprocess
from typing import NamedTuple, Optional

from harness.clients import CACHE

TIMEOUT_SECONDS = 180


def _java(version: str, setting: str) -> tuple[str, ...]:
    """A program, and the setting of the broker that it alone may change; no topic has it."""
    home = CACHE / "java" / version
    flags = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    return ("java", *flags, "-cp", f"{home}/classes:{home}/lib/*", "uis.Replay", setting)


COMMANDS = {
    "java-4": _java("4.3.1", "producer.id.expiration.ms=86300000"),
    "java-3.9": _java("3.9.2", "num.recovery.threads.per.data.dir=3"),
    "franz-go": (str(CACHE / "bin" / "console"),),
}


class Page(NamedTuple):
    """How one page went."""

    result: str
    ui: str
    title: str
    took: str
    why: str


class Replay:
    """One program, with the interfaces of one client; it runs until somebody asks how it went."""

    def __init__(self, client: str, address: str) -> None:
        self.client = client
        self.process = subprocess.Popen(
            [*COMMANDS[client], address, f"ui-{client}"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.found: Optional[list[Page]] = None

    def pages(self, ui: str) -> list[Page]:
        """The pages of one interface, in the order they were opened."""
        if self.found is None:
            try:
                out, err = self.process.communicate(timeout=TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                out, err = self.process.communicate()
            assert self.process.returncode == 0, f"{self.client}: exit code {self.process.returncode}\n{out}\n{err}"
            self.found = [Page(*line.split("\t")) for line in out.splitlines()]
        return [page for page in self.found if page.ui == ui]

    def close(self) -> None:
        """Ends what nobody waited for."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
