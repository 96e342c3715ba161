"""Collections: objects that stand for results of a graph, and the protocol by which any library's take part.

A collection has ``__dask_graph__``, ``__dask_keys__``, ``__dask_postcompute__`` and, to be persisted or optimized,
``__dask_postpersist__``; it may have ``__dask_optimize__``, ``__dask_scheduler__``, ``__dask_layers__`` and
``__dask_tokenize__``. The words are Dask's.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from typing import Any

from cenote._native import Delayed, frameless

__all__ = [
    "DaskMethodsMixin",
    "clone_key",
    "get_collection_names",
    "get_name_from_key",
    "is_dask_collection",
    "replace_name_in_key",
]


def is_dask_collection(x: Any) -> bool:
    """Whether ``x`` is a collection: it has a graph now.

    Dask's expressions are recognized without making their graph.

    Examples
    --------
    >>> from cenote import delayed
    >>> is_dask_collection(delayed(1)), is_dask_collection(1)
    (True, False)
    """
    if isinstance(x, Delayed):
        return True
    if isinstance(x, type):
        return False
    graph = getattr(x, "__dask_graph__", None)
    if not callable(graph):
        return False
    return _is_expression(x) or graph() is not None


def _is_expression(x: Any) -> bool:
    expr = getattr(sys.modules.get("dask._expr"), "Expr", None)
    if expr is None:
        return False
    if isinstance(x, expr) or isinstance(getattr(x, "expr", None), expr):
        return True
    parts = getattr(x, "__dask_exprs__", None)
    return parts is not None and any(isinstance(part, expr) for part in parts() or ())


class DaskMethodsMixin:
    """The methods that collections have, for classes that follow the protocol.

    Examples
    --------
    >>> class Pair(DaskMethodsMixin):
    ...     __dask_optimize__ = None
    ...     def __dask_graph__(self):
    ...         return {"a": 1, "b": (abs, -2)}
    ...     def __dask_keys__(self):
    ...         return ["a", "b"]
    ...     def __dask_postcompute__(self):
    ...         return tuple, ()
    >>> Pair().compute(scheduler="sync")
    (1, 2)
    """

    __slots__ = ("__weakref__",)

    @frameless
    def compute(self, **kwargs: Any) -> Any:
        """Compute the results, and return them in the shape that is this collection's.

        Parameters
        ----------
        **kwargs
            As of `cenote.compute`.
        """
        from cenote.base import compute

        return compute(self, traverse=False, **kwargs)[0]

    @frameless
    def persist(self, **kwargs: Any) -> Any:
        """Compute the results, and return a collection like this one that holds them.

        Parameters
        ----------
        **kwargs
            As of `cenote.persist`.
        """
        from cenote.base import persist

        return persist(self, traverse=False, **kwargs)[0]

    def visualize(
        self, filename: Any = "mydask", format: str | None = None, optimize_graph: bool = False, **kwargs: Any
    ) -> Any:
        """Draw the graph.

        Parameters
        ----------
        filename, format, optimize_graph, **kwargs
            As of `cenote.visualize`.
        """
        from cenote.base import visualize

        return visualize(self, filename=filename, format=format, optimize_graph=optimize_graph, **kwargs)

    def __await__(self) -> Any:
        """Wait for the results on a cluster, in a coroutine."""
        from cenote.base import awaited

        return awaited(self)


def get_collection_names(collection: Any) -> set[str]:
    """The names in the keys of a collection: the keys that are strings, and the first items of those that are tuples.

    Raises
    ------
    TypeError
        It is not a collection, or a key is neither a string nor a tuple that starts with one.

    Examples
    --------
    >>> from cenote import delayed
    >>> get_collection_names(delayed(1, name="one"))
    {'one'}
    """
    from cenote.core import flatten

    if not is_dask_collection(collection):
        raise TypeError(f"Expected Dask collection; got {type(collection)}")
    return {get_name_from_key(key) for key in flatten(collection.__dask_keys__())}


def get_name_from_key(key: Any) -> str:
    """The name in a key.

    Examples
    --------
    >>> get_name_from_key(("x-123", 0, 1))
    'x-123'
    """
    if isinstance(key, tuple) and key and isinstance(key[0], str):
        return key[0]
    if isinstance(key, str):
        return key
    raise TypeError(f"Expected str or a tuple starting with str; got {key!r}")


def replace_name_in_key(key: Any, rename: Mapping[str, str]) -> Any:
    """A key with another name in it, if ``rename`` has one for it.

    Examples
    --------
    >>> replace_name_in_key(("x", 0), {"x": "y"})
    ('y', 0)
    """
    name = get_name_from_key(key)
    new = rename.get(name, name)
    return (new, *key[1:]) if isinstance(key, tuple) else new


def clone_key(key: Any, seed: Hashable) -> Any:
    """A new key with the prefix and the indices of ``key``; the same for the same seed.

    Examples
    --------
    >>> clone_key(("sum-12345678", 0), seed=1) == clone_key(("sum-12345678", 0), seed=1)
    True
    """
    from cenote.tokenize import tokenize
    from cenote.utils import key_split

    name = get_name_from_key(key)
    new = f"{key_split(name)}-{tokenize(name, seed)}"
    return (new, *key[1:]) if isinstance(key, tuple) else new
