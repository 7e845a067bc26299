"""The consumer protocol (KIP-848): ConsumerGroupHeartbeat and ConsumerGroupDescribe."""

import pytest
from classic import GROUPS, Member, coordinator, subscription
from classic import describe as describe_classic
from classic import stable as stable_classic
from modern import LEAVE_FOR_A_WHILE, MODERN, Consumer, balanced, describe

from harness import scenario

VERSIONS = (0, 1)
ASSIGNORS = ("uniform", "range")
NO_TOPIC = "00000000-0000-4000-8000-000000000000"
BOTH = {**GROUPS, **MODERN}
SHORT = {"group.consumer.session.timeout.ms": "600", "group.consumer.heartbeat.interval.ms": "500"}


def topics(*names):
    """A subscription."""
    return {"subscribedTopicNames": list(names)}


@pytest.mark.parametrize("version", VERSIONS)
@scenario(settings=BOTH)
def test_a_life(b, version):
    """Joins, is assigned everything, says nothing new, leaves; in version 0 the broker makes its id."""
    topic = f"life-{version}"
    b.create(topic, 3)
    one = Consumer(b, topic, "one", version, **topics(topic))
    describe(b, topic, "before", version)
    one.beat("joins")
    one.count(3)
    describe(b, topic, "stable", version)
    one.beat()
    one.beat("the same subscription again", **topics(topic))
    one.beat("everything again", **one.fields, topicPartitions=one.owned)
    one.leave()
    describe(b, topic, "empty", version)
    one.leave("leaves again")
    b.call("DescribeGroups", 6, {"groups": [topic]}, "as a classic group")


@scenario(settings=BOTH)
def test_requests_that_are_refused(b):
    """Each rule of a join and of a heartbeat, in both versions."""
    b.create("refused")
    right = {"memberEpoch": 0, "rebalanceTimeoutMs": 1000, "topicPartitions": [], **topics("refused")}
    owned = [{"topicId": NO_TOPIC, "partitions": [0]}]
    cases = {
        "no group": {"groupId": ""},
        "blank group": {"groupId": "  "},
        "no member": {"memberId": ""},
        "empty instance": {"instanceId": ""},
        "blank instance": {"instanceId": " "},
        "empty rack": {"rackId": ""},
        "no timeout": {"rebalanceTimeoutMs": -1},
        "timeout of nothing": {"rebalanceTimeoutMs": 0},
        "no partitions": {"topicPartitions": None},
        "partitions at once": {"topicPartitions": owned},
        "no subscription": {"subscribedTopicNames": None},
        "subscribed to nothing": {"subscribedTopicNames": []},
        "unknown assignor": {"serverAssignor": "sticky"},
        "empty assignor": {"serverAssignor": ""},
        "epoch of nobody": {"memberEpoch": 7},
        "negative epoch": {"memberEpoch": -3},
        "leaves a group that is not there": {"memberEpoch": -1},
        "static without an instance": {"memberEpoch": -2},
        "static, not there": {"memberEpoch": -2, "instanceId": "instance"},
        "unknown topic": topics("refused-unknown"),
        "a topic without a name": topics(""),
        "the same topic twice": topics("refused", "refused"),
        "long member": {"memberId": "x" * 300},
    }
    regexes = {"bad regex": "[", "empty regex": "", "lookahead": "a(?=b)", "back reference": r"(a)\1"}
    for label, changes in cases.items():
        for version in VERSIONS:
            body = {"groupId": f"refused-{label}-{version}", "memberId": "member", **right, **changes}
            b.call("ConsumerGroupHeartbeat", version, body, label)
    for label, regex in regexes.items():
        body = {"groupId": f"refused-{label}", "memberId": "member", **right, "subscribedTopicRegex": regex}
        b.call("ConsumerGroupHeartbeat", 1, body, label)
        b.call("ConsumerGroupHeartbeat", 1, {**body, "subscribedTopicNames": None}, f"{label} alone")


