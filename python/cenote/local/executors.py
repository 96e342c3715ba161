"""Executors: one that works in the thread that submits, and one around a pool of `multiprocessing`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from cenote.local import is_a


class SynchronousExecutor(Executor):
    """An executor that does each job at once, in the thread that submits it."""

    _max_workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call ``fn`` and return a future that is done.

        Examples
        --------
        >>> SynchronousExecutor().submit(max, 1, 2).result()
        2
        """
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class MultiprocessingPoolExecutor(Executor):
    """A pool of :mod:`multiprocessing`, of threads or processes, with the interface of an executor."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.shares_memory = is_a(pool, "multiprocessing.pool", "ThreadPool")
        self._max_workers: int = pool._processes

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a job to the pool and return its future."""
        future: Future[Any] = Future()
        self.pool.apply_async(fn, args, kwargs, future.set_result, future.set_exception)
        return future
