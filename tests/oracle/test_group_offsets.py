"""OffsetCommit and OffsetFetch: of members, of nobody, of many groups at once, by name and by topic id."""

import pytest
from classic import GROUPS, Member, assigned, coordinator, stable, until

from harness import scenario
from schema import ZERO_ID

COMMIT, FETCH = range(2, 11), range(1, 11)
NO_TOPIC = "00000000-0000-4000-8000-000000000000"
LONG = "x" * 64


class Topic:
    """A topic by its name and its id: the version decides which is sent."""

    def __init__(self, b, name, partitions=2):
        self.name, self.partitions = name, partitions
        self.id = b.create(name, partitions)

    def offsets(self, *offsets, metadata="", epoch=-1):
        """What a commit says of its first partitions."""
        listed = [
            {
                "partitionIndex": index,
                "committedOffset": offset,
                "committedLeaderEpoch": epoch,
                "committedMetadata": metadata,
            }
            for index, offset in enumerate(offsets)
        ]
        return {"name": self.name, "topicId": self.id, "partitions": listed}

    def asked(self, *indexes):
        """What a fetch asks of it."""
        return {"name": self.name, "topicId": self.id, "partitionIndexes": list(indexes)}


def commit(b, group, topics, label, version=10, **fields):
    """One OffsetCommit; without more fields that of nobody."""
    return b.call("OffsetCommit", version, {"groupId": group, "topics": topics, **fields}, label)


def fetch(b, group, topics, label, version=10, **fields):
    """One OffsetFetch of one group, in the form that the version has."""
    if version < 8 and topics is not None:
        topics = [{k: v for k, v in topic.items() if k != "topicId"} for topic in topics]
    own = {"groupId": group, "topics": topics}
    body = own if version < 8 else {"groups": [{**own, **fields.pop("member", {})}]}
    return b.call("OffsetFetch", version, {**body, **fields}, label)


@scenario(settings=GROUPS)
def test_every_version(b):
    """Commits of nobody (simple consumers and tools), read in every version of the fetch."""
    coordinator(b)
    topic = Topic(b, "offsets-versions", 3)
    for version in COMMIT:
        group = f"offsets-v{version}"
        topics = [topic.offsets(version, 7, metadata=f"by v{version}", epoch=0)]
        commit(b, group, topics, "commit", version)
        for reading in FETCH:
            fetch(b, group, [topic.asked(0, 1, 2)], f"{group}: some, one without an offset", reading)
    for version in FETCH[1:]:
        fetch(b, "offsets-v5", None, "all", version)
        fetch(b, "offsets-unknown", None, "all of an unknown group", version)
    for version in FETCH:
        fetch(b, "offsets-unknown", [topic.asked(0)], "of an unknown group", version)
        fetch(b, "offsets-v5", [], "no topics", version)
        fetch(b, "offsets-v5", [topic.asked()], "no partitions", version)
        fetch(b, "", [topic.asked(0)], "of the group without a name", version)
    describe_both(b, "offsets-v5")


def describe_both(b, group):
    """What group the commit of nobody has made."""
    b.call("DescribeGroups", 6, {"groups": [group]}, f"{group}: described")


@scenario(settings=GROUPS)
def test_topics_that_are_not_there(b):
    """Unknown names and ids, partitions that the topic does not have, names that nobody may have."""
    coordinator(b)
    topic = Topic(b, "offsets-there")
    unknown = {**topic.offsets(1), "name": "offsets-not-there", "topicId": NO_TOPIC}
    nowhere = {**topic.offsets(1), "name": "", "topicId": ZERO_ID}
    outside = topic.offsets(1, 2, 3, 4)
    for version in COMMIT:
        for label, topics in {
            "unknown": [unknown],
            "unknown beside known": [unknown, topic.offsets(5)],
            "no name, no id": [nowhere],
            "partitions that it does not have": [outside],
            "negative partition": [{**topic.offsets(1), "partitions": [one(-1)]}],
            "no topics": [],
            "no partitions": [topic.offsets()],
            "the same partition twice": [topic.offsets(3), topic.offsets(4)],
        }.items():
            commit(b, f"offsets-none-{version}", topics, label, version)
        fetch(b, f"offsets-none-{version}", None, f"after v{version}")
    asked = {"name": "offsets-not-there", "topicId": NO_TOPIC, "partitionIndexes": [0]}
    for version in FETCH:
        fetch(b, "offsets-none-9", [asked, topic.asked(0, 9)], "unknown", version)
        nobody = {"name": "", "topicId": ZERO_ID, "partitionIndexes": [0]}
        fetch(b, "offsets-none-9", [nobody], "no name, no id", version)


