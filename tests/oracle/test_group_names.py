"""Empty strings and strings without end, in every field of every group API that takes one.

Each in the last version without flexible fields, whose strings end at 32,767 bytes, and in the last of
all. Only one field at a time is not as it should be.
"""

import pytest
from classic import GROUPS, Member, coordinator, describe, stable, subscription
from test_group_consumer import BOTH
from test_group_offsets import Topic

from harness import scenario

LONGEST = 32_767
# What still has room around it in a message. Where there is none Kafka fails the answer; here it is cut.
QUOTED = 32_600
PROTOCOL = {"name": "range", "metadata": subscription("")}
JOIN = {
    "sessionTimeoutMs": 30000,
    "rebalanceTimeoutMs": 500,
    "memberId": "",
    "groupInstanceId": None,
    "protocolType": "consumer",
    "protocols": [PROTOCOL],
}
SYNC = {"generationId": 1, "memberId": "m", "groupInstanceId": None, "assignments": []}
SYNC |= {"protocolType": "consumer", "protocolName": "range"}
BEAT = {"generationId": 1, "memberId": "m", "groupInstanceId": None}


def texts(version, flexible, longest):
    """Of this version; the longer one only where it can be said."""
    return ["", "n" * longest] + (["n" * 40_000] if version >= flexible else [])


def each(b, api, versions, flexible, body, longest=LONGEST, **fields):
    """The request with each field set to each text; a function puts it where it belongs."""
    for version in versions:
        for name, put in fields.items():
            for text in texts(version, flexible, longest):
                asked = {**body, **(put(text) if callable(put) else {name: text})}
                b.call(api, version, asked, f"{api}: {name} of {len(text)}")


@scenario(settings=GROUPS)
def test_joins(b):
    """Each group is there or not when it is asked; none of them may keep its member for long."""
    coordinator(b)
    for version in (5, 9):
        group = f"names-join-{version}"
        each(
            b,
            "JoinGroup",
            [version],
            6,
            {"groupId": group, **JOIN},
            memberId=None,
            protocolType=None,
            protocol=lambda text: {"protocols": [{**PROTOCOL, "name": text}]},
            protocols=lambda text: {"protocols": [PROTOCOL, {**PROTOCOL, "name": text}]},
        )
        describe(b, group)
    b.call("JoinGroup", 5, {"groupId": "", **JOIN}, "no group")
    b.call("JoinGroup", 9, {"groupId": "", **JOIN}, "no group")
    for length in (0, LONGEST, 40_000):
        for version in (5, 9):
            if version == 9 or length <= LONGEST:
                group = f"names-instance-{length}-{version}"
                asked = {"groupId": group, **JOIN, "groupInstanceId": "n" * length}
                b.call("JoinGroup", version, asked, f"instance of {length}")
                if not length:
                    # Of those that do not fit into an id Kafka keeps what it cannot tell of.
                    describe(b, group)
    asked = {"groupId": "names-reason", **JOIN}
    for length in (0, LONGEST, 40_000):
        b.call("JoinGroup", 9, {**asked, "reason": "n" * length}, f"reason of {length}")


@pytest.mark.parametrize("kind", ("none", "one"))
@scenario(settings=GROUPS)
def test_members(b, kind):
    """Syncs, heartbeats and leaves, of a group that is there and one that is not."""
    coordinator(b)
    group = f"names-members-{kind}"
    one = Member(b, group, "one", groupInstanceId="one")
    if kind == "one":
        stable(b, group, one)
    of_group = {"groupId": group}
    texts_of = {"groupId": None, "memberId": None, "groupInstanceId": None}
    each(b, "SyncGroup", (3, 5), 4, of_group | SYNC, **texts_of, protocolType=None, protocolName=None)
    each(b, "Heartbeat", (3, 4), 4, of_group | BEAT, **texts_of)
    leave = lambda **fields: {"members": [{"memberId": "m", "groupInstanceId": None, **fields}]}  # noqa: E731
    each(
        b,
        "LeaveGroup",
        (3, 5),
        4,
        of_group | leave(),
        groupId=None,
        memberId=lambda text: leave(memberId=text),
        instance=lambda text: leave(memberId="", groupInstanceId=text),
        both=lambda text: leave(memberId=text, groupInstanceId=text),
    )
    each(b, "LeaveGroup", (2,), 4, {**of_group, "memberId": "m"}, groupId=None, memberId=None)
    for length in (0, LONGEST, 40_000):
        b.call("LeaveGroup", 5, {**of_group, **leave(reason="n" * length)}, f"reason of {length}")
    describe(b, group)


