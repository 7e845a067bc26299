"""What lies in a partition's directory, in a form that two brokers' can be compared in and that shows
where they differ: indexes as entries, everything else by its bytes."""

import hashlib
import struct

ENTRIES = {".index": ">ii", ".timeindex": ">qi", ".txnindex": ">hqqqq"}
# Says the topic's id, which is random.
ONLY_SIZE = ("partition.metadata",)


def picture(folder):
    """{file name: what is in it} of a partition that was closed. What waits for its deletion is left
    out: Kafka gives a full index of an empty segment away."""
    paths = (path for path in sorted(folder.iterdir()) if path.suffix != ".deleted")
    return {path.name: _content(path) for path in paths}


def _content(path):
    data = path.read_bytes()
    if path.name in ONLY_SIZE:
        return {"size": len(data)}
    if path.suffix in ENTRIES:
        return entries(path)
    if path.suffix == ".log":
        return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"size": len(data), "bytes": data.hex()}


def entries(path):
    """The entries of an index, whole ones only."""
    form, data = ENTRIES[path.suffix], path.read_bytes()
    assert len(data) % struct.calcsize(form) == 0, f"{path} has {len(data)} bytes"
    return [list(entry) for entry in struct.iter_unpack(form, data)]
