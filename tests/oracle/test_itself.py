"""The oracle's own tools: the codec, the batches and the comparison do what they promise."""

import random
import struct

import pytest

import records
from compare import IGNORED, Allowed, Comparison
from members import Members
from protocol import APIS, request_bytes, response_body
from schema import CodecError, load, within

FOLDERS = [
    "",
    "group-coordinator",
    "transaction-coordinator",
    "share-coordinator",
    "raft",
    "metadata",
    "storage",
]


def _random(field, version, flexible, generator):
    """A value that the field can have in a version."""
    if within(version, field.nullable) and generator.random() < 0.2:
        return None
    if field.element:
        return [_one(field, version, flexible, generator) for _ in range(generator.randint(0, 3))]
    return _one(field, version, flexible, generator)


def _one(field, version, flexible, generator):
    bits = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
    if field.struct:
        return _struct(field.struct, version, flexible, generator)
    if field.item in bits:
        return generator.randint(-(1 << bits[field.item]), (1 << bits[field.item]) - 1)
    if field.item in ("uint16", "uint32"):
        return generator.randint(0, 65535)
    if field.item == "float64":
        return generator.random()
    if field.item == "bool":
        return generator.random() < 0.5
    if field.item == "uuid":
        return f"{generator.getrandbits(32):08x}-0000-4000-8000-{generator.getrandbits(48):012x}"
    data = generator.randbytes(generator.randint(0, 300))
    return data.hex() if field.item == "string" else data


