"""kafka-consumer-groups in every mode, and kafka-groups: what they print of groups of both protocols.

Options that are missing are told in the order of a hash map, another in each JVM: they are not asked for."""

import tempfile
from contextlib import contextmanager

from classic import GROUPS, Member, coordinator, stable, subscription, until
from modern import MODERN, Consumer, balanced

from harness import scenario
from records import batch

LONG = "600000"  # nobody's session ends while tools run
TOOL = {
    **GROUPS,
    **MODERN,
    "group.max.session.timeout.ms": LONG,
    "group.consumer.max.session.timeout.ms": LONG,
    "group.consumer.session.timeout.ms": LONG,
}
TIMES = [1_700_000_000_000 + 1000 * n for n in range(10)]  # of the records: 2023-11-14T22:13:20 and later
KAFKA_GROUPS = "org.apache.kafka.tools.GroupsCommand"


def groups(b, *args, **more):
    """kafka-consumer-groups."""
    return b.tool("kafka-consumer-groups", *args, **more)


def topic(b, name, partitions=2, records=10):
    """A topic with so many records in each partition, a second apart."""
    b.create(name, partitions, retention_ms=-1)
    for partition in range(partitions):
        for number in range(records):
            data = batch([f"{number}".encode()], base_timestamp=TIMES[number])
            b.produce(name, data, partition=partition)


def commit(b, group, name, *offsets, metadata="", **member):
    """Offsets of nobody, or of a member."""
    partitions = [
        {"partitionIndex": i, "committedOffset": o, "committedMetadata": metadata}
        for i, o in enumerate(offsets)
        if o is not None
    ]
    body = {"groupId": group, "topics": [{"name": name, "partitions": partitions}], **member}
    b.call("OffsetCommit", 9, body, f"{group}: offsets of {name}")


def assignment(name, *partitions):
    """What a leader gives a consumer."""
    data = b"\0\0\0\0\0\1" + len(name).to_bytes(2, "big") + name.encode()
    data += len(partitions).to_bytes(4, "big") + b"".join(p.to_bytes(4, "big") for p in partitions)
    return data + b"\xff\xff\xff\xff"


def classic(b, group, name, member, **fields):
    """A member that subscribes to a topic, for as long as tools run."""
    protocols = [{"name": "range", "metadata": subscription("", name)}]
    return Member(b, group, member, protocols=protocols, sessionTimeoutMs=int(LONG), **fields)


def alone(member, name, *partitions):
    """The member of a group of one, with its assignment."""
    member.join()
    member.sync({member: assignment(name, *partitions)})


def modern(b, group, member, *names, **fields):
    """A member of a consumer group."""
    one = Consumer(b, group, member, subscribedTopicNames=list(names), **fields)
    one.beat("joins")
    return one


