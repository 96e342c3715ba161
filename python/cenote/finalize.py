"""Collections of other libraries as Delayed objects: one key each, whose result is the computed collection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from cenote._native import Delayed

__all__ = ["finalized", "optimized_alike"]


def finalized(collections: Sequence[Any], optimize_graph: bool = True) -> list[Delayed]:
    """A Delayed for each collection; ours as they are, the others optimized together.

    Parameters
    ----------
    collections : sequence
        Collections of any library.
    optimize_graph : bool, default True
        Whether each collection's own optimization is applied.

    Examples
    --------
    >>> from cenote import delayed
    >>> x = delayed(1)
    >>> finalized([x])[0] is x
    True
    """
    others = [collection for collection in collections if type(collection) is not Delayed]
    if not others:
        return list(collections)
    done = iter((_by_dask if "dask" in sys.modules else _by_protocol)(others, optimize_graph))
    return [collection if type(collection) is Delayed else next(done) for collection in collections]


def optimized_alike(collections: Sequence[Any], do: Callable[[list[Any]], Sequence[Any]]) -> list[Any]:
    """Do something with collections, those together that Dask optimizes together; the results stand in their order.

    Given all at once, Dask sorts them by what optimizes them, and takes the result of one for that of another.

    Parameters
    ----------
    collections : sequence
        Collections of any library.
    do : callable
        From some of them to as many results.

    Examples
    --------
    >>> optimized_alike([1, 2], lambda some: [-one for one in some])
    [-1, -2]
    """
    groups: dict[Any, list[int]] = {}
    for position, collection in enumerate(collections):
        groups.setdefault(_optimizer(collection), []).append(position)
    results: list[Any] = [None] * len(collections)
    for positions in groups.values():
        for position, result in zip(positions, do([collections[i] for i in positions]), strict=True):
            results[position] = result
    return results


def _optimizer(collection: Any) -> Any:
    """What tells collections apart that are optimized in different ways."""
    if any(hasattr(type(collection), name) for name in ("expr", "__dask_exprs__")):
        return "expressions"
    optimizer = getattr(collection, "__dask_optimize__", None)
    return optimizer if isinstance(optimizer, Hashable) else id(optimizer)


def _by_dask(collections: list[Any], optimize_graph: bool) -> list[Delayed]:
    return optimized_alike(collections, lambda some: _by_one_expression(some, optimize_graph))


def _by_one_expression(collections: list[Any], optimize_graph: bool) -> list[Delayed]:
    from dask._expr import FinalizeCompute
    from dask.base import collections_to_expr

    from cenote.core import flatten

    expr = FinalizeCompute(collections_to_expr(collections, optimize_graph)).optimize()
    graph = expr.__dask_graph__()
    keys = list(flatten(expr.__dask_keys__()))
    return [Delayed(key, graph, source=one) for key, one in zip(keys, collections, strict=True)]


def _by_protocol(collections: list[Any], optimize_graph: bool) -> list[Delayed]:
    return [_one_by_protocol(collection, optimize_graph) for collection in collections]


def _one_by_protocol(collection: Any, optimize_graph: bool) -> Delayed:
    from cenote.task_spec import classes
    from cenote.tokenize import tokenize

    spec = classes()
    graph, keys = protocol_graph(collection, optimize_graph)
    finalize, extra = collection.__dask_postcompute__()
    name = f"finalize-{tokenize(collection)}"
    graph[name] = spec.Task(name, finalize, references(keys), *extra)
    return Delayed(name, graph, source=collection)


def protocol_graph(collection: Any, optimize_graph: bool) -> tuple[dict[Any, Any], list[Any]]:
    """The graph of a collection, optimized its own way, as a dict; and its keys."""
    keys = collection.__dask_keys__()
    graph = collection.__dask_graph__()
    optimizer = getattr(collection, "__dask_optimize__", None) if optimize_graph else None
    if optimizer is not None:
        graph = optimizer(graph, keys)
    return dict(graph), keys


def references(keys: Any) -> Any:
    """Nested lists of keys as a task that gives nested lists of their results."""
    from cenote.task_spec import classes

    spec = classes()
    if isinstance(keys, list):
        return spec.List(*map(references, keys))
    return spec.TaskRef(keys)
