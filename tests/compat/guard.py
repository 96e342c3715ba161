"""pytest plugin: Dask's own engine, order and optimizations raise when Cenote calls them.

A test that passes because its graph was handed back to Dask proves nothing. So the guarded functions of Dask look at
who called them. Dask calling itself, and the user's code calling Dask, are none of our business: a Dask array that is
turned into a graph is optimized by Dask, also when it was our engine that asked for the graph.

The guard is put into the functions' code, not over their names: whoever imported a function earlier, under whatever
name, holds the guarded one.

Environment
-----------
COMPAT_PACKAGE
    The package that must not hand its work to Dask. Default ``cenote``.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

PACKAGE = os.environ.get("COMPAT_PACKAGE", "cenote")

#: Modules of ours through which a call reaches the replacement: they count as the replacement itself.
PLUGINS = frozenset({"scheduler_swap", "api_alias"})

#: Through these a call is in order: a graph for Dask's processes, or a fused task of Dask that runs its inner graph.
EXEMPT = frozenset({"dask.multiprocessing", "dask._task_spec", "distributed"})

#: Looked at through any number of Dask's own frames: however Cenote gets there, it has handed a graph over.
DEEP = {"dask.local": ("get_async",), "dask.order": ("order",)}

#: Looked at with the direct caller alone: Dask's collections use them in earnest.
NEAR = {"dask.optimization": ("cull", "fuse", "fuse_linear", "inline", "inline_functions", "functions_of")}


class HandedToDask(AssertionError):
    """Cenote called a function of Dask that it is meant to replace."""


#: What was caught since the last test began. A test that swallows the exception fails even so.
caught: list[str] = []

#: How often each guarded function was called, by whomever.
calls: Counter[str] = Counter()


def is_ours(module: str) -> bool:
    """Whether a module belongs to the guarded package, or to a plugin that stands for it."""
    return module in PLUGINS or module == PACKAGE or module.startswith(PACKAGE + ".")


def look(name: str, deep: bool) -> None:
    """Raise if the function ``name`` of Dask was called by Cenote."""
    frame: types.FrameType | None = sys._getframe(3)  # past this one, the entry, and the guarded function itself
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if is_ours(module):
            caught.append(f"{name}, called in {module}.{frame.f_code.co_name}")
            raise HandedToDask(caught[-1])
        top = module.partition(".")[0]
        if not deep or module in EXEMPT or top in EXEMPT or top not in ("dask", "contextlib"):
            return
        frame = frame.f_back


def guard(module: str, name: str, deep: bool) -> None:
    """Make a function of Dask look at its caller before it does its work."""
    function = getattr(importlib.import_module(module), name)
    if function.__closure__:
        raise TypeError(f"{module}.{name} is a closure: its code cannot be replaced")
    original = types.FunctionType(function.__code__, function.__globals__, name, function.__defaults__)
    original.__kwdefaults__ = function.__kwdefaults__

    def enter(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        calls[f"{module}.{name}"] += 1
        look(f"{module}.{name}", deep)
        return original(*args, **kwargs)

    # The new code runs with the globals of Dask's module, so its entry is put there under a name of its own.
    entry = f"__compat_guard_{name}__"
    function.__globals__[entry] = enter
    scratch: dict[str, Any] = {}
    exec(f"def {name}(*args, **kwargs): return {entry}(args, kwargs)", scratch)
    function.__defaults__ = function.__kwdefaults__ = None
    function.__code__ = scratch[name].__code__


def pytest_configure(config: pytest.Config) -> None:
    for functions, deep in ((DEEP, True), (NEAR, False)):
        for module, names in functions.items():
            for name in names:
                guard(module, name, deep)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    caught.clear()
    result = yield
    if caught:
        raise HandedToDask(caught[0])
    return result
