"""Static members of classic groups (KIP-345): ids that replace each other, fencing, leaving by instance."""

import pytest
from classic import GROUPS, Member, assigned, describe, stable, subscription, until

from harness import scenario

STATIC_JOIN = range(5, 10)
CHANGED = [{"name": "range", "metadata": subscription("changed")}]
OTHER = [{"name": "sticky", "metadata": subscription("other")}]


def pair(b, group, version=9):
    """A static leader and a static follower, stable."""
    one = Member(b, group, "one", version, groupInstanceId="instance-1")
    two = Member(b, group, "two", version, groupInstanceId="instance-2")
    stable(b, group, one, two)
    return one, two


def successor(b, group, of, version=9, **fields):
    """A process that comes back with the same instance id and no member id."""
    return Member(b, group, f"{of.name}, back", version, **{**of.fields, **fields})


@pytest.mark.parametrize("version", STATIC_JOIN)
@scenario(settings=GROUPS)
def test_a_life(b, version):
    """Joins at once, is not missed when it comes back, is fenced when another came in its place."""
    group = f"static-{version}"
    one, two = pair(b, group, version)
    describe(b, group)
    back = successor(b, group, two, version)
    back.join("a follower is back: no rebalance")
    back.sync({}, "its assignment is still there")
    describe(b, group, "after a follower came back")
    two.heartbeat("fenced")
    two.sync({}, "fenced")
    two.join("fenced")
    two.leave("fenced")
    leader = successor(b, group, one, version)
    leader.join("the leader is back: no rebalance")
    leader.sync({}, "its assignment is still there")
    describe(b, group, "after the leader came back")
    one.heartbeat("fenced")
    leader.send_join()
    back.told_to_join()
    back.send_join()
    back.joined("the leader joined again with its id")
    leader.joined("again with its id")
    assigned(leader, back)
    back.leave("by both ids")
    describe(b, group, "after one left")


@scenario(settings=GROUPS)
def test_back_with_other_metadata(b):
    """A rebalance only if another protocol is chosen now."""
    one, two = pair(b, "static-changed")
    back = successor(b, "static-changed", two, protocols=CHANGED)
    back.join("a follower with other metadata: no rebalance")
    one.heartbeat("nothing has changed")
    describe(b, "static-changed")
    lead = successor(b, "static-changed", one, protocols=OTHER + CHANGED)
    lead.join("the leader with one protocol more: no rebalance")
    describe(b, "static-changed")
    none = successor(b, "static-changed", two, protocols=OTHER)
    none.join("no protocol in common with the others")
    alone = Member(b, "static-alone", "alone", groupInstanceId="instance-1")
    stable(b, "static-alone", alone)
    back = successor(b, "static-alone", alone, protocols=OTHER)
    back.join("alone, without the protocol that was chosen")
    back.sync({}, "with no id", protocolName="sticky")
    describe(b, "static-alone")
    alone.send_join(protocols=CHANGED + OTHER)
    alone.joined("a protocol more")
    assigned(alone)
    back = successor(b, "static-alone", alone, protocols=OTHER + CHANGED)
    back.join("alone, and likes another protocol best: a rebalance")
    back.sync({back: b"x"}, protocolName="sticky")
    describe(b, "static-alone", "with another protocol")


@scenario(settings=GROUPS)
def test_back_while_joins_are_parked(b):
    """PreparingRebalance: the parked join of the id that is replaced is told that it is fenced."""
    one, two = pair(b, "static-parked")
    three = Member(b, "static-parked", "three")
    three.ask_for_id()
    three.send_join()
    two.told_to_join()
    two.send_join()
    back = successor(b, "static-parked", two)
    back.send_join()
    two.joined("fenced while parked")
    one.told_to_join()
    one.send_join()
    for member in (back, three, one):
        member.joined()
    describe(b, "static-parked")


@scenario(settings=GROUPS)
def test_back_while_the_assignment_is_made(b):
    """CompletingRebalance: a rebalance again; the parked sync of the id that is replaced is fenced."""
    one, two = pair(b, "static-syncing")
    one.send_join()
    two.told_to_join()
    two.send_join()
    two.joined()
    one.joined()
    two.send_sync()
    back = successor(b, "static-syncing", two)
    back.send_join()
    two.synced("parked with the id that is replaced")
    one.told_to_join()
    one.send_join()
    back.joined()
    one.joined()
    assigned(one, back)


