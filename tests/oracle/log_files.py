"""What lies in a partition's directory, in a form that two brokers' can be compared in and that shows
where they differ: indexes as entries, everything else by its bytes."""

import hashlib
import struct

ENTRIES = {".index": ">ii", ".timeindex": ">qi", ".txnindex": ">hqqqq"}
# Says the topic's id, which is random.
ONLY_SIZE = ("partition.metadata",)


def picture(folder, epochs=True):
    """{file name: what is in it} of a partition that was closed. What waits for its deletion is left
    out: Kafka gives a full index of an empty segment away. Without `epochs` the leader epochs do not
    count: after a restart each broker goes on in its own way."""
    paths = (path for path in sorted(folder.iterdir()) if path.suffix != ".deleted")
    return {path.name: _content(path, epochs) for path in paths}


def _content(path, epochs):
    data = path.read_bytes()
    if not epochs and path.name == "leader-epoch-checkpoint":
        return {}
    if not epochs and path.suffix == ".log":
        data = without_epochs(data)
    if path.name in ONLY_SIZE:
        return {"size": len(data)}
    if path.suffix in ENTRIES:
        return entries(path)
    if path.suffix == ".log":
        return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"size": len(data), "bytes": data.hex()}


def without_epochs(data):
    """Record batches with a leader epoch of 0, which no checksum covers."""
    data, at = bytearray(data), 0
    while at < len(data):
        data[at + 12 : at + 16] = bytes(4)
        at += 12 + struct.unpack_from(">i", data, at + 8)[0]
    return bytes(data)


def entries(path):
    """The entries of an index, whole ones only."""
    form, data = ENTRIES[path.suffix], path.read_bytes()
    assert len(data) % struct.calcsize(form) == 0, f"{path} has {len(data)} bytes"
    return [list(entry) for entry in struct.iter_unpack(form, data)]
