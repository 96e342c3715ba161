"""Which packages bring normal forms for their types, defined when an object of theirs is first seen."""

from __future__ import annotations

import importlib
from typing import Any

from cenote import _dask
from cenote.tokenize.registry import items, normalize_token


def _register_from(package: str) -> None:
    """Let `cenote.tokenize.<package>` register its handlers when a type of `package` comes along."""

    def register() -> Any:
        importlib.import_module(f"cenote.tokenize.for_{package}").register()

    normalize_token.register_lazy(package, register)


for _package in ("numpy", "pandas", "pyarrow", "scipy"):
    _register_from(_package)


@normalize_token.register_lazy("numba")
def register_numba() -> None:
    """Compiled functions, by what numba itself would pickle."""
    from numba.core.serialize import ReduceMixin

    @normalize_token.register(ReduceMixin)
    def normalize_compiled(func: Any) -> Any:
        return normalize_token((func._reduce_class(), func._reduce_states()))


def normalize_literal(wrapped: Any) -> Any:
    """What it wraps."""
    return "literal", normalize_token(wrapped.data)


@normalize_token.register_lazy("cenote")
def register_cenote() -> None:
    """Ours."""
    from cenote.core import literal

    normalize_token.register(literal, normalize_literal)


@normalize_token.register_lazy("dask")
def register_dask() -> None:
    """Dask's, which means the same: ours becomes Dask's by pickling where Dask is loaded."""
    if (core := _dask.module("core")) is not None:
        normalize_token.register(core.literal, normalize_literal)


@normalize_token.register_lazy("toolz")
def register_toolz() -> None:
    """Curried and composed functions."""
    from toolz.functoolz import Compose, curry

    @normalize_token.register(curry)
    def normalize_curry(func: Any) -> Any:
        return "curry", normalize_token(func.func), items(func.args), normalize_token(func.keywords)

    @normalize_token.register(Compose)
    def normalize_compose(func: Any) -> Any:
        return "compose", items((func.first, *func.funcs))