@scenario(settings=BOTH)
def test_epochs(b):
    """A larger epoch, a smaller one, the one before (a lost answer), strangers: who is fenced, who is not."""
    b.create("epochs", 2)
    one, two = (Consumer(b, "epochs", name, **topics("epochs")) for name in ("one", "two"))
    one.beat("joins")
    one.count(2)
    two.beat("joins")
    balanced({one: 1, two: 1})
    now = one.epoch
    for label, epoch in {"larger": now + 1, "one before": now - 1, "much smaller": now - 2}.items():
        one.beat(label, memberEpoch=epoch)
        one.beat(f"{label}, with what it owns", memberEpoch=epoch, topicPartitions=one.owned)
        one.beat(f"{label}, with nothing", memberEpoch=epoch, topicPartitions=[])
        all_of_it = [{"topicId": one.owned[0]["topicId"], "partitions": [0, 1]}]
        one.beat(f"{label}, with what it does not own", memberEpoch=epoch, topicPartitions=all_of_it)
    one.beat("a stranger", memberId="stranger")
    one.beat("a stranger leaves", memberId="stranger", memberEpoch=-1)
    one.beat("joins again without having left", memberEpoch=0, topicPartitions=[], **one.fields)
    balanced({one: 1, two: 1}, "as it was")
    describe(b, "epochs")


@pytest.mark.parametrize("assignor", ASSIGNORS)
@scenario(settings=BOTH)
def test_assignments(b, assignor):
    """One, two, three members, then two again: what is taken away is given up before another gets it."""
    group = f"assigned-{assignor}"
    b.create(group, 6)
    one, two, three = (
        Consumer(b, group, name, serverAssignor=assignor, **topics(group)) for name in ("one", "two", "three")
    )
    one.beat("joins")
    one.count(6)
    describe(b, group, "one member")
    two.beat("joins: nothing is free yet")
    two.beat("still nothing is free")
    describe(b, group, "two members, one of them has to give up")
    one.beat("hears what to give up", topicPartitions=one.owned)
    balanced({one: 3, two: 3})
    describe(b, group, "two members")
    three.beat("joins")
    balanced({one: 2, two: 2, three: 2})
    describe(b, group, "three members")
    Consumer(b, group, "four", **topics(group)).beat("one too many")
    two.leave()
    balanced({one: 3, three: 3})
    describe(b, group, "after one left")


@scenario(settings=BOTH)
def test_subscriptions_change(b):
    """Other topics, a topic that gets more partitions, one that is made later."""
    b.create("sub-1", 2)
    b.create("sub-2", 3)
    one = Consumer(b, "sub", "one", **topics("sub-1"))
    one.beat("joins")
    one.count(2)
    one.beat("subscribes to both", **topics("sub-2", "sub-1"))
    one.count(5)
    describe(b, "sub", "two topics")
    one.beat("subscribes to the second", **topics("sub-2"))
    one.count(3)
    describe(b, "sub", "the second topic")
    more = {"name": "sub-2", "count": 4, "assignments": None}
    b.quiet("CreatePartitions", 3, {"topics": [more], "timeoutMs": 10000})
    one.count(4)
    one.beat("subscribes to a topic that is not there yet", **topics("sub-3"))
    one.count(0)
    b.create("sub-3", 1)
    one.count(1, "the topic is there")
    one.beat("the same instance, another rack", rackId="rack")
    one.beat("another assignor", serverAssignor="range")
    describe(b, "sub", "by range")


@scenario(settings=BOTH)
def test_regular_expressions(b):
    """RE2, of the whole name; with names beside it; changed, and given up."""
    for name in ("rx-1", "rx-2", "not-rx-1"):
        b.create(name, 2)
    one = Consumer(b, "rx", "one", subscribedTopicRegex="rx-.*")
    one.beat("joins")
    one.count(4)
    describe(b, "rx", "two topics")
    one.beat("and a name", **topics("not-rx-1"))
    one.count(6)
    describe(b, "rx", "three topics")
    one.beat("a narrower one, no names", subscribedTopicRegex="rx-1|zz", **topics())
    one.count(2)
    one.beat("nothing matches", subscribedTopicRegex="none")
    one.count(0)
    # It is looked up behind the answer.
    looked_up = lambda answer: answer["groups"][0]["groupState"] == "Assigning"  # noqa: E731
    b.until("ConsumerGroupDescribe", 1, {"groupIds": ["rx"]}, looked_up, "nothing")
    one.beat("no valid one", subscribedTopicRegex="(")
    one.beat("given up", subscribedTopicRegex="", **topics("rx-2"))
    one.count(2)
    describe(b, "rx", "by name")