def one(index, offset=1, **fields):
    """What a commit says of one partition."""
    return {"partitionIndex": index, "committedOffset": offset, "committedMetadata": "", **fields}


@scenario(settings=GROUPS)
def test_values(b):
    """Metadata up to the limit, none, and null; offsets of any sign; explicit retention."""
    coordinator(b)
    topic = Topic(b, "offsets-values", 4)
    for version in COMMIT:
        values = [
            one(0, 1, committedMetadata=LONG),
            one(1, 2, committedMetadata=LONG + "x"),
            one(2, 3, committedMetadata=None),
            one(3, 4, committedMetadata="ä" * 33),
        ]
        group = f"offsets-values-{version}"
        commit(b, group, [{**topic.offsets(), "partitions": values}], "metadata", version)
        fetch(b, group, None, f"metadata by v{version}")
        numbers = [one(0, -1), one(1, -2), one(2, 2**63 - 1), one(3, 0, committedLeaderEpoch=77)]
        commit(b, group, [{**topic.offsets(), "partitions": numbers}], "numbers", version)
        fetch(b, group, None, f"numbers by v{version}")
    for retention in (-1, 0, 1, 2**62, -5):
        for version in (2, 3, 4):
            group = f"offsets-kept-{retention}-{version}"
            commit(b, group, [topic.offsets(1)], f"kept for {retention}", version, retentionTimeMs=retention)
            fetch(b, group, None, f"kept for {retention}")


@scenario(settings=GROUPS)
def test_members_are_checked(b):
    """Who commits for a group with members must be one, of this generation; in every state and version."""
    topic = Topic(b, "offsets-checked")
    group = "offsets-checked"
    first, second = Member(b, group, "one"), Member(b, group, "two")
    cases = {
        "right": {},
        "nobody": {"memberId": "", "generationIdOrMemberEpoch": -1},
        "no member": {"memberId": ""},
        "no generation": {"generationIdOrMemberEpoch": -1},
        "unknown member": {"memberId": "unknown"},
        "unknown member, no generation": {"memberId": "unknown", "generationIdOrMemberEpoch": -1},
        "older": {"generationIdOrMemberEpoch": 0},
        "newer": {"generationIdOrMemberEpoch": 99},
        "an instance id": {"groupInstanceId": "unknown"},
    }

    def commits(state):
        own = {"memberId": first.id, "generationIdOrMemberEpoch": first.generation}
        for label, changes in cases.items():
            for version in COMMIT:
                if version >= 7 or "groupInstanceId" not in changes:
                    topics = [topic.offsets(version)]
                    commit(b, group, topics, f"{state}: {label}", version, **{**own, **changes})

    commits("unknown group")
    first.join()
    commits("CompletingRebalance")
    assigned(first)
    commits("Stable")
    second.ask_for_id()
    second.send_join()
    until(b, group, "PreparingRebalance", 2)
    commits("PreparingRebalance")
    first.leave()
    second.joined()
    second.leave()
    commits("Empty")
    fetch(b, group, None, "at the end")
    commit(b, "", [topic.offsets(1)], "the group without a name")
    commit(b, "x" * 300, [topic.offsets(1)], "a long name")
    for version in COMMIT:
        commit(b, f"{group}-new", [topic.offsets(1)], "a generation, but no group", version, memberId="x",
               generationIdOrMemberEpoch=1)  # fmt: skip


@scenario(settings=GROUPS)
def test_many_groups_in_one_fetch(b):
    """Since version 8: each group has its own answer."""
    coordinator(b)
    first, second = Topic(b, "offsets-many-1"), Topic(b, "offsets-many-2")
    for number, topics in enumerate(([first.offsets(1, 2)], [first.offsets(3), second.offsets(4)])):
        commit(b, f"offsets-many-{number}", topics, f"group {number}")
    groups = [
        {"groupId": "offsets-many-0", "topics": None},
        {"groupId": "offsets-many-1", "topics": [second.asked(0, 1)]},
        {"groupId": "offsets-many-1", "topics": None},
        {"groupId": "offsets-many-unknown", "topics": None},
        {"groupId": "offsets-many-unknown", "topics": [first.asked(0)]},
        {"groupId": "offsets-many-0", "topics": []},
    ]
    for version in FETCH[7:]:
        b.call("OffsetFetch", version, {"groups": groups}, "many")
        b.call("OffsetFetch", version, {"groups": []}, "none")
        b.call("OffsetFetch", version, {"groups": groups, "requireStable": True}, "stable ones")
    fetch(b, "offsets-many-1", None, "stable ones", 7, requireStable=True)


