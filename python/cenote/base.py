"""What can be done with collections: compute, persist, optimize, visualize, annotate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cenote import _native
from cenote._native import Delayed, DelayedGraph
from cenote.annotations import annotate, get_annotations
from cenote.collection import (
    DaskMethodsMixin,
    clone_key,
    get_collection_names,
    get_name_from_key,
    is_dask_collection,
    replace_name_in_key,
)
from cenote.finalize import finalized, optimized_alike
from cenote.repack import unpack_collections
from cenote.scheduler import get_scheduler, is_engine, named_schedulers
from cenote.tokenize import TokenizationError, normalize_token, tokenize

__all__ = [
    "DaskMethodsMixin",
    "TokenizationError",
    "annotate",
    "clone_key",
    "compute",
    "compute_as_if_collection",
    "get_annotations",
    "get_collection_names",
    "get_name_from_key",
    "get_scheduler",
    "is_dask_collection",
    "named_schedulers",
    "normalize_token",
    "optimize",
    "persist",
    "replace_name_in_key",
    "tokenize",
    "unpack_collections",
    "visualize",
    "wait",
]


@_native.frameless
def compute(
    *args: Any,
    traverse: bool = True,
    optimize_graph: bool = True,
    scheduler: Any = None,
    get: None = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Compute several collections at once: what they share is computed once.

    Parameters
    ----------
    *args
        Delayed objects, other collections, containers of such, and anything else, which is returned as it is.
    traverse : bool, default True
        Whether to search builtin containers, dataclasses, named tuples and iterators among ``args``.
    optimize_graph : bool, default True
        Whether to optimize the graphs first.
    scheduler : str, callable, Executor or client, optional
        What runs the graph: ``"threads"``, ``"sync"``, ``"processes"``, ``"distributed"``, a function of a graph and
        keys, an executor, a client. By default the setting ``scheduler``, else the open client, else threads.
    get : None
        Was removed.
    **kwargs
        For the scheduler, such as ``num_workers`` and ``pool``.

    Returns
    -------
    tuple
        As many items as ``args``, in the same shape.

    Examples
    --------
    >>> from cenote import compute, delayed
    >>> x = delayed(sum)([1, 2])
    >>> compute(x, {"double": x * 2}, "as it is")
    (3, {'double': 6}, 'as it is')
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    schedule = get_scheduler(scheduler=scheduler, collections=collections, get=get)
    nodes = finalized(collections, optimize_graph)
    return repack(_run(schedule, nodes, optimize_graph, kwargs))


def _run(schedule: Any, nodes: list[Delayed], optimize_graph: bool, kwargs: dict[str, Any]) -> Sequence[Any]:
    """The results of nodes, from a scheduler."""
    from cenote.delayed import optimized, optimizer

    graph: Any = DelayedGraph(*nodes)
    if is_engine(schedule) and optimizer() is None:
        return schedule(graph, graph, **kwargs)
    keys = [node.key for node in nodes]
    if optimize_graph:
        graph = optimized(graph, keys)
    if hasattr(getattr(schedule, "__self__", None), "persist") and isinstance(graph, DelayedGraph):
        graph = graph.copy()
    return schedule(graph, keys, **kwargs)


@_native.frameless
def persist(
    *args: Any, traverse: bool = True, optimize_graph: bool = True, scheduler: Any = None, **kwargs: Any
) -> tuple[Any, ...]:
    """Compute several collections, and return collections like them that hold the results.

    With a client, the results stay on the cluster, and this returns at once.

    Parameters
    ----------
    *args, traverse, optimize_graph, scheduler, **kwargs
        As of `compute`.

    Returns
    -------
    tuple
        As many items as ``args``, in the same shape.

    Examples
    --------
    >>> from cenote import delayed, persist
    >>> (x,) = persist(delayed(sum)([1, 2]))
    >>> x.compute()
    3
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    schedule = get_scheduler(scheduler=scheduler, collections=collections)
    remote = getattr(getattr(schedule, "__self__", schedule), "persist", None)
    if callable(remote):
        return repack(optimized_alike(collections, lambda some: remote(some, optimize_graph=optimize_graph, **kwargs)))
    from cenote.rebuild import parts

    ours = parts(collections, optimize_graph)
    nodes = [node for part in ours for node in part.nodes]
    results = iter(_run(schedule, nodes, optimize_graph, kwargs))
    return repack([part.persisted([next(results) for _ in part.nodes]) for part in ours])


