"""The same batches make the same files: segments, indexes, time indexes, snapshots, byte for byte.

Each scenario has brokers of its own, stops them and looks at what they leave.
"""

import random

import log_files
from harness import produce_body, scenario
from records import BASE_TIMESTAMP, CODECS, GZIP, batch
from test_restart import QUICK

MIB = 1 << 20
IN_FLIGHT = 50


def _send(b, topic, batches):
    """Produces batches one after the other, many on their way at a time."""
    for at in range(0, len(batches), IN_FLIGHT):
        some = batches[at : at + IN_FLIGHT]
        for data in some:
            b.client.send("Produce", 9, produce_body({(topic, None): {0: data}}))
        for data in some:
            answer = b.client.receive()["responses"][0]["partitionResponses"][0]
            assert answer["errorCode"] == 0, (len(data), answer)


def _files(b, *topics, epochs=True):
    """Stops the broker and writes down what is in the topics' first partitions."""
    b.drop()
    b.broker.stop()
    for topic in topics:
        files = log_files.picture(b.broker.data / f"{topic}-0", epochs)
        b.note(f"files of {topic}", "none", {"names": list(files), "files": files})


def _batches(seed, count, timestamp, largest=3000, codecs=(0,)):
    """Batches of pseudo-random sizes; `timestamp` gives the first record's from the batch's number."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        values = [draw.randbytes(draw.randrange(1, largest)) for _ in range(draw.randrange(1, 4))]
        codec = draw.choice(codecs)
        made.append(batch(values, codec, base_timestamp=BASE_TIMESTAMP + timestamp(number, draw)))
    return made


@scenario(settings=QUICK, alone=True)
def test_sizes_and_intervals(b):
    """Several index intervals, rolls by size, batches from bytes to half a segment, all codecs."""
    intervals = {"default": 4096, "every": 0, "one": 1, "wide": 200_000}
    for name, interval in intervals.items():
        topic = f"files-{name}"
        b.create(topic, segment_bytes=MIB, index_interval_bytes=interval)
        _send(b, topic, _batches(name, 600, lambda number, draw: number * 7))
    b.create("files-large", segment_bytes=MIB)
    _send(b, "files-large", _batches(5, 30, lambda number, draw: number, 300_000))
    b.create("files-codecs", segment_bytes=MIB)
    _send(b, "files-codecs", _batches(6, 300, lambda number, draw: number, 9000, tuple(CODECS.values())))
    _files(b, *(f"files-{name}" for name in (*intervals, "large", "codecs")))


@scenario(settings=QUICK, alone=True)
def test_timestamps(b):
    """Out of order, backwards, all the same, none at all; rolls by the records' own time."""
    orders = {
        "mixed": lambda number, draw: draw.randrange(0, 3_000_000),
        "backwards": lambda number, draw: -number,
        "same": lambda number, draw: 0,
        "none": lambda number, draw: -1 - BASE_TIMESTAMP - 4,
        "one-ahead": lambda number, draw: 2_000_000 if number == 3 else number,
    }
    for name, order in orders.items():
        b.create(f"files-{name}", segment_bytes=MIB)
        _send(b, f"files-{name}", _batches(name, 700, order))
    b.create("files-by-time", segment_bytes=MIB, segment_ms=10_000)
    _send(b, "files-by-time", _batches(9, 200, lambda number, draw: number * 700))
    _files(b, *(f"files-{name}" for name in (*orders, "by-time")))


@scenario(settings=QUICK, alone=True)
def test_full_indexes(b):
    """Rolls because the offset index or the time index is full."""
    sizes = {"tiny": 12, "small": 100, "odd": 1234}
    for name, size in sizes.items():
        topic = f"files-{name}"
        b.create(topic, segment_bytes=MIB, index_interval_bytes=0, segment_index_bytes=size)
        _send(b, topic, _batches(name, 25 if size < 100 else 300, lambda number, draw: number, 50))
        same = f"files-{name}-same"
        b.create(same, segment_bytes=MIB, index_interval_bytes=0, segment_index_bytes=size)
        without = lambda number, draw: -1 - BASE_TIMESTAMP - 4  # noqa: E731 - no entry in the time index
        _send(b, same, _batches(name, 25 if size < 100 else 300, without, 50))
    _files(b, *(f"files-{name}{more}" for name in sizes for more in ("", "-same")))


@scenario(settings=QUICK, alone=True)
def test_producers(b):
    """Snapshots of producer state at rolls and at the stop; records with several producers."""
    b.create("files-producer", segment_bytes=MIB)
    made = [
        batch(
            [bytes(5000)], producer_id=4711, producer_epoch=3, base_sequence=number, base_timestamp=BASE_TIMESTAMP
        )
        for number in range(500)
    ]
    _send(b, "files-producer", made)
    b.create("files-compressed", segment_bytes=MIB)
    made = [
        batch([b"x" * 100] * 10, GZIP, producer_id=4712, producer_epoch=0, base_sequence=10 * number)
        for number in range(100)
    ]
    _send(b, "files-compressed", made)
    _files(b, "files-producer", "files-compressed")


@scenario(settings=QUICK, alone=True)
def test_restarts(b):
    """Files that were closed and opened again in between, and closed with nothing new."""
    topics = [("files-again", 4096), ("files-again-every", 0)]
    for topic, interval in topics:
        b.create(topic, segment_bytes=MIB, index_interval_bytes=interval)
    for round in range(3):
        for topic, _ in topics:
            draw = lambda number, draw: draw.randrange(0, 3_000_000)  # noqa: E731
            _send(b, topic, _batches(round, 5, draw, 2000))
        b.restart()
        for topic, _ in topics:
            b.settled(topic, 1)
    _files(b, *(topic for topic, _ in topics), epochs=False)
