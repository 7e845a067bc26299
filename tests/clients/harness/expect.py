"""What must come back, and the comparison with what came, byte by byte."""

from __future__ import annotations

import functools
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "drivers" / "common"))

from records import TIMESTAMPS, Headers, Record, as_hex, records  # noqa: E402

from harness.clients import Client  # noqa: E402

Lines = dict[int, list[str]]
NOW = "now"


@dataclass(frozen=True)
class Batch:
    """What one `produce` command was told to send."""

    seed: int
    count: int
    partitions: int
    size: int = -1

    @property
    def options(self) -> str:
        """The same as a driver's options."""
        size = f" --size {self.size}" if self.size >= 0 else ""
        return f"--seed {self.seed} --count {self.count} --partitions {self.partitions}{size}"


@functools.lru_cache(maxsize=64)
def _records(batch: Batch, without: frozenset[str]) -> tuple[Record, ...]:
    return tuple(records(batch.seed, 0, batch.count, batch.partitions, batch.size, without))


def rendered(headers: Headers) -> str:
    """The headers column as kcat prints it, in hexadecimal."""
    texts = [n.encode() + b"=" + (b"NULL" if v is None else v.split(b"\0")[0]) for n, v in headers]
    return b",".join(texts).hex()


@functools.lru_cache(maxsize=128)
def expected(batch: Batch, without: frozenset[str], render: bool) -> Lines:
    """The lines per partition, in the order of their offsets."""
    lines: Lines = defaultdict(list)
    for r in _records(batch, without):
        offset = len(lines[r.partition])
        timestamp = NOW if TIMESTAMPS in without else r.timestamp
        headers = rendered(r.headers) if render else ";".join(f"{n}={as_hex(v)}" for n, v in r.headers)
        columns = (r.partition, offset, timestamp, as_hex(r.key), as_hex(r.value), headers)
        lines[r.partition].append("\t".join(map(str, columns)))
    return dict(lines)


def counts(batch: Batch) -> dict[int, int]:
    """How many records each partition holds."""
    found = dict.fromkeys(range(batch.partitions), 0)
    for r in _records(batch, frozenset()):
        found[r.partition] += 1
    return found


def _actual(file: Path, now: bool, window: tuple[int, int]) -> Lines:
    lines: Lines = defaultdict(list)
    for text in file.read_text(encoding="utf-8").split("\n")[:-1]:
        partition, offset, timestamp, rest = text.split("\t", 3)
        if now and window[0] <= int(timestamp) <= window[1]:
            text = "\t".join((partition, offset, NOW, rest))
        lines[int(partition)].append(text)
    return dict(lines)


def compare(
    file: Path, batch: Batch, producer: Client, consumer: Client, window: tuple[int, int] = (0, 0),
) -> None:
    """Fails at the first record that is not what `producer` was told to send.

    `window` is the time of sending in milliseconds, for clients that give no
    timestamps of their own.
    """
    want = expected(batch, producer.without, consumer.renders_headers)
    got = _actual(file, TIMESTAMPS in producer.without, window)
    for partition in sorted(want.keys() | got.keys()):
        _compare_partition(file, partition, want.get(partition, []), got.get(partition, []))


def _compare_partition(file: Path, partition: int, want: list[str], got: list[str]) -> None:
    if want == got:
        return
    for index, (a, b) in enumerate(zip(want, got)):
        if a != b:
            raise AssertionError(f"{file.name}: record {index} of partition {partition}\n{difference(a, b)}")
    raise AssertionError(f"{file.name}: partition {partition} has {len(got)} records, not {len(want)}")


def difference(want: str, got: str) -> str:
    """The columns that differ."""
    names = ("partition", "offset", "timestamp", "key", "value", "headers")
    pairs = zip(names, want.split("\t"), got.split("\t"))
    return "\n".join(f"  {n}: expected {_short(a)}\n  {n}:      got {_short(b)}" for n, a, b in pairs if a != b)


def _short(text: str) -> str:
    text = re.sub(r"\s", "?", text)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"


def _varint(value: int) -> int:
    zigzag = (value << 1) ^ (value >> 63)
    return max(1, (zigzag.bit_length() + 6) // 7)


def _sized(data: bytes | None) -> int:
    return _varint(-1) if data is None else _varint(len(data)) + len(data)


def batch_size(batch: Batch, without: frozenset[str]) -> int:
    """The bytes of an uncompressed record batch that holds this one record."""
    (r,) = _records(batch, without)
    headers = sum(_sized(n.encode()) + _sized(v) for n, v in r.headers)
    body = 1 + 1 + 1 + _sized(r.key) + _sized(r.value) + _varint(len(r.headers)) + headers
    return 61 + _varint(body) + body


def filling(limit: int, seed: int, without: frozenset[str]) -> Batch:
    """One record whose batch is exactly `limit` bytes."""
    size = limit
    while batch_size(Batch(seed, 1, 1, size), without) > limit:
        size -= 1
    batch = Batch(seed, 1, 1, size)
    assert batch_size(batch, without) == limit, "the length prefix makes this size impossible"
    return batch