@scenario(settings=GROUPS)
def test_members_that_fetch(b):
    """Since version 9 a fetch may say whose it is; a classic group does not care for all of it."""
    topic = Topic(b, "offsets-member")
    group = "offsets-member"
    member = Member(b, group, "one")
    stable(b, group, member)
    own = {"memberId": member.id, "generationIdOrMemberEpoch": member.generation}
    commit(b, group, [topic.offsets(1)], "commit", **own)
    for label, who in {
        "right": {"memberId": member.id, "memberEpoch": member.generation},
        "nobody": {"memberId": None, "memberEpoch": -1},
        "no member": {"memberId": "", "memberEpoch": -1},
        "unknown": {"memberId": "unknown", "memberEpoch": member.generation},
        "older": {"memberId": member.id, "memberEpoch": member.generation - 1},
        "newer": {"memberId": member.id, "memberEpoch": member.generation + 1},
    }.items():
        for version in (9, 10):
            for asked in (None, [topic.asked(0, 1)]):
                kind = "all" if asked is None else "some"
                fetch(b, group, asked, f"{label}: {kind}", version, member=who)
                fetch(b, f"{group}-unknown", asked, f"{label}, no such group: {kind}", version, member=who)


@scenario(settings=GROUPS)
def test_commits_of_nothing(b):
    """Commits that name no topic, none that is there, or no partition of one make no group; what is refused may."""
    coordinator(b)
    topic = Topic(b, "offsets-nothing")
    gone = {"name": "offsets-nowhere", "topicId": NO_TOPIC, "partitions": topic.offsets(1)["partitions"]}
    cases = {
        "no-topic": [],
        "unknown": [gone],
        "no-partition": [topic.offsets()],
        "metadata": [topic.offsets(1, metadata="x" * 65)],
    }
    for version in (2, 9, 10):
        for name, topics in cases.items():
            group = f"offsets-{name}-{version}"
            commit(b, group, topics, f"{group}: commit", version)
            b.call("DescribeGroups", 6, {"groups": [group]}, f"{group}: described")
            answer = b.quiet("ListGroups", 5, {})
            answer["groups"] = [g for g in answer["groups"] if g["groupId"] == group]
            b.note(f"{group}: listed", "ListGroups", answer)


@scenario(settings=GROUPS)
def test_a_topic_that_goes(b):
    """Its offsets go with it; one with the same name begins anew."""
    coordinator(b)
    gone, stays = Topic(b, "offsets-gone"), Topic(b, "offsets-stays")
    commit(b, "offsets-of-gone", [gone.offsets(5, 6), stays.offsets(7)], "both")
    b.quiet("DeleteTopics", 5, {"topicNames": ["offsets-gone"], "timeoutMs": 10000})
    asked = {"groups": [{"groupId": "offsets-of-gone", "topics": None}]}
    b.until("OffsetFetch", 9, asked, lambda answer: len(answer["groups"][0]["topics"]) == 1, "one is left")
    again = Topic(b, "offsets-gone")
    for version in FETCH:
        fetch(b, "offsets-of-gone", [again.asked(0, 1), stays.asked(0)], "by the new id", version)
    fetch(b, "offsets-of-gone", [gone.asked(0)], "by the old id")
    commit(b, "offsets-of-gone", [gone.offsets(1)], "by the old id")


@pytest.mark.parametrize("version", COMMIT[5:])
@scenario(settings=GROUPS)
def test_commits_keep_a_session(b, version):
    """A commit of a member counts as a heartbeat of it: the group is stable after many of them."""
    topic = Topic(b, f"offsets-session-{version}")
    member = Member(b, f"offsets-session-{version}", "one", sessionTimeoutMs=6000)
    stable(b, member.group, member)
    own = {"memberId": member.id, "generationIdOrMemberEpoch": member.generation}
    for number in range(3):
        commit(b, member.group, [topic.offsets(number)], f"commit {number}", version, **own)
    member.heartbeat("still a member")
