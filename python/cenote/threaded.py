"""Graphs on the threads of this machine."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from cenote import _native, config, local

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["get"]

_pools: dict[threading.Thread, dict[int, ThreadPoolExecutor]] = {}
_pools_lock = threading.Lock()
_abandoned: list[Any] = []


@_native.frameless
def get(
    dsk: Mapping[Any, Any] | Any,
    keys: Sequence[Any] | Any,
    cache: Any = None,
    num_workers: int | None = None,
    pool: Any = None,
    **kwargs: Any,
) -> Any:
    """Compute keys of a graph on threads.

    Parameters
    ----------
    dsk : mapping, or any object with ``__dask_graph__``
        The graph: keys and their tasks.
    keys : key, or list of keys and lists
        What to compute.
    cache : mutable mapping, optional
        Results that are known already, by key. Afterwards it holds, besides them, the results that were not released.
    num_workers : int, optional
        How many threads; by default the setting ``num_workers``, else as many as this process may keep busy.
    pool : concurrent.futures.Executor or multiprocessing.pool.Pool, optional
        Where the threads come from; by default the setting ``pool``, else a pool of Cenote's own.
    **kwargs
        ``callbacks``, ``rerun_exceptions_locally``, ``chunksize`` as in :func:`cenote.local.get_async`; others are
        ignored, as the keywords of other schedulers.

    Returns
    -------
    Any
        The result of a key; for a list of keys a tuple of results, nested as the keys are.

    Raises
    ------
    KeyError
        A key that the graph does not have.
    ValueError
        A task that is needed depends on one that is not there.
    RuntimeError
        The graph has a cycle.

    Examples
    --------
    >>> from operator import add
    >>> graph = {"x": 1, "y": (add, "x", 10), "z": (sum, ["x", "y"])}
    >>> get(graph, "z")
    12
    >>> get(graph, [["x"], "y"])
    ((1,), 11)
    """
    pool = pool or config.get("pool", None)
    num_workers = num_workers or config.get("num_workers", None)
    submit, workers = _threads(pool, num_workers)
    if cache is None and local.is_simple(kwargs) and _lends_threads(pool):
        return _native.run_threaded(dsk, keys, submit, workers)
    if submit is None:
        submit = _own_pool(num_workers).submit
    return local.get_async(submit, workers, dsk, keys, cache=cache, identity=threading.get_ident, **kwargs)


def _threads(pool: Any, num_workers: int | None) -> tuple[Callable[..., Any] | None, int]:
    """Return how to submit a job (None: to whom the caller works for), and how many threads there are."""
    if pool is None:
        if _native.is_worker():
            return None, num_workers or _cpus()
        pool = _own_pool(num_workers)
        return pool.submit, pool._max_workers
    _mind_the_exit()
    if local.is_a(pool, "multiprocessing.pool", "Pool"):
        return local.MultiprocessingPoolExecutor(pool).submit, pool._processes
    return pool.submit, getattr(pool, "_max_workers", None) or num_workers or _cpus()


@cache
def _cpus() -> int:
    """Return how many threads this process may keep busy; asking the system takes longer than a small graph."""
    return _native.cpus()


def _lends_threads(pool: Any) -> bool:
    """Whether jobs given to ``pool`` run in this process, where they can see the graph."""
    return (
        pool is None
        or local.is_a(pool, "concurrent.futures.thread", "ThreadPoolExecutor")
        or local.is_a(pool, "multiprocessing.pool", "ThreadPool")
    )


def _own_pool(num_workers: int | None) -> ThreadPoolExecutor:
    """Return this thread's pool of that size: callers in several threads do not wait for each other's tasks."""
    size = num_workers or _cpus()
    thread = threading.current_thread()
    pool = _pools.get(thread, {}).get(size)
    if pool is None:
        from concurrent.futures import ThreadPoolExecutor  # its import takes longer than many a graph

        _mind_the_exit()
        with _pools_lock:
            pool = ThreadPoolExecutor(size, thread_name_prefix="cenote")
            _pools.setdefault(thread, {})[size] = pool
            for dead in [thread for thread in _pools if not thread.is_alive()]:
                for unused in _pools.pop(dead).values():
                    unused.shutdown(wait=False)
    return pool


@cache
def _mind_the_exit() -> None:
    """See to it that the interpreter, when it ends, need not wait for the runs of daemon threads.

    Before it ends it waits for the threads of executors. `concurrent.futures.thread` has it do so, and is loaded first,
    so that the function registered here is called first.
    """
    import concurrent.futures.thread  # noqa: F401

    register = getattr(threading, "_register_atexit", None)  # atexit itself comes too late
    with suppress(RuntimeError):  # the interpreter is ending already
        if register is not None:
            register(_native.leave)


def _shutdown() -> None:
    for pools in list(_pools.values()):
        for pool in pools.values():
            pool.shutdown(wait=False)


def _abandon() -> None:
    """In the child of a fork: forget the pools, whose threads are the parent's, without touching them."""
    global _pools, _pools_lock
    _abandoned.append(_pools)
    _pools = {}
    _pools_lock = threading.Lock()


atexit.register(_shutdown)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
