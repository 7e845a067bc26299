"""Classic groups that are full, members that are late: sizes and times."""

from classic import GROUPS, Member, assigned, describe, rebalance_again, stable, until

from harness import scenario


@scenario(settings=GROUPS)
def test_a_full_group(b):
    """group.max.size counts members, not pending ids; a member of the group may always join again."""
    members = [Member(b, "full", f"m{number}") for number in range(4)]
    stable(b, "full", *members[:3])
    members[3].join("one too many")
    old = Member(b, "full", "of version 3", version=3)
    old.join("one too many")
    rebalance_again(*members[:3])
    assigned(*members[:3])
    members[2].leave()
    rebalance_again(*members[:2])


@scenario(settings=GROUPS)
def test_a_session_expires(b):
    """Who says nothing for its session timeout is no member any more."""
    one, two = Member(b, "session", "one", sessionTimeoutMs=400), Member(b, "session", "two")
    stable(b, "session", one)
    until(b, "session", "Empty", 0)
    one.heartbeat("after its session")
    one.sync({}, "after its session")
    one.send_join()
    one.joined("after its session")
    one.id = ""
    stable(b, "session", two)
    describe(b, "session", "two, in a later generation")


@scenario(settings=GROUPS)
def test_a_rebalance_does_not_wait_for_ever(b):
    """Who does not join within the largest rebalance timeout of the group is left out."""
    one = Member(b, "late", "one", rebalanceTimeoutMs=500)
    two = Member(b, "late", "two", rebalanceTimeoutMs=300)
    stable(b, "late", one)
    two.ask_for_id()
    two.send_join()
    one.told_to_join()
    two.joined("leads without the other")
    one.heartbeat("left out")
    one.send_join()
    one.joined("left out")
    two.sync({two: b"alone"})
    describe(b, "late")


@scenario(settings=GROUPS)
def test_a_sync_that_does_not_come(b):
    """Who does not sync within the rebalance timeout is left out, and the others join again."""
    one = Member(b, "unsynced", "one", rebalanceTimeoutMs=700)
    two = Member(b, "unsynced", "two", rebalanceTimeoutMs=700)
    stable(b, "unsynced", one, two)
    rebalance_again(one, two)
    two.send_sync()
    two.synced("the leader did not sync")
    one.heartbeat("left out")
    two.join("leads now")
    two.sync({two: b"alone"})
    describe(b, "unsynced")
