"""Tasks of Dask on their way out of this process."""

from __future__ import annotations

import functools
from typing import Any

from cenote import _dask


class TasksToSend(dict[Any, Any]):
    """Tasks of Dask by key, which pickle faster than they do by themselves. A plain dict of them arrives.

    By itself a task pickles as the list of its attributes, here as the call that makes it.
    """

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, ([(key, said(task)) for key, task in self.items()],)


class Call:
    """A task, written as the call that makes it."""

    __slots__ = ("kind", "task")

    def __init__(self, kind: type, task: Any) -> None:
        self.kind, self.task = kind, task

    def __reduce__(self) -> tuple[Any, ...]:
        task, make = self.task, self.kind
        args = [said(arg) for arg in task.args]
        if make.__name__ != "Task":  # a container
            return make, tuple(args)
        options = {name: said(value) for name, value in task.kwargs.items()}
        if task.data_producer:
            options["_data_producer"] = True
        return functools.partial(make, **options) if options else make, (task.key, task.func, *args)


def said(task: Any) -> Any:
    """A task, or a container of references, as it is to be pickled; anything else as it is."""
    kind = type(task)
    if kind is _kinds().Task:
        return Call(kind, task)
    if kind in _containers() and (len(task.args) > 1 or (task.args and not isinstance(task.args[0], kind.klass))):
        return Call(kind, task)  # all but containers which their class would not make of the same arguments
    return task


@functools.cache
def _kinds() -> Any:
    return _dask.module("_task_spec")


@functools.cache
def _containers() -> frozenset[type]:
    kinds = _kinds()
    return frozenset((kinds.List, kinds.Tuple, kinds.Set, kinds.Dict))