@scenario(settings=BOTH)
def test_static_members(b):
    """They leave for a while, come back with another id, cannot be there twice."""
    b.create("kept", 2)
    fields = {"instanceId": "instance-1", **topics("kept")}
    one, two = Consumer(b, "kept", "one", **fields), Consumer(b, "kept", "two", **topics("kept"))
    one.beat("joins")
    one.count(2)
    two.beat("joins")
    balanced({one: 1, two: 1})
    again = Consumer(b, "kept", "one again", **fields)
    again.beat("the instance is in use")
    one.beat("with another instance", instanceId="instance-2")
    one.beat("without an instance", instanceId=None)
    two.leave("leaves for a while, but is not static", epoch=LEAVE_FOR_A_WHILE)
    one.leave("leaves for a while", epoch=LEAVE_FOR_A_WHILE)
    describe(b, "kept", "one is away")
    again.beat("comes back with another id")
    again.count(1)
    describe(b, "kept", "one is back")
    one.beat("the older id is unknown or fenced", memberEpoch=2, topicPartitions=[])
    again.leave("leaves for good")
    describe(b, "kept", "one is gone")


@scenario(settings={**BOTH, **SHORT})
def test_sessions(b):
    """Who says nothing is removed, and unknown after that."""
    b.create("ends", 2)
    one = Consumer(b, "ends", "one", **topics("ends"))
    one.beat("joins")
    asked = {"groupIds": ["ends"]}
    gone = lambda answer: not answer["groups"][0]["members"]  # noqa: E731
    b.until("ConsumerGroupDescribe", 1, asked, gone, "its session has ended")
    one.beat("after its session")


@scenario(settings=BOTH)
def test_a_member_that_gives_up_nothing(b):
    """It is fenced after its rebalance timeout, though it goes on beating."""
    b.create("stubborn", 2)
    one = Consumer(b, "stubborn", "one", **{**topics("stubborn"), "rebalanceTimeoutMs": 400})
    two = Consumer(b, "stubborn", "two", **topics("stubborn"))
    one.beat("joins")
    one.count(2)
    kept = one.owned
    two.beat("joins")
    one.beat("hears what to give up", topicPartitions=kept)
    beat = {"groupId": "stubborn", "memberId": "one", "memberEpoch": one.epoch, "topicPartitions": kept}
    b.until("ConsumerGroupHeartbeat", 1, beat, lambda answer: answer["errorCode"], "fenced")
    two.count(2)
    describe(b, "stubborn")


