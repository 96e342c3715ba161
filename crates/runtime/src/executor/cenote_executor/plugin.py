"""Plugins of a scheduler in Python: they live here, and are told here what happens in the scheduler."""

from __future__ import annotations

import inspect
import logging
import uuid
from collections.abc import Awaitable, Iterator
from typing import Any

from distributed import preloading
from distributed.diagnostics import plugin as stock
from distributed.protocol import pickle

from cenote_executor.function import scheduler_at, wait_for
from cenote_executor.scheduler import RemoteScheduler

logger = logging.getLogger("distributed.scheduler")

#: Dask's own plugins that only act when they start: every process that reads graphs needs what they do.
ACTING = (stock.SchedulerUploadFile, stock.InstallPlugin, stock.UploadDirectory)

#: Methods that are told what has happened, by what the scheduler must be asked for.
HEARING = {
    "transitions": ("transition",),
    "events": ("log_event",),
    "graphs": ("update_graph",),
    "members": ("add_worker", "remove_worker", "add_client", "remove_client", "restart"),
    "closing": ("before_close", "close"),
}
#: Methods that a scheduler would have to wait for.
DECIDING = ("valid_workers_downscaling",)
#: Methods whose first argument is the scheduler.
WITH_SCHEDULER = frozenset(("update_graph", *HEARING["members"]))

_preloaded: preloading.PreloadManager | None = None


def overrides(plugin: Any, method: str) -> bool:
    """Whether a plugin does something when it is called so."""
    own = getattr(type(plugin), method, None)
    return own is not None and own is not getattr(stock.SchedulerPlugin, method, None)


def hearing(scheduler: RemoteScheduler | None) -> dict[str, bool]:
    """What the plugins want to be told."""
    plugins = list(scheduler.plugins.values()) if scheduler else []
    wanted = {
        kind: any(overrides(plugin, method) for plugin in plugins for method in methods)
        for kind, methods in HEARING.items()
    }
    return wanted | {"closing": wanted["closing"] or bool(_preloaded)}


def refuse(plugin: Any) -> None:
    """Says why a plugin cannot be served, if it cannot."""
    kind = f"{type(plugin).__module__}.{type(plugin).__qualname__}"
    if not isinstance(plugin, stock.SchedulerPlugin):
        raise TypeError(f"{kind} is no SchedulerPlugin")
    for method in filter(lambda each: overrides(plugin, each), DECIDING):
        raise NotImplementedError(
            f"the plugin {kind} overrides {method}, for whose answer the scheduler would have to wait: plugins of this "
            "scheduler run in a process beside it, and are told what has happened. Choose workers by the arguments of "
            "retire_workers instead"
        )


def register_scheduler_plugin(
    scheduler: str,
    local_directory: str,
    plugin: Any,
    name: str | None = None,
    idempotent: bool = False,
    again: bool = False,
    helps: bool = False,
    **_ignored: Any,
) -> Iterator[dict[str, Any]]:
    """Starts a plugin, and keeps it."""
    thing = pickle.loads(plugin) if isinstance(plugin, bytes | bytearray | memoryview) else plugin
    refuse(thing)
    stands_for = scheduler_at(scheduler, local_directory)
    called = name or getattr(thing, "name", None) or f"{type(thing).__name__}-{uuid.uuid4()}"
    known = idempotent and called in stands_for.plugins
    if not known and (isinstance(thing, ACTING) or not helps):
        stands_for.silent = again
        try:
            wait_for(started(thing, stands_for))
        finally:
            stands_for.silent = False
        stands_for.add_plugin(thing, name=called)
    yield {"value": None}


async def started(plugin: Any, scheduler: RemoteScheduler) -> None:
    """Starts a plugin where coroutines run."""
    if callable(start := getattr(plugin, "start", None)):
        await ended(start(scheduler))


async def ended(result: Any) -> Any:
    """A result, waited for if it must be."""
    return await result if inspect.isawaitable(result) else result


def unregister_scheduler_plugin(
    scheduler: str, local_directory: str, name: str, **_ignored: Any
) -> Iterator[dict[str, Any]]:
    """Forgets a plugin."""
    scheduler_at(scheduler, local_directory).remove_plugin(name)
    yield {"value": None}


def tell_plugins(
    scheduler: str, local_directory: str, occurrences: list[tuple[str, dict[str, Any]]], **_ignored: Any
) -> Iterator[dict[str, Any]]:
    """Tells plugins what has happened, in that order. What they raise is logged."""
    stands_for = scheduler_at(scheduler, local_directory)
    listeners = {
        method: [plugin for plugin in stands_for.plugins.values() if overrides(plugin, method)]
        for method in {method for method, _ in occurrences}
    }

    async def tell() -> None:
        for method, arguments in occurrences:
            for plugin in listeners[method]:
                await guarded(called(plugin, method, stands_for, arguments))

    if any(listeners.values()):
        wait_for(tell())
    yield {"value": None}


async def called(plugin: Any, method: str, scheduler: RemoteScheduler, arguments: dict[str, Any]) -> None:
    """Calls one method of a plugin."""
    bound = getattr(plugin, method)
    if method == "log_event":
        await ended(bound(arguments["topic"], arguments["msg"]))
    elif method == "transition":
        rest = dict(arguments)
        await ended(bound(rest.pop("key"), rest.pop("start"), rest.pop("finish"), **rest))
    elif method == "restart":
        await ended(bound(scheduler))
    elif method in WITH_SCHEDULER:
        await ended(bound(scheduler=scheduler, **arguments))
    else:
        await ended(bound())


async def guarded(call: Awaitable[None]) -> None:
    """Logs what a plugin raises."""
    try:
        await call
    except Exception:
        logger.exception("Plugin failed with exception")


def preload(
    scheduler: str,
    local_directory: str,
    modules: list[str],
    arguments: list[str],
    helps: bool = False,
    **_ignored: Any,
) -> Iterator[dict[str, Any]]:
    """Loads modules and runs their setup, as a scheduler in Python does when it has started."""
    global _preloaded
    if not helps:
        stands_for = scheduler_at(scheduler, local_directory)
        _preloaded = preloading.process_preloads(stands_for, list(modules), list(arguments), file_dir=local_directory)
        wait_for(_preloaded.start())
    yield {"value": None}


def close_plugins(scheduler: str, local_directory: str, method: str, **_ignored: Any) -> Iterator[dict[str, Any]]:
    """Tells plugins and modules that the scheduler is about to close, or has closed."""
    stands_for = scheduler_at(scheduler, local_directory)

    async def tell() -> None:
        if method == "before_close" and _preloaded is not None:
            await _preloaded.teardown()
        for plugin in list(stands_for.plugins.values()):
            if overrides(plugin, method):
                await guarded(called(plugin, method, stands_for, {}))

    wait_for(tell())
    yield {"value": None}
