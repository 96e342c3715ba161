"""Annotations: hints about tasks, such as a priority, that hold for what is made within a ``with`` block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from numbers import Number
from typing import Any

from cenote import _dask

__all__ = ["annotate", "get_annotations"]

current: ContextVar[Mapping[str, Any] | None] = ContextVar("cenote annotations", default=None)
"""What `annotate` was told around here."""


def get_annotations() -> dict[str, Any]:
    """The annotations in force, those of Dask's ``annotate`` among them where Dask is loaded.

    Examples
    --------
    >>> with annotate(priority=1):
    ...     get_annotations()
    {'priority': 1}
    """
    return {**_dask.active_annotations(), **(current.get() or {})}


@contextmanager
def annotate(**annotations: Any) -> Iterator[None]:
    """Annotate the tasks that are made within the block.

    The engine of this machine does not look at annotations; clusters do. Blocks nest: the inner one wins.

    Parameters
    ----------
    **annotations
        Any names. Some are checked: ``workers`` (a name or several), ``priority`` and ``retries`` (numbers),
        ``resources`` (a dict), ``allow_other_workers`` (a bool). Each may also be a function that takes the key of a
        task and returns the value.

    Raises
    ------
    TypeError
        One of the checked names has a value of another type.

    Examples
    --------
    >>> from cenote import annotate, delayed
    >>> with annotate(priority=10, retries=2):
    ...     x = delayed(sum)([1, 2])
    """
    for name, (kinds, expected) in CHECKED.items():
        if name in annotations and not callable(annotations[name]) and not isinstance(annotations[name], kinds):
            raise TypeError(f"{name!r} annotation must be {expected}, but got {annotations[name]}")
    if "workers" in annotations and not callable(annotations["workers"]):
        workers = annotations["workers"]
        annotations["workers"] = [workers] if isinstance(workers, str) else list(workers)
    token = current.set({**(current.get() or {}), **annotations})
    try:
        with _in_dask_too(annotations):
            yield
    finally:
        current.reset(token)


CHECKED: dict[str, tuple[Any, str]] = {
    "workers": ((list, set, tuple, str), "a sequence of str, a str or a callable"),
    "priority": (Number, "a Number or a callable"),
    "retries": (Number, "a Number or a callable"),
    "resources": (dict, "a dict"),
    "allow_other_workers": (bool, "a bool or a callable"),
}
"""The annotations whose type is checked."""


def _in_dask_too(annotations: Mapping[str, Any]) -> Any:
    """The same in Dask, where it is loaded, so that its collections are annotated as well."""
    base = _dask.module("base")
    function: Callable[..., Any] | None = getattr(base, "annotate", None)
    if function is None or function is annotate:
        return nullcontext()
    return function(**annotations)
