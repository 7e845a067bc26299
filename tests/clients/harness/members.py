"""The clients' members of consumer groups: programs with one command line (tests/churn/README.md)."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from typing import Any, Callable

from harness.clients import CACHE, DRIVERS, PYTHON

TIMEOUT_SECONDS = 120


def _java(version: str) -> tuple[str, ...]:
    home = CACHE / "java" / version
    flags = ("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    return ("java", *flags, "-cp", f"{home}/classes:{home}/lib/*", "Member")


def _python(driver: str) -> tuple[str, ...]:
    return (PYTHON, str(DRIVERS / driver / "member.py"))


COMMANDS = {
    "java-4": _java("4.3.1"),
    "java-3.9": _java("3.9.2"),
    "librdkafka": _python("librdkafka"),
    "franz-go": (str(CACHE / "bin" / "franzmember"),),
    "sarama": (str(CACHE / "bin" / "saramamember"),),
    "kafka-python": _python("kafka-python"),
    "aiokafka": _python("aiokafka"),
    "kafkajs": ("node", str(DRIVERS / "kafkajs" / "member.js")),
}
ENV = {"kafkajs": {"NODE_PATH": str(CACHE / "node" / "node_modules")}}
CLASSIC = {
    "java-4": ("range", "roundrobin", "sticky", "cooperative-sticky"),
    "java-3.9": ("range", "roundrobin", "sticky", "cooperative-sticky"),
    "librdkafka": ("range", "roundrobin", "cooperative-sticky"),
    "franz-go": ("range", "roundrobin", "sticky", "cooperative-sticky"),
    "sarama": ("range", "roundrobin", "sticky"),
    "kafka-python": ("range", "roundrobin", "sticky", "cooperative-sticky"),
    "aiokafka": ("range", "roundrobin", "sticky"),
    "kafkajs": ("roundrobin",),
}
CONSUMER = {
    "java-4": ("uniform", "range"),
    "java-3.9": ("uniform", "range"),
    "librdkafka": ("uniform", "range"),
    "franz-go": ("uniform", "range"),
}


def start(client: str, *options: str, errors: Any = None) -> subprocess.Popen[str]:
    """Starts a member, with pipes for commands and events."""
    return subprocess.Popen(
        [*COMMANDS[client], *options], env={**os.environ, **ENV.get(client, {})}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
    )


def live(client: str, options: list[str], enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Lets one member live until `enough` is true of its events, asks it to leave, gives all it said."""
    events: list[dict[str, Any]] = []
    asked = False
    with start(client, *options) as process:
        timer = threading.Timer(TIMEOUT_SECONDS, process.kill)
        timer.start()
        assert process.stdout is not None and process.stdin is not None
        for line in process.stdout:
            events.append(json.loads(line))
            if not asked and enough(events):
                asked = True
                process.stdin.write("quit\n")
                process.stdin.flush()
        timer.cancel()
    assert process.returncode == 0, f"{client}: exit code {process.returncode}, last {events[-5:]}"
    return events
