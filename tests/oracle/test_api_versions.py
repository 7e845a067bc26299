"""ApiVersions (key 18; Kafka: ApiVersionManager). What is advertised are Kafka's own ranges, API by API."""

import struct

import pytest

from harness import Session, scenario
from protocol import BY_KEY, Client

CLIENT = {"clientSoftwareName": "oracle", "clientSoftwareVersion": "1.0"}
# What is not built yet. An API that is missing and not named here fails.
LATER = {
    "SaslHandshake",
    "SaslAuthenticate",
    "CreateDelegationToken",
    "RenewDelegationToken",
    "ExpireDelegationToken",
    "DescribeDelegationToken",
    "AlterClientQuotas",
    "AlterUserScramCredentials",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeTransactions",
    "AlterReplicaLogDirs",
    "AlterPartitionReassignments",
    "UpdateFeatures",
    "UnregisterBroker",
    "AddRaftVoter",
    "RemoveRaftVoter",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "ShareFetch",
    "ShareAcknowledge",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
    "StreamsGroupHeartbeat",
    "StreamsGroupDescribe",
    "DescribeShareGroupOffsets",
    "AlterShareGroupOffsets",
    "DeleteShareGroupOffsets",
}
NOT_SERVED = set()  # told at the end of the run


def _ranges(broker, version):
    with broker.client() as client:
        answer = client.call("ApiVersions", version, CLIENT if version >= 3 else {})
    assert answer["errorCode"] == 0
    listed = [(k["apiKey"], k["minVersion"], k["maxVersion"]) for k in answer["apiKeys"]]
    keys = [k for k, _, _ in listed]
    assert len(keys) == len(set(keys)), "an API is listed twice"
    return {key: (first, last) for key, first, last in listed}, answer


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_ranges_are_kafkas(brokers, version):
    """Every API that the subject lists has Kafka's range; what is missing is known to be."""
    pair = brokers()
    kafka, told = _ranges(pair.kafka, version)
    subject, answer = _ranges(pair.subject, version)
    wrong = {
        BY_KEY[k].name if k in BY_KEY else k: (kafka.get(k), v)
        for k, v in subject.items()
        if v != kafka.get(k)
    }
    missing = {BY_KEY[k].name for k in kafka if k not in subject}
    NOT_SERVED.update(missing)
    assert not wrong, f"(kafka, subject): {wrong}"
    assert missing <= LATER, f"missing: {sorted(missing - LATER)}"
    assert set(answer) == set(told), "the same fields"
    supported = {f["name"]: f for f in told.get("supportedFeatures", [])}
    for feature in answer.get("supportedFeatures", []):
        assert (
            feature == supported[feature["name"]]
            or feature["maxVersion"] <= supported[feature["name"]]["maxVersion"]
        ), "a feature level that Kafka does not have"
    assert answer.get("finalizedFeaturesEpoch", -1) >= 0 or not answer.get("finalizedFeatures")


def test_the_epoch_of_the_features_grows_with_the_metadata(brokers):
    """It is the offset of the last metadata record, with both."""
    pair = brokers()
    for broker in (pair.kafka, pair.subject):
        before = _ranges(broker, 4)[1]["finalizedFeaturesEpoch"]
        session = Session(broker)
        session.create("epoch-of-features", partitions=3)
        session.close()
        after = _ranges(broker, 4)[1]["finalizedFeaturesEpoch"]
        assert after >= before + 4 > 4, f"{before} and {after}"


@scenario()
def test_unsupported_version(b):
    """An unknown version gets the oldest body with error 35 and only key 18."""
    for version in (5, 99, 32767):
        b.call("ApiVersions", version, b"\0", label="unknown version")
        b.note("the connection goes on", "ApiVersions", _outcome(b, CLIENT))


@scenario()
def test_negative_version(b):
    """A negative version is unknown like any other."""
    b.call("ApiVersions", -1, b"", label="negative version")


@scenario()
def test_client_software_name(b):
    """Name and version must look like names, else INVALID_REQUEST; the connection goes on."""
    good = ["a", "apache-kafka-java", "a.b-c.9", "A1"]
    bad = ["", " ", "-a", "a-", ".a", "a.", "a b", "a_b", "é", "a/b"]
    for name in good + bad:
        b.note(f"name {name!r}", "ApiVersions", _outcome(b, {**CLIENT, "clientSoftwareName": name}))
        b.note(f"version {name!r}", "ApiVersions", _outcome(b, {**CLIENT, "clientSoftwareVersion": name}))


def _outcome(b, body):
    answer = b.quiet("ApiVersions", 4, body)
    return {
        "errorCode": answer["errorCode"],
        "lists": bool(answer["apiKeys"]),
        "throttleTimeMs": answer["throttleTimeMs"],
    }


@scenario()
def test_pipelined_with_metadata(b):
    """kafka-python 2.0.2 writes ApiVersions v0 and Metadata v0 without waiting: answers in order."""
    client = b.connect()
    client.send("ApiVersions", 0, {})
    client.send("Metadata", 1, {"topics": []})
    client.send("ApiVersions", 0, {})
    client.receive()
    b.note("metadata behind", "Metadata", client.receive())
    client.receive()


@scenario()
def test_client_id(b):
    """A null, an empty and a long client id are all fine, in both kinds of header."""
    for client_id in (None, "", "x" * 30000):
        for version in (1, 12):
            b.call("Metadata", version, {"topics": []}, f"client id {str(client_id)[:3]}", client_id)


@scenario()
def test_unknown_tags(b):
    """Tagged fields that nobody knows are skipped in the header and in the body."""
    client: Client = b.connect()
    header = struct.pack(">hhih", 3, 12, 7, -1) + b"\x02\x00\x01x\x63\x02yz"
    body = b"\x01\x00\x00\x01\x09\x03abc"
    client.raw(struct.pack(">i", len(header + body)) + header + body)
    b.note("frame came", "Metadata", {"correlation": struct.unpack(">i", client.frame()[:4])[0]})
