"""Functions of ours that stand in graphs and must be understood where Cenote is not installed."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


class PortableFunction:
    """A function that, where Dask is loaded, pickles as Dask's function of the same meaning.

    Parameters
    ----------
    function : callable
        What is called here.
    stand_in : str
        Where Dask's stands, such as ``"dask.graph_manipulation:chunks.bind"``.
    """

    def __init__(self, function: Callable[..., Any], stand_in: str) -> None:
        functools.update_wrapper(self, function)
        self._home = f"{function.__module__}:{function.__qualname__}"
        self._stand_in = stand_in

    @classmethod
    def of(cls, stand_in: str) -> Callable[[Callable[..., Any]], PortableFunction]:
        """Decorate a function that has a stand-in."""
        return lambda function: cls(function, stand_in)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]

    def __reduce__(self) -> tuple[Any, ...]:
        if "dask" not in sys.modules or isinstance(_found(self._stand_in), PortableFunction):
            return _found, (self._home,)  # the latter: a module of ours stands in the place of Dask's
        path, _, name = self._stand_in.rpartition(".")
        if ":" in path:
            return getattr, (_found(path), name)
        return operator.itemgetter(0), ((_found(self._stand_in),),)  # functions pickle by name, modules do not

    def __repr__(self) -> str:
        return f"<function {self._home.partition(':')[2]}>"


def _found(place: str) -> Any:
    module, _, path = place.partition(":")
    return operator.attrgetter(path)(import_module(module))
