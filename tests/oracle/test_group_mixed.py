"""Groups of both protocols, and groups that change from one to the other while they have members.

Which of several members gets what is left depends on ids that the broker makes: where there are such, only
so many subscribe to a topic that is there that each has its share by right.
"""

import pytest
from classic import until
from mixed import Old, assignment, listed, looked_at, subscription
from modern import LEAVE_FOR_A_WHILE, Consumer, balanced
from test_group_consumer import BOTH, topics

from harness import scenario


def commit(b, group, topic, label, **who):
    """One offset, of a member or of nobody."""
    partition = {"partitionIndex": 0, "committedOffset": 3, "committedMetadata": ""}
    body = {"groupId": group, "topics": [{"name": topic, "partitions": [partition]}], **who}
    b.call("OffsetCommit", 9, body, f"{group}: commit, {label}")


def two_old(b, group, topic, first="old", second="next", each=2):
    """A classic group of two with so many partitions each."""
    share = [list(range(each)), list(range(each, 2 * each))]
    one, two = Old(b, group, first, topic), Old(b, group, second, topic)
    one.join()
    two.ask_for_id()
    two.send_join()
    until(b, group, "PreparingRebalance", 2)
    one.told_to_join()
    one.send_join()
    two.joined()
    one.joined()
    two.send_sync()
    one.sync({one: assignment((topic, share[0])), two: assignment((topic, share[1]))})
    two.synced()
    two.owned = [(topic, share[1])]
    two.tell()
    return one, two


@scenario(settings=BOTH)
def test_there_and_back(b):
    """A member of the consumer protocol joins a classic group, gets its share, and leaves it."""
    b.create("up", 4)
    old = Old(b, "up", "old", "up")
    old.begin(("up", [0, 1, 2, 3]))
    commit(b, "up", "up", "classic", memberId=old.id, generationIdOrMemberEpoch=old.generation)
    looked_at(b, "up", "classic")
    new = Consumer(b, "up", "new", **topics("up"))
    new.beat("joins")
    looked_at(b, "up", "upgraded")
    for filters in ({"typesFilter": ["classic"]}, {"typesFilter": ["consumer"]}, {"statesFilter": ["stable"]}):
        listed(b, "up", "upgraded", **filters)
    commit(b, "up", "up", "upgraded", memberId=old.id, generationIdOrMemberEpoch=old.generation)
    old.heartbeat("is told to join")
    old.sync(label="before it joins")
    old.again()
    looked_at(b, "up", "the old one has to give up")
    new.beat("nothing is free yet")
    old.heartbeat("has to give up")
    old.again("without what it gave up")
    new.count(2)
    old.heartbeat("all have their share")
    looked_at(b, "up", "balanced")
    old.again("though nothing has changed")
    new.leave()
    looked_at(b, "up", "downgraded")
    commit(b, "up", "up", "downgraded", memberId=old.id, generationIdOrMemberEpoch=old.generation)
    old.heartbeat("in the classic group")
    old.send_join()
    old.joined("in the classic group")
    old.sync({old: assignment(("up", [0, 1, 2, 3]))})
    old.heartbeat("as it was")
    looked_at(b, "up", "classic again")
    asked = {"groups": [{"groupId": "up", "topics": None}]}
    b.call("OffsetFetch", 9, asked, "what it kept")


@scenario(settings=BOTH)
def test_all_change(b):
    """Two classic members go one after the other and come back with the consumer protocol."""
    b.create("roll", 6)
    # All of it is theirs: who gets what is left over hangs on the topic's random id.
    one, two = two_old(b, "roll", "roll", each=3)
    one.leave()
    new = Consumer(b, "roll", "new", **topics("roll"))
    new.beat("joins while the group rebalances")
    looked_at(b, "roll", "one of each")
    two.heartbeat("is told to join")
    two.again()
    new.count(3)
    two.leave()
    new.count(6)
    looked_at(b, "roll", "all new")
    other = Consumer(b, "roll", "other", **topics("roll"))
    other.beat("joins")
    back = Old(b, "roll", "back", "roll")
    back.join("comes with the old protocol")
    back.sync()
    looked_at(b, "roll", "two new and an old one")
    Old(b, "roll", "fourth", "roll").join("one too many")
    new.leave()
    other.leave("leaves: the last one with the new protocol")
    looked_at(b, "roll", "old again")
    back.heartbeat()
    back.send_join()
    back.joined()
    back.sync({back: assignment(("roll", [0, 1, 2, 3]))})
    looked_at(b, "roll", "stable")