@contextmanager
def file(text):
    """The path of a file with this content."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as made:
        made.write(text)
        made.flush()
        yield made.name


@scenario(settings=TOOL)
def test_all_groups(b):
    """--list with every filter, --all-groups of every mode, kafka-groups. The first: others leave groups."""
    coordinator(b)
    groups(b, "--list")
    groups(b, "--list", "--state", "--type")
    groups(b, "--describe", "--all-groups")
    b.tool(KAFKA_GROUPS, "--list")
    topic(b, "all")
    commit(b, "all-simple", "all", 3, 4)
    kept = classic(b, "all-classic", "all", "kept")
    alone(kept, "all", 0, 1)
    commit(b, "all-empty", "all", 10)
    gone = classic(b, "all-empty", "all", "gone")
    alone(gone, "all", 0, 1)
    gone.leave()
    connect = Member(b, "all-connect", "connect", protocolType="connect", sessionTimeoutMs=int(LONG))
    stable(b, "all-connect", connect)
    one = modern(b, "all-consumer", "one", "all")
    one.count(2)
    modern(b, "all-consumer-empty", "two", "all").leave()
    for args in (
        (),
        ("--state",),
        ("--type",),
        ("--state", "--type"),
        ("--state", "stable"),
        ("--state", "Stable,EMPTY"),
        ("--state", "dead,assigning,reconciling"),
        ("--type", "classic"),
        ("--type", "Consumer"),
        ("--type", "share"),
        ("--type", "nope"),
        ("--type", "consumer,classic", "--state", "empty"),
    ):
        groups(b, "--list", *args, sort=True)
    for args in (
        (),
        ("--consumer",),
        ("--share",),
        ("--streams",),
        ("--group-type", "classic"),
        ("--group-type", "consumer"),
        ("--group-type", "nope"),
        ("--protocol", "connect"),
        ("--protocol", "consumer", "--group-type", "classic"),
        ("--protocol", "nope"),
        ("--consumer", "--share"),
    ):
        b.tool(KAFKA_GROUPS, "--list", *args, sort=True)
    for args in ((), ("--members",), ("--state",), ("--offsets", "--verbose"), ("--members", "--verbose")):
        groups(b, "--describe", "--all-groups", *args, sort=True)
    groups(b, "--reset-offsets", "--all-groups", "--all-topics", "--to-earliest", "--dry-run", sort=True)
    groups(b, "--reset-offsets", "--all-groups", "--topic", "all", "--to-latest", "--execute", sort=True)
    groups(b, "--describe", "--all-groups", label="after reset", sort=True)
    groups(b, "--delete", "--all-groups", sort=True)
    groups(b, "--list", label="after delete", sort=True)
    for member in (kept, connect, one):
        member.leave()
    groups(b, "--delete", "--all-groups", label="all are empty", sort=True)
    groups(b, "--list", label="none is left")


@scenario(settings=TOOL)
def test_describe(b):
    """One group or several, of either protocol, in every state, with every kind of offset."""
    topic(b, "shown")
    b.create("shown-gone")
    two = [classic(b, "shown-classic", "shown", name, client_id=f"client-{name}") for name in ("one", "two")]
    stable(b, "shown-classic", *two)
    two[0].send_join()
    two[1].told_to_join()
    two[1].send_join()
    two[1].joined(), two[0].joined()
    two[1].send_sync()
    two[0].sync({two[0]: assignment("shown", 1), two[1]: assignment("shown", 0)})
    two[1].synced()
    own = {"memberId": two[0].id, "generationIdOrMemberEpoch": two[0].generation}
    commit(b, "shown-classic", "shown", 4, 10, metadata="said", **own)
    static = classic(b, "shown-static", "shown", "static", groupInstanceId="instance")
    alone(static, "shown", 0)
    commit(b, "shown-simple", "shown", None, 5)
    commit(b, "shown-beyond", "shown", 99, 0)
    commit(b, "shown-deleted", "shown-gone", 0)
    commit(b, "shown-deleted", "shown", 1)
    commit(b, "shown-only-deleted", "shown-gone", 0)
    parked = classic(b, "shown-rebalances", "shown", "parked"), classic(b, "shown-rebalances", "shown", "last")
    alone(parked[0], "shown", 0, 1)
    parked[1].ask_for_id()
    parked[1].send_join()
    until(b, "shown-rebalances", "PreparingRebalance", 2)
    completing = classic(b, "shown-completing", "shown", "completing")
    completing.join()
    one = modern(b, "shown-consumer", "one", "shown", rackId="rack", instanceId="instance")
    one.count(2)
    other = modern(b, "shown-consumer", "other", "shown", "shown-not-there")
    balanced({one: 1, other: 1})
    commit(b, "shown-consumer", "shown", 2, memberId="one", generationIdOrMemberEpoch=one.epoch)
    stuck = modern(b, "shown-reconciles", "stuck", "shown")
    stuck.count(2)
    modern(b, "shown-reconciles", "waits", "shown")
    regex = Consumer(b, "shown-regex", "regex", subscribedTopicRegex="shown")
    regex.beat("joins")
    regex.count(2)
    modern(b, "shown-left", "left", "shown").leave()
    deleted(b, "shown-gone", "shown-only-deleted", "shown-deleted")
    names = ("classic", "static", "simple", "beyond", "deleted", "only-deleted", "rebalances", "completing")
    names += ("consumer", "reconciles", "regex", "left", "not-there")
    for name in names:
        for args in ((), ("--members", "--verbose"), ("--state", "--verbose")):
            groups(b, "--describe", "--group", f"shown-{name}", *args, sort=True)
    for name in ("classic", "consumer", "reconciles"):
        for args in (("--offsets", "--verbose"), ("--members",), ("--state",), ("--members", "--state")):
            groups(b, "--describe", "--group", f"shown-{name}", *args, sort=True)
    several = [part for name in ("classic", "consumer", "simple") for part in ("--group", f"shown-{name}")]
    for args in ((), ("--members",), ("--state",)):
        groups(b, "--describe", *several, *args, sort=True)
    groups(b, "--describe", *several, "--group", "shown-not-there", label="one is not there", sort=True)
    groups(b, "--describe", "--group", "shown-simple", "--timeout", "9000", sort=True)
    groups(b, "--describe", "--group", "", sort=True)


def deleted(b, name, *of_groups):
    """Deletes a topic and waits until the offsets that groups committed for it are gone."""
    b.quiet("DeleteTopics", 6, {"topics": [{"name": name}], "timeoutMs": 10000})
    asked = {"groups": [{"groupId": group, "topics": None} for group in of_groups]}

    def gone(answer):
        return not any(t["name"] == name for g in answer["groups"] for t in g["topics"])

    b.until("OffsetFetch", 9, asked, gone, f"offsets of {name} are gone")


@scenario(settings=TOOL)
def test_reset_offsets(b):
    """To every target, of some partitions and of all, looked at, exported, done; refused of a group in use."""
    topic(b, "reset", 3)
    topic(b, "reset-2", 1)
    commit(b, "reset", "reset", 5, 2, 99)
    commit(b, "reset", "reset-2", 7)
    start = [{"partitionIndex": p, "offset": o} for p, o in ((0, 3), (1, 1))]
    b.quiet("DeleteRecords", 2, {"topics": [{"name": "reset", "partitions": start}], "timeoutMs": 10000})

    def reset(*args, group="reset", **more):
        groups(b, "--reset-offsets", "--group", group, *args, sort=True, **more)

    targets = [
        ("--to-earliest",),
        ("--to-latest",),
        ("--to-current",),
        ("--to-offset", "4"),
        ("--to-offset", "0"),
        ("--to-offset", "1000"),
        ("--shift-by", "2"),
        ("--shift-by", "-100"),
        ("--shift-by", "100"),
        ("--to-datetime", "2023-11-14T22:13:25.500"),
        ("--to-datetime", "2023-11-14T22:13:25.500+01:00"),
        ("--to-datetime", "2030-01-01T00:00:00.000"),
        ("--to-datetime", "yesterday"),
        ("--by-duration", "PT1M"),
        ("--by-duration", "P30000D"),
        ("--by-duration", "1 day"),
    ]
    for target in targets:
        reset("--all-topics", *target, "--dry-run")
    for which in ("reset:1", "reset:0,2", "reset:0,9", "reset-not-there", "reset:x", "reset-2"):
        reset("--topic", which, "--to-earliest", "--dry-run")
    reset("--topic", "reset:1", "--topic", "reset-2", "--shift-by", "-1", "--export", "--dry-run")
    reset("--topic", "reset:1", "--to-latest", "--execute")
    reset("--all-topics", "--to-current", "--export", "--execute")
    reset("--all-topics", "--to-current", "--dry-run", group="reset-not-there")
    reset("--topic", "reset", "--to-current", "--export", "--execute", group="reset-new")
    reset("--topic", "reset", "--to-offset", "6", "--execute", group="reset-new")
    reset("--topic", "reset", "--to-offset", "6")
    reset("--to-earliest")
    for label, text in {
        "one group": "reset,0,4\nreset-2,0,9\n",
        "with the group": "reset,reset,1,8\n",
        "out of bounds": "reset,0,0\nreset,1,1000\n",
        "not there": "reset-not-there,0,4\n",
        "no table": "hello\n",
        "nothing": "",
    }.items():
        with file(text) as path:
            reset("--from-file", path, "--dry-run", label=f"a file: {label}")
            reset("--from-file", path, "--execute", label=f"a file, done: {label}")
    several = ("--group", "reset", "--group", "reset-new")
    with file("reset,reset,1,8\nreset-new,reset,1,7\nreset-2,reset,1,7\n") as path:
        groups(b, "--reset-offsets", *several, "--from-file", path, "--execute", label="two groups", sort=True)
    groups(b, "--describe", *several, label="in the end", sort=True)
    stays = classic(b, "reset", "reset", "stays")
    alone(stays, "reset", 0, 1, 2)
    one = modern(b, "reset-consumer", "one", "reset")
    one.count(3)
    for group in ("reset", "reset-consumer"):
        reset("--topic", "reset", "--to-earliest", "--dry-run", group=group, label=f"{group} is in use")
        reset("--topic", "reset", "--to-earliest", "--execute", group=group, label=f"{group} is in use, done")
    one.leave()
    reset("--topic", "reset", "--to-earliest", "--execute", group="reset-consumer")
    groups(b, "--describe", "--group", "reset-consumer", label="of the other protocol", sort=True)


@scenario(settings=TOOL)
def test_delete(b):
    """Groups and offsets: empty, in use, subscribed to the topic or not, not there."""
    topic(b, "del", 2, 1)
    topic(b, "del-other", 2, 1)
    members = [classic(b, "del-classic", "del", "classic"), modern(b, "del-consumer", "one", "del")]
    alone(members[0], "del", 0)
    members[1].count(2)
    empty = modern(b, "del-consumer-empty", "two", "del")
    empty.leave()
    own = {
        "del-classic": {"memberId": members[0].id, "generationIdOrMemberEpoch": 1},
        "del-consumer": {"memberId": "one", "generationIdOrMemberEpoch": members[1].epoch},
    }
    every = ("del-classic", "del-consumer", "del-simple", "del-consumer-empty")
    for group in every:
        commit(b, group, "del", 0, 1, **own.get(group, {}))
        commit(b, group, "del-other", 1, 1, **own.get(group, {}))
    for group in (*every, "del-not-there"):
        for which in ("del", "del-other:1", "del-other:7", "del-nowhere"):
            groups(b, "--delete-offsets", "--group", group, "--topic", which, sort=True)
        groups(b, "--describe", "--group", group, label=f"offsets of {group}", sort=True)
    groups(b, "--delete-offsets", "--group", "del-simple", "--topic", "del-other:0", "--topic", "nope", sort=True)
    for group in (*every, "del-not-there"):
        groups(b, "--delete", "--group", group)
    for member in members:
        member.leave()
    groups(b, "--delete", "--group", "del-classic", "--group", "del-not-there", sort=True)
    groups(b, "--delete", "--group", "del-consumer", label="it is empty")
    groups(b, "--delete", "--group", "del-consumer", "--topic", "del")


@scenario(settings=TOOL)
def test_other_options(b):
    """--validate-regex, --command-config, and options that do not go together."""
    for regex in ("a.*", "(", "a(?=b)", "[[:alpha:]]", ""):
        groups(b, "--validate-regex", regex)
    with file("client.id=by-file\nrequest.timeout.ms=9000\n") as path:
        groups(b, "--describe", "--group", "nope", "--command-config", path, label="a config")
    groups(b, "--list", "--describe", "--group", "nope")
    groups(b, "--list", "--members")
    groups(b)
