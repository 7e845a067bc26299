"""What tools ask of groups: FindCoordinator, ListGroups, DescribeGroups, DeleteGroups, OffsetDelete."""

import struct

from classic import GROUPS, Member, assigned, coordinator, stable, subscription, until

from harness import scenario

FIND, LIST, DESCRIBE, DELETE = range(7), range(6), range(7), range(3)
OWN = {**GROUPS, "group.max.size": "4"}  # a pair of brokers for itself: ListGroups tells of every group


def commit(b, group, topic, *offsets):
    """Offsets of nobody."""
    partitions = [{"partitionIndex": i, "committedOffset": o} for i, o in enumerate(offsets)]
    body = {"groupId": group, "topics": [{"name": topic, "partitions": partitions}]}
    b.call("OffsetCommit", 9, body, f"{group}: offsets of {topic}")


@scenario(settings=GROUPS)
def test_find_coordinator(b):
    """One key or many, of every type; errors for each key since version 4."""
    coordinator(b)
    for version in FIND:
        for key_type in (0, 3, -1) if version else (0,):
            for key in ("group", "", "ä", "x" * 300):
                body = {"key": key, "keyType": key_type}
                if version >= 4:
                    body = {"coordinatorKeys": [key], "keyType": key_type}
                b.call("FindCoordinator", version, body, f"type {key_type}, {key[:9]!r}")
    for version in FIND[4:]:
        many = [f"group-{number}" for number in range(9)]
        for label, keys in {
            "many": many,
            "none": [],
            "twice": ["a", "a"],
            "some empty": ["a", "", "b"],
        }.items():
            b.call("FindCoordinator", version, {"coordinatorKeys": keys}, label)


@scenario(settings=OWN)
def test_list(b):
    """By state (since version 4) and by type (since 5), in any case; what is none finds nothing."""
    coordinator(b)
    b.every_version("ListGroups", {}, "nothing there")
    b.create("list")
    commit(b, "list-simple", "list", 1)
    one, two = Member(b, "list-stable", "one"), Member(b, "list-completing", "two")
    stable(b, "list-stable", one)
    two.join()
    connect = Member(b, "list-connect", "connect", protocolType="connect")
    stable(b, "list-connect", connect)
    gone = Member(b, "list-empty", "gone")
    stable(b, "list-empty", gone)
    gone.leave()
    parked = Member(b, "list-stable-2", "parked"), Member(b, "list-stable-2", "second")
    stable(b, "list-stable-2", parked[0])
    parked[1].ask_for_id()
    parked[1].send_join()
    until(b, "list-stable-2", "PreparingRebalance", 2)
    b.every_version("ListGroups", {}, "all")
    states = ["Stable", "stable", "EMPTY", "PreparingRebalance", "completingrebalance", "Dead", "nothing", ""]
    states += ["Assigning", "Reconciling", "NotReady", "Unknown"]
    for version in LIST[4:]:
        for state in states:
            b.call("ListGroups", version, {"statesFilter": [state]}, f"state {state!r}")
        b.call("ListGroups", version, {"statesFilter": ["Stable", "Empty"]}, "two states")
    for kind in ("classic", "Classic", "consumer", "CONSUMER", "share", "streams", "unknown", "nothing", ""):
        b.call("ListGroups", 5, {"typesFilter": [kind]}, f"type {kind!r}")
    b.call("ListGroups", 5, {"typesFilter": ["classic", "consumer"]}, "two types")
    b.call("ListGroups", 5, {"typesFilter": ["classic"], "statesFilter": ["empty"]}, "type and state")
    b.call(
        "ListGroups", 5, {"typesFilter": ["consumer"], "statesFilter": ["empty"]}, "another type and state"
    )


@scenario(settings=GROUPS)
def test_describe(b):
    """In every state and version; unknown groups, the same one twice, what the client may do."""
    one, two = Member(b, "describe", "one"), Member(b, "describe", "two", client_id="another")

    def described(label):
        groups = ["describe", "describe-unknown", "", "describe"]
        for version in DESCRIBE:
            b.call("DescribeGroups", version, {"groups": groups}, label)
            if version >= 3:
                asked = {"groups": groups, "includeAuthorizedOperations": True}
                b.call("DescribeGroups", version, asked, f"{label}, with operations")

    b.every_version("DescribeGroups", {"groups": []}, "none")
    described("before")
    one.ask_for_id()
    described("a pending member")
    one.join()
    described("CompletingRebalance")
    assigned(one)
    described("Stable")
    two.ask_for_id()
    two.send_join()
    until(b, "describe", "PreparingRebalance", 2)
    described("PreparingRebalance")
    one.told_to_join()
    one.send_join()
    two.joined()
    one.joined()
    assigned(one, two)
    described("Stable with two")
    one.leave()
    two.told_to_join()
    two.leave()
    described("Empty")


