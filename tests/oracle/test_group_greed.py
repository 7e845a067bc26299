"""Members and commits that are too large for a record of `__consumer_offsets`, or name what has no end."""

import pytest
from classic import GROUPS, Member, coordinator, describe, stable, subscription, until
from modern import Consumer
from test_group_consumer import BOTH, topics
from test_group_offsets import Topic, commit, fetch

from harness import scenario

MIB = 1 << 20
# As much as a request that carries no records may have here, less what else a join says.
LARGEST = 16 * MIB - 4096


@scenario(settings=GROUPS)
def test_metadata_that_no_record_can_hold(b):
    """A member joins with more than the topic takes: in memory all is well, at the sync nobody is given anything."""
    large = [{"name": "range", "metadata": subscription("x" * (2 * MIB))}]
    one = Member(b, "large-metadata", "one", protocols=large)
    one.join()
    one.sync({one: b"for one"}, "of large metadata")
    describe(b, "large-metadata")
    one.heartbeat("after that")
    one.sync({one: b"for one"}, "again")
    one.join("again, with less", protocols=[{"name": "range", "metadata": subscription("less")}])
    one.sync({one: b"for one"}, "of less")
    one.heartbeat("of less")
    one.leave()


@pytest.mark.parametrize("size", (10 * MIB, LARGEST))
@scenario(settings=GROUPS)
def test_a_member_with_megabytes(b, size):
    """It is let in, nobody else notices, and it goes as others do; so it does when it has never synced."""
    calm = Member(b, f"calm-{size}", "calm")
    stable(b, calm.group, calm)
    large = [{"name": "range", "metadata": subscription("x" * size)}]
    one = Member(b, f"megabytes-{size}", "one", protocols=large, rebalanceTimeoutMs=1000)
    one.join()
    calm.heartbeat("beside it")
    one.sync({one: b"for one"})
    describe(b, one.group)
    one.leave()
    one.id = ""
    one.join("again")
    until(b, one.group, "Empty", 0)
    one.heartbeat("it has never synced")
    calm.heartbeat("after it")
    describe(b, calm.group)


def joins(b, count, group, version, **fields):
    """So many joins over a few connections, all of them sent before one is answered."""
    clients = [b.connect() for _ in range(8)]
    body = {
        "sessionTimeoutMs": 30000,
        "rebalanceTimeoutMs": 3000,
        "memberId": "",
        "protocolType": "consumer",
        "protocols": [{"name": "range", "metadata": subscription("")}],
        **fields,
    }
    for number in range(count):
        clients[number % 8].send("JoinGroup", version, {"groupId": group(number), **body})
    for number in range(count):
        b.received(clients[number % 8], f"join {number}")


@scenario(settings=GROUPS)
def test_a_thousand_groups_that_never_sync(b):
    """Each has a member that joins and is not heard of again: in time all of them are empty."""
    calm = Member(b, "calm-beside-a-thousand", "calm")
    stable(b, calm.group, calm)
    joins(b, 1000, lambda number: f"never-{number}", version=3)
    calm.heartbeat("beside them")
    names = [f"never-{number}" for number in range(1000)]

    def empty(answer):
        return all(g["groupState"] == "Empty" and not g["members"] for g in answer["groups"])

    b.until("DescribeGroups", 5, {"groups": names}, empty, "all are empty")
    calm.heartbeat("after them")
    b.call("DeleteGroups", 2, {"groupsNames": names}, "all go")
    describe(b, calm.group)


@scenario(settings=GROUPS)
def test_a_thousand_ids_that_are_never_used(b):
    """A group waits for those who were given an id, but not for ever; then its members find together."""
    one, two = Member(b, "ids", "one"), Member(b, "ids", "two")
    joins(b, 1000, lambda _: "ids", version=9, sessionTimeoutMs=2000)
    stable(b, "ids", one, two)
    describe(b, "ids")


@scenario(settings=GROUPS)
def test_assignments_that_no_record_can_hold(b):
    """The same of what the leader brings."""
    one = Member(b, "large-assignment", "one")
    one.join()
    one.sync({one: b"x" * (2 * MIB)}, "of a large assignment")
    describe(b, "large-assignment")
    one.heartbeat("after that")
    one.join("again")
    one.sync({one: b"less"}, "of less")
    describe(b, "large-assignment", "less")


@scenario(settings=GROUPS)
def test_commits_that_no_batch_can_hold(b):
    """One partition twenty thousand times: all of it or nothing."""
    coordinator(b)
    topic = Topic(b, "greed-commit", 1)
    offsets = topic.offsets(7, metadata="m" * 60)
    offsets["partitions"] *= 20_000
    commit(b, "greed-commit", [offsets], "too many")
    fetch(b, "greed-commit", None, "nothing of it")
    offsets["partitions"] = offsets["partitions"][:100]
    commit(b, "greed-commit", [offsets], "the same one a hundred times")
    fetch(b, "greed-commit", None, "once")


@pytest.mark.parametrize("length", (32_767, 40_000))
@scenario(settings=GROUPS)
def test_groups_with_endless_names(b, length):
    """The longest string that there is, and a longer one, which flexible versions could carry."""
    coordinator(b)
    group = "n" * length
    topic = Topic(b, f"endless-{length}", 1)
    commit(b, group, [topic.offsets(1)], "commit", version=9)
    fetch(b, group, None, "fetch", version=9)
    describe(b, group)
    b.call("DeleteGroups", 2, {"groupsNames": [group]}, "delete")
    one = Member(b, group, "one", groupInstanceId="one")
    one.send_join()
    joined = one.joined()
    if joined and joined["errorCode"] == 0:
        one.sync({one: b"for one"})
        one.heartbeat()
        one.leave()
    fetch(b, group, None, "after all", version=9)


@pytest.mark.parametrize("length", (32_767, 40_000))
@pytest.mark.parametrize("field", ("groupId", "memberId", "instanceId", "rackId"))
@scenario(settings=BOTH)
def test_heartbeats_with_endless_names(b, field, length):
    """Of the consumer protocol, whose requests are all flexible."""
    group, endless = f"endless-{field}-{length}", "n" * length
    b.create(group)
    one = Consumer(b, endless if field == "groupId" else group, "one", **topics(group))
    one.beat("joins", **{field: endless})
    b.call("ConsumerGroupDescribe", 1, {"groupIds": [group]}, "after that")


@pytest.mark.parametrize("count", (1, 1000))
@scenario(settings=BOTH)
def test_subscriptions_to_endless_topics(b, count):
    """Names that no topic can have."""
    group = f"endless-topics-{count}"
    b.create(group)
    one = Consumer(b, group, "one", **topics(*(f"{number}-{'n' * 2000}" for number in range(count))))
    one.beat("joins")
    b.call("ConsumerGroupDescribe", 1, {"groupIds": [group]}, "after that")
