"""Kafka's message schemas as data, and the codec that they drive.

Reads the JSON files that setup.sh takes out of Kafka's jars and encodes or decodes any message at
any version to and from plain dicts. Field names are the schema's, with a small first letter
(`topicId`), as Kafka's own request log prints them. The codec is strict where a test wants to know:
an unknown field name in a dict, a byte left over after decoding and a non-canonical encoding are
errors or visible, never ignored.
"""

import json
import os
import re
import struct
import uuid
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
KAFKA_VERSION = os.environ.get("KAFKA_VERSION", "4.3.1")
KAFKA_HOME = REPOSITORY / ".cache" / "kafka" / KAFKA_VERSION
FOREVER = 32767

_FIXED = {
    "int8": ">b",
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "float64": ">d",
}
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')


class CodecError(Exception):
    """A message that does not follow its schema."""


def parse_versions(text):
    """(first, last) of a version expression, or None for "none"."""
    if text is None or text == "none":
        return None
    if text.endswith("+"):
        return int(text[:-1]), FOREVER
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def within(version, versions):
    """Whether a version lies in a parsed range."""
    return versions is not None and versions[0] <= version <= versions[1]


def small_first(name):
    """`TopicId` -> `topicId`."""
    return name[0].lower() + name[1:]


class Field:
    """One field of a struct: its type, its versions and its default."""

    def __init__(self, spec, structs):
        self.name = small_first(spec["name"])
        self.type = spec["type"]
        self.versions = parse_versions(spec.get("versions"))
        self.nullable = parse_versions(spec.get("nullableVersions"))
        self.tag = spec.get("tag")
        self.tagged = parse_versions(spec.get("taggedVersions"))
        self.flexible = parse_versions(spec["flexibleVersions"]) if "flexibleVersions" in spec else "message"
        self.element = self.type[2:] if self.type.startswith("[]") else None
        self.item = self.element or self.type
        own = spec.get("fields")
        if own is not None:
            structs[self.item] = own
        self.structs = structs
        self._default = spec.get("default")

    @property
    def struct(self):
        """The fields of this field's struct type, or None for a primitive."""
        spec = self.structs.get(self.item)
        if spec is None:
            return None
        if spec and isinstance(spec[0], dict):
            spec = self.structs[self.item] = [Field(entry, self.structs) for entry in spec]
        return spec

    def default(self, version):
        """The value of the field where it is absent."""
        text = self._default
        if text == "null":
            return None
        if self.element:
            return []
        if self.struct:
            return {f.name: f.default(version) for f in self.struct if within(version, f.versions)}
        if self.type == "bool":
            return str(text).lower() == "true"
        if self.type in _FIXED:
            return float(text or 0) if self.type == "float64" else int(str(text or 0), 0)
        if self.type == "uuid":
            return ZERO_ID
        return {"string": text or "", "bytes": b"", "records": None}[self.type]


ZERO_ID = str(uuid.UUID(int=0))


class Message:
    """A message type: its versions and fields."""

    def __init__(self, spec):
        structs = {s["name"]: s["fields"] for s in spec.get("commonStructs", [])}
        self.name = spec["name"]
        self.kind = spec["type"]
        self.api_key = spec.get("apiKey")
        self.listeners = spec.get("listeners", [])
        self.valid = parse_versions(spec["validVersions"])
        self.unstable = spec.get("latestVersionUnstable", False)
        self.flexible = parse_versions(spec.get("flexibleVersions"))
        self.fields = [Field(entry, structs) for entry in spec.get("fields", [])]

    def encode(self, version, value):
        """The bytes of a dict at a version. Fields that the version lacks are left out."""
        out = bytearray()
        _Writer(version, within(version, self.flexible), out).struct(self.fields, value, self.name)
        return bytes(out)

    def decode(self, version, data, whole=True):
        """(dict, bytes used). With `whole`, bytes left over are an error."""
        reader = _Reader(version, within(version, self.flexible), data)
        value = reader.struct(self.fields, self.name)
        if whole and reader.at != len(data):
            raise CodecError(f"{self.name} v{version}: {len(data) - reader.at} bytes after the end")
        return value, reader.at


