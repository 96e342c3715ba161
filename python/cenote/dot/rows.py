"""The rows of nodes and edges that a drawing is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cenote._native import Drawing
from cenote.dot.labels import tooltip

Attributes = list[tuple[str, str]]


class PictureRows:
    """Collects nodes and edges, and makes a drawing of them."""

    def __init__(self) -> None:
        self._nodes: list[tuple[str, str, str, str, Attributes]] = []
        self._edges: list[tuple[int, int, int, Attributes]] = []
        self._ids: set[str] = set()

    def add_node(self, id: str, label: str, shape: str, tip: Any, attributes: Mapping[str, Any] | None = None) -> int:
        """Add a node and return its index. An `id` that was there before is changed."""
        while id in self._ids:
            id += "'"
        self._ids.add(id)
        self._nodes.append((_text(id), _text(label), shape, _text(tooltip(tip)), _attributes(attributes)))
        return len(self._nodes) - 1

    def add_edge(self, start: int, end: int, weight: int = 1, attributes: Mapping[str, Any] | None = None) -> None:
        """Add an edge between two nodes, which is the shorter the heavier it is."""
        self._edges.append((start, end, weight, _attributes(attributes)))

    def drawing(
        self,
        rankdir: str = "BT",
        graph_attr: Mapping[str, Any] | None = None,
        node_attr: Mapping[str, Any] | None = None,
        edge_attr: Mapping[str, Any] | None = None,
        scale: tuple[str, str, str, list[str]] | None = None,
        entries: tuple[str, list[tuple[str, str]]] | None = None,
    ) -> Drawing:
        """The drawing of what was added."""
        defaults = (
            _attributes({name: value for name, value in (graph_attr or {}).items() if name != "rankdir"}),
            _attributes({"fontname": "helvetica", **(node_attr or {})}),
            _attributes(edge_attr),
        )
        return Drawing(self._nodes, self._edges, rankdir, defaults, scale, entries)


def _attributes(attributes: Mapping[str, Any] | None) -> Attributes:
    return [(_text(name), _text(value)) for name, value in (attributes or {}).items()]


def _text(value: Any) -> str:
    """Text that can be written as UTF-8: lone surrogates become question marks."""
    return str(value).encode("utf-8", "replace").decode("utf-8")
