"""Groups of kinds that Barnabas does not serve: share and streams groups of a Kafka that had the directory.

Barnabas keeps them and gives Kafka's answers to whoever takes them for something else; then Kafka loads them as
they were. What both are asked is asked of Barnabas first, for Kafka's own answers change some of them.
"""

import re
import time

import pytest

from directory import LATEST, ApacheKafka, Barnabas, Turns, offset
from test_directory import commit
from test_directory_groups import COMPLAINT, beat, found
from tools import runner

LONG = "3600000"
SETTINGS = {
    "offsets.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.share.session.timeout.ms": LONG,
    "group.share.max.session.timeout.ms": LONG,
    "group.streams.session.timeout.ms": LONG,
    "group.streams.max.session.timeout.ms": LONG,
    "log.cleaner.backoff.ms": "100",
}
MEMBER = "AAAAAAAAAAAAAAAAAAAAAA"
GROUPS = ["share", "share-empty", "streams", "streams-empty", "streams-empty-too"]
PASSING = (14, 15, 16)
SUBTOPOLOGY = {
    "subtopologyId": "0",
    "sourceTopics": ["t"],
    "sourceTopicRegex": [],
    "stateChangelogTopics": [],
    "repartitionSinkTopics": [],
    "repartitionSourceTopics": [],
    "copartitionGroups": [],
}
NEW_TASKS = {
    "rebalanceTimeoutMs": 1000,
    "processId": "p",
    "topology": {"epoch": 0, "subtopologies": [SUBTOPOLOGY]},
    "activeTasks": [],
    "standbyTasks": [],
    "warmupTasks": [],
    "clientTags": [],
}
WISHES = {"rebalanceTimeoutMs": 1000, "topicPartitions": [], "subscribedTopicNames": ["t"]}
NO_TASKS = dict.fromkeys(("activeTasks", "standbyTasks", "warmupTasks", "clientTags", "processId"))


@pytest.fixture
def turns(tmp_path):
    """A new directory."""
    return Turns(tmp_path, SETTINGS)


def reported(b, api, version, body):
    """The answer to a heartbeat, which must be none of an error."""
    answer = b.until(api, version, body, lambda a: a["errorCode"] not in PASSING, compare=False)
    assert not answer["errorCode"], answer


def share(b, group, epoch=0):
    """A member of a share group joins, or leaves."""
    body = {"groupId": group, "memberId": MEMBER, "memberEpoch": epoch}
    reported(b, "ShareGroupHeartbeat", 1, body | ({} if epoch else {"subscribedTopicNames": ["t"]}))


def streams(b, group, epoch=0):
    """A member of a streams group joins, or leaves."""
    body = {"groupId": group, "memberId": MEMBER, "memberEpoch": epoch, "endpointInformationEpoch": 0}
    reported(b, "StreamsGroupHeartbeat", 0, body | (NO_TASKS if epoch else NEW_TASKS))


def made(b):
    """Groups of both kinds, with a member and without, and one of each that is gone."""
    b.create("t", 1)
    for group in GROUPS:
        asked = {"keyType": 0, "coordinatorKeys": [group]}
        b.until("FindCoordinator", 4, asked, found, compare=False)
    for group in ("share", "share-empty", "gone"):
        share(b, group)
    for group in ("streams", "streams-empty", "streams-empty-too", "gone-too"):
        streams(b, group)
    for group in ("share-empty", "gone"):
        share(b, group, -1)
    for group in ("streams-empty", "streams-empty-too", "gone-too"):
        streams(b, group, -1)
    gone = b.quiet("DeleteGroups", 2, {"groupsNames": ["gone", "gone-too"]})["results"]
    assert [one["errorCode"] for one in gone] == [0, 0], gone


def listed(b, count):
    """All groups, once so many are loaded: when a broker starts it may not know of the topic yet."""
    answer = b.until("ListGroups", 5, {}, lambda a: not a["errorCode"] and len(a["groups"]) >= count, compare=False)
    return sorted((g["groupId"], g["groupType"], g["protocolType"], g["groupState"]) for g in answer["groups"])


def described(b):
    """The groups as only Kafka shows them."""
    shown = [
        b.quiet("ShareGroupDescribe", 1, {"groupIds": ["share", "share-empty"]}),
        b.quiet("StreamsGroupDescribe", 0, {"groupIds": [name for name in GROUPS if name.startswith("streams")]}),
    ]
    return [group for answer in shown for group in answer["groups"]]


