"""pytest plugin: lets the tests of an older distributed be collected with the current one.

Debian ships the tests of distributed 2024.12.1, and is the only package that ships any. A name that is gone since then
gets a placeholder, so that it costs the tests that use it and not their whole file. Debian also wrote
``@pytest.importorskip("pyarrow")`` above functions; that is made harmless.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

GONE = {
    "dask.optimization": ("SubgraphCallable",),
    "distributed": ("Pub", "Sub"),
    "distributed.compatibility": ("randbytes",),
    "distributed.comm.ucx": ("_prepare_ucx_config",),
    "distributed.shuffle": ("check_minimal_arrow_version",),
}


def placeholder(name: str) -> Callable[..., None]:
    """A function that fails the test which calls it."""

    def gone(*_: Any, **__: Any) -> None:
        pytest.fail(f"{name} is gone from this distributed")

    return gone


class ModuleOrDecorator:
    """A module that may also stand above a function."""

    def __init__(self, module: Any) -> None:
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


def pytest_configure(config: pytest.Config) -> None:
    for path, names in GONE.items():
        try:
            module = importlib.import_module(path)
        except ImportError:
            continue
        for name in names:
            if not hasattr(module, name):
                setattr(module, name, placeholder(f"{path}.{name}"))
    stock = pytest.importorskip
    pytest.importorskip = lambda *args, **kwargs: ModuleOrDecorator(stock(*args, **kwargs))
