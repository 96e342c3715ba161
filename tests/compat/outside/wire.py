"""A blocking connection to a scheduler, for tests that read its state between two steps of their own event loop."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
from typing import Any

from distributed.comm import get_address_host_port
from distributed.core import clean_exception
from distributed.protocol import dumps, loads
from distributed.protocol.utils import unpack_frames

TIMEOUT_S = 20


class Connection:
    """One request at a time over one socket."""

    def __init__(self, address: str, context: ssl.SSLContext | None = None) -> None:
        self.lock = threading.Lock()
        self.socket = socket.create_connection(get_address_host_port(address), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket)
        self._read()
        self.send(compression=None, python=tuple(sys.version_info)[:3], **{"pickle-protocol": 5})

    def send(self, **message: Any) -> None:
        """Send one message."""
        frames = [bytes(frame) for frame in dumps(message, context={"compression": None})]
        body = struct.pack(f"<{len(frames) + 1}Q", len(frames), *map(len, frames)) + b"".join(frames)
        self.socket.sendall(struct.pack("<Q", len(body)) + body)

    def ask(self, **message: Any) -> Any:
        """Send a request, wait for the reply, and raise the error if it is one."""
        with self.lock:
            self.send(**message)
            reply = self._read()
        if isinstance(reply, dict) and reply.get("status") == "uncaught-error":
            _, error, _ = clean_exception(**reply)
            raise error
        return reply

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _read(self) -> Any:
        (size,) = struct.unpack("<Q", self._bytes(8))
        frames, missing = unpack_frames(self._bytes(size), partial=True)
        return loads(frames + [self._bytes(size) for size in missing])

    def _bytes(self, count: int) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while len(view):
            got = self.socket.recv_into(view)
            if not got:
                raise OSError("the scheduler closed the connection")
            view = view[got:]
        return buffer
