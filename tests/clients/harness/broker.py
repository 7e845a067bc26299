"""One broker process under test, with a data directory of its own.

It knows only what the command line promises: `--port 0` picks a port, one line
on stdout says that the listeners answer, SIGTERM stops cleanly with exit code
0. It never ends a process that it did not start.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[3]
DEFAULT_COMMAND = str(ROOT / "target" / "release" / "barnabas")
READY_SECONDS = 60
STOP_SECONDS = 60
ADDRESS = re.compile(r"(?:127\.0\.0\.1|\[::\]):(\d+)")


class BrokerError(Exception):
    """The broker broke a promise of its command line."""


class Broker:
    """Starts, stops, kills and restarts one broker on the same port and directory."""

    def __init__(
        self, directory: Path, command: Optional[str] = None, options: tuple[str, ...] = (), pick: bool = True,
    ) -> None:
        self.command = shlex.split(command or os.environ.get("BARNABAS_BIN") or DEFAULT_COMMAND)
        self.data = directory / "data"
        self.log = directory / "broker.log"
        self.options = options
        self.pick = pick  # its port; else the options say where it listens
        self.port = 0
        self.line = ""
        self.process: Optional[subprocess.Popen[str]] = None

    @property
    def address(self) -> str:
        """`host:port` for a client."""
        return f"127.0.0.1:{self.port}"

    @property
    def is_kafka(self) -> bool:
        """Apache Kafka itself, started by tests/churn/launch_kafka.py: by its line."""
        return self.line.startswith("kafka ")

    def start(self) -> "Broker":
        """Starts the process and waits for its line."""
        port_flag = ["--port", str(self.port)] if self.pick else []
        arguments = [*port_flag, "--data-dir", str(self.data), *self.options]
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*self.command, *arguments], stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "BARNABAS_HTTP_LISTENER": "off"},
            )
        port = int(self._ready_line())
        if self.port not in (0, port):
            raise BrokerError(f"asked for port {self.port}, got {port}")
        self.port = port
        return self

    def _ready_line(self) -> str:
        stdout = self._running().stdout
        assert stdout is not None
        # Not `select`, which knows no descriptor above 1023.
        ready = select.poll()
        ready.register(stdout, select.POLLIN)
        if not ready.poll(READY_SECONDS * 1000):
            self.kill()
            raise BrokerError(f"no line on stdout in {READY_SECONDS} s\n{self.log_tail()}")
        self.line = line = stdout.readline()
        found = ADDRESS.search(line)
        if found is None:
            self.kill()
            raise BrokerError(f"the first line has no address: {line!r}\n{self.log_tail()}")
        return found.group(1)

    def stop(self) -> None:
        """SIGTERM; the exit code must be 0 and nothing more may be on stdout."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            rest, _ = process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise BrokerError(f"still there {STOP_SECONDS} s after SIGTERM\n{self.log_tail()}") from error
        self.process = None
        if process.returncode != (143 if self.is_kafka else 0):  # a JVM's
            raise BrokerError(f"exit code {process.returncode} after SIGTERM\n{self.log_tail()}")
        if rest:
            raise BrokerError(f"more than one line on stdout: {rest!r}")

    def kill(self) -> None:
        """SIGKILL."""
        process = self._running()
        process.kill()
        process.communicate()
        self.process = None

    def restart(self) -> None:
        """A clean stop, then a start on the same port and directory."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stops what still runs; for the end of a test."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            raise BrokerError(f"the broker ended by itself with exit code {code}\n{self.log_tail()}")
        self.stop()

    def log_tail(self, size: int = 8000) -> str:
        """The end of what the broker wrote on stderr."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return f"--- {self.log}\n{text[-size:]}"

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None:
            raise BrokerError("the broker is not running")
        return self.process