@pytest.mark.parametrize("kind", ("none", "one"))
@scenario(settings=GROUPS)
def test_offsets(b, kind):
    """Commits, fetches and deletions of offsets."""
    coordinator(b)
    group = f"names-offsets-{kind}"
    topic = Topic(b, group)
    one = Member(b, group, "one")
    if kind == "one":
        stable(b, group, one)
    commit = {"groupId": group, "memberId": "", "generationIdOrMemberEpoch": -1, "topics": [topic.offsets(1)]}

    def metadata(text):
        return {"topics": [topic.offsets(1, metadata=text)]}

    def named(text):
        return {"topics": [{**topic.offsets(1), "name": text}]}

    common = {"groupId": None, "memberId": None, "groupInstanceId": None, "metadata": metadata}
    each(b, "OffsetCommit", (7, 9), 8, commit, **common, topic=named)
    each(b, "OffsetCommit", (10,), 8, commit, **common)
    one_topic = topic.asked(0)
    plain = [{"name": one_topic["name"], "partitionIndexes": [0]}]
    each(
        b,
        "OffsetFetch",
        (5, 7),
        6,
        {"groupId": group, "topics": plain},
        groupId=None,
        topic=lambda text: {"topics": [{"name": text, "partitionIndexes": [0]}]},
    )

    def asked(**fields):
        return {"groups": [{"groupId": group, "topics": [one_topic], **fields}]}

    each(
        b,
        "OffsetFetch",
        (9, 10),
        6,
        asked(),
        groupId=lambda text: asked(groupId=text),
        memberId=lambda text: asked(memberId=text),
        memberOfEpoch=lambda text: asked(memberId=text, memberEpoch=0),
    )
    each(
        b,
        "OffsetFetch",
        (9,),
        6,
        asked(),
        topic=lambda text: asked(topics=[{"name": text, "partitionIndexes": [0]}]),
    )
    partitions = [{"partitionIndex": 0}]
    each(
        b,
        "OffsetDelete",
        (0,),
        1,
        {"groupId": group, "topics": [{"name": topic.name, "partitions": partitions}]},
        topic=lambda text: {"topics": [{"name": text, "partitions": partitions}]},
        groupId=None,
    )
    b.call("OffsetFetch", 9, {"groups": [{"groupId": group, "topics": None}]}, "what is left")


@scenario(settings=BOTH)
def test_administration(b):
    """Whoever asks for groups."""
    coordinator(b)
    each(b, "DescribeGroups", (4,), 5, {}, groups=lambda text: {"groups": [text, "names"]})
    each(b, "DescribeGroups", (6,), 5, {}, QUOTED, groups=lambda text: {"groups": [text, "names"]})
    each(b, "DeleteGroups", (1, 2), 2, {}, groups=lambda text: {"groupsNames": [text, "names"]})
    each(b, "ConsumerGroupDescribe", (1,), 0, {}, QUOTED, groups=lambda text: {"groupIds": [text, "names"]})
    each(
        b,
        "ListGroups",
        (5,),
        3,
        {},
        state=lambda text: {"statesFilter": [text], "typesFilter": []},
        kind=lambda text: {"statesFilter": [], "typesFilter": [text]},
    )
    each(b, "FindCoordinator", (2, 3), 3, {"keyType": 0}, key=None)
    each(b, "FindCoordinator", (6,), 3, {"keyType": 0}, key=lambda text: {"coordinatorKeys": [text]})


@scenario(settings=BOTH)
def test_heartbeats(b):
    """Of the consumer protocol: of nobody and of a member that is there."""
    b.create("names-beat", 1)
    coordinator(b)
    joins = {
        "groupId": "names-beat",
        "memberId": "m",
        "memberEpoch": 0,
        "rebalanceTimeoutMs": 30000,
        "subscribedTopicNames": ["names-beat"],
        "topicPartitions": [],
    }
    for label, body in (("joins", joins), ("beats", {**joins, "memberEpoch": 1})):
        for name in ("groupId", "memberId", "instanceId", "rackId", "subscribedTopicRegex", "serverAssignor"):
            asked = {**body, "memberId": f"{label}-{name}", name: ""}
            b.call("ConsumerGroupHeartbeat", 1, asked, f"{label}: empty {name}")
        for name in ("subscribedTopicRegex", "serverAssignor"):
            for length in (QUOTED, 40_000):
                asked = {**body, "memberId": f"{label}-{name}-{length}", name: "n" * length}
                if name == "serverAssignor" or label == "beats":
                    b.call("ConsumerGroupHeartbeat", 1, asked, f"{label}: {name} of {length}")
        empty = {**body, "memberId": f"{label}-topics", "subscribedTopicNames": [""]}
        b.call("ConsumerGroupHeartbeat", 1, empty, f"{label}: subscribed to the topic without a name")
    b.call("ConsumerGroupDescribe", 1, {"groupIds": ["names-beat"]}, "after that")
