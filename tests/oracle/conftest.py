"""Starts the pairs of brokers that the scenarios ask for, once each, and stops them at the end."""

import os

import pytest

import compare
import test_api_versions
from harness import Pair
from kafka import ApacheKafka, Barnabas
from tools import close_runners

_SUBJECTS = {"barnabas": Barnabas, "kafka": ApacheKafka}


@pytest.fixture(scope="session")
def brokers():
    """A function: settings -> a running pair. Equal settings share a pair."""
    pairs = {}
    subject = _SUBJECTS[os.environ.get("ORACLE_SUBJECT", "barnabas")]

    def pair(settings=None, own=None):
        key = (own, tuple(sorted((settings or {}).items())))
        if key not in pairs:
            pairs[key] = Pair(ApacheKafka(settings), subject(settings))
        return pairs[key].running()

    yield pair
    close_runners()
    problems = []
    for running in pairs.values():
        try:
            running.close()
        except Exception as error:  # noqa: BLE001 - every pair must be stopped before one is reported
            problems.append(str(error))
    assert not problems, "\n".join(problems)


def pytest_terminal_summary(terminalreporter):
    """Says what is not served yet, which allowed differences occurred, and (-v) which were not needed."""
    if test_api_versions.NOT_SERVED:
        terminalreporter.line("not served yet: " + ", ".join(sorted(test_api_versions.NOT_SERVED)))
    terminalreporter.section("allowed differences")
    for entry in compare.ALLOWED:
        if entry.used:
            terminalreporter.line(f"{entry.api} {entry.path}: {entry.how}, {entry.used} times: {entry.why}")
    unused = [f"{entry.api} {entry.path}" for entry in compare.ALLOWED if not entry.used]
    terminalreporter.line(
        f"{len(unused)} entries were not needed"
        + (f": {', '.join(unused)}" if terminalreporter.verbosity > 0 else "")
    )
