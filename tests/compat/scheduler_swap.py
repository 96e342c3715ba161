"""pytest plugin: Dask's own suites, with Cenote wherever Dask looks up a function that runs graphs.

``dask.config.set(scheduler=...)`` alone would prove little: Dask's test helpers pass ``scheduler="sync"``, and an
explicit argument beats the configuration. So every route is swapped: the names in ``named_schedulers``, the functions
``dask.get``, ``dask.threaded.get`` and so on, and each ``__dask_scheduler__`` that a collection captured at its import.

For each test it is recorded how many graphs ran on our engine and how many on one of Dask's.

Environment
-----------
COMPAT_SWAP_MODE
    ``all`` (default), ``named`` (Dask's processes stay), ``config`` (only the configuration), ``off`` (count alone).
COMPAT_ENGINE
    ``module:attribute`` of the threaded ``get``. Default ``cenote.threaded:get``.
COMPAT_ENGINE_SYNC
    The same for the calling thread. Default ``cenote.local:get_sync``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

import guard
import places
from places import Get

MODE = os.environ.get("COMPAT_SWAP_MODE", "all")
ENGINE = os.environ.get("COMPAT_ENGINE", "cenote.threaded:get")
ENGINE_SYNC = os.environ.get("COMPAT_ENGINE_SYNC", "cenote.local:get_sync")


class Graphs:
    """How many graphs ran on our engine since the test began."""

    engine = 0


def load(name: str) -> Get:
    """The function that ``module:attribute`` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def counted(engine: Get) -> Get:
    """An engine that counts the graphs it is given."""

    def swapped_get(dsk: Any, keys: Any, **kwargs: Any) -> Any:
        Graphs.engine += 1
        return engine(dsk, keys, **kwargs)

    return swapped_get


def engines() -> dict[str, Get]:
    """The engines, by kind."""
    kinds = {"threads": counted(load(ENGINE)), "sync": counted(load(ENGINE_SYNC))}
    if MODE == "all":
        # A function of its own: Dask compares these functions to see whether collections can be computed together.
        kinds["processes"] = counted(load(ENGINE))
    return kinds


swapped: dict[str, Get] = {}


def pytest_configure(config: pytest.Config) -> None:
    import dask.config

    if MODE == "off":
        return
    swapped.update(engines())
    # A traceback is shortened by the names of files: an engine's own belong to the list, and so does this one.
    shorten = [*dask.config.get("admin.traceback.shorten"), r"scheduler_swap\.py", r"[\\/]cenote[\\/]"]
    dask.config.set({"admin.traceback.shorten": shorten})
    if MODE == "config":
        dask.config.set(scheduler=swapped["threads"])
    elif MODE in ("named", "all"):
        places.put(swapped)
        places.put_captured(swapped)
    else:
        raise pytest.UsageError(f"COMPAT_SWAP_MODE={MODE!r} is none of all, named, config, off")


def pytest_collection_finish(session: pytest.Session) -> None:
    if MODE != "config":
        places.put_captured(swapped)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    Graphs.engine = 0
    before = guard.calls["dask.local.get_async"]
    try:
        return (yield)
    finally:
        stock = guard.calls["dask.local.get_async"] - before
        item.user_properties += [("engine", Graphs.engine), ("stock", stock)]
