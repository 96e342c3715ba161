"""Calls that are written down instead of made: ``delayed``, and the objects that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cenote import _dask
from cenote._native import Delayed, DelayedGraph, MethodCaller, delayed

__all__ = ["Delayed", "DelayedGraph", "MethodCaller", "delayed", "finalize", "single_key", "to_task_dask"]


Mapping.register(DelayedGraph)


class _Documentation:
    """The documentation of the class, and of the wrapped object on an instance."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __get__(self, node: Any, owner: Any = None) -> str | None:
        return self.text if node is None else getattr(getattr(node, "__wrapped__", None), "__doc__", None)


class DefaultScheduler:
    """The threads of this machine, as a scheduler that equals Dask's, so that collections of both go together."""

    def __call__(self, dsk: Any, keys: Any, **kwargs: Any) -> Any:
        """Compute keys of a graph."""
        from cenote import threaded

        return threaded.get(dsk, keys, **kwargs)

    def __eq__(self, other: object) -> bool:
        from cenote import threaded

        theirs = _dask.module("threaded")
        return other is self or other is threaded.get or (theirs is not None and other is theirs.get)

    def __hash__(self) -> int:
        return hash(DefaultScheduler)


Delayed.__doc__ = _Documentation(Delayed.__doc__)  # type: ignore[assignment]
Delayed.__dask_scheduler__ = DefaultScheduler()


def single_key(results: Any) -> Any:
    """The one item of a sequence."""
    return results[0]


def postcompute() -> tuple[Any, tuple[()]]:
    """How the result is made of the results of the keys; where Dask is loaded, in words that it knows for its own."""
    return getattr(_dask.module("delayed"), "single_key", single_key), ()


def postpersist(node: Delayed) -> tuple[Any, tuple[Any, ...]]:
    """How a Delayed like this one is made of another graph."""
    return _rebuild, (node.key, node._length)


def _rebuild(dsk: Any, key: Any, length: int | None, *, rename: Mapping[str, str] | None = None) -> Delayed:
    from cenote.collection import replace_name_in_key

    if rename:
        key = replace_name_in_key(key, rename)
    layers = getattr(dsk, "layers", ()) if not isinstance(dsk, DelayedGraph) else ()
    return Delayed(key, dsk, length, layer=next(iter(layers)) if len(layers) == 1 else None)


def optimizer() -> Any:
    """What optimizes graphs of Delayed objects: nothing, unless the settings say so. They are culled as they are."""
    from cenote import config

    hook = config.get("delayed_optimize", None)
    if hook is None and config.get("optimization.fuse.delayed", False):
        return fused
    return hook


def shared_optimizer() -> Any:
    """What other libraries are told to optimize with. Dask calls it without asking whether there is one."""
    chosen = optimizer()
    # a function of Dask's, because it may be sent where there is no Cenote
    return getattr(_dask.module("base"), "dont_optimize", None) if chosen is None else chosen


def optimized(graph: Any, keys: list[Any]) -> Any:
    """A graph as the settings want it optimized."""
    chosen = optimizer()
    return graph if chosen is None else chosen(graph, keys)


def fused(dsk: Any, keys: Any) -> Any:
    """A graph in which linear chains are one task each, where Dask is there to do it."""
    try:
        from dask._task_spec import fuse_linear_task_spec
    except ImportError:
        return dsk
    return fuse_linear_task_spec(dict(dsk), keys)


def finalize(collection: Any) -> Delayed:
    """A Delayed whose result is a collection, computed.

    Parameters
    ----------
    collection : collection
        Of any library that follows the protocol.
    """
    from cenote.finalize import finalized

    return finalized([collection])[0]


def to_task_dask(expr: Any) -> tuple[Any, Any]:
    """An object with Delayed objects in it as a task made of tuples, and the graph that it needs.

    .. deprecated:: 0.1
        For programs written for old versions of Dask. ``delayed(expr)`` does the same.

    Parameters
    ----------
    expr : object
        Collections, and lists, tuples, sets, dicts, slices, dataclasses and named tuples that hold them.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> task, graph = to_task_dask([delayed(1, name="one"), 2])
    >>> task, list(graph)
    (['one', 2], ['one'])
    """
    import warnings

    message = "The dask.delayed.to_task_dask function is deprecated: use delayed(expr), which does the same"
    warnings.warn(message, UserWarning, stacklevel=2)
    return _tuples(expr)


def _tuples(expr: Any) -> tuple[Any, dict[Any, Any]]:
    from cenote.collection import is_dask_collection

    if is_dask_collection(expr):
        node = finalize(expr)
        return node.key, dict(node.dask)
    kind = type(expr)
    if kind in (list, tuple, set):
        tasks, graph = _all_tuples(expr)
        return (tasks if kind is list else (kind, tasks)), graph
    if kind is dict:
        pairs, graph = _all_tuples([list(pair) for pair in expr.items()])
        return (dict, pairs), graph
    if kind is slice:
        tasks, graph = _all_tuples([expr.start, expr.stop, expr.step])
        return (slice, *tasks), graph
    if hasattr(kind, "__dataclass_fields__"):
        fields = {name: getattr(expr, name) for name in kind.__dataclass_fields__ if hasattr(expr, name)}
        pairs, graph = _all_tuples([list(pair) for pair in fields.items()])
        return (_call_with_names, kind, (dict, pairs)), graph
    if isinstance(expr, tuple) and hasattr(kind, "_fields"):
        tasks, graph = _all_tuples(expr)
        return (kind, *tasks), graph
    return expr, {}


def _all_tuples(items: Any) -> tuple[list[Any], dict[Any, Any]]:
    tasks, merged = [], {}
    for item in items:
        task, graph = _tuples(item)
        tasks.append(task)
        merged.update(graph)
    return tasks, merged


def _call_with_names(kind: Any, fields: dict[str, Any]) -> Any:
    return kind(**fields)
