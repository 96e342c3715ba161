"""The channel to the scheduler: messages of the Dask protocol over two pipes."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from distributed.protocol import core

#: Frames shorter than this are written together.
JOINED_BYTES_MAX = 1 << 16


class Closed(Exception):
    """The scheduler is gone."""


class Channel:
    """Reads and writes messages, one after another."""

    def __init__(self, into: int, out: int) -> None:
        self._into = open(into, "rb", buffering=0, closefd=False)
        self._out = out

    def read(self) -> list[memoryview]:
        """The frames of the next message."""
        _, count = struct.unpack("<QQ", self._exactly(16))
        lengths = struct.unpack(f"<{count}Q", self._exactly(8 * count))
        whole = self._exactly(sum(lengths))
        frames, start = [], 0
        for length in lengths:
            frames.append(whole[start : start + length])
            start += length
        return frames

    def _exactly(self, count: int) -> memoryview:
        data = memoryview(bytearray(count))
        done = 0
        while done < count:
            read = self._into.readinto(data[done:])
            if not read:
                raise Closed
            done += read
        return data

    def write(self, message: Any, buffers: Sequence[memoryview] = ()) -> None:
        """Writes one message; what msgpack has no word for travels as frames beside it, and after these the buffers."""
        said = core.dumps(message, context={"compression": False})
        frames = [memoryview(frame).cast("B") for frame in (*said, *buffers)]
        lengths = [frame.nbytes for frame in frames]
        words = (8 * (len(frames) + 1) + sum(lengths), len(frames), *lengths)
        self._write(struct.pack(f"<{len(words)}Q", *words), frames)

    def _write(self, pending: bytes, frames: Iterable[memoryview]) -> None:
        short: list[bytes | memoryview] = [pending]
        for frame in frames:
            if frame.nbytes < JOINED_BYTES_MAX:
                short.append(frame)
            else:
                self._all(b"".join(short))
                self._all(frame)
                short = []
        self._all(b"".join(short))

    def _all(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._out, rest) :]
        except BrokenPipeError:
            raise Closed from None
