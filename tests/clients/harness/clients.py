"""Every client under test: how its driver is started and what it cannot do.

What a client lacks is said here and nowhere else; the driver is told
(`--without`), and the expectation is computed with the same words.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from harness.broker import ROOT

CACHE = ROOT / ".cache"
DRIVERS = ROOT / "tests" / "clients" / "drivers"
PYTHON = str(CACHE / "venv" / "bin" / "python")
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Client:
    """One client library, at one version."""

    name: str
    command: tuple[str, ...]
    # The client's own name for MESSAGE_TOO_LARGE.
    too_large: str
    env: dict[str, str] = field(default_factory=dict)
    # What it cannot send; the words of drivers/common/records.py.
    without: frozenset[str] = frozenset()
    can_create: bool = True
    can_idempotent: bool = True
    can_read_committed: bool = True
    # kcat prints headers as text, so only that text can be compared.
    renders_headers: bool = False
    # The driver can say how large the largest fetch response was.
    tells_fetch_size: bool = False

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the driver, with pipes for a dialogue."""
        return subprocess.Popen(
            [*self.command, *arguments], env={**os.environ, **self.env}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> "Outcome":
        """Runs the driver to its end."""
        with self.popen(*arguments) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                err += f"\nkilled after {TIMEOUT_SECONDS} s"
        return Outcome(self.name, process.returncode, out, err)

    def jobs(self, address: str, jobs: list[str], directory: Path) -> "Outcome":
        """Runs many commands in one process."""
        file = directory / f"{self.name}.jobs"
        file.write_text("\n".join(jobs) + "\n", encoding="utf-8")
        return self.run("run", "--bootstrap", address, "--jobs", str(file))

    @property
    def without_option(self) -> str:
        """The option that tells the driver what to leave out."""
        return f"--without {','.join(sorted(self.without))}" if self.without else ""


@dataclass(frozen=True)
class Outcome:
    """How a driver ended."""

    client: str
    code: int
    out: str
    err: str

    def check(self) -> "Outcome":
        """Fails with everything the driver said unless all went well."""
        bad = [text for text in self.out.splitlines() if not text.startswith(("OK ", "PAUSED"))]
        if self.code != 0 or bad:
            text = "\n".join([f"{self.client}: exit code {self.code}, {len(bad)} errors", *bad[:5], self.err[:4000]])
            raise AssertionError(text)
        return self

    def error(self) -> Optional[str]:
        """The client's error, when the driver reported one."""
        for text in self.out.splitlines():
            if text.startswith("ERROR "):
                return text.split(" ", 3)[3]
        return None


def _python(driver: str) -> tuple[str, ...]:
    return (PYTHON, str(DRIVERS / driver / "driver.py"))


def _java(version: str) -> tuple[str, ...]:
    home = CACHE / "java" / version
    flags = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    return ("java", *flags, "-cp", f"{home}/classes:{home}/lib/*", "Driver")


KAFKA_PYTHON_LACKS = frozenset({"null-header-values", "both-null"})

CLIENTS = {
    client.name: client
    for client in (
        Client("librdkafka", _python("librdkafka"), "MSG_SIZE_TOO_LARGE"),
        Client("java-4", _java("4.3.1"), "RecordTooLargeException", tells_fetch_size=True),
        Client("java-3.9", _java("3.9.2"), "RecordTooLargeException", tells_fetch_size=True),
        Client("franz-go", (str(CACHE / "bin" / "franz"),), "MESSAGE_TOO_LARGE", tells_fetch_size=True),
        Client("sarama", (str(CACHE / "bin" / "sarama"),), "ErrMessageSizeTooLarge"),
        Client(
            "kafka-python", _python("kafka-python"), "MessageSizeTooLargeError",
            without=KAFKA_PYTHON_LACKS,
        ),
        Client(
            "kafka-python-2.0.2", _python("kafka-python"), "MessageSizeTooLargeError",
            env={"PYTHONPATH": str(CACHE / "kafka-python-old")},
            without=KAFKA_PYTHON_LACKS,
            can_idempotent=False, can_read_committed=False,
        ),
        Client(
            "aiokafka", _python("aiokafka"), "MessageSizeTooLargeError",
            without=frozenset({"both-null"}),
        ),
        Client(
            "kafkajs", ("node", str(DRIVERS / "kafkajs" / "driver.js")), "MESSAGE_TOO_LARGE",
            env={"NODE_PATH": str(CACHE / "node" / "node_modules")},
            # It asks for the length of a null header value and throws.
            without=frozenset({"null-header-values"}),
        ),
        Client(
            "kcat", _python("kcat"), "Message size too large",
            without=frozenset({"null-values", "empty-records", "record-headers", "timestamps"}),
            can_create=False, renders_headers=True,
        ),
    )
}
