"""The harness itself: what it must notice, it notices; no broker is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from harness.broker import Broker, BrokerError
from harness.clients import CLIENTS
from harness.expect import Batch, compare, counts, expected, filling
from records import record

BATCH = Batch(3, 400, 3)
CLIENT = CLIENTS["java-4"]


def written(tmp_path: Path, change: Callable[[list[str]], None]) -> Path:
    """A consumer's output, changed."""
    lines = [line for part in expected(BATCH, CLIENT.without, False).values() for line in part]
    change(lines)
    file = tmp_path / "out"
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return file


def test_accepts_what_was_sent(tmp_path: Path) -> None:
    """The partitions may come in any order, each in its own."""
    compare(written(tmp_path, lambda lines: lines.sort(key=lambda line: line[0], reverse=True)), BATCH, CLIENT, CLIENT)


def swap(lines: list[str]) -> None:
    """Two neighbours change places."""
    lines[0], lines[1] = lines[1], lines[0]


def edit(column: int) -> Callable[[list[str]], None]:
    """One column of the second record is that of another record."""

    def change(lines: list[str]) -> None:
        mine = lines[1].split("\t")
        mine[column] = next(o for o in (line.split("\t")[column] for line in lines) if o != mine[column])
        lines[1] = "\t".join(mine)

    return change


@pytest.mark.parametrize(
    "change",
    [swap, list.pop, lambda lines: lines.pop(0), lambda lines: lines.insert(1, lines[0]), *map(edit, range(6))],
)
def test_notices_any_change(tmp_path: Path, change: Callable[[list[str]], None]) -> None:
    """A record lost, doubled, moved, or with one column of another."""
    with pytest.raises(AssertionError):
        compare(written(tmp_path, change), BATCH, CLIENT, CLIENT)


def test_records_show_every_shape() -> None:
    """The function gives null, empty and large, duplicates, negative deltas, all partitions."""
    found = [record(1, i, 3) for i in range(10_000)]
    assert {r.partition for r in found} == {0, 1, 2} and min(counts(Batch(1, 10_000, 3)).values()) > 3000
    for column in (lambda r: r.key, lambda r: r.value):
        assert {None, b""} <= {column(r) for r in found}
    assert max(len(r.value or b"") for r in found) > 4096
    assert any(b.timestamp < a.timestamp for a, b in zip(found, found[1:]))
    headers = [r.headers for r in found]
    assert {len(h) for h in headers} == {0, 1, 2, 3}
    assert {None, b""} <= {value for h in headers for _, value in h}
    assert any(len({name for name, _ in h}) < len(h) for h in headers), "no duplicate header"


@pytest.mark.parametrize("limit", [100_000, 1_048_588])
def test_filling_has_one_solution(limit: int) -> None:
    """The record that fills a batch exists for what each client can send."""
    for client in CLIENTS.values():
        assert filling(limit, 77, client.without).size > limit - 300


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo no address here; exec sleep 60", "no address"),
        ("exit 2", "no address"),
        ("trap 'exit 1' TERM; echo ready 127.0.0.1:1234; while :; do sleep 0.01; done", "exit code 1"),
        ("trap 'echo more; exit 0' TERM; echo ready 127.0.0.1:1234; while :; do sleep 0.01; done", "more than one"),
    ],
)
def test_notices_a_broken_command_line(tmp_path: Path, script: str, complaint: str) -> None:
    """One line with the address, exit code 0, nothing else on stdout."""
    program = tmp_path / "broker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    broker = Broker(tmp_path, str(program))
    with pytest.raises(BrokerError, match=complaint):
        broker.start()
        broker.close()
    assert broker.process is None, "a process was left behind"
