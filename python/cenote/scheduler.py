"""Which scheduler runs a graph.

What the call says; else the setting ``scheduler``; else the open client of a cluster; else the collection's own.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cenote import _dask, config, local, threaded
from cenote._native import Delayed

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["get_scheduler", "named_schedulers"]

GET_REMOVED = """the get= keyword has been removed, use the scheduler= keyword instead, with a name:

    x.compute(scheduler="threads")     # "sync" runs in the calling thread, for debuggers

or with a function that takes the graph and the keys, an executor, or a client:

    x.compute(scheduler=function)"""


def _processes(dsk: Any, keys: Any, **kwargs: Any) -> Any:
    """Dask's scheduler of processes."""
    try:
        from dask import multiprocessing
    except ImportError:
        raise ImportError(
            "the scheduler 'processes' is Dask's, and Dask is not installed: "
            'run `pip install "cenote[distributed]"`, or use scheduler="threads"'
        ) from None
    from cenote.callbacks import local_callbacks

    graph = dict(dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk)
    for setting in ("num_workers", "chunksize", "pool"):
        if kwargs.get(setting) is None and (value := config.get(setting, None)) is not None:
            kwargs[setting] = value
    with local_callbacks(kwargs.pop("callbacks", None)) as active:
        return multiprocessing.get(graph, keys, callbacks=active or None, **kwargs)


named_schedulers: dict[str, Callable[..., Any]] = {
    "cenote": threaded.get,
    "multiprocessing": _processes,
    "processes": _processes,
    "single-threaded": local.get_sync,
    "sync": local.get_sync,
    "synchronous": local.get_sync,
    "threading": threaded.get,
    "threads": threaded.get,
}
"""The schedulers that have a name; a name that is added here can be used everywhere."""


def get_scheduler(
    get: Any = None, scheduler: Any = None, collections: Sequence[Any] | None = None, cls: Any = None
) -> Callable[..., Any] | None:
    """The function that runs graphs here.

    Parameters
    ----------
    get : None
        Was removed.
    scheduler : str, callable, Executor or client, optional
        What the call says: a name of `named_schedulers`, ``"distributed"`` for the open client, a function of a graph
        and keys, an executor, a client.
    collections : sequence, optional
        The collections to compute; they must have the same default scheduler.
    cls : type, optional
        The class whose default to take instead of the collections'.

    Returns
    -------
    callable or None
        None if nothing says what to use.

    Raises
    ------
    ValueError
        The scheduler is unknown, or the collections have different defaults.
    TypeError
        ``get`` was given.

    Examples
    --------
    >>> get_scheduler(scheduler="threads") is threaded.get
    True
    """
    if get:
        raise TypeError(GET_REMOVED)
    if scheduler is not None:
        return _named_by(scheduler)
    if setting := config.get("scheduler", None):
        return _named_by(setting)
    if config.get("get", None):
        raise ValueError(GET_REMOVED)
    if (client := _client()) is not None:
        return _of_client(client)
    if cls is not None:
        return _own(cls)
    present = [collection for collection in collections or () if collection is not None]
    if not present:
        return None
    own = [_own(one) for one in present if type(one) is not Delayed]
    if len(own) < len(present):
        own.append(threaded.get)  # of all the delayed calls
    if any(other != own[0] for other in own):
        raise ValueError(
            "the collections have different default schedulers: say which to use with scheduler=, "
            "or with cenote.config.set(scheduler=...)"
        )
    return own[0]


def _own(collection: Any) -> Any:
    """A collection's own scheduler; Dask's threads are ours."""
    own = getattr(collection, "__dask_scheduler__", threaded.get)
    module = _dask.module("threaded")
    if type(own).__name__ == "DefaultScheduler" or (module is not None and own is module.get):
        return threaded.get
    return own


def _named_by(scheduler: Any) -> Callable[..., Any]:
    """The function that a value of ``scheduler=`` means."""
    if callable(scheduler):
        return scheduler
    if "Client" in type(scheduler).__name__ and hasattr(scheduler, "get"):
        return _of_client(scheduler)
    if isinstance(scheduler, str):
        return _of_name(scheduler.lower())
    if local.is_a(scheduler, "concurrent.futures._base", "Executor"):
        return _of_executor(scheduler)
    raise ValueError(f"Unexpected scheduler: {scheduler!r}; give a name, a function, an executor or a client")


def _of_name(name: str) -> Callable[..., Any]:
    if name in named_schedulers:
        return named_schedulers[name]
    if name in ("distributed", "dask.distributed"):
        client = _client()
        if client is None:
            raise RuntimeError(f"Requested {name} scheduler but no Client active: open one, Client('host:8786')")
        return _of_client(client)
    theirs = getattr(_dask.module("base"), "named_schedulers", {})
    if name in theirs:
        return theirs[name]
    known = ", ".join(["distributed", *sorted(named_schedulers)])
    raise ValueError(f"Expected one of [{known}], got {name!r}")


def is_engine(schedule: Any) -> bool:
    """Whether a scheduler is our own engine, which reads delayed calls as they are.

    Examples
    --------
    >>> is_engine(threaded.get)
    True
    """
    function = schedule.func if isinstance(schedule, partial) else schedule
    return function in (threaded.get, local.get_sync, local.get_async) or type(schedule).__name__ == "DefaultScheduler"


def _of_executor(executor: Executor) -> Callable[..., Any]:
    workers = getattr(executor, "_max_workers", None) or config.get("num_workers", None) or _cpus()
    return partial(local.get_async, executor.submit, workers)


def _cpus() -> int:
    from cenote._native import cpus

    return cpus()


def _client() -> Any:
    """The open client, or the one of the task that we run in. There is none before distributed is loaded."""
    distributed = sys.modules.get("distributed")
    if distributed is None or not hasattr(distributed, "get_client"):
        return None
    try:
        return distributed.get_client()
    except ValueError:
        return None


def _of_client(client: Any) -> Callable[..., Any]:
    if not client.asynchronous:
        return client.get
    fallback = config.get("admin.async-client-fallback", None)
    if not fallback:
        raise RuntimeError(
            "Attempting to use an asynchronous Client in a synchronous context of `compute`: "
            "await client.compute(x) instead"
        )
    warnings.warn(
        f"Distributed Client detected but Client instance is asynchronous. Falling back to `{fallback}` scheduler. "
        "To use an asynchronous Client, please use ``Client.compute`` and ``Client.gather``",
        UserWarning,
        stacklevel=4,
    )
    return _named_by(fallback)
