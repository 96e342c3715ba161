"""Functions that stock clients send to a scheduler in Python: they are called here."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

from distributed import cluster_dump
from distributed.core import error_message
from distributed.protocol import pickle
from distributed.protocol.serialize import Serialized, serialize
from distributed.utils import has_arg, iscoroutinefunction

from cenote_executor.scheduler import RemoteScheduler

_scheduler: RemoteScheduler | None = None
_loop: asyncio.AbstractEventLoop | None = None


def scheduler_at(address: str, local_directory: str) -> RemoteScheduler:
    """The one object that stands for the scheduler."""
    global _scheduler
    if _scheduler is None:
        _scheduler = RemoteScheduler(address, local_directory)
    return _scheduler


def current_scheduler() -> RemoteScheduler | None:
    """That object, if there is one yet."""
    return _scheduler


def loop() -> asyncio.AbstractEventLoop:
    """The loop of coroutines, which goes on while graphs are read."""
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, name="coroutines", daemon=True).start()
    return _loop


def finished(result: Any) -> Any:
    """The result, waited for if it must be."""
    if not inspect.isawaitable(result):
        return result

    async def wait() -> Any:
        return await result

    return wait_for(wait())


def wait_for(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, which runs where all of them do."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result()


def run_function(
    scheduler: str,
    local_directory: str,
    function: bytes,
    args: Any = (),
    kwargs: Any = None,
    wait: bool = True,
    serializers: list[str] | None = None,
    **_ignored: Any,
) -> Iterator[dict[str, Any]]:
    """Calls a function as the request `run_function` asks. Its error is part of the answer."""
    try:
        call: Callable[..., Any] = pickle.loads(function)
        arguments = pickle.loads(args) if args else ()
        named = dict(pickle.loads(kwargs)) if kwargs else {}
        if has_arg(call, "dask_scheduler"):
            named["dask_scheduler"] = scheduler_at(scheduler, local_directory)
        result = call(*arguments, **named)
        if iscoroutinefunction(call) and not wait:
            start(result)
            result = None
        header, frames = serialize(finished(result), serializers=serializers, on_error="message")
        answer = {"status": "OK", "result": Serialized(header, frames)}
    except Exception as error:
        answer = dict(error_message(error))
    yield {"value": answer}


def start(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Runs a coroutine that nobody waits for."""
    asyncio.run_coroutine_threadsafe(coroutine, loop())


def group_workers(scheduler: str, local_directory: str, key: Any, **_ignored: Any) -> Iterator[dict[str, Any]]:
    """Says the group of each worker: those that a function gives the same are let go together."""
    function = pickle.loads(key) if isinstance(key, bytes) else key
    places: dict[Any, int] = {}
    groups = {}
    for address, about in scheduler_at(scheduler, local_directory).identity()["workers"].items():
        worker = SimpleNamespace(**about, address=address)
        groups[address] = places.setdefault(function(worker), len(places))
    yield {"value": groups}


def dump_cluster_state_to_url(
    scheduler: str,
    local_directory: str,
    url: str,
    exclude: Any = (),
    format: str = "msgpack",
    **storage_options: Any,
) -> Iterator[dict[str, Any]]:
    """Writes what everybody in the cluster knows about itself to a file, wherever `fsspec` can write."""

    async def state() -> Any:
        return scheduler_at(scheduler, local_directory).ask("get_cluster_state", exclude=list(exclude))

    options = {name: value for name, value in storage_options.items() if name not in ("op", "serializers")}
    finished(cluster_dump.write_state(state, url, format, **options))
    yield {"value": None}
