"""A few requests by hand: what no client shows.

Fetch v4 and ListOffsets v1 are enough to see the batches as the broker keeps
them: their codec, their producer, that their offsets follow one another.
"""

from __future__ import annotations

import socket
import struct
from typing import Iterator, NamedTuple

FETCH, LIST_OFFSETS, METADATA = 1, 2, 3
LATEST = -1
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
BATCH = struct.Struct(">qiibIhiqqqhii")
OVERHEAD = 12  # base offset and length are not part of the length
TIMEOUT_SECONDS = 60
WAIT_MS = 1000


class BatchHeader(NamedTuple):
    """The header of one record batch."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int

    @property
    def codec(self) -> int:
        """The codec's number."""
        return self.attributes & 7

    @property
    def size(self) -> int:
        """All bytes of the batch."""
        return self.length + OVERHEAD

    @property
    def next_offset(self) -> int:
        """The offset after the batch."""
        return self.base_offset + self.last_offset_delta + 1


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">h", len(data)) + data


class Raw:
    """One connection to the broker."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
        self.correlation = 0

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def call(self, key: int, version: int, body: bytes) -> memoryview:
        """Sends one request (header v1) and gives the answer's body."""
        self.correlation += 1
        header = struct.pack(">hhi", key, version, self.correlation) + _string("raw")
        self.socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        (size,) = struct.unpack(">i", self._read(4))
        answer = self._read(size)
        (correlation,) = struct.unpack_from(">i", answer)
        assert correlation == self.correlation, "an answer to another request"
        return memoryview(answer)[4:]

    def _read(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            n = self.socket.recv_into(view)
            if n == 0:
                raise ConnectionError("the broker closed the connection")
            view = view[n:]
        return bytes(data)

    def end_offset(self, topic: str, partition: int) -> int:
        """The high watermark, by ListOffsets v1."""
        body = struct.pack(">ii", -1, 1) + _string(topic) + struct.pack(">iiq", 1, partition, LATEST)
        answer = self.call(LIST_OFFSETS, 1, body)
        at = 4 + 2 + len(topic.encode()) + 4
        index, code, _timestamp, offset = struct.unpack_from(">ihqq", answer, at)
        assert (index, code) == (partition, 0), f"ListOffsets of {topic}-{partition}: error {code}"
        return offset

    def fetch(self, topic: str, partition: int, offset: int, wait_ms: int = 0) -> tuple[int, memoryview]:
        """The high watermark and the record bytes from there, by Fetch v4."""
        body = struct.pack(">iiiib", -1, wait_ms, 1, 64 << 20, 0) + struct.pack(">i", 1) + _string(topic)
        answer = self.call(FETCH, 4, body + struct.pack(">iiqi", 1, partition, offset, 32 << 20))
        at = 4 + 4 + 2 + len(topic.encode()) + 4
        index, code, high_watermark, _stable, aborted = struct.unpack_from(">ihqqi", answer, at)
        assert (index, code) == (partition, 0), f"Fetch of {topic}-{partition}: error {code}"
        at += 26 + 16 * max(aborted, 0)
        (size,) = struct.unpack_from(">i", answer, at)
        return high_watermark, answer[at + 4:at + 4 + max(size, 0)]

    def batches(self, topic: str, partition: int) -> Iterator[BatchHeader]:
        """The headers of all batches up to the high watermark."""
        offset, end = 0, self.end_offset(topic, partition)
        while offset < end:
            _, data = self.fetch(topic, partition, offset)
            before = offset
            while len(data) >= BATCH.size:
                header = BatchHeader(*BATCH.unpack_from(data))
                if len(data) < header.size:
                    break
                yield header
                offset = header.next_offset
                data = data[header.size:]
            assert offset > before, f"no whole batch at offset {offset} of {topic}-{partition}"

    def wait_for(self, topic: str, partition: int, count: int) -> None:
        """Returns when the partition holds `count` records; for acks=0."""
        offset = self.end_offset(topic, partition)
        for _ in range(TIMEOUT_SECONDS):
            if offset >= count:
                return
            # A long poll at the end: the broker answers when more has come.
            self.fetch(topic, partition, offset, WAIT_MS)
            offset = self.end_offset(topic, partition)
        raise AssertionError(f"{topic}-{partition} holds {offset} records, not {count}")

    def topics(self) -> set[str]:
        """The names of all topics, by Metadata v1."""
        answer = self.call(METADATA, 1, struct.pack(">i", -1))
        return set(_topic_names(answer))


def _topic_names(answer: memoryview) -> Iterator[str]:
    (brokers,), at = struct.unpack_from(">i", answer), 4
    for _ in range(brokers):
        _, at = _text(answer, at + 4)
        _, at = _text(answer, at + 4)
    (topics,), at = struct.unpack_from(">i", answer, at + 4), at + 8
    for _ in range(topics):
        name, at = _text(answer, at + 2)
        yield name
        (parts,), at = struct.unpack_from(">i", answer, at + 1), at + 5
        for _ in range(parts):
            at += 10
            for _ in range(2):
                (ids,) = struct.unpack_from(">i", answer, at)
                at += 4 + 4 * ids


def _text(answer: memoryview, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", answer, at)
    end = at + 2 + max(size, 0)
    return bytes(answer[at + 2:end]).decode(), end
