"""Takes collections out of nested containers, and puts what they became back in the same places."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from cenote._native import Delayed, are_distinct_nodes
from cenote.collection import is_dask_collection

__all__ = ["unpack_collections"]

Step = int | tuple[Callable[..., Any] | None, Any]
"""A step of the program that puts things back: the place of a result, (None, a value) or (a class, how many items).

Places are bare numbers because there may be a million, and the garbage collector looks at every tuple."""


def unpack_collections(*args: Any, traverse: bool = True) -> tuple[list[Any], Callable[[Any], tuple[Any, ...]]]:
    """Find the collections in objects, at any depth.

    Parameters
    ----------
    *args
        Any objects.
    traverse : bool, default True
        Whether to search lists, tuples, sets, dicts, ordered dicts, iterators, dataclasses and named tuples, and not
        only the objects themselves.

    Returns
    -------
    collections : list
        The collections, each once.
    repack : callable
        Given as many objects, returns a tuple like ``args`` with each in the place of its collection.

    Examples
    --------
    >>> from cenote import delayed
    >>> found, repack = unpack_collections([delayed(1), 2], {"a": delayed(3)})
    >>> len(found)
    2
    >>> repack(["one", "three"])
    (['one', 2], {'a': 'three'})
    """
    if are_distinct_nodes(args):
        return list(args), tuple
    found = _Found()
    steps = _steps(args, traverse, found)

    def repack(results: Any) -> tuple[Any, ...]:
        return _built(steps, list(results))

    return found.collections, repack


class _Found:
    """The collections that were found, each with its place."""

    def __init__(self) -> None:
        self.collections: list[Any] = []
        self._places: dict[int, int] = {}

    def place(self, collection: Any) -> int:
        """The place of a collection, a new one if it was not seen before."""
        place = self._places.setdefault(id(collection), len(self.collections))
        if place == len(self.collections):
            self.collections.append(collection)
        return place


def _steps(args: tuple[Any, ...], traverse: bool, found: _Found) -> list[Step]:
    """The program for ``args``. Containers that are being read lie on a list, so that no depth is too deep."""
    steps: list[Step] = []
    reading: list[tuple[Any, Iterator[Any], Any, int]] = [(args, iter(args), tuple, len(args))]
    while reading:
        _, items, build, count = reading[-1]
        for item in items:
            if type(item) is Delayed or is_dask_collection(item):
                steps.append(found.place(item))
            elif traverse and (opened := _opened(item)) is not None:
                inner, inner_build = opened
                reading.append((item, iter(inner), inner_build, len(inner)))
                # One that contains itself has no end, so that it is enough to look now and then.
                if len(reading) % 64 == 0 and any(item is around for around, *_ in reading[:-1]):
                    raise RecursionError("a container that contains itself cannot be an argument")
                break
            else:
                steps.append((None, item))
        else:
            steps.append((build, count))
            reading.pop()
    return steps


def _opened(item: Any) -> tuple[list[Any], Callable[..., Any]] | None:
    """What is in a container, and what makes one of a list of such; None if it is no container."""
    kind = type(item)
    if kind in (list, tuple, set):
        return list(item), kind
    if kind in (dict, OrderedDict):
        flat = [part for pair in item.items() for part in pair]
        return flat, lambda parts: kind(zip(parts[::2], parts[1::2], strict=True))
    if isinstance(item, Iterator):
        return list(item), list
    if hasattr(kind, "__dataclass_fields__"):
        import dataclasses

        names = [field.name for field in dataclasses.fields(item) if field.init]
        values = [getattr(item, name) for name in names]
        return values, lambda parts: dataclasses.replace(item, **dict(zip(names, parts, strict=True)))
    if isinstance(item, tuple) and hasattr(kind, "_fields"):
        return list(item), lambda parts: kind(*parts)
    return None


def _built(steps: list[Step], results: list[Any]) -> tuple[Any, ...]:
    stack: list[Any] = []
    for step in steps:
        if isinstance(step, int):
            stack.append(results[step])
            continue
        build, what = step
        if build is None:
            stack.append(what)
        else:
            items = stack[len(stack) - what :]
            del stack[len(stack) - what :]
            stack.append(build(items))
    return stack[0]
