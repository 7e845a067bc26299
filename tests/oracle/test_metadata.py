"""Metadata (key 3; Kafka: KafkaApis, KRaftMetadataCache, AutoTopicCreationManager)."""

from harness import scenario
from profiles import STRICT
from schema import ZERO_ID

SOME_ID = "00000000-0000-0000-0000-00000000004d"
NO_AUTO = {"allowAutoTopicCreation": False}


def _named(*names, **flags):
    return {"topics": [{"name": name} for name in names], **NO_AUTO, **flags}


@scenario()
def test_named_in_every_version(b):
    """One topic that exists, one that does not, in every version."""
    b.create("meta-named", partitions=3)
    for version in range(14):
        if version >= 4:  # before, a name that is not there would be created
            b.call("Metadata", version, _named("meta-named", "meta-missing"), "named and missing")
        else:
            b.call("Metadata", version, _named("meta-named"), "named")


@scenario(settings=STRICT)
def test_all_topics(b):
    """All topics: an empty list in v0, null from v1 on; an empty list from v1 on means none."""
    b.call("Metadata", 0, {"topics": []}, "whatever is there: all")
    b.create("meta-all-1", partitions=1)
    b.create("meta-all-2", partitions=2)
    b.call("Metadata", 0, {"topics": []}, "v0 empty is all")
    b.every_version("Metadata", {"topics": None}, "null is all", range(1, 14))
    b.every_version("Metadata", {"topics": []}, "empty is none", range(1, 14))


@scenario()
def test_by_id(b):
    """v12 finds topics by id; the id wins over a name; an unknown id keeps its place."""
    known = b.create("meta-id", partitions=2)
    for version in (12, 13):
        b.call("Metadata", version, {"topics": [{"topicId": known, "name": None}], **NO_AUTO}, "known id")
        b.call("Metadata", version, {"topics": [{"topicId": SOME_ID, "name": None}], **NO_AUTO}, "unknown id")
        b.call(
            "Metadata",
            version,
            {"topics": [{"topicId": known, "name": "meta-other"}], **NO_AUTO},
            "id and name",
        )
        b.call(
            "Metadata",
            version,
            {"topics": [{"topicId": known, "name": None}, {"topicId": SOME_ID, "name": None}], **NO_AUTO},
            "two ids",
        )


@scenario()
def test_illegal_lookups(b):
    """Null names and ids where they are not legal fail the whole request."""
    known = b.create("meta-illegal")
    b.call("Metadata", 12, {"topics": [{"topicId": ZERO_ID, "name": None}], **NO_AUTO}, "neither id nor name")
    for version in (10, 11):
        b.call("Metadata", version, {"topics": [{"name": None}], **NO_AUTO}, "null name")
        b.call("Metadata", version, {"topics": [{"topicId": known, "name": "meta-illegal"}], **NO_AUTO}, "id")


@scenario()
def test_invalid_names(b):
    """Invalid names are told as such, and never created."""
    names = ["a b", "", ".", "..", "x" * 250, "ü", "a/b", "a:b", "a,b"]
    for version in (1, 4, 9, 12):
        b.call("Metadata", version, {"topics": [{"name": n} for n in names]}, "invalid names")


@scenario()
def test_names_twice_and_mixed(b):
    """A name that is given twice is answered once."""
    b.create("meta-mixed")
    b.call("Metadata", 12, _named("zz", "meta-mixed", "aa", "a b", "meta-mixed"), "mixed")


@scenario()
def test_internal_topic_names(b):
    """Internal topics that do not exist are known as internal by their names."""
    b.call("Metadata", 12, _named("__transaction_state"), "transaction state")
    b.call("Metadata", 12, _named("__cluster_metadata"), "cluster metadata")
    b.call("Metadata", 12, {"topics": [{"name": "__cluster_metadata"}]}, "cluster metadata, creation allowed")


@scenario()
def test_authorized_operations(b):
    """Without an authorizer every operation of the type is allowed; not asked for, the field says so."""
    b.create("meta-ops")
    for version in (8, 9, 10, 12):
        flags = {"includeTopicAuthorizedOperations": True}
        if version <= 10:
            flags["includeClusterAuthorizedOperations"] = True
        b.call("Metadata", version, _named("meta-ops", "meta-missing", **flags), "with operations")


@scenario()
def test_auto_creation(b):
    """The first answer is an error; later the topic is there with the broker's defaults."""
    for version, name in ((0, "meta-auto-0"), (1, "meta-auto-1"), (4, "meta-auto-4"), (12, "meta-auto-12")):
        body = {"topics": [{"name": name}]}
        b.call("Metadata", version, body, "created")
        b.until("Metadata", version, body, lambda a: a["topics"][0]["partitions"], "there")
    b.call("Metadata", 12, _named("meta-auto-not"), "not allowed by the client")
    b.call("Metadata", 12, _named("meta-auto-not"), "still not there")


@scenario()
def test_auto_creation_of_a_colliding_name(b):
    """A name that collides with an existing one is never created."""
    b.create("meta.auto")
    for _ in range(2):
        b.call("Metadata", 12, {"topics": [{"name": "meta_auto"}]}, "colliding")


@scenario(settings=STRICT)
def test_auto_creation_switched_off(b):
    """auto.create.topics.enable=false: the client's flag does not help."""
    for version in (0, 1, 4, 12):
        b.call("Metadata", version, {"topics": [{"name": f"meta-off-{version}"}]}, "asked")
        b.call("Metadata", version, {"topics": [{"name": f"meta-off-{version}"}]}, "asked again")
