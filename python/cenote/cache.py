"""Results that are worth keeping are kept from one run to the next, as far as memory allows."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

from cenote.callbacks import Callback
from cenote.task_spec import classes

_OVERHEAD_BYTES = 4 * (sys.getsizeof(1.0) + sys.getsizeof(()))  # what cachey keeps with each result


class Cache(Callback):
    """Keeps results that took long to compute and are small, by key; needs the package `cachey`.

    A run whose graph has a key that is kept takes the result instead of computing it. So keys must stand for equal
    results: those of pure functions do.

    Parameters
    ----------
    cache : int, float or cachey.Cache
        How many bytes to keep at most, or the cache to use.
    *args, **kwargs
        For `cachey.Cache`, if `cache` is a number.

    Examples
    --------
    >>> from cenote import get
    >>> with Cache(1e6) as cache:
    ...     get({"x": (max, 1, 2)}, "x")
    2
    >>> cache.cache.data["x"]
    2
    """

    def __init__(self, cache: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        try:
            import cachey
        except ImportError as error:
            raise ImportError("keeping results between runs needs cachey: `pip install cachey`") from error
        if isinstance(cache, int | float):
            cache = cachey.Cache(cache, *args, **kwargs)
        elif args or kwargs:
            raise TypeError(
                "arguments for a new cache were given together with a cache: give a size, or the cache alone"
            )
        self.cache = cache
        self.starttimes: dict[Any, float] = {}
        self.durations: dict[Any, float] = {}
        self._nbytes = cachey.nbytes

    def _start(self, dsk: Any) -> None:
        self.durations = {}
        data_node = classes().DataNode  # what is kept may look like a task
        for key in set(dsk) & set(self.cache.data):
            dsk[key] = data_node(key, self.cache.data[key])

    def _pretask(self, key: Any, dsk: Any, state: Any) -> None:
        self.starttimes[key] = perf_counter()

    def _posttask(self, key: Any, value: Any, dsk: Any, state: Any, worker_id: Any) -> None:
        # what a result would cost to make again includes the dearest of what it was made of
        duration = perf_counter() - self.starttimes[key]
        duration += max((self.durations.get(needed, 0) for needed in state["dependencies"][key]), default=0)
        self.durations[key] = duration
        nbytes = self._nbytes(value) + _OVERHEAD_BYTES + 4 * sys.getsizeof(key)
        self.cache.put(key, value, cost=duration / nbytes / 1e9, nbytes=nbytes)

    def _finish(self, dsk: Any, state: Any, failed: bool) -> None:
        self.starttimes.clear()
        self.durations.clear()
