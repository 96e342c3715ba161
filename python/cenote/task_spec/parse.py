"""Turning nested builtin containers with references in them into nodes."""

from __future__ import annotations

from typing import Any

from cenote.task_spec.containers import Dict, List, Set, Tuple
from cenote.task_spec.fold import fold
from cenote.task_spec.node import Alias, GraphNode, TaskRef
from cenote.task_spec.task import Task


def parse_input(obj: Any) -> Any:
    """Find the references in nested builtin containers.

    Parameters
    ----------
    obj
        Anything.

    Returns
    -------
    node or object
        A node, where ``obj`` is or contains a reference (a node, a :class:`TaskRef`, or an object with a true
        ``__dask_future__`` and a ``key``); else ``obj`` itself.

    Examples
    --------
    >>> from cenote.task_spec import TaskRef, parse_input
    >>> parse_input([1, {"a": TaskRef("x")}])({"x": 2})
    [1, {'a': 2}]
    >>> parse_input([1, 2])
    [1, 2]
    """

    def leaf(part: Any) -> Any:
        return Alias(part.key) if _is_future(part) else part

    return fold(obj, _items, leaf, _searched)


def _is_future(obj: Any) -> bool:
    """Whether this stands for a result by its key, whoever made it."""
    return isinstance(obj, TaskRef) or getattr(type(obj), "__dask_future__", False) is True


def _items(part: Any) -> list[Any] | None:
    """The items of a builtin container (of a dict: its values), None of anything else."""
    if isinstance(part, dict):
        return list(part.values())
    return list(part) if isinstance(part, (list, tuple, set)) else None


def _searched(container: Any, new: list[Any]) -> Any:
    """A node in place of a container of which some items are nodes, else the container itself."""
    if not any(isinstance(item, GraphNode) for item in new):
        return container
    if isinstance(container, dict):
        return Dict(dict(zip(container, new, strict=True)))
    if hasattr(container, "_fields"):
        return Task(None, type(container)._make, List(*new))
    made = List if isinstance(container, list) else Set if isinstance(container, set) else Tuple
    return made(*new)
