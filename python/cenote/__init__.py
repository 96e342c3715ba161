"""Cenote: a compute pool for Python functions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cenote._native import __version__
from cenote.delayed import delayed

if TYPE_CHECKING:
    from cenote.annotations import annotate, get_annotations
    from cenote.base import compute, get_scheduler, is_dask_collection, optimize, persist, visualize
    from cenote.local import get_sync
    from cenote.threaded import get

__all__ = [
    "__version__",
    "annotate",
    "compute",
    "delayed",
    "get",
    "get_annotations",
    "get_scheduler",
    "get_sync",
    "is_dask_collection",
    "optimize",
    "persist",
    "visualize",
]

_HOMES = {
    "annotate": "annotations",
    "compute": "base",
    "get": "threaded",
    "get_annotations": "annotations",
    "get_scheduler": "scheduler",
    "get_sync": "local",
    "is_dask_collection": "collection",
    "optimize": "base",
    "persist": "base",
    "visualize": "base",
}
"""Where the names live whose modules are loaded when they are first used."""

_MODULES = frozenset(
    {
        "annotations",
        "base",
        "callbacks",
        "config",
        "context",
        "core",
        "dask",
        "diagnostics",
        "distributed",
        "dot",
        "graph_manipulation",
        "highlevelgraph",
        "local",
        "optimization",
        "order",
        "task_spec",
        "threaded",
        "tokenize",
        "typing",
        "utils",
    }
)
"""The modules that are loaded when they are first used."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(import_module(f"cenote.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    if name in _MODULES:
        return import_module(f"cenote.{name}")
    raise AttributeError(f"module 'cenote' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
