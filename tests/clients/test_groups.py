"""Every client as the only member of its group: it commits, and goes on from there when it comes back.

What many members do to each other is in tests/churn.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.broker import Broker
from harness.clients import CLIENTS
from harness.expect import Batch, counts
from harness.members import CLASSIC, CONSUMER, live

PARTITIONS = 3
FIRST = Batch(21, 10_000, PARTITIONS)
THEN = Batch(22, 500, PARTITIONS)
TABLES = {"classic": CLASSIC, "consumer": CONSUMER}
GROUPS = [(client, protocol) for protocol, table in TABLES.items() for client in table]

Events = list[dict[str, Any]]


def produce(broker: Broker, topic: str, batch: Batch) -> None:
    """What the group is to read."""
    CLIENTS["librdkafka"].run(
        "produce", "--bootstrap", broker.address, "--topic", topic, "--acks", "all", *batch.options.split(),
    ).check()


def committed(events: Events) -> dict[int, int]:
    """The last offsets that the member has committed (sarama: tried to)."""
    found: dict[int, int] = {}
    tells = any(event["e"] == "committed" for event in events)
    for event in events:
        if event["e"] == ("committed" if tells else "commit"):
            found |= {int(partition): offset for partition, offset in event["o"].items()}
    return found


def read_all(broker: Broker, client: str, protocol: str, topic: str, ends: dict[int, int]) -> dict[int, int]:
    """Joins, reads and commits up to these offsets, leaves; gives where it began."""
    options = {
        "bootstrap": broker.address, "topic": topic, "group": topic, "protocol": protocol,
        "assignor": TABLES[protocol][client][0],
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    events = live(client, arguments, lambda said: said[-1]["e"].startswith("commit") and committed(said) == ends)
    assert committed(events) == ends, events[-5:]
    reads = [event for event in events if event["e"] == "read"]
    begins: dict[int, int] = {}
    for event in reads:
        begins.setdefault(event["p"], event["from"])
    assert sum(event["n"] for event in reads) == sum(ends[p] - begins[p] for p in begins), "read twice, or not"
    return begins


@pytest.mark.parametrize("client,protocol", [pytest.param(*g, id="-".join(g)) for g in GROUPS])
def test_goes_on_from_its_commit(broker: Broker, client: str, protocol: str) -> None:
    """10,000 records, then 500 more for the same group in a new process: these alone are read."""
    topic = f"group-{client}-{protocol}"
    CLIENTS["librdkafka"].run(
        "create", "--bootstrap", broker.address, "--topic", topic, "--partitions", str(PARTITIONS),
        "--config", "retention.ms=-1",
    ).check()
    produce(broker, topic, FIRST)
    first = counts(FIRST)
    assert read_all(broker, client, protocol, topic, first) == dict.fromkeys(first, 0)
    produce(broker, topic, THEN)
    ends = {partition: first[partition] + count for partition, count in counts(THEN).items()}
    assert read_all(broker, client, protocol, topic, ends) == first
