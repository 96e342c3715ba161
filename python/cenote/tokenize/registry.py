"""The table of normal forms: which function turns objects of a type into what can be spelled out and hashed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from cenote import _dask
from cenote._dispatch import Dispatch

PLAIN = frozenset({int, float, str, bytes, bool, complex, type(None), type(Ellipsis)})
"""Types whose `repr` says all, so that objects of exactly these types are their own normal form."""

DEPTH_MAX = 50
"""An object in which others are nested deeper than this is pickled as a whole: `pickle` goes deeper than we can.
Counted in objects, so that it does not depend on the depth of the caller's stack which token an object has."""


class _TooDeep(BaseException):
    """Unwinds to the outermost object; no `Exception`, since code of the objects may catch those."""


class TokenizationError(RuntimeError):
    """An object has no deterministic token, and `tokenize.ensure-deterministic` asks for one."""


class _Seen(threading.local):
    """The objects whose normal form this thread is making now, by identity, and how deep each lies."""

    def __init__(self) -> None:
        self.depths: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.depths)


_SEEN = _Seen()
_ENSURE_DETERMINISTIC: ContextVar[bool | None] = ContextVar("_ENSURE_DETERMINISTIC")


class NormalizeToken(Dispatch):
    """Turn an object into its normal form: plain values and tuples of them, the same for equal objects.

    The nearest class in the method resolution order that has a handler, or a method ``__dask_tokenize__``, decides; at
    equal distance the handler. Types registered with Dask only count too, where Dask is loaded.

    Examples
    --------
    >>> normalize_token([1, {"x": 2}])
    ('list', (1, ('dict', (('tuple', ('x', 2)),))))

    A type of one's own:

    >>> class Grid:
    ...     def __init__(self, side):
    ...         self.side = side
    >>> @normalize_token.register(Grid)
    ... def normalize_grid(grid):
    ...     return "Grid", grid.side
    >>> normalize_token(Grid(3))
    ('Grid', 3)
    """

    def find(self, cls: type) -> Callable[[Any], Any] | None:
        """Return what makes normal forms of objects of exactly `cls`."""
        found = super().find(cls)
        if found is not None:
            return found
        return _dask.token_handler(cls) or (_ask_object if "__dask_tokenize__" in vars(cls) else None)

    deep: Callable[[Any], Any]
    """Makes the normal form of an object in which others are nested too deep."""

    def __call__(self, arg: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the normal form of `arg`."""
        cls = type(arg)
        if cls in PLAIN:
            return arg
        handler = self.dispatch(cls)
        depths, identity = _SEEN.depths, id(arg)
        if identity in depths:  # it contains itself: say how many levels up
            return "__seen", len(depths) - depths[identity]
        depth = depths[identity] = len(depths)
        try:
            if depth == DEPTH_MAX:
                raise _TooDeep
            return handler(arg, *args, **kwargs)
        except _TooDeep:
            if depth > 0:
                raise
            return self.deep(arg)
        finally:
            del depths[identity]


normalize_token = NormalizeToken("normalize_token")


def _ask_object(o: Any) -> Any:
    """Return the normal form of what the object's own method says."""
    return normalize_token(o.__dask_tokenize__())


def items(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the normal forms of several values."""
    return tuple([value if type(value) in PLAIN else normalize_token(value) for value in values])


def nondeterministic(reason: str) -> str:
    """Return a random token, or raise if a deterministic one was asked for."""
    ensure = _ENSURE_DETERMINISTIC.get(None)
    if ensure is None:
        from cenote import config

        ensure = config.get("tokenize.ensure-deterministic", False)
    if ensure:
        raise TokenizationError(reason)
    return os.urandom(16).hex()
