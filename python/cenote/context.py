"""Methods that a setting may take over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cenote import config
from cenote._dask import MISSING


def globalmethod(
    default: Callable[..., Any] | None = None, key: str | None = None, falsey: Callable[..., Any] | None = None
) -> Any:
    """Make a static method that the setting `key` replaces while it is set.

    Parameters
    ----------
    default : callable
        What is called while nothing is set.
    key : str
        The name of the setting.
    falsey : callable, optional
        What is called while the setting is false; by default `default`.

    Examples
    --------
    >>> class Collection:
    ...     @globalmethod(key="my_optimize", falsey=lambda: "as it is")
    ...     def optimize():
    ...         return "optimized"
    >>> Collection().optimize()
    'optimized'
    >>> with config.set(my_optimize=lambda: "my way"):
    ...     Collection().optimize()
    'my way'
    >>> with config.set(my_optimize=False):
    ...     Collection().optimize()
    'as it is'
    """
    if default is None:
        return partial(globalmethod, key=key, falsey=falsey)
    return GlobalMethod(default, key, falsey)


class GlobalMethod:
    """The descriptor behind `globalmethod`."""

    def __init__(self, default: Callable[..., Any], key: str | None, falsey: Callable[..., Any] | None = None) -> None:
        self._default = default
        self._key = key
        self._falsey = falsey

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        value = config.get(self._key, MISSING) if self._key else MISSING
        if value is MISSING:
            return self._default
        return value or self._falsey or self._default
