"""Every page of user interfaces that are made for Kafka: what it asks is answered, and it shows what is there.

The programs are not in the registries. Their calls are replayed, with the client that each one uses and with the one after it.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from harness.broker import Broker
from harness.uis import COMMANDS, Replay

# How many pages each has, so that none is left out silently.
PAGES = {"kafdrop": 10, "akhq": 23, "kafbat": 26, "console": 29}
UIS = [(ui, client) for client in ("java-4", "java-3.9") for ui in ("kafdrop", "akhq", "kafbat")] + [("console", "franz-go")]
# What there is no API for; the page says so. docs/TOOLS.md lists the same.
LACKS = {
    ("kafbat", "broker: move a replica to another directory"): "does not support ALTER_REPLICA_LOG_DIRS",
    ("kafbat", "topic: change the replication factor"): "does not support ALTER_PARTITION_REASSIGNMENTS",
    ("kafbat", "quotas: change"): "does not support ALTER_CLIENT_QUOTAS",
    ("console", "reassign partitions: start"): "broker is too old",
    ("console", "security: create and delete a user"): "broker is too old",
    ("console", "topic: publish in a transaction"): "INVALID_REQUEST",
}


@pytest.fixture(scope="module")
def replays(broker: Broker) -> Iterator[dict[str, Replay]]:
    """All programs beside each other: they mostly wait for members to join their groups."""
    started = {client: Replay(client, broker.address) for client in COMMANDS}
    try:
        yield started
    finally:
        for replay in started.values():
            replay.close()


@pytest.mark.parametrize("ui,client", [pytest.param(*each, id="-".join(each)) for each in UIS])
def test_opens_every_page(broker: Broker, replays: dict[str, Replay], ui: str, client: str) -> None:
    """No page fails but those that Kafka has an API for and this broker has not; these fail as they are known to."""
    lacks = {} if broker.is_kafka else LACKS
    pages = replays[client].pages(ui)
    bad = []
    for page in pages:
        expected = lacks.get((ui, page.title))
        if (page.result == "OK") != (expected is None) or (expected or "") not in page.why:
            bad.append(f"{page.title}: {page.result} {page.why}")
    assert not bad, "\n".join(bad)
    assert len({page.title for page in pages}) == len(pages) == PAGES[ui], [page.title for page in pages]
