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
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import guard

MODE = os.environ.get("COMPAT_SWAP_MODE", "all")
ENGINE = os.environ.get("COMPAT_ENGINE", "cenote.threaded:get")
ENGINE_SYNC = os.environ.get("COMPAT_ENGINE_SYNC", "cenote.local:get_sync")

Get = Callable[..., Any]

#: Which names mean which engine.
NAMES = {
    "threads": ("threads", "threading"),
    "sync": ("sync", "synchronous", "single-threaded"),
    "processes": ("processes", "multiprocessing"),
}

#: Attributes of Dask's modules that hold a function that runs graphs.
FUNCTIONS = {
    "threads": (("dask.threaded", "get"),),
    "sync": (("dask", "get"), ("dask.local", "get_sync")),
    "processes": (("dask.multiprocessing", "get"),),
}

#: Classes that captured one at their import, and the modules' own name for it.
CAPTURED = {
    "threads": (
        ("dask.delayed", ("Delayed",)),
        ("dask.array.core", ("Array",)),
        ("dask.array._array_expr._collection", ("Array",)),
        ("dask.dataframe.dask_expr._collection", ("FrameBase",)),
    ),
    "processes": (("dask.bag.core", ("Bag", "Item")),),
    "sync": (),
}


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


class Swap:
    """Puts the engines into every place where Dask looks."""

    def __init__(self) -> None:
        self.engines = {"threads": counted(load(ENGINE)), "sync": counted(load(ENGINE_SYNC))}
        if MODE == "all":
            # A function of its own: Dask compares these functions to see whether collections can be computed together.
            self.engines["processes"] = counted(load(ENGINE))

    def names_and_functions(self) -> None:
        """Swap what is looked up at each call."""
        named = importlib.import_module("dask.base").named_schedulers
        for kind, engine in self.engines.items():
            named.update(dict.fromkeys(NAMES[kind], engine))
            for module, attribute in FUNCTIONS[kind]:
                setattr(importlib.import_module(module), attribute, engine)

    def captured(self) -> None:
        """Swap what was looked up at the import of a collection; again after the test modules were imported."""
        for kind, engine in self.engines.items():
            for name, classes in CAPTURED[kind]:
                module = sys.modules.get(name)
                if module is None:
                    continue
                for cls in filter(None, (getattr(module, c, None) for c in classes)):
                    if "__dask_scheduler__" in vars(cls):
                        cls.__dask_scheduler__ = staticmethod(engine)
                if hasattr(module, "DEFAULT_GET"):
                    module.DEFAULT_GET = engine


swap: Swap | None = None


def pytest_configure(config: pytest.Config) -> None:
    global swap
    import dask.config

    if MODE == "off":
        return
    swap = Swap()
    # A traceback is shortened by the names of files: an engine's own belong to the list, and so does this one.
    shorten = [*dask.config.get("admin.traceback.shorten"), r"scheduler_swap\.py", r"[\\/]cenote[\\/]"]
    dask.config.set({"admin.traceback.shorten": shorten})
    if MODE == "config":
        dask.config.set(scheduler=swap.engines["threads"])
    elif MODE in ("named", "all"):
        swap.names_and_functions()
        swap.captured()
    else:
        raise pytest.UsageError(f"COMPAT_SWAP_MODE={MODE!r} is none of all, named, config, off")


def pytest_collection_finish(session: pytest.Session) -> None:
    if swap is not None and MODE != "config":
        swap.captured()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    Graphs.engine = 0
    before = guard.calls["dask.local.get_async"]
    try:
        return (yield)
    finally:
        stock = guard.calls["dask.local.get_async"] - before
        item.user_properties += [("engine", Graphs.engine), ("stock", stock)]