@scenario(settings=BOTH)
def test_offsets_of_members(b):
    """Commits and fetches say the member's epoch; older versions of the request are not enough."""
    ident = b.create("mine", 1)
    one = Consumer(b, "mine", "one", **topics("mine"))
    one.beat("joins")
    one.count(1)
    partition = {"partitionIndex": 0, "committedOffset": 3, "committedMetadata": ""}
    for version in range(2, 11):
        for label, who in {
            "right": {},
            "older": {"generationIdOrMemberEpoch": one.epoch - 1},
            "newer": {"generationIdOrMemberEpoch": one.epoch + 1},
            "stranger": {"memberId": "stranger"},
            "nobody": {"memberId": "", "generationIdOrMemberEpoch": -1},
        }.items():
            body = {"groupId": "mine", "memberId": "one", "generationIdOrMemberEpoch": one.epoch, **who}
            body["topics"] = [{"name": "mine", "topicId": ident, "partitions": [partition]}]
            b.call("OffsetCommit", version, body, label)
    for version in (8, 9, 10):
        for label, who in {
            "right": {"memberId": "one", "memberEpoch": one.epoch},
            "older": {"memberId": "one", "memberEpoch": one.epoch - 1},
            "newer": {"memberId": "one", "memberEpoch": one.epoch + 1},
            "stranger": {"memberId": "stranger", "memberEpoch": one.epoch},
            "nobody": {},
        }.items():
            who = who if version >= 9 else {}
            b.call("OffsetFetch", version, {"groups": [{"groupId": "mine", "topics": None, **who}]}, label)
    subscribed = [{"name": "mine", "partitions": [{"partitionIndex": 0}]}]
    b.call("OffsetDelete", 0, {"groupId": "mine", "topics": subscribed}, "of a subscribed topic")
    b.call("DeleteGroups", 2, {"groupsNames": ["mine"]}, "with a member")
    one.leave()
    b.call("DeleteGroups", 2, {"groupsNames": ["mine"]}, "empty")
    describe(b, "mine", "deleted")


@scenario(settings=BOTH)
def test_one_protocol_after_the_other(b):
    """An empty group takes the protocol of who comes next, and keeps its offsets."""
    b.create("turned", 2)
    partition = {"partitionIndex": 0, "committedOffset": 5, "committedMetadata": ""}
    body = {"groupId": "turned", "topics": [{"name": "turned", "partitions": [partition]}]}
    coordinator(b)
    b.call("OffsetCommit", 9, body, "by nobody")
    kept = {"groups": [{"groupId": "turned", "topics": None}]}
    modern = Consumer(b, "turned", "modern", **topics("turned"))
    for turn in range(2):
        modern.id, modern.epoch, modern.pending = "modern", 0, {**modern.fields, "topicPartitions": []}
        modern.beat(f"joins in turn {turn}")
        modern.count(2)
        describe(b, "turned", f"consumer in turn {turn}")
        describe_classic(b, "turned", f"consumer in turn {turn}")
        b.call("OffsetFetch", 9, kept, f"consumer in turn {turn}")
        stranger = Member(
            b, "turned", f"a classic member of another type in turn {turn}", protocolType="connect"
        )
        stranger.join()
        modern.leave()
        classic = Member(b, "turned", f"classic {turn}", protocols=[_range("turned")])
        stable_classic(b, "turned", classic)
        describe(b, "turned", f"classic in turn {turn}")
        describe_classic(b, "turned", f"classic in turn {turn}")
        b.call("OffsetFetch", 9, kept, f"classic in turn {turn}")
        classic.leave()
    b.call("ListGroups", 5, {"typesFilter": ["share"]}, "of a type that is not there")


def _range(topic):
    return {"name": "range", "metadata": subscription("", topic)}


@pytest.mark.parametrize("version", VERSIONS)
@scenario(settings=BOTH)
def test_describe(b, version):
    """Unknown, empty and repeated names, groups of the other type, what the client may do."""
    group = f"described-{version}"
    b.create(group)
    one = Consumer(
        b, group, "one", rackId="rack", instanceId="instance", **topics(group, "described-unknown")
    )
    one.beat("joins")
    one.count(1)
    stable_classic(b, f"{group}-classic", Member(b, f"{group}-classic", "connect", protocolType="connect"))
    names = [group, f"{group}-classic", f"{group}-unknown", "", group]
    for operations in (False, True):
        body = {"groupIds": names, "includeAuthorizedOperations": operations}
        b.call("ConsumerGroupDescribe", version, body, f"operations: {operations}")
    b.call("ConsumerGroupDescribe", version, {"groupIds": []}, "none")
    b.call(
        "ConsumerGroupHeartbeat", version, {"groupId": f"{group}-classic", **_joins(group)}, "classic group"
    )


def _joins(topic):
    return {"memberId": "m", "rebalanceTimeoutMs": 1000, "topicPartitions": [], **topics(topic)}
