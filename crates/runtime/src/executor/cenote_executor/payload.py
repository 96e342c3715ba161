"""Payloads: each task pickled on its own, and what many of them share pickled once.

A function or class that its module does not name is pickled once a graph and stands beside the tasks as a buffer, which
they load. So do the buffers of large objects. Any stock worker can load such a task.
"""

from __future__ import annotations

import io
import pickle
import sys
from array import array
from types import FunctionType
from typing import Any

import cloudpickle
from cloudpickle.cloudpickle import _should_pickle_by_reference
from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef
from distributed.protocol import pickle as stock

from cenote_executor.large import LARGE_BYTES_MIN, Blob, Large, Load

#: Buffers of fewer bytes stay inside the pickle of their task.
INSIDE_BYTES_MAX = 4096
#: A pickler that has written more than this for one task is replaced: its memo has grown, and clearing it would cost
#: every later task as much.
MEMO_BYTES_MAX = 1 << 14
#: Classes whose objects any pickler handles.
PLAIN = frozenset({Alias, DataNode, Task, TaskRef})


class Payloads:
    """Pickles the tasks of one graph."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        self._shared = Shared()
        self._large = Large()
        self._pickler = TaskPickler(self._file, self._shared)

    def of(self, nodes: list[GraphNode]) -> dict[str, Any]:
        """The pickles one after another, the buffers that each refers to, and those buffers that are new."""
        file, shared = self._file, self._shared
        lengths, counts, places = array("Q"), array("I"), array("I")
        start = 0
        for node in nodes:
            end = self._dump(self._large.known(node), start)
            if end - start >= LARGE_BYTES_MIN and (lighter := self._large.learned(node)) is not node:
                end = self._dump(lighter, start)
            lengths.append(end - start)
            start = end
            counts.append(len(shared.used))
            if shared.used:
                places.extend(shared.used)
                shared.used.clear()
        pickles = file.getvalue()[:start]
        file.seek(0)
        file.truncate()
        return {
            "pickles": pickles,
            "pickle_lengths": lengths.tobytes(),
            "buffer_counts": counts.tobytes(),
            "buffer_of": places.tobytes(),
            "buffers": shared.take(),
        }

    def _dump(self, node: GraphNode, start: int) -> int:
        """Writes the pickle of a task at a place, and says where it ends."""
        file, shared = self._file, self._shared
        file.seek(start)
        shared.used.clear()
        try:
            self._pickler.dump(node)
        except Exception:
            file.seek(start)
            shared.used.clear()
            file.write(stock.dumps(node, buffer_callback=shared.put))
        end = file.tell()
        if end - start > MEMO_BYTES_MAX:
            self._pickler = TaskPickler(file, shared)
        else:
            self._pickler.clear_memo()
        return end


class Shared:
    """What tasks share, as buffers: each is sent once."""

    def __init__(self) -> None:
        #: The buffers of the task that is pickled now.
        self.used: list[int] = []
        self._places: dict[Any, int] = {}
        self._fresh: list[memoryview] = []
        # Places are remembered by address: what they belong to must live as long.
        self._kept: list[Any] = []
        self._loads: dict[int, tuple[Any, tuple[pickle.PickleBuffer]] | None] = {}

    def take(self) -> list[memoryview]:
        """The buffers that are new since the last time."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def refer(self, buffer: pickle.PickleBuffer) -> bool:
        """Takes a buffer of a pickle, or leaves it there if it is short."""
        raw = buffer.raw()
        if raw.nbytes < INSIDE_BYTES_MAX and not isinstance(raw.obj, Blob):
            return True
        self.used.append(self._place(raw))
        return False

    def put(self, buffer: pickle.PickleBuffer) -> None:
        """Takes a buffer that cannot stay in its pickle."""
        self.used.append(self._place(buffer.raw()))

    def _place(self, raw: memoryview) -> int:
        mark = address(raw)
        place = self._places.get(mark)
        if place is None:
            place = self._places[mark] = len(self._places)
            self._fresh.append(raw)
            self._kept.append(raw)
        return place

    def load_of(self, thing: Any) -> tuple[Any, tuple[pickle.PickleBuffer]] | None:
        """How to load a function or class that goes by value; nothing if its module names it."""
        try:
            return self._loads[id(thing)]
        except KeyError:
            pass
        load = None
        if not _should_pickle_by_reference(thing):
            blob = Blob(cloudpickle.dumps(thing, protocol=5))
            load = (pickle.loads, (pickle.PickleBuffer(blob),))
        self._loads[id(thing)] = load
        self._kept.append(thing)
        return load


def address(raw: memoryview) -> Any:
    """What is the same for buffers at one place of the memory, if that can be known."""
    if isinstance(raw.obj, bytes):
        return id(raw.obj), 0
    if (numpy := sys.modules.get("numpy")) is not None:
        return numpy.frombuffer(raw, "u1").__array_interface__["data"][0], raw.nbytes
    return id(raw), -1


class TaskPickler(pickle.Pickler):
    """Pickles a task; what goes by value is shared."""

    def __init__(self, file: io.BytesIO, shared: Shared) -> None:
        super().__init__(file, protocol=5, buffer_callback=shared.refer)
        self._load_of = shared.load_of

    def reducer_override(self, thing: Any) -> Any:
        """How to pickle a thing that is no plain value."""
        kind = type(thing)
        if kind in PLAIN:
            return NotImplemented
        if kind is Load:
            return thing.reduced
        if kind is FunctionType or isinstance(thing, type):
            return self._load_of(thing) or NotImplemented
        return NotImplemented
