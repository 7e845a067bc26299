"""Bytes that are not a request (Kafka: SocketServer): the connection closes, other clients do not notice."""

import random
import struct

from harness import scenario
from protocol import APIS, request_bytes


def _frame(payload):
    return struct.pack(">i", len(payload)) + payload


def _header(key, version, correlation=1, client=b"\0\x06oracle"):
    return struct.pack(">hhi", key, version, correlation) + client


@scenario()
def test_bad_frames(b):
    """Every malformed frame closes the connection that it came on, and only that."""
    other = b.connect()
    cases = {
        "negative length": struct.pack(">i", -1),
        "2 GB length": struct.pack(">i", 0x7FFFFFFF),
        "length over the limit": struct.pack(">i", 104857601),
        "empty frame": _frame(b""),
        "one byte": _frame(b"\0"),
        "half a header": _frame(b"\0\x03\0\x01"),
        "header without client id": _frame(struct.pack(">hhi", 3, 1, 1)),
        "client id past the end": _frame(_header(3, 1, client=b"\0\x7fabc")),
        "unknown api key 93": _frame(_header(93, 0)),
        "unknown api key 999": _frame(_header(999, 0)),
        "negative api key": _frame(_header(-1, 0)),
        "removed api key 4": _frame(_header(4, 0)),
        "removed api key 7": _frame(_header(7, 0)),
        "controller api 52 Vote": _frame(_header(52, 0) + b"\0"),
        "controller api 62 BrokerRegistration": _frame(_header(62, 0) + b"\0"),
        "Metadata version 14": _frame(_header(3, 14) + b"\0"),
        "Metadata version -1": _frame(_header(3, -1)),
        "Produce version 2": _frame(_header(0, 2)),
        "Fetch version 3": _frame(_header(1, 3)),
        "InitProducerId version 6 (unstable)": _frame(_header(22, 6) + b"\0"),
        "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    }
    for label, data in cases.items():
        b.raw(data, label)
    b.note("another connection", "Metadata", other.call("Metadata", 1, {"topics": []}))


@scenario()
def test_truncated_bodies(b):
    """A body that ends too early closes the connection, for each API that is served."""
    bodies = {
        "Produce": (
            9,
            {
                "acks": -1,
                "timeoutMs": 1000,
                "topicData": [{"name": "nope", "partitionData": [{"index": 0, "records": b"12345"}]}],
            },
        ),
        "Fetch": (
            12,
            {
                "maxWaitMs": 0,
                "minBytes": 0,
                "topics": [{"topic": "nope", "partitions": [{"partition": 0, "fetchOffset": 0}]}],
            },
        ),
        "ListOffsets": (
            6,
            {
                "replicaId": -1,
                "topics": [{"name": "nope", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}],
            },
        ),
        "Metadata": (9, {"topics": [{"name": "nope"}]}),
        "CreateTopics": (5, {"topics": [{"name": "a b", "numPartitions": 1, "replicationFactor": 1}]}),
        "DescribeConfigs": (4, {"resources": [{"resourceType": 2, "resourceName": "nope"}]}),
    }
    for name, (version, body) in bodies.items():
        whole = request_bytes(APIS[name], version, body)[4:]
        for cut in (1, 2, 5):
            b.raw(_frame(whole[:-cut]), f"{name} without its last {cut}")


@scenario()
def test_bytes_after_the_body(b):
    """Bytes after the end of a request are not looked at."""
    for name, version, body in (
        ("Metadata", 1, {"topics": []}),
        ("Metadata", 12, {"topics": []}),
        ("DescribeCluster", 0, {}),
    ):
        whole = request_bytes(APIS[name], version, body)[4:]
        client = b.connect()
        client.raw(_frame(whole + b"more"))
        size = len(client.frame())
        b.note(f"{name} v{version}", "raw", {"answered": size > 4})


@scenario()
def test_false_counts(b):
    """Counts and lengths that claim more than the frame holds close the connection at once."""
    v1, v9 = _header(3, 1), _header(3, 9) + b"\0"
    for label, data in {
        "array of 2^31-1": v1 + struct.pack(">i", 0x7FFFFFFF),
        "array of -2": v1 + struct.pack(">i", -2),
        "string of 32767": v1 + struct.pack(">ih", 1, 32767),
        "string of -2": v1 + struct.pack(">ih", 1, -2),
        "compact array of 2^32-1": v9 + b"\xff\xff\xff\xff\x0f",
        "varint of 6 bytes": v9 + b"\xff\xff\xff\xff\xff\xff",
    }.items():
        b.raw(_frame(data), label)


@scenario()
def test_garbage(b):
    """Seeded random bytes behind a right length: never an answer."""
    generator = random.Random(4711)
    for number in range(40):
        data = generator.randbytes(generator.randint(1, 200))
        b.raw(_frame(b"\x7f" + data), f"garbage {number}")  # key 0x7f..: no such API


@scenario()
def test_bytes_one_by_one(b):
    """A request that arrives in pieces is one request."""
    client = b.connect()
    for byte in request_bytes(APIS["Metadata"], 9, {"topics": []}, 1):
        client.raw(bytes([byte]))
    b.note("answer", "raw", {"size": len(client.frame()) > 10})


@scenario()
def test_pipelining(b):
    """200 requests written at once are answered in order."""
    client = b.connect()
    for number in range(200):
        client.send("Metadata", 1 + number % 12, {"topics": []})
    for number in range(200):
        b.note(f"answer {number}", "Metadata", client.receive())
