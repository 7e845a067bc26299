"""The protocols of a classic group's members, of which one is chosen."""

import pytest
from classic import GROUPS, Member, assigned, describe, protocols, stable, until

from harness import scenario


@scenario(settings=GROUPS)
def test_protocols_are_voted_for(b):
    """The one that most members like best of those that all have; nobody may come without any of them."""
    likes = (("a", "b", "c"), ("b", "c", "a"), ("c", "b"))
    members = [Member(b, "vote", f"m{n}", protocols=protocols(*names, of=n)) for n, names in enumerate(likes)]
    one, two, three = members
    one.join()
    describe(b, "vote", "alone: its first")
    for number, member in enumerate((two, three), 2):
        member.ask_for_id()
        member.send_join()
        until(b, "vote", "PreparingRebalance", number)
    one.send_join()
    for member in (two, three, one):
        member.joined("b and c are common to all, b has more votes")
    two.send_join(protocols=protocols("a"))
    two.joined("none in common with the third")
    two.send_join(protocolType="connect")
    two.joined("another type")
    four = Member(b, "vote", "four", protocols=protocols("a"))
    four.join("none in common with the third")
    four.join("another type", protocolType="connect", protocols=protocols("b"))


@scenario(settings=GROUPS)
def test_a_protocol_twice(b):
    """What a member names twice nobody has: another one is chosen, or, where there is none, the join fails.

    No more is asked of the group then: Kafka's goes no further until its members' sessions have ended.
    """
    twice = protocols("x", of="first") + protocols("x", of="second")
    one = Member(b, "twice", "one", protocols=twice + protocols("range", "sticky"))
    one.join("the third is chosen")
    assigned(one)
    describe(b, "twice")
    two = Member(b, "twice", "two", protocols=protocols("x"))
    two.join("what the first has named twice", version=3)
    one.join("another order", protocols=twice + protocols("sticky", "range"))
    one.join("one of them again", protocols=protocols("sticky", "sticky", "range"))
    one.join("with nothing else", protocols=protocols("sticky", "sticky"))


@scenario(settings=GROUPS)
def test_another_order_of_protocols(b):
    """It is another offer: the group rebalances, and another one may be chosen."""
    one, two = (Member(b, "order", name, protocols=protocols("range", "sticky")) for name in ("one", "two"))
    stable(b, "order", one, two)
    two.join("the same")
    two.fields["protocols"] = protocols("sticky", "range")
    two.send_join()
    until(b, "order", "PreparingRebalance", 2)
    one.told_to_join()
    one.send_join()
    two.joined("another order")
    one.joined("the same, a vote for each")
    one.fields["protocols"] = protocols("sticky", "range")
    one.send_join()
    two.told_to_join()
    two.send_join()
    two.joined("the same order")
    one.joined("another order")


@pytest.mark.parametrize("order", ["range,roundrobin", "roundrobin,range", "sticky,range", "x,y"])
@scenario(settings=GROUPS)
def test_a_tie(b, order):
    """Two members, each likes another protocol best."""
    names = order.split(",")
    group = f"tie-{order}"
    one = Member(b, group, "one", protocols=protocols(*names))
    two = Member(b, group, "two", protocols=protocols(*reversed(names)))
    one.join()
    two.ask_for_id()
    two.send_join()
    one.told_to_join()
    one.send_join()
    two.joined()
    one.joined()
    describe(b, group)