class _Writer:
    def __init__(self, version, flexible, out):
        self.version, self.flexible, self.out = version, flexible, out

    def uvarint(self, number):
        while number > 0x7F:
            self.out.append(number & 0x7F | 0x80)
            number >>= 7
        self.out.append(number)

    def struct(self, fields, value, where):
        unknown = set(value) - {f.name for f in fields} - {"_unknownTags"}
        if unknown:
            raise CodecError(f"{where} has no field {sorted(unknown)}")
        tagged = []
        for field in fields:
            if not within(self.version, field.versions):
                continue
            present = value.get(field.name, field.default(self.version))
            if within(self.version, field.tagged) and self.flexible:
                if present != field.default(self.version):
                    tagged.append((field.tag, field, present))
            else:
                self.field(field, present, f"{where}.{field.name}")
        if self.flexible:
            self.tags(tagged, where)

    def tags(self, tagged, where):
        self.uvarint(len(tagged))
        for tag, field, present in sorted(tagged, key=lambda entry: entry[0]):
            body = _Writer(self.version, True, bytearray())
            body.field(field, present, f"{where}.{field.name}")
            self.uvarint(tag)
            self.uvarint(len(body.out))
            self.out += body.out

    def length(self, size, width, flexible):
        if flexible:
            self.uvarint(0 if size is None else size + 1)
        else:
            self.out += struct.pack(width, -1 if size is None else size)

    def field(self, field, value, where):
        flexible = self.flexible if field.flexible == "message" else within(self.version, field.flexible)
        if field.element:
            self.length(None if value is None else len(value), ">i", flexible)
            for index, entry in enumerate(value or []):
                self.one(field, entry, flexible, f"{where}[{index}]")
        elif field.struct and field.nullable is not None:
            if within(self.version, field.nullable):
                self.out += b"\xff" if value is None else b"\x01"
            if value is not None:
                self.struct(field.struct, value, where)
        else:
            self.one(field, value, flexible, where)

    def one(self, field, value, flexible, where):
        kind = field.item
        try:
            if field.struct:
                self.struct(field.struct, value, where)
            elif kind == "bool":
                self.out.append(1 if value else 0)
            elif kind in _FIXED:
                self.out += struct.pack(_FIXED[kind], value)
            elif kind == "uuid":
                self.out += uuid.UUID(value).bytes
            else:
                data = value.encode() if isinstance(value, str) else value
                width = ">h" if kind == "string" else ">i"
                self.length(None if data is None else len(data), width, flexible)
                self.out += data or b""
        except (struct.error, TypeError, AttributeError) as error:
            raise CodecError(f"{where}: cannot write {value!r} as {kind}: {error}") from error


class _Reader:
    def __init__(self, version, flexible, data):
        self.version, self.flexible, self.data, self.at = version, flexible, data, 0

    def take(self, size, where):
        if size < 0 or self.at + size > len(self.data):
            raise CodecError(f"{where}: wants {size} bytes at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size : self.at]

    def uvarint(self, where):
        number = shift = 0
        while True:
            byte = self.take(1, where)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return number

    def struct(self, fields, where):
        value = {}
        for field in fields:
            if not within(self.version, field.versions):
                continue
            if within(self.version, field.tagged) and self.flexible:
                value[field.name] = field.default(self.version)
            else:
                value[field.name] = self.field(field, f"{where}.{field.name}")
        if self.flexible:
            self.tags(fields, value, where)
        return value

    def tags(self, fields, value, where):
        known = {f.tag: f for f in fields if within(self.version, f.tagged)}
        for _ in range(self.uvarint(where)):
            tag, size = self.uvarint(where), self.uvarint(where)
            end = self.at + size
            if tag in known:
                value[known[tag].name] = self.field(known[tag], f"{where}.{known[tag].name}")
            else:
                value.setdefault("_unknownTags", {})[tag] = self.take(size, where)
            if self.at != end:
                raise CodecError(f"{where}: tag {tag} says {size} bytes and ends at {self.at}, not {end}")

    def length(self, width, flexible, where):
        if flexible:
            return self.uvarint(where) - 1
        return struct.unpack(width, self.take(struct.calcsize(width), where))[0]

    def null(self, field, where):
        if not within(self.version, field.nullable):
            raise CodecError(f"{where}: null is not legal in version {self.version}")

    def field(self, field, where):
        flexible = self.flexible if field.flexible == "message" else within(self.version, field.flexible)
        if field.element:
            count = self.length(">i", flexible, where)
            if count < 0:
                return self.null(field, where)
            return [self.one(field, flexible, f"{where}[{i}]") for i in range(count)]
        if field.struct and within(self.version, field.nullable):
            if struct.unpack(">b", self.take(1, where))[0] < 0:
                return None
        return self.one(field, flexible, where)

    def one(self, field, flexible, where):
        kind = field.item
        if field.struct:
            return self.struct(field.struct, where)
        if kind == "bool":
            return self.take(1, where) != b"\0"
        if kind in _FIXED:
            return struct.unpack(_FIXED[kind], self.take(struct.calcsize(_FIXED[kind]), where))[0]
        if kind == "uuid":
            return str(uuid.UUID(bytes=bytes(self.take(16, where))))
        size = self.length(">h" if kind == "string" else ">i", flexible, where)
        if size < 0:
            return self.null(field, where)
        data = bytes(self.take(size, where))
        return data.decode() if kind == "string" else data


@cache
def load(folder=""):
    """Every message of a schema folder ("" = the protocol, or "group-coordinator", ...), by name."""
    messages = {}
    for path in sorted((KAFKA_HOME / "messages" / folder).glob("*.json")):
        message = Message(json.loads(_COMMENT.sub(lambda m: m[1] or "", path.read_text())))
        messages[message.name] = message
    if not messages:
        raise CodecError(f"no schemas in {KAFKA_HOME}/messages/{folder}: run tests/oracle/setup.sh")
    return messages
