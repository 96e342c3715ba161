"""The node that is a call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from cenote import _dask
from cenote.task_spec.fold import flatten, fold
from cenote.task_spec.node import GraphNode, Key, TaskRef, no_dependencies


class Task(GraphNode):
    """A call with its arguments.

    Parameters
    ----------
    key : hashable
        The key of the result.
    func : callable
        What to call.
    *args, **kwargs
        Its arguments. References are :class:`TaskRef` and other nodes; strings and tuples are never references, and
        plain containers are handed on as they are.

    Raises
    ------
    TypeError
        ``func`` is itself a task.

    Examples
    --------
    >>> from operator import add
    >>> task = Task("z", add, TaskRef("x"), 1)
    >>> sorted(task.dependencies)
    ['x']
    >>> task({"x": 1})
    2
    """

    __slots__ = ("_data_producer", "args", "func", "kwargs")

    def __init__(
        self, key: Any, func: Callable[..., Any], /, *args: Any, _data_producer: bool = False, **kwargs: Any
    ) -> None:
        if isinstance(func, Task):
            raise TypeError(f"Cannot nest tasks: the function of {key!r} is the task {func.key!r}")
        self.key = key
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self._data_producer = _data_producer
        self._dependencies = _dependencies_of(args, kwargs)

    @property
    def data_producer(self) -> bool:
        """Whether this task was made as one that brings data in."""
        return self._data_producer

    @property
    def is_coro(self) -> bool:
        """Whether the function is ``async def``."""
        import asyncio  # its import takes longer than a small graph

        return asyncio.iscoroutinefunction(self.func)

    def __call__(self, values: Any = ()) -> Any:
        """Call the function. See :meth:`GraphNode.__call__`."""
        self._verify_values(values)

        def expand(part: Any) -> list[Any] | None:
            plain = part is self or (isinstance(part, Task) and type(part).__call__ is Task.__call__)
            return _operands(part) if plain else None

        return fold(self, expand, lambda part: _value(part, values), _call)

    def copy(self) -> Task:
        """Another task with the same call."""
        return self._rebuild(self.key, _operands(self))

    def substitute(self, subs: Mapping[Key, Any], key: Key | None = None) -> Task:
        """See :meth:`GraphNode.substitute`."""
        wanted = {old: new for old in self._dependencies & subs.keys() if (new := subs[old]) is not old}
        result = self
        if wanted:

            def expand(part: Any) -> list[Any] | None:
                return _operands(part) if isinstance(part, Task) and not part._dependencies.isdisjoint(wanted) else None

            result = fold(self, expand, lambda part: _substituted(part, wanted), Task._rebuilt)
        if key is None or key == self.key:
            return result
        return result._rebuild(key, _operands(result))

    def _rebuilt(self, new: list[Any]) -> Task:
        """This task if its operands are still the same objects, else one with the new operands."""
        if all(before is after for before, after in zip(_operands(self), new, strict=True)):
            return self
        return self._rebuild(self.key, new)

    def _rebuild(self, key: Any, new: list[Any]) -> Task:
        count = len(self.args)
        kwargs = dict(zip(self.kwargs, new[count:], strict=True))
        return type(self)(key, self.func, *new[:count], _data_producer=self._data_producer, **kwargs)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        def expand(part: Any) -> list[Any] | None:
            return _operands(part) if isinstance(part, Task) else None

        return tuple(flatten(self, expand, lambda task: (type(task).__name__, task.func, tuple(task.kwargs))))

    def __repr__(self) -> str:
        name = getattr(self.func, "__name__", None) or type(self.func).__name__
        inner = "..." if self.args or self.kwargs else ""
        return f"<Task {self.key!r} {name}({inner})>"


def _operands(task: Task) -> list[Any]:
    """The arguments of a call, those by name last."""
    return [*task.args, *task.kwargs.values()]


def _dependencies_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> frozenset[Key]:
    """The keys that these arguments refer to, directly or inside nodes."""
    found: set[Key] = set()
    dask = _dask.module("_task_spec")
    for operand in itertools.chain(args, kwargs.values()) if kwargs else args:
        if isinstance(operand, TaskRef):
            found.add(operand.key)
        elif isinstance(operand, GraphNode):
            found.update(operand._dependencies)
        elif dask is not None and isinstance(operand, dask.TaskRef):
            found.add(operand.key)
        elif dask is not None and isinstance(operand, dask.GraphNode):
            found.update(operand.dependencies)
    return frozenset(found) if found else no_dependencies


def _value(operand: Any, values: Any) -> Any:
    """What an operand that is not a task of ours stands for."""
    if isinstance(operand, TaskRef):
        return values[operand.key]
    if isinstance(operand, GraphNode):
        return operand(values)
    dask = _dask.module("_task_spec")
    if dask is not None:
        if isinstance(operand, dask.TaskRef):
            return values[operand.key]
        if isinstance(operand, dask.GraphNode):
            return operand({key: values[key] for key in operand.dependencies})
    return operand


def _call(task: Task, values: list[Any]) -> Any:
    count = len(task.args)
    if task.kwargs:
        return task.func(*values[:count], **dict(zip(task.kwargs, values[count:], strict=True)))
    return task.func(*values)


def _substituted(operand: Any, subs: Mapping[Key, Any]) -> Any:
    return operand.substitute(subs) if isinstance(operand, (GraphNode, TaskRef)) else operand
