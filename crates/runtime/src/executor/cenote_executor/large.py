"""Large values: one that several tasks take is pickled once and stands beside them, whatever it is."""

from __future__ import annotations

import copy
import pickle
from types import BuiltinFunctionType, FunctionType
from typing import Any

import cloudpickle
from dask._task_spec import GraphNode, TaskRef

#: A task whose pickle is shorter is not looked into, and a value whose pickle is shorter is not shared.
LARGE_BYTES_MIN = 1 << 16
#: Longer containers are not looked into.
LOOKED_INTO_MAX = 1000
#: What is never large, or shared in another way.
SMALL = (type(None), bool, int, float, complex, TaskRef, type, FunctionType, BuiltinFunctionType)
#: Where a task keeps its values.
SLOTS = ("args", "kwargs", "value")


class Blob(bytes):
    """A pickle that stands beside those that load it, however short it is."""


class Load:
    """Stands for a value in a task: it is loaded from its blob."""

    __slots__ = ("reduced",)

    def __init__(self, value: Any) -> None:
        self.reduced = (pickle.loads, (pickle.PickleBuffer(Blob(cloudpickle.dumps(value, protocol=5))),))

    @property
    def nbytes(self) -> int:
        """The size of the blob."""
        return self.reduced[1][0].raw().nbytes


class Large:
    """The large values of one graph. A value is shared from the second large task on that takes it."""

    def __init__(self) -> None:
        # By their addresses: the values live as long as this does.
        self._seen: dict[int, Any] = {}
        self._loads: dict[int, Load | None] = {}
        self._any = False

    def known(self, node: GraphNode) -> GraphNode:
        """The task with its large values replaced, as far as they are known."""
        return self._lighter(node, learn=False) if self._any else node

    def learned(self, node: GraphNode) -> GraphNode:
        """The task with its large values replaced, those included that another has taken before."""
        return self._lighter(node, learn=True)

    def _lighter(self, value: Any, learn: bool) -> Any:
        if isinstance(value, (*SMALL, Load)):
            return value
        if isinstance(value, GraphNode):
            return self._of_task(value, learn)
        if (load := self._load(value, learn)) is not None:
            return load
        if type(value) in (dict, list, tuple) and len(value) <= LOOKED_INTO_MAX:
            return self._of_parts(value, learn)
        return value

    def _of_task(self, node: GraphNode, learn: bool) -> GraphNode:
        lighter = node
        for slot in SLOTS:
            old = getattr(node, slot, None)
            # The arguments of a task are its own: what may be shared is in them.
            new = self._of_parts(old, learn) if slot != "value" and old else self._lighter(old, learn)
            if new is not old:
                lighter = copy.copy(node) if lighter is node else lighter
                setattr(lighter, slot, new)
        return lighter

    def _of_parts(self, parts: Any, learn: bool) -> Any:
        values = list(parts.values() if isinstance(parts, dict) else parts)
        lighter = [self._lighter(value, learn) for value in values]
        if all(new is old for new, old in zip(lighter, values, strict=True)):
            return parts
        return dict(zip(parts, lighter, strict=True)) if isinstance(parts, dict) else type(parts)(lighter)

    def _load(self, value: Any, learn: bool) -> Load | None:
        place = id(value)
        if place in self._loads or not learn:
            return self._loads.get(place)
        if place not in self._seen:
            self._seen[place] = value
            return None
        load = Load(value)
        self._loads[place] = load if load.nbytes >= LARGE_BYTES_MIN else None
        self._any = self._any or self._loads[place] is not None
        return self._loads[place]
