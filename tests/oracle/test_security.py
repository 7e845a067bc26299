"""What there is of security without an authorizer: ACLs are refused, quotas and SCRAM credentials are none
(Kafka: AclApis, ClientQuotasImage, ScramImage)."""

from harness import scenario

LITERAL, ANY = 3, 1


def _filter(**changes):
    everything = {
        "resourceTypeFilter": ANY,
        "resourceNameFilter": None,
        "patternTypeFilter": ANY,
        "principalFilter": None,
        "hostFilter": None,
        "operation": ANY,
        "permissionType": ANY,
    }
    return {**everything, **changes}


FILTERS = {
    "everything": _filter(),
    "one topic": _filter(resourceTypeFilter=2, resourceNameFilter="t", patternTypeFilter=LITERAL),
    "match": _filter(resourceTypeFilter=2, resourceNameFilter="t", patternTypeFilter=2),
    "one entry": _filter(principalFilter="User:a", hostFilter="*", operation=3, permissionType=3),
    "users": _filter(resourceTypeFilter=7, resourceNameFilter="User:a"),
    "empty names": _filter(resourceNameFilter="", principalFilter="", hostFilter=""),
    "codes that nobody has": _filter(
        resourceTypeFilter=99, patternTypeFilter=-2, operation=127, permissionType=-128
    ),
    "unknown type": _filter(resourceTypeFilter=0),
    "unknown pattern": _filter(patternTypeFilter=0),
    "unknown operation": _filter(operation=0),
    "unknown permission": _filter(permissionType=0),
}


def _entry(**changes):
    entry = {
        "resourceType": 2,
        "resourceName": "t",
        "resourcePatternType": LITERAL,
        "principal": "User:a",
        "host": "*",
        "operation": 3,
        "permissionType": 3,
    }
    return {**entry, **changes}


ENTRIES = {
    "good": _entry(),
    "prefixed": _entry(resourcePatternType=4),
    "any": _entry(resourceType=ANY, resourcePatternType=ANY, operation=ANY, permissionType=ANY),
    "cluster": _entry(resourceType=4, resourceName="not-the-cluster"),
    "nobody": _entry(principal="", host="", resourceName=""),
    "codes that nobody has": _entry(
        resourceType=99, resourcePatternType=-2, operation=127, permissionType=-128
    ),
    "unknown type": _entry(resourceType=0),
    "unknown pattern": _entry(resourcePatternType=0),
    "unknown operation": _entry(operation=0),
    "unknown permission": _entry(permissionType=0),
}


@scenario()
def test_describe_acls(b):
    """There is no authorizer, whatever is asked for; a filter with an UNKNOWN in it ends the connection."""
    for version in (1, 2, 3):
        for label, asked in FILTERS.items():
            b.call("DescribeAcls", version, asked, label)


@scenario()
def test_create_acls(b):
    """The same for each entry; an UNKNOWN in one of them ends the connection."""
    for version in (1, 2, 3):
        for label, entry in ENTRIES.items():
            b.call("CreateAcls", version, {"creations": [entry]}, label)
        b.call("CreateAcls", version, {"creations": []}, "none")
        several = [ENTRIES[name] for name in ("good", "any", "good", "cluster")]
        b.call("CreateAcls", version, {"creations": several}, "several")
        several.append(ENTRIES["unknown type"])
        b.call("CreateAcls", version, {"creations": several}, "several, one of them with an unknown type")


@scenario()
def test_delete_acls(b):
    """The same for each filter; an UNKNOWN in one of them ends the connection."""
    for version in (1, 2, 3):
        for label, asked in FILTERS.items():
            b.call("DeleteAcls", version, {"filters": [asked]}, label)
        b.call("DeleteAcls", version, {"filters": []}, "none")
        several = [FILTERS[name] for name in ("everything", "one topic", "everything")]
        b.call("DeleteAcls", version, {"filters": several}, "several")
        several.append(FILTERS["unknown operation"])
        b.call("DeleteAcls", version, {"filters": several}, "several, one of them with an unknown operation")


