"""Record batches of format v2: built with any field overridden, so that a test can lie; and parsed.

`batch()` writes what a correct client would write, except what the caller overrides. `parse()` reads
batches into dicts and says whether each CRC holds.
"""

import gzip
import struct
import time

import cramjam
import crc32c
import lz4.frame
import zstandard

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = {"none": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
LOG_APPEND_TIME, TRANSACTIONAL, CONTROL, DELETE_HORIZON = 0x08, 0x10, 0x20, 0x40
_XERIAL = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
_AFTER_CRC = ">hiqqqhii"  # attributes ... record count
# An hour ago: recent, because retention and the expiry of producer state go by the records' own time.
BASE_TIMESTAMP = (int(time.time()) - 3600) * 1000


def varint(number):
    """Zig-zag LEB128, for numbers of up to 64 bits."""
    number = (number << 1) ^ (number >> 63)
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _blob(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(value=b"v", key=None, timestamp_delta=0, offset_delta=0, headers=(), attributes=0):
    """One record, its length included."""
    body = bytes([attributes]) + varint(timestamp_delta) + varint(offset_delta)
    body += _blob(key) + _blob(value) + varint(len(headers))
    for name, content in headers:
        body += _blob(name.encode()) + _blob(content)
    return varint(len(body)) + body


def records(values):
    """Records with offsets 0, 1, ... of values, (key, value) pairs or dicts of `record`'s arguments."""
    out = bytearray()
    for index, value in enumerate(values):
        fields = {"offset_delta": index, "timestamp_delta": index}
        if isinstance(value, dict):
            fields.update(value)
        elif isinstance(value, tuple):
            fields.update(key=value[0], value=value[1])
        else:
            fields.update(value=value)
        out += record(**fields)
    return bytes(out)


def compress(codec, data):
    """The bytes as a client with that codec sends them."""
    if codec == GZIP:
        return gzip.compress(data, mtime=0)
    if codec == SNAPPY:
        block = bytes(cramjam.snappy.compress_raw(data))
        return _XERIAL + struct.pack(">i", len(block)) + block
    if codec == LZ4:
        return lz4.frame.compress(data, block_linked=False, store_size=False)
    if codec == ZSTD:
        return zstandard.ZstdCompressor().compress(data)
    return data


def decompress(codec, data):
    """The opposite of `compress`, of anything that Kafka or Barnabas may have written."""
    if codec == GZIP:
        return gzip.decompress(data)
    if codec == SNAPPY and not data.startswith(_XERIAL[:8]):
        return bytes(cramjam.snappy.decompress_raw(data))  # without the framing, as some clients send it
    if codec == SNAPPY:
        out, at = b"", 16
        while at < len(data):
            (size,) = struct.unpack_from(">i", data, at)
            out += bytes(cramjam.snappy.decompress_raw(data[at + 4 : at + 4 + size]))
            at += 4 + size
        return out
    if codec == LZ4:
        return lz4.frame.decompress(data)
    if codec == ZSTD:
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def batch(
    values=(b"v",),
    codec=NONE,
    base_offset=0,
    leader_epoch=-1,
    magic=2,
    attributes=None,
    last_offset_delta=None,
    base_timestamp=BASE_TIMESTAMP,
    max_timestamp=None,
    producer_id=-1,
    producer_epoch=-1,
    base_sequence=-1,
    count=None,
    raw=None,
    crc=None,
    length=None,
    flags=0,
):
    """One batch. `raw` replaces the records section; other arguments replace single header fields."""
    body = raw if raw is not None else compress(codec, records(values))
    size = len(values)
    after_crc = (
        struct.pack(
            _AFTER_CRC,
            codec | flags if attributes is None else attributes,
            size - 1 if last_offset_delta is None else last_offset_delta,
            base_timestamp,
            base_timestamp + max(size - 1, 0) if max_timestamp is None else max_timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            size if count is None else count,
        )
        + body
    )
    crc = crc32c.crc32c(after_crc) if crc is None else crc
    length = 9 + len(after_crc) if length is None else length
    return struct.pack(">qiibI", base_offset, length, leader_epoch, magic, crc) + after_crc


class _Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def varint(self):
        number = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return (number >> 1) ^ -(number & 1)

    def blob(self):
        size = self.varint()
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size : self.at]


def parse_records(data):
    """The records of an uncompressed section."""
    cursor, out = _Cursor(data), []
    while cursor.at < len(data):
        cursor.varint()
        attributes = cursor.data[cursor.at]
        cursor.at += 1
        entry = {
            "attributes": attributes,
            "timestampDelta": cursor.varint(),
            "offsetDelta": cursor.varint(),
            "key": cursor.blob(),
            "value": cursor.blob(),
        }
        entry["headers"] = [[cursor.blob(), cursor.blob()] for _ in range(cursor.varint())]
        out.append(entry)
    return out


def _records_or_reason(codec, data):
    try:
        return parse_records(decompress(codec, data))
    except Exception as error:  # noqa: BLE001 - a broker may store what it did not look into
        return {"undecodable": type(error).__name__, "bytes": data}


def parse(data):
    """Every batch of a records field, as dicts. Bytes of a cut last batch are told as `cut`."""
    out, at = [], 0
    while at < len(data):
        if len(data) - at < 61:
            out.append({"cut": len(data) - at})
            break
        base_offset, length, epoch, magic, crc = struct.unpack_from(">qiibI", data, at)
        end = at + 12 + length
        if end > len(data):
            out.append({"cut": len(data) - at, "baseOffset": base_offset})
            break
        fields = struct.unpack_from(_AFTER_CRC, data, at + 21)
        codec = fields[0] & 7
        out.append(
            {
                "baseOffset": base_offset,
                "batchLength": length,
                "partitionLeaderEpoch": epoch,
                "magic": magic,
                "crc": crc,
                "crcHolds": crc == crc32c.crc32c(data[at + 21 : end]),
                **dict(
                    zip(
                        (
                            "attributes",
                            "lastOffsetDelta",
                            "baseTimestamp",
                            "maxTimestamp",
                            "producerId",
                            "producerEpoch",
                            "baseSequence",
                            "recordCount",
                        ),
                        fields,
                    )
                ),
                "records": _records_or_reason(codec, data[at + 61 : end]),
            }
        )
        at = end
    return out
