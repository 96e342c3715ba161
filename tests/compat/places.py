"""Where Dask looks for a function that runs graphs, and how another one is put there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

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


def put(engines: Mapping[str, Get]) -> None:
    """Put engines, by kind, where Dask looks at each call."""
    named = importlib.import_module("dask.base").named_schedulers
    for kind, engine in engines.items():
        named.update(dict.fromkeys(NAMES[kind], engine))
        for module, attribute in FUNCTIONS[kind]:
            setattr(importlib.import_module(module), attribute, engine)


def put_captured(engines: Mapping[str, Get]) -> None:
    """Put engines, by kind, where Dask looked when a collection was imported."""
    for kind, engine in engines.items():
        for name, classes in CAPTURED[kind]:
            module = sys.modules.get(name)
            if module is None:
                continue
            for cls in filter(None, (getattr(module, c, None) for c in classes)):
                if "__dask_scheduler__" in vars(cls):
                    cls.__dask_scheduler__ = staticmethod(engine)
            if hasattr(module, "DEFAULT_GET"):
                module.DEFAULT_GET = engine