@scenario(settings=BOTH)
def test_what_classic_members_are_refused(b):
    """JoinGroup, SyncGroup, Heartbeat and LeaveGroup in a group of the consumer protocol."""
    b.create("no", 2)
    new = Consumer(b, "no", "new", **topics("no"))
    new.beat("joins")
    new.count(2)
    stranger = Old(b, "no", "stranger", "no")
    for version in range(2, 10):
        stranger.id = ""
        for label, changes in {
            "another type": {"protocolType": "connect"},
            "no type": {"protocolType": ""},
            "no protocols": {"protocols": []},
            "a session that is too short": {"sessionTimeoutMs": 1},
        }.items():
            stranger.send_join(version=version, **changes)
            b.received(stranger.client, f"join: {label}")
    old = Old(b, "no", "old", "no")
    old.join()
    old.sync()
    picky = Old(b, "no", "picky", "nowhere", protocol="roundrobin")
    picky.join("no protocol in common")
    both = [{"name": name, "metadata": subscription("nowhere")} for name in ("roundrobin", "range")]
    picky.join("one protocol in common", protocols=both)
    for version in (3, 4, 5):
        for label, changes in {
            "right": {},
            "older": {"generationId": old.generation - 1},
            "newer": {"generationId": old.generation + 1},
            "nobody": {"memberId": "nobody"},
            "the other": {"memberId": "new"},
            "instance": {"groupInstanceId": "instance"},
            "another type": {"protocolType": "connect"},
            "another protocol": {"protocolName": "roundrobin"},
            "no protocol": {"protocolName": None, "protocolType": None},
        }.items():
            old.send_sync(version=version, **changes)
            old.synced(f"sync: {label}")
    for version in range(0, 5):
        for label, changes in {
            "right": {},
            "older": {"generationId": old.generation - 1},
            "newer": {"generationId": old.generation + 1},
            "nobody": {"memberId": "nobody"},
            "the other": {"memberId": "new"},
            "instance": {"groupInstanceId": "instance"},
        }.items():
            old.heartbeat(f"heartbeat: {label}", version=version, **changes)
    looked_at(b, "no", "before they leave")
    for version in (2, 3, 4, 5):
        old.leave(f"nobody leaves v{version}", memberId="nobody", members=[{"memberId": "nobody"}], version=version)
    several = [{"memberId": "nobody"}, {"memberId": "", "groupInstanceId": "instance"}, {"memberId": old.id}]
    old.leave("several leave", members=several)
    old.leave("leaves twice")
    looked_at(b, "no", "the new one is left")
    for name in ("an id of its own making", "new"):
        stranger.join(f"with {name}", memberId=name)
        looked_at(b, "no", f"after {name}")
    stranger.leave("takes the other along", members=[{"memberId": "an id of its own making"}])
    looked_at(b, "no", "in the end")