def _struct(fields, version, flexible, generator):
    return {f.name: _random(f, version, flexible, generator) for f in fields if within(version, f.versions)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_message_round_trips(folder):
    """Encode, decode, encode: every message, every version, random values."""
    for message in load(folder).values():
        if message.valid is None:
            continue
        for version in range(message.valid[0], message.valid[1] + 1):
            generator = random.Random(f"{message.name} {version}")
            for _ in range(5):
                value = _struct(message.fields, version, within(version, message.flexible), generator)
                data = message.encode(version, value)
                assert message.decode(version, data)[0] == value, f"{message.name} v{version}"


def test_damaged_messages_are_errors():
    """Cut anywhere, a message is an error and never anything else."""
    generator = random.Random(7)
    for api in APIS.values():
        version = api.versions[-1]
        data = api.request.encode(version, _struct(api.request.fields, version, True, generator))
        for cut in range(min(len(data), 60)):
            with pytest.raises(CodecError):
                api.request.decode(version, data[:cut])


def test_unknown_fields_are_errors():
    """A misspelt field of a request does not go unnoticed."""
    with pytest.raises(CodecError, match="topcis"):
        APIS["Metadata"].request.encode(12, {"topcis": []})


def test_headers():
    """Header versions follow the flexible versions; ApiVersions answers with the oldest header."""
    assert request_bytes(APIS["Metadata"], 8, b"", 5) == struct.pack(">ihhih6s", 16, 3, 8, 5, 6, b"oracle")
    assert request_bytes(APIS["Metadata"], 9, b"", 5) == struct.pack(
        ">ihhih6sb", 17, 3, 9, 5, 6, b"oracle", 0
    )
    answer = response_body(APIS["ApiVersions"], 99, struct.pack(">ihihhh", 5, 35, 1, 18, 0, 4), 5)
    assert answer == {"errorCode": 35, "apiKeys": [{"apiKey": 18, "minVersion": 0, "maxVersion": 4}]}


def test_encodings_that_kafka_would_not_write_are_seen():
    """A tagged field that holds its default, written nevertheless."""
    body = struct.pack(">hB", 0, 1) + struct.pack(">i", 0) + b"\x01\x03\x01\x00"
    answer = response_body(APIS["ApiVersions"], 3, struct.pack(">i", 5) + body, 5)
    assert answer["_notCanonical"]


@pytest.mark.parametrize("codec", range(5))
def test_batches_round_trip(codec):
    """What is built is parsed again, for each codec."""
    values = [(b"k", b"v"), (None, None), {"headers": [("h", b"x"), ("h", None)], "value": b"w" * 1000}]
    (parsed,) = records.parse(records.batch(values, codec, producer_id=7, producer_epoch=1, base_sequence=9))
    assert parsed["crcHolds"] and parsed["recordCount"] == 3 and parsed["attributes"] == codec
    assert [r["value"] for r in parsed["records"]] == [b"v", None, b"w" * 1000]
    assert parsed["records"][2]["headers"] == [[b"h", b"x"], [b"h", None]]
    assert (parsed["producerId"], parsed["producerEpoch"], parsed["baseSequence"]) == (7, 1, 9)


def test_false_checksums_and_cuts_are_seen():
    """A wrong checksum is told, a cut batch is told as cut."""
    good = records.batch()
    assert not records.parse(records.batch(crc=1))[0]["crcHolds"]
    assert records.parse(good + good[:20])[1:] == [{"cut": 20}]
    assert records.parse(good + good[:65])[1:] == [{"cut": 65, "baseOffset": 0}]


def _differences(api, kafka, subject, allowed=()):
    comparison = Comparison(allowed)
    comparison.step("step", api, kafka, subject)
    return [(d.path, d.kafka, d.subject) for d in comparison.differences]


def test_differences_are_found():
    """Values, types, missing and additional fields, lengths."""
    assert _differences("X", {"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}) == []
    assert _differences("X", {"a": 1}, {"a": 2}) == [("a", 1, 2)]
    assert _differences("X", {"a": 1}, {"a": True}) == [("a", 1, True)]
    assert _differences("X", {"a": ""}, {"a": None}) == [("a", "", None)]
    assert _differences("X", {"a": 1}, {}) == [("a", 1, "<absent>")]
    assert _differences("X", {}, {"a": 1}) == [("a", "<absent>", 1)]
    assert _differences("X", {"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 1}, {"c": 3}]}) == [("b[1].c", 2, 3)]
    assert len(_differences("X", {"b": [1]}, {"b": [1, 2]})) == 1
    assert len(_differences("X", {"a": 1}, {"_answer": "connection closed"})) == 2


def test_renamings_must_be_consistent():
    """Two topic ids may differ, but the same one here must be the same one there."""
    one, two, three = ({"topicId": f"{n}0000000-0000-4000-8000-000000000000"} for n in (1, 2, 3))
    assert _differences("X", {"t": [one, one]}, {"t": [two, two]}) == []
    assert len(_differences("X", {"t": [one, one]}, {"t": [two, three]})) == 1
    assert len(_differences("X", {"t": [one, two]}, {"t": [three, three]})) == 1
    nothing = {"topicId": "00000000-0000-0000-0000-000000000000"}
    assert len(_differences("X", {"t": [one]}, {"t": [nothing]})) == 1


def test_unordered_arrays():
    """Topics of Metadata may come in any order; each is compared with its own."""

    def topics(*names):
        return {"topics": [{"name": n, "errorCode": len(n)} for n in names]}

    assert _differences("Metadata", topics("a", "bb"), topics("bb", "a")) == []
    assert len(_differences("Metadata", topics("a", "bb"), topics("a", "a"))) == 2
    assert len(_differences("Metadata", topics("a"), topics("a", "a"))) == 1


def test_ids_of_members_are_numbered():
    """By the order in which a scenario saw them; what comes before the random part counts."""
    one, two = (f"oracle-{n}0000000-0000-4000-8000-000000000000" for n in (1, 2))
    members = Members()
    assert members.readable({"memberId": two, "leader": ""}) == {"memberId": "oracle-<1>", "leader": ""}
    told = {"members": [{"memberId": one}, {"memberId": two}], "errorMessage": f"No {two}.", "name": two}
    assert members.readable(told) == {
        "members": [{"memberId": "oracle-<2>"}, {"memberId": "oracle-<1>"}],
        "errorMessage": "No oracle-<1>.",
        "name": two,
    }
    assert members.readable({"memberId": "unknown"}) == {"memberId": "unknown"}
    assert members.readable({"memberId": "AAAAAAAAQACAAAAAAAAAAA"}) == {"memberId": "<3>"}


def test_signs_and_named_elements():
    """Times of the broker's clock count by their sign; an entry may name one element."""

    def answer(time):
        return {"responses": [{"name": "t", "partitionResponses": [{"index": 0, "logAppendTimeMs": time}]}]}

    assert _differences("Produce", answer(5), answer(7)) == []
    assert len(_differences("Produce", answer(-1), answer(7))) == 1

    def configs(**values):
        return {"results": [{"configs": [{"name": n, "value": v} for n, v in values.items()]}]}

    allowed = [Allowed("DescribeConfigs", "results.configs<a>.value", IGNORED, "test")]
    assert _differences("DescribeConfigs", configs(a="1", b="2"), configs(b="2", a="3"), allowed) == []
    assert len(_differences("DescribeConfigs", configs(a="1", b="2"), configs(b="3", a="1"), allowed)) == 1
