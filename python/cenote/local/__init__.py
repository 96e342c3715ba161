"""Graphs in the calling thread, and on any executor, one task at a time under the eyes of callbacks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from cenote import _dask, _native, config
from cenote.callbacks import Callback, local_callbacks
from cenote.local.state import State, TaskObjects

if TYPE_CHECKING:
    from concurrent.futures import Future

    from cenote.local.executors import MultiprocessingPoolExecutor, SynchronousExecutor
    from cenote.local.jobs import Jobs, Report

__all__ = ["MultiprocessingPoolExecutor", "SynchronousExecutor", "get_async", "get_sync"]


@_native.frameless
def get_sync(dsk: Mapping[Any, Any] | Any, keys: Sequence[Any] | Any, cache: Any = None, **kwargs: Any) -> Any:
    """Compute keys of a graph in the calling thread, where a debugger can follow.

    Parameters
    ----------
    dsk : mapping, or any object with ``__dask_graph__``
        The graph: keys and their tasks.
    keys : key, or list of keys and lists
        What to compute.
    cache : mutable mapping, optional
        Results that are known already, by key. Afterwards it holds, besides them, the results that were not released.
    **kwargs
        ``callbacks``, ``rerun_exceptions_locally`` as in :func:`get_async`; others are ignored.

    Returns
    -------
    Any
        The result of a key; for a list of keys a tuple of results, nested as the keys are.

    Raises
    ------
    KeyError, ValueError, RuntimeError
        As :func:`cenote.threaded.get`.

    Examples
    --------
    >>> from operator import add
    >>> get_sync({"x": 1, "y": (add, "x", 10)}, ["x", "y"])
    (1, 11)
    """
    if cache is None and is_simple(kwargs):
        return _native.run_sync(dsk, keys)
    from cenote.local.executors import SynchronousExecutor

    return get_async(SynchronousExecutor().submit, 1, dsk, keys, cache=cache, **kwargs)


@_native.frameless
def get_async(
    submit: Callable[..., Future[Any]],
    num_workers: int,
    dsk: Mapping[Any, Any] | Any,
    result: Sequence[Any] | Any,
    cache: MutableMapping[Any, Any] | None = None,
    identity: Callable[[], Any] | None = None,
    rerun_exceptions_locally: bool | None = None,
    callbacks: Any = None,
    chunksize: int | None = None,
    **kwargs: Any,
) -> Any:
    """Compute keys of a graph on any executor; callbacks see every task.

    Parameters
    ----------
    submit : callable
        ``submit`` of a :class:`concurrent.futures.Executor`. The executor may be in another process: then functions
        and values are pickled.
    num_workers : int
        How many jobs to have under way at once.
    dsk : mapping, or any object with ``__dask_graph__``
        The graph.
    result : key, or list of keys and lists
        What to compute.
    cache : mutable mapping, optional
        Results that are known already; by default the setting ``cache``. It is kept up to date: results enter as tasks
        finish and leave when nobody needs them any more.
    identity : callable, optional
        Tells, where a task ran, what callbacks get as ``worker_id``.
    rerun_exceptions_locally : bool, optional
        Run a task that failed again in the calling thread, for a debugger; if it succeeds there, its result counts. By
        default the setting of that name.
    callbacks : tuple or list of tuples, optional
        Callbacks besides those that are registered: see :class:`cenote.callbacks.Callback`.
    chunksize : int, optional
        How many tasks make a job; -1 for all that are ready, spread over the workers. By default the setting of that
        name, else 1.
    **kwargs
        Ignored: keywords of other schedulers.

    Returns
    -------
    Any
        The result of a key; for a list of keys a tuple of results, nested as the keys are.

    Raises
    ------
    KeyError, ValueError, RuntimeError
        As :func:`cenote.threaded.get`.
    """
    from cenote.local.jobs import Jobs

    if cache is None:
        cache = config.get("cache", None)
    with local_callbacks(callbacks) as active:
        graph = _plain(dsk) if active else dsk
        started: list[Any] = []
        state: Any = {}
        succeeded = False
        try:
            for callback in active:
                if callback[0]:
                    callback[0](graph)
                started.append(callback)
            stepper = _native.Stepper(graph, result, cache)
            state = State(stepper, cache)
            graph = TaskObjects(graph)
            for callback in active:
                if callback[1]:
                    callback[1](graph, state)
            if rerun_exceptions_locally is None:
                rerun_exceptions_locally = config.get("rerun_exceptions_locally", False)
            jobs = Jobs(stepper, submit, num_workers, chunksize or config.get("chunksize", 1), identity)
            run = _Run(stepper, state, graph, active, bool(rerun_exceptions_locally))
            try:
                run.until_done(jobs)
            finally:
                jobs.dismiss_workers()
            results = stepper.results()
            succeeded = True
            return results
        finally:
            for callback in started:
                if callback[4]:
                    callback[4](graph, state, not succeeded)


def is_a(obj: Any, module: str, name: str) -> bool:
    """Return whether an object is an instance of a class, without loading the class's module for that."""
    return isinstance(obj, getattr(sys.modules.get(module), name, ()))


def is_simple(kwargs: Mapping[str, Any]) -> bool:
    """Return whether nothing asks to watch single tasks, so that the engine may run them all by itself."""
    rerun = kwargs.get("rerun_exceptions_locally")
    if rerun is None:
        rerun = config.get("rerun_exceptions_locally", False)
    watched = kwargs.get("callbacks") or Callback.active or _dask_callbacks()
    return not rerun and not watched and config.get("cache", None) is None


def _dask_callbacks() -> Any:
    return getattr(_dask.callback_class(), "active", None)


def _plain(graph: Any) -> dict[Any, Any]:
    """Return a dict of the graph's own items, which callbacks may change before it is run."""
    while not isinstance(graph, Mapping):
        graph = graph.__dask_graph__()
    return dict(graph)


class _Run:
    """The calling thread's side of a run: it hands out jobs, hears reports and tells callbacks."""

    def __init__(self, stepper: Any, state: State, graph: Any, callbacks: Iterable[Any], rerun: bool) -> None:
        self.stepper = stepper
        self.state = state
        self.graph = graph
        self.pretask = [callback[2] for callback in callbacks if callback[2]]
        self.posttask = [callback[3] for callback in callbacks if callback[3]]
        self.rerun = rerun

    def until_done(self, jobs: Jobs) -> None:
        while not self.stepper.is_done:
            for tasks in iter(jobs.next_tasks, []):
                for task in tasks:
                    key = self.stepper.key(task)
                    self.state.start(key)
                    for callback in self.pretask:
                        callback(key, self.graph, self.state)
                jobs.submit_tasks(tasks)
            reports = jobs.wait()
            while reports:
                # Taken out of the list, so that nothing here keeps a result alive that nobody needs.
                self._hear(reports.pop(0))

    def _hear(self, report: Report) -> None:
        task, error, result, worker_id = report
        key = self.stepper.key(task)
        if error is not None:
            if not self.rerun:
                self.stepper.note(error, task)
                raise error
            result = self.stepper.run(task)
        released = self.stepper.finish(result, task)
        self.state.finish(key, result, released)
        for callback in self.posttask:
            callback(key, result, self.graph, self.state, worker_id)


def __getattr__(name: str) -> Any:
    if name in ("MultiprocessingPoolExecutor", "SynchronousExecutor"):  # most programs never need them
        from cenote.local import executors

        return getattr(executors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
