"""Fixtures: brokers under test, and the broker's log beside every failure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.broker import Broker  # noqa: E402

# The records' timestamps are years old; where a topic has the default retention, the first look for old ones would take them.
KEEP = ("--set", "log.initial.task.delay.ms=86400000")
BROKERS = pytest.StashKey[list[Broker]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The broker's command, for brokers other than the release build."""
    parser.addoption("--broker-cmd", help="the command that starts the broker (default: $BARNABAS_BIN)")


def pytest_configure(config: pytest.Config) -> None:
    """No broker runs yet."""
    config.stash[BROKERS] = []


def _broker(request: pytest.FixtureRequest, directory: Path) -> Iterator[Broker]:
    broker = Broker(directory, request.config.getoption("--broker-cmd"), KEEP)
    request.config.stash[BROKERS].append(broker)
    try:
        yield broker.start()
    finally:
        request.config.stash[BROKERS].remove(broker)
        broker.close()


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker that most tests share, with an empty data directory."""
    yield from _broker(request, tmp_path_factory.mktemp("broker"))


@pytest.fixture
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own, to be killed."""
    yield from _broker(request, tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Puts the end of the broker's log into the report of a failure."""
    report = yield
    if report.failed:
        for each in item.config.stash[BROKERS]:
            report.sections.append(("broker log", each.log_tail()))
    return report
