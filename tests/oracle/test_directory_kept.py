"""What Kafka left in the metadata and Barnabas does not act upon: it tells of it as Kafka does, filter by
filter, or says that it cannot."""

import pytest

from directory import ApacheKafka, Barnabas, Turns
from test_directory import transactions

NO_COORDINATOR, UNKNOWN_USER, USER_TWICE = 15, 91, 92
EXACT, DEFAULT, ANY = 0, 1, 2
ENTITIES = [
    {"user": "alice"},
    {"user": "alice", "client-id": "app"},
    {"user": "alice", "client-id": None},
    {"user": None},
    {"user": "bob"},
    {"client-id": "app"},
    {"client-id": ""},
    {"client-id": None},
    {"ip": "10.0.0.1"},
    {"ip": None},
]


@pytest.fixture
def turns(tmp_path):
    """A new directory."""
    return Turns(tmp_path)


def set_quotas(b):
    """Two quotas for each entity, and one that is taken back."""
    for number, entity in enumerate(ENTITIES):
        named = [{"entityType": kind, "entityName": name} for kind, name in entity.items()]
        keys = (
            ["connection_creation_rate"] if "ip" in entity else ["producer_byte_rate", "request_percentage"]
        )
        ops = [{"key": key, "value": 100.0 + number, "remove": False} for key in keys]
        if entity == {"user": "bob"}:
            ops[1] = {"key": "request_percentage", "value": 0.0, "remove": True}
        body = {"entries": [{"entity": named, "ops": ops}], "validateOnly": False}
        if entity == {"client-id": ""}:  # not a name that one may have
            assert b.quiet("AlterClientQuotas", 1, body)["entries"][0]["errorCode"] == 42
        else:
            assert b.quiet("AlterClientQuotas", 1, body)["entries"][0]["errorCode"] == 0


def filters():
    """Every filter of one and of two components."""
    one = [
        [(kind, match, name)]
        for kind in ("user", "client-id", "ip")
        for match, name in (
            (EXACT, "alice"),
            (EXACT, "app"),
            (EXACT, "10.0.0.1"),
            (DEFAULT, None),
            (ANY, None),
        )
    ]
    users, clients = [c[0] for c in one[:5]], [c[0] for c in one[5:10]]
    return [[], *one, *([user, client] for user in users for client in clients)]


def quotas(b):
    """What each filter lets through."""
    shown = {}
    for components in filters():
        for strict in (False, True):
            asked = [{"entityType": t, "matchType": m, "match": name} for t, m, name in components]
            answer = b.quiet("DescribeClientQuotas", 1, {"components": asked, "strict": strict})
            assert answer["errorCode"] == 0, answer
            found = []
            for entry in answer["entries"]:
                entity = sorted((part["entityType"], part["entityName"] or "") for part in entry["entity"])
                found.append((entity, sorted((v["key"], v["value"]) for v in entry["values"])))
            shown[str((components, strict))] = sorted(found)
    return shown


def test_quotas(turns):
    """Every quota, by every filter."""
    with turns.of(ApacheKafka) as b:
        set_quotas(b)
        b.until(
            "DescribeClientQuotas", 1, {"components": [], "strict": False}, lambda a: len(a["entries"]) == 9
        )
        before = quotas(b)
    assert len({str(found) for found in before.values()}) > 15, "the filters differ"
    for kind in (Barnabas, Barnabas, ApacheKafka):
        with turns.of(kind) as b:
            assert quotas(b) == before


def users(b):
    """All users that have credentials, and some by name."""
    shown = []
    for asked in (None, [], ["bob"], ["bob", "bob"], ["carol", "nobody", "bob", "carol"]):
        body = {"users": asked and [{"name": name} for name in asked]}
        answer = b.quiet("DescribeUserScramCredentials", 0, body)
        assert answer["errorCode"] == 0, answer
        for result in answer["results"]:
            result["credentialInfos"].sort(key=lambda info: info["mechanism"])
        shown.append(sorted(answer["results"], key=lambda result: result["user"]))
    return shown


def test_scram_users(turns):
    """Who has credentials, of which kind, and who has none."""
    upsertions = [("bob", 1, 4096), ("bob", 2, 8192), ("carol", 2, 5000), ("dave", 1, 4096)]
    with turns.of(ApacheKafka) as b:
        for name, mechanism, iterations in upsertions:
            user = {"name": name, "mechanism": mechanism, "iterations": iterations}
            user |= {"salt": b"salt", "saltedPassword": b"x" * 32 * mechanism}
            body = {"deletions": [], "upsertions": [user]}
            assert b.quiet("AlterUserScramCredentials", 0, body)["results"][0]["errorCode"] == 0
        body = {"deletions": [{"name": "dave", "mechanism": 1}], "upsertions": []}
        assert b.quiet("AlterUserScramCredentials", 0, body)["results"][0]["errorCode"] == 0
        b.until("DescribeUserScramCredentials", 0, {"users": None}, lambda a: len(a["results"]) == 2)
        before = users(b)
    codes = {row["user"]: row["errorCode"] for row in before[-1]}
    assert codes == {"bob": 0, "carol": USER_TWICE, "nobody": UNKNOWN_USER}
    # Not Kafka after that: 4.3.1 forgets all of a mechanism when it loads the removal of one (ScramDelta).
    for _ in range(2):
        with turns.of(Barnabas) as b:
            assert users(b) == before


def quorum(b):
    """What DescribeQuorum says."""
    topic = {"topicName": "__cluster_metadata", "partitions": [{"partitionIndex": 0}]}
    answer = b.quiet("DescribeQuorum", 2, {"topics": [topic]})
    assert answer["errorCode"] == 0, answer
    return answer["topics"][0]["partitions"][0]


# Barnabas begins with voters in the log.
@pytest.mark.parametrize(
    ("first", "voters"), [(ApacheKafka, "dynamic"), (ApacheKafka, "static"), (Barnabas, "dynamic")]
)
def test_quorum(turns, first, voters):
    """The voter is who it was, whoever began, its epochs go on, and so does the log."""
    if voters == "static":
        turns.settings["controller.quorum.voters"] = "static"
    second = Barnabas if first is ApacheKafka else ApacheKafka
    seen = []
    for kind in (first, second, first, second):
        with turns.of(kind) as b:
            b.create(f"t-{len(seen)}", 3)
            seen.append(quorum(b))
    ids = {
        (row["leaderId"], v["replicaId"], v["replicaDirectoryId"])
        for row in seen
        for v in row["currentVoters"]
    }
    assert len(ids) == 1 and all(len(row["currentVoters"]) == 1 and not row["observers"] for row in seen), (
        seen
    )
    for row in seen:
        assert row["currentVoters"][0]["logEndOffset"] == row["highWatermark"]
    for before, after in zip(seen, seen[1:]):
        assert after["leaderEpoch"] > before["leaderEpoch"]
        assert after["highWatermark"] >= before["highWatermark"] + 4


def test_transactions(turns):
    """Those of Kafka are in their topic; who cannot read them does not say that there are none."""
    with turns.of(ApacheKafka) as b:
        b.create("t")
        assert b.quiet("ListTransactions", 2, {})["transactionStates"] == []
        transactions(b, "t", "tx")
        listed = b.quiet("ListTransactions", 2, {})["transactionStates"]
        assert [state["transactionalId"] for state in listed] == ["tx"]
    with turns.of(Barnabas) as b:
        for version in range(3):
            answer = b.quiet("ListTransactions", version, {"stateFilters": ["Nope"]})
            assert answer["errorCode"] == NO_COORDINATOR, answer
            assert answer["transactionStates"] == answer["unknownStateFilters"] == []