@scenario(settings=GROUPS)
def test_delete(b):
    """Only what has no members; offsets go too."""
    b.create("delete")
    one = Member(b, "delete-0", "one")
    for version in DELETE:
        simple, group = f"delete-simple-{version}", f"delete-{version}"
        commit(b, simple, "delete", 1)
        one.group, one.id = group, ""
        stable(b, group, one)
        names = [simple, group, f"delete-unknown-{version}", ""]
        b.call("DeleteGroups", version, {"groupsNames": names}, "one has a member")
        b.call("DeleteGroups", version, {"groupsNames": [simple]}, "deleted already")
        b.call("DeleteGroups", version, {"groupsNames": []}, "none")
        one.leave()
        b.call("DeleteGroups", version, {"groupsNames": [group]}, "when it is empty")
        b.call("DescribeGroups", 6, {"groups": [simple, group]}, "when they are deleted")
        asked = {"groups": [{"groupId": simple, "topics": None}]}
        b.call("OffsetFetch", 9, asked, "when it is deleted")
        pending = Member(b, f"delete-pending-{version}", "pending")
        pending.ask_for_id()
        b.call("DeleteGroups", version, {"groupsNames": [pending.group]}, "a pending member")
        pending.join("after that")
        commit(b, f"delete-twice-{version}", "delete", 1)
        twice = [f"delete-twice-{version}", f"delete-twice-{version}"]
        b.call("DeleteGroups", version, {"groupsNames": twice}, "the same one twice")


@scenario(settings=GROUPS)
def test_offset_delete(b):
    """Not of topics that a member subscribes to; not at all while a group of another kind has members."""
    for topic in ("od-subscribed", "od-other"):
        b.create(topic, 2)
    protocols = [{"name": "range", "metadata": subscription("", "od-subscribed")}]
    one = Member(b, "od", "one", protocols=protocols)
    connect = Member(b, "od-connect", "connect", protocolType="connect")
    unreadable = Member(b, "od-unreadable", "unreadable", protocols=[{"name": "range", "metadata": b"\0"}])
    for group in ("od", "od-connect", "od-unreadable", "od-simple"):
        commit(b, group, "od-subscribed", 1, 2)
        commit(b, group, "od-other", 3, 4)
    for member in (one, connect, unreadable):
        stable(b, member.group, member)

    def deletes(group, label):
        known = [
            {"name": name, "partitions": [{"partitionIndex": 0}]} for name in ("od-subscribed", "od-other")
        ]
        strange = [
            {"name": "od-other", "partitions": [{"partitionIndex": 1}, {"partitionIndex": 7}]},
            {"name": "od-unknown", "partitions": [{"partitionIndex": 0}]},
            {"name": "", "partitions": [{"partitionIndex": 0}]},
            {"name": "od-subscribed", "partitions": []},
        ]
        for topics in (strange, known, known, []):
            names = ", ".join(topic["name"] for topic in topics)
            b.call("OffsetDelete", 0, {"groupId": group, "topics": topics}, f"{group}: {label}: {names}")
        asked = {"groups": [{"groupId": group, "topics": None}]}
        b.call("OffsetFetch", 9, asked, f"{group}: {label}: what is left")

    for group in ("od", "od-connect", "od-unreadable", "od-simple", "od-no-such-group", ""):
        deletes(group, "with members")
    one.send_join()
    one.joined()
    deletes("od", "while the assignment is made")
    for member in (one, connect, unreadable):
        member.leave()
        deletes(member.group, "when it is empty")


@scenario(settings=GROUPS)
def test_offsets_of_subscribed_topics(b):
    """Of two members with different subscriptions, each in a version that differs; the join decides."""
    for topic in ("subscribed-1", "subscribed-2", "subscribed-3"):
        b.create(topic)
    newest = struct.pack(">h", 3) + subscription("", "subscribed-2")[2:] + struct.pack(">iih", 0, 1, -1)
    one = Member(b, "subscribed", "one", protocols=[_range(subscription("", "subscribed-1"))])
    two = Member(b, "subscribed", "two", protocols=[_range(newest)])
    for topic in ("subscribed-1", "subscribed-2", "subscribed-3"):
        commit(b, "subscribed", topic, 1)
    stable(b, "subscribed", one, two)
    topics = [{"name": f"subscribed-{n}", "partitions": [{"partitionIndex": 0}]} for n in (1, 2, 3)]
    b.call("OffsetDelete", 0, {"groupId": "subscribed", "topics": topics}, "two are subscribed to")


def _range(metadata):
    return {"name": "range", "metadata": metadata}