def answers(b, group, joins=True):
    """What a broker says to whoever takes the group for another one; nothing of it changes a group with members.

    Without `joins` no member of the classic protocol joins: an empty streams group gives way to a new one, and if one
    comes with an id Kafka refuses it and forgets the group all the same, but does not write that down."""
    (topic,) = b.quiet("Metadata", 12, {"topics": [{"name": "t"}]})["topics"]
    partitions = [{"partitionIndex": 0, "committedOffset": 1, "committedMetadata": ""}]
    said = {}

    def ask(api, version, **body):
        said[f"{api} {version} {len(said)}"] = b.quiet(api, version, body)

    join = {"groupId": group, "sessionTimeoutMs": 6000, "rebalanceTimeoutMs": 500, "protocolType": "consumer"}
    join["protocols"] = [{"name": "range", "metadata": b"\0\0\0\0\0\0\0\0\0\0"}]
    for version, member in ((3, ""), (3, "m"), (9, ""), (9, "m"), (9, MEMBER)):
        if joins:
            ask("JoinGroup", version, **join, memberId=member)
    for member in ("m", MEMBER):
        as_member = {"groupId": group, "generationId": 1, "memberId": member}
        named = {"protocolType": "consumer", "protocolName": "range", "assignments": []}
        ask("SyncGroup", 5, **as_member, **named)
        ask("Heartbeat", 4, **as_member)
        ask("LeaveGroup", 2, groupId=group, memberId=member)
        ask("LeaveGroup", 5, groupId=group, members=[{"memberId": member}])
    for epoch in (0, 1, -1, -2):
        said[f"report {epoch}"] = beat(b, group, "m", epoch, **({} if epoch else WISHES))
    ask("ConsumerGroupDescribe", 1, groupIds=[group])
    for version in (4, 5, 6):
        ask("DescribeGroups", version, groups=[group])
    for version in range(2, 11):
        name = {"topicId": topic["topicId"]} if version == 10 else {"name": "t"}
        for member, epoch in (("", -1), ("m", 1), (MEMBER, 77)):
            by = {"memberId": member, "generationIdOrMemberEpoch": epoch}
            ask("OffsetCommit", version, groupId=group, **by, topics=[name | {"partitions": partitions}])
    ask("OffsetFetch", 7, groupId=group, topics=None)
    for member, epoch in ((None, -1), ("m", 1), (MEMBER, 77)):
        for topics in (None, [{"name": "t", "partitionIndexes": [0]}]):
            by = {"groupId": group, "memberId": member, "memberEpoch": epoch, "topics": topics}
            ask("OffsetFetch", 9, groups=[by])
    ask("OffsetDelete", 0, groupId=group, topics=[{"name": "t", "partitions": [{"partitionIndex": 0}]}])
    return said


def deleted(b, *groups):
    """What becomes of groups that are to be deleted."""
    results = b.quiet("DeleteGroups", 2, {"groupsNames": [*groups]})["results"]
    return {one["groupId"]: one["errorCode"] for one in results}


def asked(b):
    """All that is asked of both."""
    said = {group: answers(b, group) for group in ("share", "share-empty", "streams")}
    # The group gives way to one that joins, which the next test looks at.
    said["streams-empty"] = answers(b, "streams-empty", joins=False)
    said["deleted"] = deleted(b, "share", "streams")
    return said


def same(said, by_kafka):
    """Fails with the first answers that are not the same."""
    for group, of_group in by_kafka.items():
        for what, answer in of_group.items():
            assert said[group][what] == answer, (group, what)


def is_loaded(turns):
    """Whether the last broker, Kafka, has loaded all groups in peace."""
    log = (turns.folder / "broker.log").read_text()
    return COMPLAINT not in log and "IllegalStateException" not in log


