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


@scenario()
def test_acl_tool(b):
    """kafka-acls lists, adds and removes nothing, and says why."""
    entry = ["--allow-principal", "User:a", "--operation", "read", "--topic", "t"]
    b.tool("kafka-acls", "--list")
    b.tool("kafka-acls", "--list", "--topic", "t")
    b.tool("kafka-acls", "--add", *entry)
    b.tool("kafka-acls", "--remove", *entry, "--force")