@scenario(settings=BOTH)
def test_joins_that_wait(b):
    """Whoever waits for the classic group's join or sync is answered when it is upgraded."""
    b.create("wait", 4)
    one, two = Old(b, "wait", "one", "wait"), Old(b, "wait", "two", "nowhere")
    one.begin(("wait", [0, 1, 2, 3]))
    two.ask_for_id()
    two.send_join()
    until(b, "wait", "PreparingRebalance", 2)
    new = Consumer(b, "wait", "new", **topics("wait"))
    new.beat("joins")
    two.joined("what has become of its join")
    looked_at(b, "wait", "upgraded")
    one, two = Old(b, "wait-sync", "one", "nowhere"), Old(b, "wait-sync", "two", "nowhere")
    one.join()
    two.ask_for_id()
    two.send_join()
    until(b, "wait-sync", "PreparingRebalance", 2)
    one.told_to_join()
    one.send_join()
    two.joined()
    one.joined()
    two.send_sync()
    two.b.call("DescribeGroups", 6, {"groups": ["wait-sync"]}, "one waits for its assignment")
    new = Consumer(b, "wait-sync", "new", **topics("nowhere"))
    new.beat("joins")
    two.synced("what has become of its sync")
    looked_at(b, "wait-sync", "upgraded")


@scenario(settings=BOTH)
def test_groups_that_cannot_be_upgraded(b):
    """Of another type; with metadata that cannot be read; full. They stay as they are."""
    b.create("stays", 4)
    connect = Old(b, "stays-connect", "connect", "stays", protocolType="connect")
    connect.begin()
    unread = Old(b, "stays-unread", "unread", "stays")
    unread.fields["protocols"] = [{"name": "range", "metadata": b"\0"}]
    unread.begin()
    given = Old(b, "stays-given", "given", "stays")
    given.join()
    given.send_sync({given: b"\0\1"})
    given.synced()
    for group in ("stays-connect", "stays-unread", "stays-given"):
        Consumer(b, group, "new", **topics("stays")).beat(f"joins {group}")
        looked_at(b, group, "refused")
    connect.heartbeat()
    one, two = two_old(b, "stays-full", "stays")
    third = Old(b, "stays-full", "third", "stays")
    third.ask_for_id()
    third.send_join()
    until(b, "stays-full", "PreparingRebalance", 3)
    for member in (two, one):
        member.told_to_join()
        member.send_join()
    for member in (third, two, one):
        member.joined()
    Consumer(b, "stays-full", "new", **topics("stays")).beat("joins a full group")
    looked_at(b, "stays-full", "refused")
    one.heartbeat()


@pytest.mark.parametrize("metadata", (0, 1, 2, 3))
@scenario(settings=BOTH)
def test_versions_of_subscriptions(b, metadata):
    """Classic members of every version of the embedded protocol; their racks and assignments."""
    group = f"embedded-{metadata}"
    b.create(group, 4)
    old = Old(b, group, "old", group, metadata=metadata)
    old.tell(rack="rack-a")
    old.begin((group, [0, 1, 2, 3]))
    new = Consumer(b, group, "new", **topics(group))
    new.beat("joins")
    old.again()
    old.again("and gives up")
    new.count(2)
    old.tell(rack="rack-b", owned=old.owned)
    old.again("with another rack")
    old.topics = (group, "embedded-none")
    old.tell()
    old.again("with another subscription")
    looked_at(b, group, "in the end")
    new.leave()
    looked_at(b, group, "downgraded")


@scenario(settings=BOTH)
def test_static_members_change_their_protocol(b):
    """The same instance comes with the other protocol, and then with the older one again."""
    b.create("inst", 4)
    old = Old(b, "inst", "old", "inst", groupInstanceId="instance")
    old.begin(("inst", [0, 1, 2, 3]))
    one = Consumer(b, "inst", "one", instanceId="instance", **topics("inst"))
    one.beat("takes its place")
    looked_at(b, "inst", "upgraded")
    old.heartbeat("was replaced")
    old.sync(label="was replaced")
    old.again("was replaced")
    old.leave("was replaced")
    commit(b, "inst", "inst", "replaced", memberId=old.id, generationIdOrMemberEpoch=1, groupInstanceId="instance")
    new = Consumer(b, "inst", "new", instanceId="new", **topics("inst"))
    new.beat("joins")
    balanced({one: 2, new: 2})
    again = Old(b, "inst", "again", "inst", groupInstanceId="instance")
    again.join("takes it back")
    again.sync()
    one.beat("was replaced", topicPartitions=one.owned)
    third = Old(b, "inst", "third", "inst", groupInstanceId="instance")
    third.join("takes it with the same protocol")
    third.sync()
    again.heartbeat("was replaced")
    looked_at(b, "inst", "one of each")
    new.leave("leaves for a while", epoch=LEAVE_FOR_A_WHILE)
    looked_at(b, "inst", "one is away")
    other = Old(b, "inst", "other", "inst", groupInstanceId="new")
    other.join("takes the place of the last with the new protocol")
    other.sync()
    looked_at(b, "inst", "downgraded")
    third.heartbeat()
    third.leave("is put out by its instance", members=[{"memberId": "", "groupInstanceId": "instance"}])
    looked_at(b, "inst", "in the end")


