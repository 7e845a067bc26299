"""A mapped port: connections to one address go on to another, as a container's port or a tunnel does it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Optional


class Forward:
    """Forwards a port of 127.0.0.1. `target` may be set later than the port is known."""

    def __init__(self) -> None:
        self.target: Optional[tuple[str, int]] = None
        self.taken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Forward":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                self.taken += 1
                far = socket.create_connection(self.target)  # type: ignore[arg-type]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Until either end closes."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
