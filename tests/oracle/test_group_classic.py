"""The classic group protocol: JoinGroup, SyncGroup, Heartbeat and LeaveGroup of dynamic members."""

import pytest
from classic import GROUPS, Member, assigned, describe, protocols, rebalance_again, stable, subscription, until

from harness import scenario

UNKNOWN = "oracle-00000000-0000-4000-8000-000000000000"
JOIN, SYNC, BEAT, LEAVE = range(10), range(6), range(5), range(6)
LONG = "x" * 300


@pytest.mark.parametrize("version", JOIN)
@scenario(settings=GROUPS)
def test_a_life(b, version):
    """Alone, then two, then one, then none, in every version of each API."""
    group = f"life-{version}"
    one, two = Member(b, group, "one", version), Member(b, group, "two", version)
    describe(b, group, "before")
    one.join()
    describe(b, group, "one has joined")
    one.heartbeat("before it has its assignment")
    assigned(one)
    one.heartbeat()
    describe(b, group, "one is stable")
    if version >= 4:
        two.ask_for_id()
    two.send_join()
    until(b, group, "PreparingRebalance", 2)
    describe(b, group, "two joins")
    one.sync({}, "while the group rebalances")
    one.told_to_join()
    one.send_join()
    two.joined()
    one.joined()
    describe(b, group, "both have joined")
    two.send_sync()
    one.sync({one: b"for one", two: b"for two"})
    two.synced()
    describe(b, group, "both are stable")
    two.sync({}, "synced again")
    two.leave()
    two.leave("leaves again")
    one.told_to_join()
    one.join("alone again")
    describe(b, group, "one waits for its assignment")
    one.leave()
    describe(b, group, "empty")
    for member in (one, two):
        member.heartbeat("when gone")
        member.sync({}, "when gone")


@scenario(settings=GROUPS)
def test_join_of_nobody(b):
    """What a group refuses before it looks at its members, in every version."""
    cases = {
        "no group": {"groupId": ""},
        "long group": {"groupId": LONG},  # with the version behind it
        "session too short": {"sessionTimeoutMs": 99},
        "session too long": {"sessionTimeoutMs": 60001},
        "session negative": {"sessionTimeoutMs": -1},
        "unknown member": {"memberId": UNKNOWN},
        "no protocol type": {"protocolType": ""},
        "no protocols": {"protocols": []},
        "neither": {"protocolType": "", "protocols": []},
        "no group, session too short": {"groupId": "", "sessionTimeoutMs": 1},
        "unknown member, session too short": {"memberId": UNKNOWN, "sessionTimeoutMs": 1},
        "long member": {"memberId": LONG},
        "protocol without a name": {"protocols": [{"name": "", "metadata": b""}]},
    }
    for label, changes in cases.items():
        for version in JOIN:
            changed = {"groupId": f"nobody-{label}", **changes}
            changed["groupId"] += str(version) if changed["groupId"] else ""
            Member(b, "", label, version).join("refused", **changed)
    for client_id in ("", None, "a client"):
        Member(b, f"nobody-by-{client_id}", f"client id {client_id!r}", client_id=client_id).join()
        describe(b, f"nobody-by-{client_id}")


@scenario(settings=GROUPS)
def test_session_bounds(b):
    """The bounds themselves are allowed; what the rebalance timeout is does not matter."""
    for session in (100, 60000):
        for rebalance in (-1, 0, 1, 2**31 - 1):
            name = f"{session}, {rebalance}"
            member = Member(b, f"bounds {name}", name, sessionTimeoutMs=session, rebalanceTimeoutMs=rebalance)
            member.send_join(version=3)
            member.joined()


@scenario(settings=GROUPS)
def test_member_id_required(b):
    """Since version 4 a new member joins with the id that it was given; until then it is pending."""
    group = "pending"
    one, two = Member(b, group, "one"), Member(b, group, "two")
    one.ask_for_id()
    describe(b, group, "only pending")
    one.heartbeat("while pending")
    one.sync({}, "while pending")
    one.join("with its id")
    assigned(one)
    two.ask_for_id()
    one.heartbeat("a pending member is no member yet")
    one.send_join()  # as the leader: a rebalance, which waits for the pending member
    until(b, group, "PreparingRebalance", 1)
    two.leave("leaves while pending")
    one.joined("when nobody is pending")
    assigned(one)
    two.send_join()
    two.joined("with the id that it gave back")
    two.id = ""
    two.fields["sessionTimeoutMs"] = 300
    two.ask_for_id()
    one.send_join()
    one.joined("when the pending id has expired")
    two.send_join()
    two.joined("with an id that has expired")
    two.leave("with an id that has expired")