def optimize(*args: Any, traverse: bool = True, **kwargs: Any) -> tuple[Any, ...]:
    """Optimize several collections at once, and return collections like them that share one graph.

    Parameters
    ----------
    *args, traverse
        As of `compute`.
    **kwargs
        Ignored, as Dask does.

    Returns
    -------
    tuple
        As many items as ``args``, in the same shape.

    Examples
    --------
    >>> from cenote import delayed, optimize
    >>> x, y = optimize(delayed(1), delayed(2))
    >>> dict(x.dask) == dict(y.dask)
    True
    """
    collections, repack = unpack_collections(*args, traverse=traverse)
    if not collections:
        return args
    from cenote.rebuild import optimized_together

    return repack(optimized_together(collections))


def visualize(
    *args: Any, filename: Any = "mydask", traverse: bool = True, optimize_graph: bool = False, **kwargs: Any
) -> Any:
    """Draw the graph of several collections, or a graph.

    Parameters
    ----------
    *args
        Collections, containers of them, and graphs: mappings of keys and tasks in which there is no collection.
    traverse
        As of `compute`.
    filename : str or None
        The file to write, without or with a suffix that says the format; None writes none.
    optimize_graph : bool, default False
        Whether to draw the graph as it would run.
    **kwargs
        As of `cenote.dot.dot_graph`: ``format``, ``rankdir``, ``color``, ``collapse_outputs``, ``verbose``.

    Returns
    -------
    object
        A picture that notebooks show.
    """
    from cenote import dot

    graphs = [arg for arg in args if _is_bare_graph(arg)]
    others = [arg for arg in args if not any(arg is graph for graph in graphs)] if graphs else args
    collections, _ = unpack_collections(*others, traverse=traverse)
    if collections or not graphs:
        graphs.insert(0, merged_graph(collections, optimize_graph))
    graph = graphs[0] if len(graphs) == 1 else {key: task for graph in graphs for key, task in graph.items()}
    return dot.visualize_graph(graph, filename=filename, **kwargs)


def _is_bare_graph(arg: Any) -> bool:
    """Whether this is a graph itself, and not a container of collections."""
    if not isinstance(arg, Mapping) or is_dask_collection(arg):
        return False
    return not _native.may_hold_collections(arg) or not unpack_collections(arg)[0]


def merged_graph(collections: Sequence[Any], optimize_graph: bool = False) -> Any:
    """The graph of several collections, not finalized."""
    from cenote.finalize import protocol_graph

    if all(type(collection) is Delayed for collection in collections):
        return DelayedGraph(*collections)
    merged: dict[Any, Any] = {}
    for collection in collections:
        merged.update(protocol_graph(collection, optimize_graph)[0])
    return merged


@_native.frameless
def compute_as_if_collection(
    cls: Any, dsk: Any, keys: Any, scheduler: Any = None, get: None = None, **kwargs: Any
) -> Any:
    """Compute keys of a graph with the optimization and the default scheduler of a class of collections.

    Parameters
    ----------
    cls : type
        The class.
    dsk : mapping
        The graph.
    keys : key or nested list of keys
        What to compute.
    scheduler, get, **kwargs
        As of `compute`.
    """
    schedule: Callable[..., Any] | None = get_scheduler(scheduler=scheduler, cls=cls, get=get)
    if schedule is None:
        raise ValueError(f"{cls!r} has no default scheduler: say which to use with scheduler=")
    optimizer = getattr(cls, "__dask_optimize__", None)
    if callable(optimizer) and cls is not Delayed:
        dsk = optimizer(dsk, keys, **kwargs)
    return schedule(dsk, keys, **kwargs)


def wait(x: Any, timeout: float | None = None, return_when: str = "ALL_COMPLETED") -> Any:
    """Wait until persisted collections have been computed on the cluster; at once where there is none.

    Parameters
    ----------
    x
        Collections or futures.
    timeout : float, optional
        Seconds after which to give up.
    return_when : str
        ``"ALL_COMPLETED"`` or ``"FIRST_COMPLETED"``.
    """
    try:
        from distributed import wait as distributed_wait

        return distributed_wait(x, timeout=timeout, return_when=return_when)
    except (ImportError, ValueError):
        return x


def awaited(x: Any) -> Any:
    """What ``await x`` waits for: the futures in the graph of a persisted collection; then it gives the collection."""
    try:
        from distributed import futures_of
        from distributed import wait as distributed_wait
    except ImportError as error:
        raise ImportError('awaiting a collection needs distributed: run `pip install "cenote[distributed]"`') from error

    async def finished() -> Any:
        if futures_of(x):
            await distributed_wait(x)
        return x

    return finished().__await__()
