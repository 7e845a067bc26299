"""Requests and responses on a socket: headers, frames, and a client that can pipeline.

The client is deliberately plain: it sends what the test says, in the version that the test says, and
never retries, negotiates or repairs.
"""

import socket
import struct
from dataclasses import dataclass

from schema import CodecError, load, within

CLIENT_ID = "oracle"


class Closed(Exception):
    """The broker closed the connection instead of answering."""


class NoAnswer(Exception):
    """The broker kept the connection open and said nothing within the time given."""


@dataclass
class Api:
    """A request and its response."""

    key: int
    name: str
    request: object
    response: object

    @property
    def versions(self):
        """Every version that Kafka advertises, oldest first."""
        first, last = self.request.valid
        return list(range(first, last + (0 if self.request.unstable else 1)))

    def flexible(self, version):
        """Whether the request (and so the response) of a version is flexible."""
        return within(version, self.request.flexible)


def _catalogue():
    messages = load()
    apis = {}
    for message in messages.values():
        if message.kind == "request" and message.valid:
            name = message.name.removesuffix("Request")
            apis[name] = Api(message.api_key, name, message, messages[name + "Response"])
    return apis


APIS = _catalogue()
BY_KEY = {api.key: api for api in APIS.values()}


def request_bytes(api, version, body, correlation=1, client_id=CLIENT_ID):
    """A whole request frame, its length included. `body` is a dict, or bytes to send as they are."""
    header = load()["RequestHeader"]
    fields = {
        "requestApiKey": api.key,
        "requestApiVersion": version,
        "correlationId": correlation,
        "clientId": client_id,
    }
    payload = body if isinstance(body, bytes) else api.request.encode(version, body)
    frame = header.encode(2 if api.flexible(version) else 1, fields) + payload
    return struct.pack(">i", len(frame)) + frame


def response_body(api, version, frame, correlation):
    """The dict of a response frame (without its length)."""
    if api.name == "ApiVersions":
        header_version = 0
    else:
        header_version = 1 if within(version, api.response.flexible) else 0
    header, used = load()["ResponseHeader"].decode(header_version, frame, whole=False)
    if header["correlationId"] != correlation:
        raise CodecError(f"correlation id {header['correlationId']}, expected {correlation}")
    body = frame[used:]
    if api.name == "ApiVersions" and version != 0 and body[:2] == b"\0\x23":
        version = 0  # error 35: the answer comes in the oldest version, whatever was asked
    value, _ = api.response.decode(version, body)
    if api.response.encode(version, value) != body:
        value["_notCanonical"] = True  # Kafka would have encoded the same fields in other bytes
    return value


class Client:
    """One connection. `call` sends and waits; `send` and `receive` pipeline."""

    def __init__(self, host, port, timeout=30.0):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.correlation = 0
        self.waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection from this side."""
        self.socket.close()

    def send(self, name, version, body, client_id=CLIENT_ID):
        """Sends a request without waiting for its answer."""
        api = APIS[name]
        self.correlation += 1
        self.raw(request_bytes(api, version, body, self.correlation, client_id))
        self.waiting.append((api, version, self.correlation))

    def raw(self, data):
        """Sends bytes as they are."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, BrokenPipeError) as error:
            raise Closed(str(error)) from error

    def frame(self, timeout=None):
        """The next response frame, without its length."""
        self.socket.settimeout(timeout or self.timeout)
        (size,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(size)

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.socket.recv(min(size - len(data), 1 << 20))
            except TimeoutError as error:
                raise NoAnswer(f"{len(data)} of {size} bytes") from error
            except ConnectionError as error:
                raise Closed(str(error)) from error
            if not part:
                raise Closed(f"after {len(data)} of {size} bytes")
            data += part
        return bytes(data)

    def receive(self, timeout=None):
        """The answer to the oldest request that has none yet."""
        api, version, correlation = self.waiting.pop(0)
        return response_body(api, version, self.frame(timeout), correlation)

    def call(self, name, version, body, client_id=CLIENT_ID, timeout=None):
        """Sends a request and returns its answer."""
        self.send(name, version, body, client_id)
        return self.receive(timeout)
