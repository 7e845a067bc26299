"""Starts Apache Kafka with the broker's command line: --port N --data-dir DIR [--set key=value ...].

The process becomes Kafka, so that a signal to it goes to Kafka; a child waits until it serves,
prints the one line on stdout and ends. Kafka itself is what tests/oracle/setup.sh installs.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

from kafka import LOGGING, ApacheKafka, free_ports, java  # noqa: E402


def main() -> None:
    """Formats what is new, then becomes the server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    settings = dict(item.split("=", 1) for item in args.set)
    settings.setdefault("group.initial.rebalance.delay.ms", "3000")  # Kafka's, not the oracle's
    broker = ApacheKafka(settings, args.data_dir)
    port, controller = free_ports(2)
    ports = args.data_dir / "ports"
    if ports.exists():
        port, controller = map(int, ports.read_text().split())
    broker.port, broker.controller = args.port or port, controller
    properties = str(broker._write_properties())
    ports.write_text(f"{broker.port} {controller}")
    new = not (broker.data / "meta.properties").exists()
    command = java("Server", properties, *([broker.cluster_id()] if new else []),
                   extra=[f"-Dlog4j2.configurationFile={LOGGING}"])
    parent = os.getpid()
    if os.fork() == 0:
        announce(broker, parent)
        os._exit(0)
    os.dup2(2, 1)
    os.execvp(command[0], command)


class Parent:
    """What `ApacheKafka` asks of a process, of the one that this one came from."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode = None

    def poll(self) -> int | None:
        """Whether it is there still."""
        return None if os.getppid() == self.pid else 1


def announce(broker: ApacheKafka, parent: int) -> None:
    """Waits until Kafka serves, and says so."""
    import time
    broker.process = Parent(parent)
    broker._wait(time.monotonic() + 90)
    print(f"kafka 127.0.0.1:{broker.port}", flush=True)


if __name__ == "__main__":
    main()
