"""Members and commits that are too large for a record of `__consumer_offsets`, or name what has no end."""

import pytest
from classic import GROUPS, Member, coordinator, describe, subscription
from modern import Consumer
from test_group_consumer import BOTH, topics
from test_group_offsets import Topic, commit, fetch

from harness import scenario

MIB = 1 << 20


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
    group = f"endless-{field}-{length}"
    b.create(group)
    one = Consumer(b, group, "one", **topics(group))
    one.beat("joins", **{field: "n" * length})
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
