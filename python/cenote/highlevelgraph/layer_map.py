"""A mapping from layer names, made of the mappings of other graphs without copying them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class LayerMap:
    """A dict that is the union of other such dicts and some entries of its own, joined only when looked at.

    Each step of building a graph adds a layer to the layers of the graphs it builds on. Were they copied at each
    step, building would take quadratic time. So a step costs the size of what it adds, and the first look at a
    graph costs the size of that graph. Of two entries with one name, the one of the later parent wins, and the own
    one over both.

    Examples
    --------
    >>> first = LayerMap({"a": 1})
    >>> LayerMap({"c": 3}, [first, LayerMap(lambda: {"b": 2})]).joined()
    {'a': 1, 'b': 2, 'c': 3}
    """

    __slots__ = ("_joined", "_own", "_parents")

    def __init__(self, own: dict[str, Any] | Callable[[], dict[str, Any]], parents: Iterable[LayerMap] = ()) -> None:
        self._own = own
        self._parents = tuple(parents)
        self._joined: dict[str, Any] | None = None

    def _entries(self) -> dict[str, Any]:
        """The own entries; what makes them, if they are to be made, has made them then."""
        own = self._own
        if not isinstance(own, dict):
            own = self._own = own()
        return own

    def joined(self) -> dict[str, Any]:
        """The dict. The same object each time."""
        if self._joined is None:
            if self._parents:
                joined: dict[str, Any] = {}
                for part in self._parts():
                    joined.update(part)
                self._own, self._parents = joined, ()
            self._joined = self._entries()
        return self._joined

    def _parts(self) -> list[dict[str, Any]]:
        """The dicts to join, those of parents before those of their children."""
        parts: list[dict[str, Any]] = []
        seen = {id(self)}
        stack: list[tuple[LayerMap, Any]] = [(self, iter(self._parents))]
        while stack:
            node, parents = stack[-1]
            for parent in parents:
                if id(parent) not in seen:
                    seen.add(id(parent))
                    stack.append((parent, iter(parent._parents)))
                    break
            else:
                stack.pop()
                parts.append(node._entries())
        return parts
