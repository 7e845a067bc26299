"""Which protocol's groups become groups of the other is a setting: `group.consumer.migration.policy`."""

from classic import until
from mixed import Old, looked_at
from modern import Consumer
from test_group_consumer import BOTH, topics

from harness import scenario

POLICY = "group.consumer.migration.policy"
# A group of several classic members is too large for the one or the other.
UPGRADE = {**BOTH, POLICY: "upgrade", "group.consumer.max.size": "2"}
DOWNGRADE = {**BOTH, POLICY: "downgrade", "group.max.size": "1"}
DISABLED = {**BOTH, POLICY: "disabled"}


def policy(b, name):
    """Both ways, of one classic member and of several."""
    b.create(name, 4)
    for number in (1, 3) if name != "downgrade" else (1,):
        group = f"{name}-up-{number}"
        olds = [Old(b, group, f"old {index}", name) for index in range(number)]
        olds[0].begin((name, [0, 1, 2, 3]))
        for index, old in enumerate(olds[1:], 2):
            old.ask_for_id()
            old.send_join()
            until(b, group, "PreparingRebalance", index)
        Consumer(b, group, "new", **topics(name)).beat("joins")
        looked_at(b, group, "a new one came")
    for number in (1, 2):
        group = f"{name}-down-{number}"
        new = Consumer(b, group, "new", **topics(name))
        new.beat("joins")
        olds = [Old(b, group, f"old {index}", "nowhere" if index else name) for index in range(number)]
        for old in olds:
            old.join("comes to the new one")
        looked_at(b, group, "old ones came")
        new.leave()
        looked_at(b, group, "the new one left")
        olds[0].heartbeat("after that")
    group = f"{name}-empty"
    new = Consumer(b, group, "new", **topics(name))
    new.beat("joins")
    new.leave()
    Old(b, group, "old", name).join("to an empty group")
    looked_at(b, group, "an old one came")


@scenario(settings=UPGRADE)
def test_policy_upgrade(b):
    """Not back; groups of more than one have no room in the new protocol."""
    policy(b, "upgrade")


@scenario(settings=DOWNGRADE)
def test_policy_downgrade(b):
    """Only back; groups of more than one have no room in the old protocol."""
    policy(b, "downgrade")


@scenario(settings=DISABLED)
def test_policy_disabled(b):
    """Neither."""
    policy(b, "disabled")
