"""The nodes that are builtin containers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from cenote.task_spec.node import GraphNode
from cenote.task_spec.task import Task


class Container(Task):
    """A builtin container whose items may be references. It has no key of its own."""

    __slots__ = ()

    def __init__(self, /, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], self.klass):
            args = tuple(args[0])  # type: ignore[arg-type]
        super().__init__(None, self.build, *args)

    klass: type

    @staticmethod
    def build(*items: Any) -> Any:
        """Make the container of its evaluated items."""
        raise NotImplementedError

    def _rebuild(self, key: Any, new: list[Any]) -> Container:
        made = type(self).__new__(type(self))
        Task.__init__(made, key, self.build, *new)
        return made

    def __iter__(self) -> Iterator[Any]:
        return iter(self.args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.args)} items)"


class List(Container):
    """A list whose items may be references.

    Examples
    --------
    >>> from cenote.task_spec import List, Task, TaskRef
    >>> Task("total", sum, List(TaskRef("x"), TaskRef("y"), 3))({"x": 1, "y": 2})
    6
    """

    __slots__ = ()
    klass = list

    @staticmethod
    def build(*items: Any) -> list[Any]:
        """Make the list."""
        return list(items)


class Tuple(Container):
    """A tuple whose items may be references."""

    __slots__ = ()
    klass = tuple

    @staticmethod
    def build(*items: Any) -> tuple[Any, ...]:
        """Make the tuple."""
        return items


class Set(Container):
    """A set whose items may be references."""

    __slots__ = ()
    klass = set

    @staticmethod
    def build(*items: Any) -> set[Any]:
        """Make the set."""
        return set(items)


class Dict(Container, Mapping):
    """A dict whose keys and values may be references. ``args`` holds them flat: key, value, key, value.

    Parameters
    ----------
    *args
        A dict, a sequence of pairs, or keys and values alternating.
    **kwargs
        Or the items, by name.

    Examples
    --------
    >>> from cenote.task_spec import Dict, TaskRef
    >>> Dict({"a": TaskRef("x"), "b": 2})({"x": 1})
    {'a': 1, 'b': 2}
    """

    __slots__ = ()
    klass = dict

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError("Dict takes positional items or items by name, not both")
        flat = args or tuple(itertools.chain(*kwargs.items()))
        if len(args) == 1:
            flat = _flat_items(args[0])
        if len(flat) % 2:
            raise ValueError(f"Invalid number of arguments provided: Dict needs pairs, got {len(flat)} items")
        Task.__init__(self, None, self.build, *flat)

    @staticmethod
    def build(*items: Any) -> dict[Any, Any]:
        """Make the dict."""
        return dict(zip(items[::2], items[1::2], strict=True))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.args[::2])

    def __len__(self) -> int:
        return len(self.args) // 2

    def __getitem__(self, name: Any) -> Any:
        for known, value in zip(self.args[::2], self.args[1::2], strict=True):
            if known is name or known == name:
                return value
        raise KeyError(name)

    __eq__ = GraphNode.__eq__
    __hash__ = GraphNode.__hash__


def _flat_items(items: Any) -> tuple[Any, ...]:
    """Keys and values alternating, from a mapping or a sequence of pairs."""
    if isinstance(items, Mapping):
        return tuple(itertools.chain(*items.items()))
    if not isinstance(items, (list, tuple)):
        raise ValueError(f"Invalid argument provided: Dict takes a mapping or pairs, got {type(items).__name__}")
    if all(isinstance(item, (list, tuple)) and len(item) == 2 for item in items):
        return tuple(itertools.chain(*items))
    return tuple(items)
