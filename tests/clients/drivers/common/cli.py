"""The command line that all Python drivers share (see tests/clients/README.md).

A driver gives a class with `create`, `produce` and `consume`; this module
parses arguments, runs one command or a file of them, and prints one result
line per command. It must never retry or repair anything: what the client
reports is what the harness sees.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import traceback
from pathlib import Path
from typing import IO, Iterator, Protocol

from records import Record, line, records

EXIT_CLIENT_ERROR = 3


class ClientError(Exception):
    """The client reported this error; the text is the client's own name for it."""


class Timeout(Exception):
    """The expected records did not come in time."""


class Client(Protocol):
    """What one client library must offer to be driven."""

    def create(self, job: argparse.Namespace) -> str: ...

    def produce(self, job: argparse.Namespace, batches: Iterator[list[Record]]) -> None: ...

    def consume(self, job: argparse.Namespace, sink: "Sink") -> None: ...


class Sink:
    """The output file of one `consume`: a line a record."""

    def __init__(self, file: IO[str], expect: int) -> None:
        self.file = file
        self.expect = expect
        self.count = 0

    def add(self, offset: int, r: Record) -> None:
        """Writes one record."""
        self.write(line(offset, r))

    def write(self, text: str) -> None:
        """Writes one record that is a line already."""
        self.file.write(text + "\n")
        self.count += 1

    @property
    def full(self) -> bool:
        """Whether all expected records have come."""
        return self.count >= self.expect


def arguments() -> argparse.ArgumentParser:
    """The parser for one command, without `--bootstrap`."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create")
    create.add_argument("--config", action="append", default=[])
    produce = commands.add_parser("produce")
    produce.add_argument("--acks", choices=["0", "1", "all", "default"], required=True)
    produce.add_argument("--codec", choices=["none", "gzip", "snappy", "lz4", "zstd"], default="none")
    produce.add_argument("--count", type=int, required=True)
    produce.add_argument("--seed", type=int, required=True)
    produce.add_argument("--size", type=int, default=-1)
    produce.add_argument("--idempotent", action="store_true")
    produce.add_argument("--pause-at", type=int, default=0)
    produce.add_argument("--without", default="")
    consume = commands.add_parser("consume")
    consume.add_argument("--expect", type=int, required=True)
    consume.add_argument("--out", required=True)
    consume.add_argument("--isolation", default="read_uncommitted")
    consume.add_argument("--fetch-bytes", type=int, default=0)
    consume.add_argument("--timeout", type=float, default=60.0)
    for command in (create, produce, consume):
        command.add_argument("--bootstrap", required=True)
        command.add_argument("--topic", required=True)
        command.add_argument("--partitions", type=int, required=True)
    run = commands.add_parser("run")
    run.add_argument("--bootstrap", required=True)
    run.add_argument("--jobs", required=True)
    return parser


def batches(job: argparse.Namespace) -> Iterator[list[Record]]:
    """The records to send, cut where the driver must flush and wait."""
    without = frozenset(filter(None, job.without.split(",")))
    cut = job.pause_at or job.count
    for start in range(0, job.count, cut):
        count = min(cut, job.count - start)
        yield list(records(job.seed, start, count, job.partitions, job.size, without))
        if start + count < job.count:
            print("PAUSED", flush=True)
            sys.stdin.readline()


def perform(client: Client, job: argparse.Namespace) -> str:
    """Runs one command and gives the text that follows `OK`."""
    if job.command == "create":
        return client.create(job)
    if job.command == "produce":
        client.produce(job, batches(job))
        return str(job.count)
    with open(job.out, "w", encoding="utf-8") as file:
        sink = Sink(file, job.expect)
        client.consume(job, sink)
    if sink.count < sink.expect:
        raise Timeout(f"{sink.count} of {sink.expect} records after {job.timeout} s")
    return str(sink.count)


def attempt(client: Client, job: argparse.Namespace) -> int:
    """Runs one command, prints its result line, gives the exit code."""
    try:
        print("OK", job.command, job.topic, perform(client, job), flush=True)
        return 0
    except ClientError as error:
        print("ERROR", job.command, job.topic, error, flush=True)
    except Exception as error:  # the harness shows whatever the client threw
        traceback.print_exc()
        print("ERROR", job.command, job.topic, type(error).__name__, error, flush=True)
    return EXIT_CLIENT_ERROR


def main(client: Client) -> None:
    """The whole program."""
    parser = arguments()
    job = parser.parse_args()
    if job.command != "run":
        sys.exit(attempt(client, job))
    lines = Path(job.jobs).read_text(encoding="utf-8").splitlines()
    jobs = [parser.parse_args([*shlex.split(text), "--bootstrap", job.bootstrap]) for text in lines]
    for each in jobs:
        code = attempt(client, each)
        if code != 0:
            sys.exit(code)  # the rest would only fail, and late, for the same cause
