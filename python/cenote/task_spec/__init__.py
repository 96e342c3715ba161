"""Tasks as objects: one class a kind of node, with the names that Dask gives them.

A graph may hold tasks as plain tuples or as the objects of this module. An object says what a tuple can only hint at:
what is a reference (:class:`TaskRef`), what is data (:class:`DataNode`), and which containers are searched for
references (:class:`List`, :class:`Tuple`, :class:`Set`, :class:`Dict`). They stand in for ``dask._task_spec`` where
Dask is not loaded; :func:`classes` says which of the two families applies now.

Nesting has no depth limit: nodes are evaluated, substituted and tokenized with a stack of our own.
"""

from __future__ import annotations

import sys
from types import ModuleType

from cenote import _dask
from cenote.task_spec.containers import Dict, List, Set, Tuple
from cenote.task_spec.node import Alias, DataNode, GraphNode, TaskRef
from cenote.task_spec.parse import parse_input
from cenote.task_spec.task import Task

__all__ = [
    "Alias",
    "DataNode",
    "Dict",
    "GraphNode",
    "List",
    "Set",
    "Task",
    "TaskRef",
    "Tuple",
    "classes",
    "parse_input",
]


def classes() -> ModuleType:
    """The module whose task classes graphs made now should use.

    Returns
    -------
    module
        ``dask._task_spec`` where Dask is loaded, so that everything interoperates; else this module. Both have
        ``Task``, ``TaskRef``, ``Alias``, ``DataNode``, ``List``, ``Tuple``, ``Set`` and ``Dict``.

    Examples
    --------
    >>> from cenote.task_spec import classes
    >>> classes().Task("x", abs, -1)()
    1
    """
    return _dask.module("_task_spec") or sys.modules[__name__]
