"""Collections made anew from results, or on an optimized graph."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cenote._native import Delayed, DelayedGraph

INTERPRETED = (tuple, list, dict, set, frozenset, str, int, float)
"""What a graph may take for a task or for a key."""


@dataclass
class Part:
    """A collection that is to be persisted: the nodes of its keys, and how it is rebuilt from their results."""

    nodes: list[Delayed]
    rebuild: Callable[[dict[Any, Any]], Any]

    def persisted(self, results: Sequence[Any]) -> Any:
        """The collection that holds these results."""
        return self.rebuild(dict(zip([node.key for node in self.nodes], results, strict=True)))


def parts(collections: Sequence[Any], optimize_graph: bool) -> list[Part]:
    """What there is to compute of each collection, not finalized."""
    others = [collection for collection in collections if type(collection) is not Delayed]
    found = iter((_by_dask if "dask" in sys.modules else _by_protocol)(others, optimize_graph) if others else ())
    return [_ours(one) if type(one) is Delayed else next(found) for one in collections]


def _ours(node: Delayed) -> Part:
    def rebuild(results: dict[Any, Any]) -> Delayed:
        ((key, value),) = results.items()
        if type(node.dask) is DelayedGraph:
            return Delayed._holding(key, value, node._length)
        make, state = node.__dask_postpersist__()
        return make({key: literal(value)}, *state)

    return Part([node], rebuild)


def literal(value: Any) -> Any:
    """A value as it may stand in a graph without being taken for a task or for a key."""
    from cenote.task_spec import classes

    if isinstance(value, (int, float)) or not isinstance(value, INTERPRETED):
        return value
    return classes().DataNode(None, value)


def _by_protocol(collections: list[Any], optimize_graph: bool) -> list[Part]:
    from cenote.core import flatten
    from cenote.finalize import protocol_graph

    found = []
    for collection in collections:
        graph, keys = protocol_graph(collection, optimize_graph)
        rebuild, state = collection.__dask_postpersist__()
        nodes = [Delayed(key, graph) for key in flatten(keys)]
        found.append(Part(nodes, partial(_with_state, rebuild, state)))
    return found


def _by_dask(collections: list[Any], optimize_graph: bool) -> list[Part]:
    from cenote.finalize import optimized_alike

    return optimized_alike(collections, lambda some: _by_one_expression(some, optimize_graph))


def _by_one_expression(collections: list[Any], optimize_graph: bool) -> list[Part]:
    from dask._expr import CompositeExpr
    from dask.base import _rebuild_composite_collection, collections_to_expr

    from cenote.core import flatten

    expr = collections_to_expr(collections, optimize_graph).optimize()
    graph = expr.__dask_graph__()
    operands = expr.operands if len(expr.operands) == len(collections) else [None] * len(collections)
    found = []
    for collection, operand, keys in zip(collections, operands, expr.__dask_keys__(), strict=True):
        flat = list(flatten(keys))
        nodes = [Delayed(key, graph) for key in flat]
        if isinstance(operand, CompositeExpr):
            rebuild = partial(_rebuild_composite_collection, collection, operand, cull_to_child_keys=True)
        else:
            rebuild = partial(_with_state, *collection.__dask_postpersist__())
        found.append(Part(nodes, rebuild))
    return found


def _with_state(rebuild: Callable[..., Any], state: tuple[Any, ...], results: dict[Any, Any]) -> Any:
    return rebuild(results, *state)


def optimized_together(collections: Sequence[Any]) -> list[Any]:
    """Collections like these on one optimized graph."""
    from cenote.delayed import optimized

    if all(type(one) is Delayed for one in collections):
        graph: Any = optimized(DelayedGraph(*collections), [one.key for one in collections])
    elif "dask" in sys.modules:
        from dask.base import collections_to_expr

        graph = collections_to_expr(list(collections)).__dask_graph__()
    else:
        from cenote.base import merged_graph

        graph = merged_graph(collections, optimize_graph=True)
    rebuilt = []
    for collection in collections:
        rebuild, state = collection.__dask_postpersist__()
        rebuilt.append(rebuild(graph, *state))
    return rebuilt