def _quotas(b, label, *components, strict=False):
    """Components are (entity type, match type, match)."""
    body = {
        "components": [{"entityType": t, "matchType": m, "match": name} for t, m, name in components],
        "strict": strict,
    }
    for version in (0, 1):
        b.call("DescribeClientQuotas", version, body, label)


@scenario()
def test_describe_client_quotas(b):
    """There are none; filters are checked component by component, and then together."""
    exact, default, any_ = 0, 1, 2
    for strict in (False, True):
        _quotas(b, f"all {strict}", strict=strict)
        for kind in ("user", "client-id", "ip"):
            _quotas(b, f"{kind} exact {strict}", (kind, exact, "a"), strict=strict)
            _quotas(b, f"{kind} default {strict}", (kind, default, None), strict=strict)
            _quotas(b, f"{kind} any {strict}", (kind, any_, None), strict=strict)
        _quotas(b, f"pair {strict}", ("user", exact, "a"), ("client-id", default, None), strict=strict)
    _quotas(b, "empty name", ("user", exact, ""))
    _quotas(b, "exact without a name", ("user", exact, None))
    _quotas(b, "default with a name", ("user", default, "a"))
    _quotas(b, "any with a name", ("user", any_, ""))
    for kind in (-128, -1, 3, 127):
        _quotas(b, f"match type {kind}", ("user", kind, None))
    _quotas(b, "no type", ("", exact, "a"))
    _quotas(b, "no type, bad match", ("", 9, "a"))
    _quotas(b, "unknown type", ("group", exact, "a"))
    _quotas(b, "unknown type, bad match", ("USER", 9, None))
    _quotas(b, "unknown type twice", ("group", exact, "a"), ("group", exact, "a"))
    _quotas(b, "twice", ("user", exact, "a"), ("user", exact, "b"))
    _quotas(b, "twice, once any", ("client-id", any_, None), ("client-id", default, None))
    _quotas(b, "twice, then unknown", ("ip", any_, None), ("ip", any_, None), ("group", any_, None))
    _quotas(b, "first bad one counts", ("user", 9, None), ("", exact, "a"))
    _quotas(b, "ip with user", ("ip", exact, "1.2.3.4"), ("user", any_, None))
    _quotas(b, "client with ip", ("client-id", default, None), ("ip", default, None))
    _quotas(b, "all three", ("user", exact, "a"), ("client-id", any_, None), ("ip", any_, None))


@scenario()
def test_describe_scram_users(b):
    """There are none: an empty list for all, an error for each that is named."""
    for label, users in {
        "null": None,
        "none": [],
        "one": ["a"],
        "empty name": [""],
        "twice": ["a", "a"],
        "three times": ["a", "a", "a"],
        "mixed": ["a", "b", "a", "c", "é", "b"],
        "many": [f"user-{number}" for number in range(300)] * 2,
    }.items():
        asked = users and [{"name": name} for name in users]
        b.call("DescribeUserScramCredentials", 0, {"users": asked}, label)


@scenario()
def test_acl_tool(b):
    """kafka-acls lists, adds and removes nothing, and says why."""
    entry = ["--allow-principal", "User:a", "--operation", "read", "--topic", "t"]
    b.tool("kafka-acls", "--list")
    b.tool("kafka-acls", "--list", "--topic", "t")
    b.tool("kafka-acls", "--add", *entry)
    b.tool("kafka-acls", "--remove", *entry, "--force")


@scenario()
def test_quota_and_user_tool(b):
    """kafka-configs describes quotas and credentials: there are none."""
    for kind in ("users", "clients", "ips"):
        b.tool("kafka-configs", "--describe", "--entity-type", kind)
        b.tool("kafka-configs", "--describe", "--entity-type", kind, "--entity-default")
    b.tool("kafka-configs", "--describe", "--entity-type", "users", "--entity-name", "a")
    b.tool("kafka-configs", "--describe", "--entity-type", "clients", "--entity-name", "a")
    b.tool("kafka-configs", "--describe", "--entity-type", "ips", "--entity-name", "127.0.0.1")
    pair = ["--entity-type", "users", "--entity-name", "a", "--entity-type", "clients", "--entity-default"]
    b.tool("kafka-configs", "--describe", *pair)
