"""Payloads: each task pickled on its own, and what many of them share pickled once.

A function or class that its module does not name is pickled once a graph and stands beside the tasks as a buffer, which
they load. So do the buffers of large objects. Any stock worker can load such a task.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from array import array
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import cloudpickle
from cloudpickle.cloudpickle import _should_pickle_by_reference
from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef
from distributed.protocol import pickle as stock

from cenote_executor.large import LARGE_BYTES_MIN, Blob, Large, Load
from cenote_executor.plain import KNOWN, Plain

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
        self._shared = Shared()
        self._large = Large()
        self._dumper = Dumper(self._shared)
        self._plain = Plain(self._dumper.function)

    def of(self, nodes: Sequence[GraphNode]) -> dict[str, Any]:
        """The pickles one after another, the buffers that each refers to, and those buffers that are new."""
        pickles: list[bytes] = []
        counts, places = array("I"), array("I")
        for node in nodes:
            made, used = self._one(self._large.known(node))
            if len(made) >= LARGE_BYTES_MIN and (lighter := self._large.learned(node)) is not node:
                made, used = self._one(lighter)
            pickles.append(made)
            counts.append(len(used))
            if used:
                places.extend(used)
        return {
            "pickles": b"".join(pickles),
            "pickle_lengths": array("I", map(len, pickles)).tobytes(),
            "buffer_counts": counts.tobytes(),
            "buffer_of": places.tobytes(),
            "buffers": self._shared.take(),
        }

    def _one(self, node: GraphNode) -> tuple[bytes, list[int]]:
        """The pickle of a task, and its buffers."""
        if (made := self._plain.of(node)) is not None:
            return made
        try:
            return self._dumper.dump(node)[0], self._shared.used
        except Exception:
            used = self._shared.used = []
            return stock.dumps(node, buffer_callback=self._shared.put), used


class Dumper:
    """Pickles things on their own, but for what they share."""

    def __init__(self, shared: Shared) -> None:
        self._file = io.BytesIO()
        self._shared = shared
        self._pickler = TaskPickler(self._file, shared)

    def dump(self, thing: Any, count: bool = False) -> tuple[bytes, int]:
        """A pickle, and how many places of the memo it takes, if that is asked. Its buffers are those in use."""
        file, pickler = self._file, self._pickler
        file.seek(0)
        file.truncate()
        self._shared.used = []
        try:
            pickler.dump(thing)
            return file.getvalue(), len(pickler.memo.copy()) if count else 0
        finally:
            if file.tell() > MEMO_BYTES_MAX:
                self._pickler = TaskPickler(file, self._shared)
            else:
                pickler.clear_memo()

    def function(self, function: Any) -> tuple[bytes, int, list[int]] | None:
        """The words that load a function, the places of the memo that they take, and their buffers."""
        try:
            made, taken = self.dump(function, count=True)
        except Exception:
            return None
        # Without the words for the protocol and its frame, and for the end.
        return made[11 if made[2:3] == b"\x95" else 2 : -1], taken, self._shared.used


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
        if kind is TaskRef:
            return TaskRef, (thing.key,)
        if kind is Task and KNOWN:
            return new_object, (Task,), state(thing)
        if kind in PLAIN:
            return NotImplemented
        if kind is Load:
            return thing.reduced
        if kind is FunctionType or isinstance(thing, type):
            return self._load_of(thing) or NotImplemented
        return NotImplemented


#: What pickles call to make an object of a class; they have a word of their own for it.
new_object = copyreg.__newobj__  # type: ignore[attr-defined]


def state(task: Task) -> tuple[Any, ...]:
    """What a task consists of."""
    produces, needs, token, text = task._data_producer, task._dependencies, task._token, task._repr
    return produces, needs, task._is_coro, text, token, task.args, task.func, task.key, task.kwargs
