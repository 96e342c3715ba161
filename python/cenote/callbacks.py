"""Callbacks: what a run tells whoever watches it, task by task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar

from cenote import _dask

__all__ = ["Callback", "add_callbacks", "local_callbacks", "normalize_callback", "unpack_callbacks"]

_NAMES = ("start", "start_state", "pretask", "posttask", "finish")

# start, start_state, pretask, posttask, finish
CallbackTuple = tuple[Any, Any, Any, Any, Any]


class Callback:
    """Functions that are called in the course of a run, in the thread that asked for it.

    Give them as arguments, or define methods of these names with a leading underscore in a subclass. Use it as a
    context manager, or :meth:`register` it for all runs to come.

    Parameters
    ----------
    start : callable, optional
        ``start(graph)``, before anything else; what it changes in the graph counts.
    start_state : callable, optional
        ``start_state(graph, state)``, when it is known what there is to do. ``state`` maps ``cache``,
        ``dependencies``, ``dependents``, ``finished``, ``ready``, ``released``, ``running``, ``waiting`` and
        ``waiting_data`` to the tasks of which that is so.
    pretask : callable, optional
        ``pretask(key, graph, state)``, before a task is handed to a worker.
    posttask : callable, optional
        ``posttask(key, result, graph, state, worker_id)``, after a task has finished and what it held is released.
    finish : callable, optional
        ``finish(graph, state, failed)``, at the end, however it came.

    Examples
    --------
    >>> from cenote.local import get_sync
    >>> with Callback(pretask=lambda key, graph, state: print("now", key)):
    ...     get_sync({"x": 1, "y": (abs, "x")}, "y")
    now y
    1
    """

    active: ClassVar[set[CallbackTuple]] = set()

    def __init__(
        self,
        start: Callable[..., Any] | None = None,
        start_state: Callable[..., Any] | None = None,
        pretask: Callable[..., Any] | None = None,
        posttask: Callable[..., Any] | None = None,
        finish: Callable[..., Any] | None = None,
    ) -> None:
        given = (start, start_state, pretask, posttask, finish)
        for name, function in zip(_NAMES, given, strict=True):
            if function:
                setattr(self, f"_{name}", function)
        self._context: add_callbacks | None = None

    @property
    def _callback(self) -> CallbackTuple:
        functions = [getattr(self, f"_{name}", None) for name in _NAMES]
        return (functions[0], functions[1], functions[2], functions[3], functions[4])

    def __enter__(self) -> Any:
        self._context = add_callbacks(self)
        self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._context is not None:
            self._context.__exit__(kind, error, traceback)

    def register(self) -> None:
        """Watch every run from now on."""
        Callback.active.add(self._callback)

    def unregister(self) -> None:
        """Watch no longer.

        Raises
        ------
        KeyError
            If it is not registered.
        """
        Callback.active.remove(self._callback)


class add_callbacks:
    """Watch the runs of a ``with`` block.

    Parameters
    ----------
    *callbacks : Callback or tuple
        Callbacks, or tuples of the five functions (None for one that is not wanted).
    """

    def __init__(self, *callbacks: Any) -> None:
        self._added = {normalize_callback(callback) for callback in callbacks}
        Callback.active.update(self._added)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        for callback in self._added:
            Callback.active.discard(callback)


def normalize_callback(callback: Any) -> CallbackTuple:
    """Return the five functions of a callback.

    Raises
    ------
    TypeError
        If it is neither a :class:`Callback` nor a tuple.
    """
    if isinstance(callback, tuple):
        return callback
    functions = getattr(callback, "_callback", None)
    if isinstance(functions, tuple):
        return functions
    raise TypeError(f"callbacks must be Callback objects or tuples of five functions, not {type(callback).__name__}")


def unpack_callbacks(callbacks: Iterable[CallbackTuple]) -> list[list[Any]]:
    """Return the functions of several callbacks by what they watch, leaving out those that are not wanted.

    Examples
    --------
    >>> unpack_callbacks([(len, None, None, None, max), (abs, None, None, None, None)])
    [[<built-in function len>, <built-in function abs>], [], [], [], [<built-in function max>]]
    """
    callbacks = list(callbacks)
    return [[callback[index] for callback in callbacks if callback[index]] for index in range(len(_NAMES))]


@contextmanager
def local_callbacks(callbacks: Any = None) -> Iterator[list[CallbackTuple]]:
    """Take the active callbacks, Dask's where it is loaded too, for the run of the ``with`` block.

    Runs inside it see none of them, so that a graph computed by a task is not watched as if it were its caller's.

    Parameters
    ----------
    callbacks : Callback, tuple, or list of them, optional
        Take these instead, and leave the active ones alone.

    Yields
    ------
    list of tuple
    """
    if callbacks:
        given = callbacks if isinstance(callbacks, (list, set)) else [callbacks]
        yield [normalize_callback(callback) for callback in given]
        return
    classes: list[Any] = [Callback, _dask.callback_class()]
    owners = [owner for owner in classes if owner is not None and owner.active]
    taken = [(owner, owner.active) for owner in owners]
    try:
        for owner in owners:
            owner.active = set()
        yield [normalize_callback(callback) for _, active in taken for callback in active]
    finally:
        for owner, active in taken:
            active |= owner.active  # registered meanwhile, for good
            owner.active = active
