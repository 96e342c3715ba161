"""What Dask says, where it is loaded.

Dask is never imported from here: a process that has not loaded it pays nothing. Where it is loaded, its
configuration, its active callbacks, its annotations and its token registry are honoured, and this module is the only
one that looks for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

MISSING: Any = object()
"""Stands for "there is none" where `None` is a legitimate value."""


def module(name: str) -> ModuleType | None:
    """Return Dask's submodule `name` if the process has loaded it, else `None`.

    A module of Cenote that somebody has put in the place of Dask's does not count: asking it would be asking
    ourselves.

    Examples
    --------
    >>> module("no_such_module") is None
    True
    """
    found = sys.modules.get(f"dask.{name}")
    if found is None or found.__name__.partition(".")[0] != "dask":
        return None
    return found


def loaded() -> bool:
    """Return whether Dask is loaded in this process."""
    return "dask" in sys.modules and module("config") is not None


def config_value(key: str) -> Any:
    """Return what `dask.config.get(key)` returns, or `MISSING`.

    Examples
    --------
    >>> config_value("no.such.key") is MISSING
    True
    """
    config = module("config")
    get = getattr(config, "get", None)  # absent while Dask itself is still being imported
    return MISSING if get is None else get(key, MISSING)


def callback_class() -> type | None:
    """Return Dask's `Callback`, whose attribute `active` holds the registered callbacks, or `None`."""
    cls = getattr(module("callbacks"), "Callback", None)
    # under an alias of the API the class in Dask's module may be ours
    return cls if cls is not None and cls.__module__.partition(".")[0] == "dask" else None


def active_annotations() -> dict[str, Any]:
    """Return Dask's annotations in force here.

    Examples
    --------
    >>> active_annotations()
    {}
    """
    read = getattr(module("base"), "get_annotations", None)
    if read is None or read.__module__.partition(".")[0] != "dask":
        return {}
    return dict(read())


def token_handler(cls: type) -> Callable[[Any], Any] | None:
    """Return what was registered for exactly `cls` in Dask's `normalize_token`, or `None`."""
    registry = getattr(module("tokenize"), "normalize_token", None)
    lookup = getattr(registry, "_lookup", None)
    if lookup is None or type(registry).__module__.partition(".")[0] != "dask":
        return None
    handler = lookup.get(cls)
    # Dask remembers in the same table which classes fell back to the handler of a base
    return None if any(handler is lookup.get(base) for base in cls.__mro__[1:]) else handler
