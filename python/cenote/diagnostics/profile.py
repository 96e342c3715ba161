"""Profilers: what ran when and where, how much memory and CPU it took, and which results were alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from cenote.callbacks import Callback


class _Timed(Callback):
    """What the profilers share: results, the time of the block that they watch, and a plot."""

    results: list[Any]
    start_time: float | None
    end_time: float | None

    def clear(self) -> None:
        """Forget everything."""
        self.results = []
        self.start_time = None
        self.end_time = None

    def __enter__(self) -> Any:
        """Forget everything, and watch the block."""
        self.clear()
        self.start_time = perf_counter()
        return super().__enter__()

    def __exit__(self, *exc_info: Any) -> None:
        """Watch no longer."""
        self.end_time = perf_counter()
        super().__exit__(*exc_info)

    def _start(self, dsk: Any) -> None:
        if self.start_time is None:  # registered: time begins with the first run
            self.start_time = perf_counter()

    def visualize(self, **kwargs: Any) -> Any:
        """Plot what was recorded; see `cenote.diagnostics.visualize`."""
        from cenote.diagnostics.profile_visualize import visualize

        return visualize(self, **kwargs)

    def _span(self) -> tuple[float, float]:
        """The time to plot: of the block; if registered, from the first run until now."""
        return self.start_time or 0.0, self.end_time or perf_counter()


class TaskData(NamedTuple):
    """One task that ran. Times are in seconds, by `time.perf_counter`."""

    key: Any
    task: Any
    start_time: float
    end_time: float
    worker_id: Any


class Profiler(_Timed):
    """Records when and where each task ran.

    Attributes
    ----------
    results : list of TaskData
        One for each task that finished, as `(key, task, start_time, end_time, worker_id)`. Stays until `clear`, or
        until the next ``with`` block.

    Examples
    --------
    >>> from cenote import get
    >>> with Profiler() as profiler:
    ...     get({"x": 1, "y": (max, "x", 10), "z": (abs, "y")}, "z")
    10
    >>> [result.key for result in profiler.results]
    ['y', 'z']
    """

    def __init__(self) -> None:
        super().__init__()
        self._begun: dict[Any, tuple[Any, float]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._begun.clear()

    def _pretask(self, key: Any, dsk: Any, state: Any) -> None:
        self._begun[key] = (dsk[key], perf_counter())

    def _posttask(self, key: Any, value: Any, dsk: Any, state: Any, worker_id: Any) -> None:
        end = perf_counter()
        task, start = self._begun.pop(key)
        self.results.append(TaskData(key, task, start, end, worker_id))

    def _finish(self, dsk: Any, state: Any, failed: bool) -> None:
        self._begun.clear()

    def _plot(self, **kwargs: Any) -> Any:
        from cenote.diagnostics.profile_visualize import plot_tasks

        return plot_tasks(self.results, *self._span(), **kwargs)


class ResourceData(NamedTuple):
    """Memory in megabytes and CPU in percent of one core, at a time in seconds, by `time.perf_counter`."""

    time: float
    mem: float
    cpu: float


class ResourceProfiler(_Timed):
    """Records memory and CPU of this process and its children, again and again.

    In a ``with`` block it records all the time, and gives its results at the end. Registered, it records while graphs
    run. Needs the package `psutil`.

    Parameters
    ----------
    dt : float
        Seconds between records.

    Attributes
    ----------
    results : list of ResourceData
        As `(time, mem, cpu)`.

    Examples
    --------
    >>> from cenote import get
    >>> with ResourceProfiler(dt=0.01) as profiler:
    ...     get({"x": (max, 1, 10)}, "x")
    10
    >>> len(profiler.results) > 0
    True
    """

    def __init__(self, dt: float = 1) -> None:
        super().__init__()
        self._dt = dt
        self._entered = False
        self._tracker: _Tracker | None = None
        self.clear()

    def _is_running(self) -> bool:
        return self._tracker is not None and self._tracker.is_alive()

    def _start_collecting(self) -> None:
        if self._tracker is None:
            self._tracker = _Tracker(self._dt)
            self._tracker.start()

    def _stop_collecting(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            self.results.extend(tracker.stop())

    def __enter__(self) -> Any:
        """Forget everything, and record from now on."""
        self._entered = True
        result = super().__enter__()
        self._start_collecting()
        return result

    def __exit__(self, *exc_info: Any) -> None:
        """Stop recording."""
        self._entered = False
        self._stop_collecting()
        super().__exit__(*exc_info)

    def _start(self, dsk: Any) -> None:
        super()._start(dsk)
        self._start_collecting()

    def _finish(self, dsk: Any, state: Any, failed: bool) -> None:
        if not self._entered:
            self._stop_collecting()

    def close(self) -> None:
        """Stop recording, if it still does."""
        self._stop_collecting()

    def _plot(self, **kwargs: Any) -> Any:
        from cenote.diagnostics.profile_visualize import plot_resources

        return plot_resources(self.results, *self._span(), **kwargs)


class _Tracker(threading.Thread):
    """A thread that looks at the process every `dt` seconds, until told to stop."""

    def __init__(self, dt: float) -> None:
        super().__init__(name="cenote-resources", daemon=True)
        try:
            import psutil
        except ImportError as error:
            raise ImportError("recording memory and CPU needs psutil: `pip install psutil`") from error
        self._dt = dt
        self._gone = psutil.Error
        self._process = psutil.Process()
        self._children: dict[Any, Any] = {}
        self._next_search = 0.0
        self._records: list[ResourceData] = []
        self._stop_asked = threading.Event()
        self._process.cpu_percent()  # what it says next is the use since now
        self._look()

    def run(self) -> None:
        while not self._stop_asked.wait(self._dt):
            self._look()

    def _look(self) -> None:
        now = perf_counter()
        if now >= self._next_search:  # which looks at every process of the machine
            self._next_search = now + 1
            # kept, since a process object measures from one call to the next
            self._children = {child: self._children.get(child, child) for child in self._process.children()}
        memory = cpu = 0.0
        for process in (self._process, *self._children.values()):
            try:
                with process.oneshot():
                    used, busy = process.memory_info().rss, process.cpu_percent()
            except self._gone:  # it has ended meanwhile
                continue
            memory += used
            cpu += busy
        self._records.append(ResourceData(now, memory / 1e6, cpu))

    def stop(self) -> list[ResourceData]:
        """Stop, and return the records."""
        self._stop_asked.set()
        self.join()
        return self._records


class CacheData(NamedTuple):
    """One result that was alive. Times are in seconds, by `time.perf_counter`."""

    key: Any
    task: Any
    metric: float
    cache_time: float
    free_time: float


class CacheProfiler(_Timed):
    """Records how long each result was kept, and its size by some measure.

    Parameters
    ----------
    metric : callable, optional
        Measures a result; by default each counts as 1. `cachey.nbytes` measures bytes.
    metric_name : str, optional
        What the plot calls it.

    Attributes
    ----------
    results : list of CacheData
        As `(key, task, metric, cache_time, free_time)`.

    Examples
    --------
    >>> from cenote import get
    >>> with CacheProfiler(metric=len) as profiler:
    ...     get({"x": (list, "abc"), "y": (sum, [(len, "x")])}, "x")
    ['a', 'b', 'c']
    >>> [(result.key, result.metric) for result in profiler.results]
    [('x', 3)]
    """

    def __init__(self, metric: Callable[[Any], float] | None = None, metric_name: str | None = None) -> None:
        super().__init__()
        self._metric = metric or _one
        self._metric_name: str = metric_name or (
            "count" if metric is None else str(getattr(metric, "__name__", metric))
        )
        self._alive: dict[Any, tuple[float, float]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._alive.clear()

    def _posttask(self, key: Any, value: Any, dsk: Any, state: Any, worker_id: Any) -> None:
        now = perf_counter()
        self._alive[key] = (self._metric(value), now)
        self._record(state["released"] & self._alive.keys(), dsk, now)

    def _finish(self, dsk: Any, state: Any, failed: bool) -> None:
        self._record(list(self._alive), dsk, perf_counter())

    def _record(self, keys: Any, dsk: Any, now: float) -> None:
        for key in keys:
            metric, start = self._alive.pop(key)
            self.results.append(CacheData(key, dsk[key], metric, start, now))

    def _plot(self, **kwargs: Any) -> Any:
        from cenote.diagnostics.profile_visualize import plot_cache

        return plot_cache(self.results, *self._span(), self._metric_name, **kwargs)


def _one(value: Any) -> float:
    return 1