@scenario(settings=BOTH)
def test_offsets_in_a_mixed_group(b):
    """Each member by its own rule: generations are refused in one way, epochs in another."""
    b.create("both", 4)
    b.create("both-other", 1)
    old = Old(b, "both", "old", "both")
    old.begin(("both", [0, 1, 2, 3]))
    new = Consumer(b, "both", "new", **topics("both"))
    new.beat("joins")
    old.again()
    old.again("and gives up")
    new.count(2)
    for member, epoch in ((old, old.generation), (new, new.epoch)):
        for label, number in {"right": epoch, "older": epoch - 1, "newer": epoch + 1, "none": -1}.items():
            who = {"memberId": member.id, "generationIdOrMemberEpoch": number}
            commit(b, "both", "both", f"{member.name}: {label}", **who)
            asked = {"groupId": "both", "topics": None, "memberId": member.id, "memberEpoch": number}
            b.call("OffsetFetch", 9, {"groups": [asked]}, f"{member.name}: {label}")
            commit(b, "both", "both", f"{member.name}: {label}, instance", groupInstanceId="instance", **who)
    commit(b, "both", "both-other", "not subscribed", memberId=old.id, generationIdOrMemberEpoch=old.generation)
    commit(b, "both", "both", "nobody")
    deletes(b, "both", "both", "both-other")
    old.leave()
    deletes(b, "both", "both", "both-other", label="without the old one")
    new.leave()
    deletes(b, "both", "both", "both-other", label="empty")


def deletes(b, group, *names, label="with members"):
    """OffsetDelete of each topic and of one that is not there; what is left; DeleteGroups."""
    for name in (*names, "nowhere"):
        asked = [{"name": name, "partitions": [{"partitionIndex": 0}, {"partitionIndex": 9}]}]
        b.call("OffsetDelete", 0, {"groupId": group, "topics": asked}, f"{group}: {name}: {label}")
    left = {"groups": [{"groupId": group, "topics": None}]}
    b.call("OffsetFetch", 9, left, f"{group}: what is left: {label}")
    b.call("DeleteGroups", 2, {"groupsNames": [group]}, f"{group}: deleted: {label}")


@scenario(settings=BOTH)
def test_deletion_of_consumer_groups(b):
    """By name, by expression, by both; with members and without."""
    for name in ("gone-1", "gone-2", "gone-3"):
        b.create(name)
    by = {
        "name": topics("gone-1"),
        "regex": {"subscribedTopicRegex": "gone-[12]"},
        "both": {"subscribedTopicRegex": "gone-2", **topics("gone-1")},
    }
    for kind, fields in by.items():
        group = f"gone-by-{kind}"
        one = Consumer(b, group, "one", **fields)
        one.beat("joins")
        one.count(1 if kind == "name" else 2)
        for name in ("gone-1", "gone-2", "gone-3"):
            commit(b, group, name, name, memberId="one", generationIdOrMemberEpoch=one.epoch)
        deletes(b, group, "gone-1", "gone-2", "gone-3")
        one.leave()
        deletes(b, group, "gone-1", "gone-2", "gone-3", label="empty")
        looked_at(b, group, "in the end")
