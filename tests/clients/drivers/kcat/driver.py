"""Drives kcat, one run of it per partition.

kcat splits its input at delimiters and passes over empty lines, has no
timestamps to give, one set of headers per run, and cannot create topics. It
prints headers as text, each value up to its first zero byte; the last column is
that text in hexadecimal, and the harness renders what it expects in the same
way.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Optional

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

from cli import ClientError, Sink, main  # noqa: E402
from records import FIXED_HEADERS, Headers, Record, as_hex  # noqa: E402

KEY = b"<~K~>"
END = b"<~R~>"
FORMAT = b"%p,%o,%T,%K,%S,%k%s%h" + END


def header_options(headers: Headers) -> list[str]:
    """`-H name=value`, and `-H name` for a null value."""
    options = []
    for name, value in headers:
        options += ["-H", name if value is None else f"{name}={value.decode()}"]
    return options


def message(r: Record) -> bytes:
    """One record of kcat's input; a record without KEY has a null key."""
    body = r.value or b""
    text = body if r.key is None else r.key + KEY + body
    if text.count(KEY) != (r.key is not None) or END in text:
        raise ValueError("a delimiter occurs in the data")
    return text + END


class Kcat:
    """The commands with kcat."""

    def create(self, job: argparse.Namespace) -> str:
        raise ClientError("kcat cannot create topics")

    def produce(self, job: argparse.Namespace, batches: Iterator[list[Record]]) -> None:
        options = ["-z", job.codec, "-X", "message.max.bytes=100000000"]
        if job.acks != "default":
            options += ["-X", f"acks={job.acks}"]
        if job.idempotent:
            options += ["-X", "enable.idempotence=true"]
        for batch in batches:
            for partition in range(job.partitions):
                mine = [message(r) for r in batch if r.partition == partition]
                if mine:
                    self._send(job, partition, options, b"".join(mine))

    def _send(self, job: argparse.Namespace, partition: int, options: list[str], data: bytes) -> None:
        command = [
            "kcat", "-P", "-b", job.bootstrap, "-t", job.topic, "-p", str(partition),
            "-K", KEY.decode(), "-D", END.decode(), *options, *header_options(FIXED_HEADERS),
        ]
        done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
        if done.returncode != 0 or done.stderr:
            raise ClientError(done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}")

    def consume(self, job: argparse.Namespace, sink: Sink) -> None:
        command = [
            "kcat", "-C", "-b", job.bootstrap, "-t", job.topic, "-o", "beginning", "-e", "-q",
            "-X", f"isolation.level={job.isolation}", "-X", "check.crcs=true", "-f", FORMAT.decode(),
        ]
        if job.fetch_bytes:
            command += ["-X", f"fetch.max.bytes={job.fetch_bytes}"]
            command += ["-X", f"fetch.message.max.bytes={job.fetch_bytes}"]
            command += ["-X", f"receive.message.max.bytes={job.fetch_bytes + 1_048_576}"]
        done = subprocess.run(command, capture_output=True, timeout=job.timeout, check=False)
        if done.returncode != 0:
            raise ClientError(done.stderr.decode(errors="replace").strip())
        for text in lines(done.stdout):
            sink.write(text)


def lines(data: bytes) -> Iterator[str]:
    """Cuts kcat's output into records, by the lengths that it prints."""
    at = 0
    while at < len(data):
        fields = []
        for _ in range(5):
            comma = data.index(b",", at)
            fields.append(int(data[at:comma]))
            at = comma + 1
        partition, offset, timestamp, key_length, value_length = fields
        key, at = take(data, at, key_length)
        value, at = take(data, at, value_length)
        end = data.index(END, at)
        columns = (partition, offset, timestamp, as_hex(key), as_hex(value), data[at:end].hex())
        yield "\t".join(map(str, columns))
        at = end + len(END)


def take(data: bytes, at: int, length: int) -> tuple[Optional[bytes], int]:
    """`length` bytes from there, null for -1, and where they end."""
    if length < 0:
        return None, at
    return data[at:at + length], at + length


if __name__ == "__main__":
    main(Kcat())