@scenario(settings=GROUPS)
def test_ids_that_do_not_match(b):
    """Member id and instance id must belong together, in every request."""
    one, two = pair(b, "static-match")
    cases = {
        "the other's instance": {"memberId": two.id, "groupInstanceId": "instance-1"},
        "unknown instance": {"memberId": two.id, "groupInstanceId": "instance-9"},
        "unknown member": {"memberId": "unknown", "groupInstanceId": "instance-2"},
        "unknown both": {"memberId": "unknown", "groupInstanceId": "instance-9"},
        "no member": {"memberId": "", "groupInstanceId": "instance-2"},
        "no instance": {"memberId": two.id, "groupInstanceId": None},
    }
    for label, ids in cases.items():
        two.heartbeat(label, **ids)
        two.sync({}, label, **ids)
        if label not in ("no member", "no instance"):
            two.join(label, **ids)
    partition = {"partitionIndex": 0, "committedOffset": 1}
    b.create("static-match")
    for label, ids in cases.items():
        body = {"groupId": "static-match", "generationIdOrMemberEpoch": two.generation, **ids}
        body["topics"] = [{"name": "static-match", "partitions": [partition]}]
        b.call("OffsetCommit", 9, body, f"commit: {label}")
    two.heartbeat("nothing has changed")


@scenario(settings=GROUPS)
def test_instance_ids(b):
    """They follow the rules of topic names, and have a length; refused or not, in every version."""
    names = ("", ".", "..", "a b", "ä", "x" * 249, "x" * 250, "a_b.c-D9")
    for number, name in enumerate(names):
        for version in STATIC_JOIN:
            group = f"static-name-{number}-{version}"
            member = Member(b, group, f"{name[:9]!r} {len(name)}", version, groupInstanceId=name)
            member.join()
            member.sync({member: b"x"})
            member.heartbeat()


@scenario(settings=GROUPS)
def test_leaving_by_instance(b):
    """Without a member id, as the admin client removes members; each entry has its own error."""
    one, two = pair(b, "static-leave")
    three = Member(b, "static-leave", "three")
    three.ask_for_id()
    three.send_join()
    until(b, "static-leave", "PreparingRebalance", 3)
    two.told_to_join()
    two.send_join()
    one.told_to_join()
    one.send_join()
    for member in (two, three, one):
        member.joined()
    assigned(one, two, three)
    strangers = [
        {"memberId": "", "groupInstanceId": "unknown"},
        {"memberId": "unknown", "groupInstanceId": "instance-2"},
        {"memberId": two.id, "groupInstanceId": "instance-1"},
        {"memberId": "", "groupInstanceId": ""},
    ]
    for version in (3, 4, 5):
        one.leave("strangers", members=strangers, version=version)
    one.heartbeat("nothing has changed")
    known = [
        {"memberId": "", "groupInstanceId": "instance-2", "reason": "by the admin"},
        {"memberId": "", "groupInstanceId": "instance-2"},
        {"memberId": three.id},
        {"memberId": "", "groupInstanceId": "unknown"},
    ]
    one.leave("two of three, one of them twice", members=known)
    one.told_to_join()
    one.join("alone")
    two.heartbeat("removed")
    three.heartbeat("removed")
    one.leave("the last", members=[{"memberId": one.id, "groupInstanceId": "instance-1"}])
    describe(b, "static-leave")


@scenario(settings=GROUPS)
def test_a_static_member_that_is_late(b):
    """It stays a member when it does not join in time, until its session expires."""
    one = Member(b, "static-late", "one", groupInstanceId="instance-1", rebalanceTimeoutMs=300)
    two = Member(b, "static-late", "two", groupInstanceId="instance-2", rebalanceTimeoutMs=300)
    stable(b, "static-late", one, two)
    one.send_join()
    one.joined("without the follower")
    describe(b, "static-late", "both are members")
    two.heartbeat("of the older generation")
    assigned(one)
    two.join("late")
    one.told_to_join()


@scenario(settings=GROUPS)
def test_a_static_session_expires(b):
    """Then it is gone, and its instance id is free."""
    one = Member(b, "static-session", "one", groupInstanceId="instance-1", sessionTimeoutMs=400)
    stable(b, "static-session", one)
    until(b, "static-session", "Empty", 0)
    one.heartbeat("after its session")
    successor(b, "static-session", one, sessionTimeoutMs=30000).join("a new member")
    describe(b, "static-session")


@scenario(settings=GROUPS)
def test_static_members_and_the_size_of_a_group(b):
    """Coming back is possible in a full group."""
    one, two = pair(b, "static-full")
    three = Member(b, "static-full", "three", groupInstanceId="instance-3")
    three.send_join()
    until(b, "static-full", "PreparingRebalance", 3)
    for member in (two, one):
        member.told_to_join()
        member.send_join()
    for member in (three, two, one):
        member.joined()
    assigned(one, two, three)
    successor(b, "static-full", two).join("back in a full group")
    Member(b, "static-full", "four", groupInstanceId="instance-4").join("one too many")