def test_groups_of_other_kinds_are_kept(turns):
    """Kafka makes them; Barnabas answers as Kafka does, compacts, and starts again; Kafka has them as they were."""
    with turns.of(ApacheKafka) as b:
        made(b)
        there, shown = listed(b, len(GROUPS)), described(b)
        assert [(row[0], row[1], row[3] == "Empty") for row in there] == [
            ("share", "share", False),
            ("share-empty", "share", True),
            ("streams", "streams", False),
            ("streams-empty", "streams", True),
            ("streams-empty-too", "streams", True),
        ]
    with turns.of(Barnabas) as b:
        assert listed(b, 0) == []
        said = asked(b)
        assert deleted(b, "share-empty") == {"share-empty": 68}, "its state is elsewhere"
        rewrite(b, turns)
    lines = (turns.folder / "broker.log").read_text().splitlines()
    (line,) = [line for line in lines if "kinds that are not served" in line]
    streams_groups = r"streams \(streams\), streams-empty \(streams\), streams-empty-too \(streams\)"
    assert re.search(rf'groups="share \(share\), share-empty \(share\), {streams_groups}"$', line)
    with turns.of(Barnabas) as b:
        assert listed(b, 0) == []
    with turns.of(ApacheKafka) as b:
        assert listed(b, len(there)) == there
        assert described(b) == shown
        same(said, asked(b))
        # A streams group that is empty takes commits of nobody, also here.
        assert said["streams-empty"] != said["streams"]
    assert is_loaded(turns)


def rewrite(b, turns):
    """Has the offsets topic compacted up to what is in it now."""
    config = {"min.cleanable.dirty.ratio": "0.0", "segment.ms": "1000", "delete.retention.ms": "0"}
    pairs = ",".join(f"{name}={value}" for name, value in config.items())
    resource = ["--entity-type", "topics", "--entity-name", "__consumer_offsets"]
    args = ["--bootstrap-server", b.broker.address, *resource, "--alter", "--add-config", pairs]
    said = runner("kafka").run("kafka-configs", args)
    assert said["code"] == 0, said
    end = offset(b, "__consumer_offsets", 0, LATEST)
    deadline = time.monotonic() + 60
    while compacted(turns) < end:
        assert time.monotonic() < deadline, (compacted(turns), end)
        commit(b, "filler", "t", 1, "")
        time.sleep(0.2)
    assert deleted(b, "filler") == {"filler": 0}


def compacted(turns):
    """Up to where the offsets topic has been compacted."""
    file = turns.data / "cleaner-offset-checkpoint"
    lines = file.read_text().splitlines() if file.exists() else []
    return max((int(line.split()[2]) for line in lines if line.startswith("__consumer_offsets 0 ")), default=0)


def taken(b, group, how):
    """Somebody takes the name of an empty streams group; what the broker says to it."""
    if how == "deleted":
        return [deleted(b, group)[group]]
    if how == "consumer":
        said = beat(b, group, "m", 0, **WISHES)
        return [said["errorCode"], (said["errorMessage"] or "").replace(group, "GROUP")]
    body = {"groupId": group, "sessionTimeoutMs": 60000, "rebalanceTimeoutMs": 500, "memberId": ""}
    body |= {"protocolType": "consumer", "protocols": [{"name": "range", "metadata": b"\0" * 10}]}
    joined = b.quiet("JoinGroup", 3, body)
    who = {"generationId": joined["generationId"], "memberId": joined["memberId"]}
    synced = b.quiet("SyncGroup", 3, {"groupId": group, **who, "assignments": []})
    return [joined["errorCode"], joined["generationId"], synced["errorCode"]]


@pytest.mark.parametrize("how", ["classic", "consumer", "deleted", "new"])
def test_who_takes_the_name_of_an_empty_streams_group(turns, how):
    """It gives way to a member of the classic protocol and to who deletes it, not to one of the consumer protocol. A
    name that is free again is free. Kafka is asked the same of another such group."""
    with turns.of(ApacheKafka) as b:
        made(b)
        before = {row[0]: row[1] for row in listed(b, len(GROUPS))}
    mine, kafkas, asked = ("gone", "gone-too", "consumer") if how == "new" else (*GROUPS[-2:], how)
    with turns.of(Barnabas) as b:
        listed(b, 0)
        said = taken(b, mine, asked)
    becomes = {"classic": "classic", "consumer": "streams", "deleted": None, "new": "consumer"}[how]
    with turns.of(ApacheKafka) as b:
        for group in (mine, kafkas):
            there = before | {group: becomes}
            before = {name: kind for name, kind in there.items() if kind}
            assert {row[0]: row[1] for row in listed(b, len(before))} == before
            if group == mine:
                assert taken(b, kafkas, asked) == said
    assert is_loaded(turns)
