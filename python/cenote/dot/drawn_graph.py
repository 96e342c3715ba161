"""A graph as its picture needs it: of each task the key, what it does, what it is called, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cenote._native import dependencies as native_dependencies
from cenote.dot.labels import function_name

CALL, DATA, ALIAS, MISSING = "call", "data", "alias", "missing"


class DrawnTask(NamedTuple):
    """A task to be drawn.

    Attributes
    ----------
    key : hashable
        Its key.
    kind : str
        ``"call"``, ``"data"``, ``"alias"``, or ``"missing"`` for a key that is needed and not there.
    function : str
        What is called, if anything is.
    dependencies : tuple
        The keys it needs, each once, in the order in which it names them.
    """

    key: Any
    kind: str
    function: str
    dependencies: tuple[Any, ...]


def drawn_tasks(graph: Mapping[Any, Any]) -> list[DrawnTask]:
    """Read a graph, whatever its tasks are written as; last come the keys that are needed and not there.

    Parameters
    ----------
    graph : mapping
        Keys and tasks: tuples, values, names of other keys, or task objects.

    Examples
    --------
    >>> drawn_tasks({"x": 1, "y": (abs, "x")})[1]
    DrawnTask(key='y', kind='call', function='abs', dependencies=('x',))
    """
    needed = native_dependencies(graph)
    tasks = [
        drawn_task(key, value, tuple(dict.fromkeys([*needed[key], *_missing(value, needed)])))
        for key, value in graph.items()
    ]
    missing = {dependency: None for task in tasks for dependency in task.dependencies if dependency not in needed}
    return tasks + [DrawnTask(key, MISSING, "", ()) for key in missing]


def _missing(value: Any, graph: Mapping[Any, Any]) -> list[Any]:
    """What a task object needs that is not in the graph: of tuples nobody can tell."""
    if not hasattr(type(value), "dependencies"):
        return []
    return sorted((key for key in value.dependencies if key not in graph), key=str)


def drawn_task(key: Any, value: Any, needed: tuple[Any, ...]) -> DrawnTask:
    """Read one task, of which it is known what it needs."""
    if isinstance(value, tuple) and value and callable(value[0]):
        applied = getattr(value[0], "__name__", "") == "apply" and len(value) > 1 and callable(value[1])
        name = function_name(value[1] if applied else value[0])
        nested = any(_holds_call(argument) for argument in value[1:])
        return DrawnTask(key, CALL, f"{name}(…)" if nested else name, needed)
    if hasattr(type(value), "dependencies"):
        return _from_object(key, value, needed)
    if isinstance(value, list | dict | set) and needed:
        return DrawnTask(key, CALL, type(value).__name__, needed)
    return DrawnTask(key, ALIAS if needed else DATA, "", needed)


def _from_object(key: Any, task: Any, needed: tuple[Any, ...]) -> DrawnTask:
    """A task that is an object with attributes, Dask's or ours."""
    if hasattr(task, "target"):
        return DrawnTask(key, ALIAS, "", needed)
    kind = type(task).__name__
    if kind in {"List", "Tuple", "Set", "Dict"}:
        return DrawnTask(key, CALL, kind.lower(), needed)
    function = getattr(task, "func", None)
    if function is None:
        return DrawnTask(key, DATA, "", needed)
    if getattr(function, "__name__", "") == "apply" and task.args and callable(task.args[0]):
        function = task.args[0]
    return DrawnTask(key, CALL, function_name(function), needed)


def _holds_call(argument: Any) -> bool:
    if isinstance(argument, list):
        return any(_holds_call(item) for item in argument)
    return isinstance(argument, tuple) and bool(argument) and callable(argument[0])