@scenario(settings=GROUPS)
def test_rejoin_while_stable(b):
    """A follower with the same metadata changes nothing; changed metadata or the leader do."""
    one, two = Member(b, "rejoin", "one"), Member(b, "rejoin", "two")
    stable(b, "rejoin", one, two)
    two.join("the same metadata")
    two.send_join(sessionTimeoutMs=20000, rebalanceTimeoutMs=20000)
    two.joined("other timeouts")
    two.sync({}, "still stable")
    two.fields["protocols"] = protocols("range", of="changed")
    two.send_join()
    one.told_to_join()
    one.send_join()
    two.joined("changed metadata")
    one.joined("because of changed metadata")
    assigned(one, two)
    one.send_join()
    two.told_to_join()
    two.send_join()
    two.joined("because the leader joined")
    one.joined("the leader joined with the same metadata")
    assigned(one, two)
    two.fields["protocols"] = protocols("range", "sticky", of="changed")
    two.send_join()
    one.told_to_join()
    one.send_join()
    two.joined("one protocol more")
    one.joined("because of one protocol more")


@scenario(settings=GROUPS)
def test_rejoin_while_the_assignment_is_made(b):
    """CompletingRebalance: the same metadata get the current generation, changed ones a new one."""
    one, two = Member(b, "completing", "one"), Member(b, "completing", "two")
    stable(b, "completing", one, two)
    one.send_join()
    two.told_to_join()
    two.send_join()
    two.joined()
    one.joined()
    describe(b, "completing")
    two.join("the same metadata")
    one.join("the leader with the same metadata")
    one.heartbeat()
    two.send_sync()
    two.fields["protocols"] = protocols("range", of="changed")
    two2 = Member(b, "completing", "two, on another connection", **two.fields)
    two2.id = two.id
    two2.send_join()
    two.synced("parked, and the group rebalances")
    one.sync({one: b"late"}, "while the group rebalances")
    one.told_to_join()
    one.send_join()
    two2.joined("changed metadata")
    one.joined()
    one.sync({one: b"in time", two2: b"too"})
    two2.sync()


@scenario(settings=GROUPS)
def test_join_again_while_parked(b):
    """PreparingRebalance: the last join of a member counts, earlier ones are not answered."""
    one, two = Member(b, "parked", "one"), Member(b, "parked", "two")
    stable(b, "parked", one)
    two.ask_for_id()
    two.send_join()
    until(b, "parked", "PreparingRebalance", 2)
    again = Member(b, "parked", "two again", protocols=protocols("range", of="again"))
    again.id, again.generation = two.id, two.generation
    again.heartbeat("while its join is parked")
    again.send_join(sessionTimeoutMs=20000)
    until(b, "parked", "PreparingRebalance", 2)
    one.told_to_join()
    one.send_join()
    again.joined()
    one.joined()


@scenario(settings=GROUPS)
def test_sync_is_checked(b):
    """Generation, member, protocol type and name; what the leader brings for strangers is dropped."""
    one, two = Member(b, "sync", "one"), Member(b, "sync", "two")
    stable(b, "sync", one, two)
    cases = {
        "no group": {"groupId": ""},
        "unknown group": {"groupId": "sync-unknown"},
        "unknown member": {"memberId": UNKNOWN},
        "no member": {"memberId": ""},
        "older generation": {"generationId": one.generation - 1},
        "newer generation": {"generationId": one.generation + 1},
        "no generation": {"generationId": -1},
        "another type": {"protocolType": "connect"},
        "another protocol": {"protocolName": "sticky"},
        "no type": {"protocolType": None},
        "no name": {"protocolName": None},
        "empty type": {"protocolType": ""},
        "empty name": {"protocolName": ""},
        "unknown instance": {"groupInstanceId": "instance"},
        "unknown member and generation": {"memberId": UNKNOWN, "generationId": 99},
    }
    for label, changes in cases.items():
        for version in SYNC:
            if version < 3 and "groupInstanceId" in changes:
                continue
            two.sync({}, label, **changes, version=version)
    rebalance_again(one, two)
    stranger = Member(b, "sync", "stranger")
    stranger.id = UNKNOWN
    two.send_sync({two: b"not the leader"})
    one.sync({stranger: b"for nobody"}, "an assignment for a stranger alone")
    two.synced("nothing was assigned")
    describe(b, "sync")
    rebalance_again(one, two)
    one.sync({one: b"1", two: b"2"}, "the leader first")
    two.sync({two: b"not the leader"}, "the follower later")
    one.sync({one: b"3"}, "the leader again")
    two.sync({}, "nothing changed")


