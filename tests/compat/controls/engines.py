"""Engines that are wrong or that cheat."""

from concurrent.futures import Executor, Future
from typing import Any

calls = 0


class Direct(Executor):
    """Runs what it is given at once."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


def handed_over(dsk: Any, keys: Any, **kwargs: Any) -> Any:
    """Dask's engine under another name."""
    from dask.local import get_async

    return get_async(Direct().submit, 1, dsk, keys)


def broken(dsk: Any, keys: Any, **kwargs: Any) -> Any:
    """The right engine, that forgets the result of every fourth graph."""
    global calls
    from dask._task_spec import convert_legacy_graph, execute_graph
    from dask.core import flatten

    calls += 1
    graph = convert_legacy_graph(dsk if isinstance(dsk, dict) else dict(dsk.__dask_graph__()))
    results = execute_graph(graph, keys=set(flatten([keys])))

    def nest(key: Any) -> Any:
        return tuple(map(nest, key)) if isinstance(key, list) else results[key] if calls % 4 else None

    return nest(keys)
