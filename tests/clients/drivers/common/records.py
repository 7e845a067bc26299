"""The records every driver produces: a pure function of (seed, index).

The rule is specified in tests/clients/README.md and written once per
language; this is the Python one, used by the Python drivers and by the
harness to say what must come back. It must never ask a clock or draw from
any other source.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional

NAMES = ("a", "trace-id", "content-type", "имя", "x.y", "zero")
BASE_TIMESTAMP = 1_700_000_000_000
GOLDEN = 0x9E3779B9
MASK = 0xFFFFFFFF

Headers = list[tuple[str, Optional[bytes]]]

# What a client may be unable to send, and what it sends instead; which client
# lacks what is the table in harness/clients.py.
NULL_VALUES = "null-values"  # an empty value
BOTH_NULL = "both-null"  # an empty value where key and value are null
EMPTY_RECORDS = "empty-records"  # the value "0" where the key is null and the value empty
NULL_HEADER_VALUES = "null-header-values"  # an empty header value
RECORD_HEADERS = "record-headers"  # FIXED_HEADERS on every record
TIMESTAMPS = "timestamps"  # the time of sending

FIXED_HEADERS: Headers = [("a", b"1"), ("a", b"2"), ("x.y", b""), ("zero", None)]


class Record(NamedTuple):
    """One record as the producer is told to send it."""

    partition: int
    timestamp: int
    key: Optional[bytes]
    value: Optional[bytes]
    headers: Headers


def mix32(z: int) -> int:
    """MurmurHash3's 32-bit finaliser."""
    z ^= z >> 16
    z = (z * 0x85EBCA6B) & MASK
    z ^= z >> 13
    z = (z * 0xC2B2AE35) & MASK
    return z ^ (z >> 16)


class Draws:
    """The stream of 32-bit draws of one record."""

    def __init__(self, seed: int, index: int) -> None:
        self.state = mix32((seed & MASK) ^ mix32((index + GOLDEN) & MASK))

    def next(self) -> int:
        """The next draw."""
        self.state = (self.state + GOLDEN) & MASK
        return mix32(self.state)

    def fill(self, words: int, length: int) -> bytes:
        """`length` bytes: `words` draws, little-endian, repeated."""
        unit = b"".join(self.next().to_bytes(4, "little") for _ in range(words))
        return (unit * (length // len(unit) + 1))[:length]


def record(
    seed: int,
    index: int,
    partitions: int,
    size: int = -1,
    without: frozenset[str] = frozenset(),
) -> Record:
    """The record with this index; `size` >= 0 fixes the value's length."""
    draws = Draws(seed, index)
    partition = draws.next() % partitions
    timestamp = _timestamp(draws, index)
    key = _key(draws)
    value = _value(draws, size)
    headers = _headers(draws)
    if value is None and (NULL_VALUES in without or (key is None and BOTH_NULL in without)):
        value = b""
    if key is None and value == b"" and EMPTY_RECORDS in without:
        value = b"0"
    if RECORD_HEADERS in without:
        headers = FIXED_HEADERS
    elif NULL_HEADER_VALUES in without:
        headers = [(name, b"" if v is None else v) for name, v in headers]
    return Record(partition, timestamp, key, value, headers)


def records(
    seed: int,
    start: int,
    count: int,
    partitions: int,
    size: int = -1,
    without: frozenset[str] = frozenset(),
) -> Iterator[Record]:
    """The records with indexes start..start+count."""
    return (record(seed, i, partitions, size, without) for i in range(start, start + count))


def _timestamp(draws: Draws, index: int) -> int:
    d = draws.next()
    if index % 1000 == 7:
        return 1 + d % 86_400_000
    return BASE_TIMESTAMP + index * 37 + d % 1000


def _key(draws: Draws) -> Optional[bytes]:
    d = draws.next()
    if d % 10 < 2:
        return None
    if d % 10 == 2:
        return b""
    return draws.fill(2, 1 + (d >> 8) % 24)


def _value(draws: Draws, size: int) -> Optional[bytes]:
    d = draws.next()
    if size >= 0:
        return draws.fill(3, size)
    kind = d % 64
    if kind in (0, 16, 32, 48):
        return None
    if kind in (1, 17, 33, 49):
        return b""
    if kind == 2:
        return draws.fill(3, 1 + (d >> 8) % 8192)
    return draws.fill(3, 1 + (d >> 8) % 200)


def _headers(draws: Draws) -> Headers:
    headers: Headers = []
    name = -1
    for j in range(draws.next() % 4):
        x = draws.next()
        if j == 0 or x & 1 == 0:
            name += 1 + (x >> 1) % 2
        headers.append((NAMES[name], _header_value(draws, x)))
    return headers


def _header_value(draws: Draws, x: int) -> Optional[bytes]:
    kind = (x >> 8) % 4
    if kind == 0:
        return None
    if kind == 1:
        return b""
    return draws.fill(1, 1 + (x >> 12) % 16)


def as_hex(data: Optional[bytes]) -> str:
    """Hexadecimal, or `~` for null."""
    return "~" if data is None else data.hex()


def line(offset: int, r: Record) -> str:
    """The line a driver's `consume` writes for a record."""
    headers = ";".join(f"{name}={as_hex(value)}" for name, value in r.headers)
    fields = (str(r.partition), str(offset), str(r.timestamp), as_hex(r.key), as_hex(r.value))
    return "\t".join((*fields, headers))
