"""A function that chooses its implementation by the type of its first argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Dispatch:
    """Single dispatch over the method resolution order, with handlers that may arrive late.

    `register_lazy` names a package whose handlers are costly to define (they need the package itself): its function
    runs when an object of a class from that package is first seen, which is when the package is surely loaded.

    Parameters
    ----------
    name : str, optional
        Becomes `__name__`.

    Examples
    --------
    >>> area = Dispatch("area")
    >>> @area.register(int)
    ... def area_of_square(side):
    ...     return side * side
    >>> area(3), area(True)
    (9, 1)
    """

    def __init__(self, name: str | None = None):
        self._lookup: dict[type, Callable[..., Any]] = {}
        self._lazy: dict[str, Callable[[], Any]] = {}
        if name:
            self.__name__ = name

    def register(self, type: type | tuple[type, ...], func: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Register `func` for a type or several types; without `func`, return a decorator."""

        def register_func(func: Callable[..., Any]) -> Callable[..., Any]:
            for cls in type if isinstance(type, tuple) else (type,):
                self._lookup[cls] = func
            return func

        return register_func if func is None else register_func(func)

    def register_lazy(self, toplevel: str, func: Callable[[], Any] | None = None) -> Callable[..., Any]:
        """Register a function that registers handlers, to be called when a type from `toplevel` is first seen."""

        def register_func(func: Callable[[], Any]) -> Callable[[], Any]:
            self._lazy[toplevel] = func
            return func

        return register_func if func is None else register_func(func)

    def find(self, cls: type) -> Callable[..., Any] | None:
        """Return the handler registered for exactly `cls`, after running the lazy registration of its package."""
        if self._lazy:
            register = self._lazy.get(cls.__module__.partition(".")[0])
            if register is not None:
                register()
                self._lazy.pop(cls.__module__.partition(".")[0], None)
        return self._lookup.get(cls)

    def dispatch(self, cls: type) -> Callable[..., Any]:
        """Return the handler for `cls`: its own, or the one of its nearest base class.

        Raises
        ------
        TypeError
            If neither it nor any base class has one.
        """
        found = self._lookup.get(cls)
        if found is not None:
            return found
        for base in cls.__mro__:
            found = self.find(base)
            if found is not None:
                return found
        raise TypeError(f"no handler is registered for {cls}; register one with `register`")

    def __call__(self, arg: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the handler for the type of `arg`."""
        return self.dispatch(type(arg))(arg, *args, **kwargs)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        """The documentation of the handler of `object`, which stands for all."""
        handler = self._lookup.get(object)
        return handler.__doc__ if handler is not None else "Single dispatch over the type of the first argument."