@scenario(settings=GROUPS)
def test_heartbeats_are_checked(b):
    """In every version and state."""
    one = Member(b, "beat", "one")
    cases = {
        "no group": {"groupId": ""},
        "unknown group": {"groupId": "beat-unknown"},
        "unknown member": {"memberId": UNKNOWN},
        "no member": {"memberId": ""},
        "older generation": {"generationId": 0},
        "newer generation": {"generationId": 9},
        "no generation": {"generationId": -1},
        "unknown instance": {"groupInstanceId": "instance"},
        "right": {},
    }

    def beats(state):
        for label, changes in cases.items():
            for version in BEAT:
                if version >= 3 or "groupInstanceId" not in changes:
                    one.heartbeat(f"{state}: {label}", **changes, version=version)

    one.join()
    beats("CompletingRebalance")
    assigned(one)
    beats("Stable")
    one.leave()
    beats("Empty")


@scenario(settings=GROUPS)
def test_leaving_is_checked(b):
    """One member (until version 2), a list (from 3); each has its own error."""
    one, two = Member(b, "leave", "one"), Member(b, "leave", "two")
    stable(b, "leave", one, two)
    cases = {
        "no group": {"groupId": ""},
        "unknown group": {"groupId": "leave-unknown"},
        "unknown member": {"memberId": UNKNOWN},
        "no member": {"memberId": ""},
    }
    for label, changes in cases.items():
        for version in LEAVE:
            listed = [{"memberId": changes.get("memberId", one.id), "reason": None}]
            one.leave(label, members=listed, version=version, **changes)
    for version in LEAVE[3:]:
        one.leave("nobody", members=[], version=version)
        strangers = [
            {"memberId": UNKNOWN},
            {"memberId": "", "groupInstanceId": "unknown"},
            {"memberId": UNKNOWN, "groupInstanceId": "unknown"},
            {"memberId": one.id, "groupInstanceId": "unknown"},
            {"memberId": LONG, "reason": LONG},
        ]
        one.leave("strangers", members=strangers, version=version)
    one.heartbeat("nothing has changed")
    both = [{"memberId": two.id}, {"memberId": two.id}, {"memberId": one.id}, {"memberId": UNKNOWN}]
    one.leave("both at once, one of them twice", members=both)
    describe(b, "leave")


@scenario(settings=GROUPS)
def test_leaving_while_others_wait(b):
    """Who leaves while the group waits for it ends the wait; the leader leaves, then a follower."""
    one, two = Member(b, "left", "one"), Member(b, "left", "two")
    stable(b, "left", one, two)
    two.send_join(protocols=protocols("range", of="changed"))
    until(b, "left", "PreparingRebalance", 2)
    one.leave("the leader leaves while it is waited for")
    two.joined("leads now")
    assigned(two)
    one.id = ""
    one.ask_for_id()
    one.send_join()
    two.told_to_join()
    two.send_join()
    one.joined("is a follower now")
    two.joined("still leads")
    assigned(two, one)
    two.send_join()
    one.told_to_join()
    one.leave("a follower leaves while it is waited for")
    two.joined("alone")
    describe(b, "left")


@scenario(settings=GROUPS)
def test_leaving_while_the_assignment_is_made(b):
    """CompletingRebalance: parked syncs are answered, the others join again."""
    one, two = Member(b, "unmade", "one"), Member(b, "unmade", "two")
    stable(b, "unmade", one, two)
    rebalance_again(one, two)
    two.send_sync()
    one.leave("the leader leaves before it syncs")
    two.synced("parked, and the leader has left")
    two.join("leads now")
    two.sync({two: b"alone"})
