"""ListConfigResources (key 74; Kafka: KafkaApis): what has configs or may have, and kafka-configs, which asks for it."""

from test_configs import BROKER, DELETE, GROUP, LOGGER, METRICS, SET, TOPIC, _change

from harness import scenario

SESSION = "consumer.session.timeout.ms"
# Of each type, of all, of several, of what is no type and of what is none here.
TYPES = [[], [TOPIC], [BROKER], [LOGGER], [METRICS], [GROUP], [GROUP, TOPIC, GROUP], [LOGGER, BROKER]]
BAD = [[0], [1], [-1], [3], [33], [64], [TOPIC, 77], [127, -128]]


def _list(b, label):
    b.call("ListConfigResources", 0, {}, f"{label}: metrics")
    for types in [*TYPES, *BAD]:
        b.call("ListConfigResources", 1, {"resourceTypes": types}, f"{label}: {types}")


def _tool(b, *args):
    b.tool("kafka-configs", *args, "--describe")


@scenario(alone=True)
def test_resources(b):
    """Topics and brokers are there by themselves, groups while something is set for them."""
    _list(b, "nothing")
    b.create("one", 2)
    b.create("other")
    for group in ("first", "second", "third"):
        _change(b, f"{group} has a setting", (SESSION, SET, "50000"), kind=GROUP, name=group)
    _change(b, "third has none", (SESSION, DELETE, None), kind=GROUP, name="third")
    b.until("ListConfigResources", 1, {"resourceTypes": [GROUP]}, lambda a: len(a["configResources"]) == 2)
    _list(b, "some")
    b.restart()
    _list(b, "behind a restart")


@scenario(alone=True)
def test_tool(b):
    """kafka-configs of groups that have settings and nothing else, and of one that has nothing."""
    _tool(b, "--entity-type", "groups")
    _tool(b, "--entity-type", "groups", "--entity-name", "lone")
    b.create("t")
    _change(b, "lone has a setting", (SESSION, SET, "50000"), kind=GROUP, name="lone")
    wanted = {"resourceTypes": [GROUP]}
    b.until("ListConfigResources", 1, wanted, lambda a: len(a["configResources"]) == 1)
    _tool(b, "--entity-type", "groups")
    _tool(b, "--entity-type", "groups", "--entity-name", "lone")
    _tool(b, "--entity-type", "groups", "--entity-name", "lone", "--all")
    _tool(b, "--entity-type", "client-metrics")
    _tool(b, "--entity-type", "topics")
    b.tool("kafka-configs", "--entity-type", "groups", "--entity-name", "lone", "--alter", "--delete-config", SESSION)
    b.until("ListConfigResources", 1, wanted, lambda a: not a["configResources"])
    _tool(b, "--entity-type", "groups")
    _tool(b, "--entity-type", "groups", "--entity-name", "lone")
