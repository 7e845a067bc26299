"""ListTransactions where there are none (Kafka: TransactionStateManager)."""

from harness import scenario

STATES = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
]


@scenario()
def test_list_transactions(b):
    """None, whatever the filters; states that are none are told back."""
    for version in range(3):
        b.call("ListTransactions", version, {}, "all")
        for label, states in {
            "every state": STATES,
            "unknown": ["Nope"],
            "letters": ["empty", "ONGOING", "prepare_commit", "", " Empty"],
            "some unknown": ["Empty", "Nope", "Dead", "Nope", "Empty"],
            "not states": ["Unknown", "null", "é"],
        }.items():
            b.call("ListTransactions", version, {"stateFilters": states}, label)
        for ids in ([0], [-1], [1, 2, 1]):
            b.call("ListTransactions", version, {"producerIdFilters": ids}, f"producers {ids}")
    for version in (1, 2):
        for duration in (-(2**63), -1, 0, 1, 2**63 - 1):
            b.call("ListTransactions", version, {"durationFilter": duration}, f"duration {duration}")


@scenario()
def test_patterns(b):
    """A pattern must be one of re2j's."""
    for pattern in (
        None,
        "",
        "a.*",
        "^tx-[0-9]+$",
        "(?i)a",
        r"\pL",
        "[",
        "(",
        "a{2,1}",
        "*",
        "(?=a)",
        r"\1",
        "é",
    ):
        b.call("ListTransactions", 2, {"transactionalIdPattern": pattern}, f"pattern {pattern}")
    body = {"stateFilters": ["Nope"], "transactionalIdPattern": "["}
    b.call("ListTransactions", 2, body, "an unknown state and a bad pattern")


@scenario()
def test_tool(b):
    """kafka-transactions list."""
    b.tool("kafka-transactions", "list")
    b.tool("kafka-transactions", "list", "--duration-filter", "1000")
    b.tool("kafka-transactions", "list", "--transactional-id-pattern", "a.*")
    b.tool("kafka-transactions", "list", "--transactional-id-pattern", "[")
