"""A picture with a box for each layer of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cenote._native import Drawing
from cenote.dot.groups import tasks_text
from cenote.dot.labels import distinct_labels, tooltip
from cenote.dot.rows import PictureRows

_FONT_SMALL, _FONT_LARGE = 12, 17

# Types of layers that are common get the same colors in every picture, others the next that are left.
_TYPE_COLORS = {
    "MaterializedLayer": "#e3e6eb",
    "Blockwise": "#d8f0df",
    "BlockwiseLayer": "#d8f0df",
    "DataFrameIOLayer": "#dad6f7",
    "ArrayOverlayLayer": "#fbdcee",
    "BroadcastJoinLayer": "#d6ebfb",
}
_MORE_COLORS = ("#fde9c9", "#d3efee", "#f7d9d3", "#e9eec4", "#e6d9c8", "#d9dcf0")


def draw_layers(
    graph: Any,
    data_attributes: Mapping[str, Mapping[str, Any]] | None = None,
    rankdir: str = "BT",
    graph_attr: Mapping[str, Any] | None = None,
    node_attr: Mapping[str, Any] | None = None,
    edge_attr: Mapping[str, Any] | None = None,
    color: str | None = None,
    **kwargs: Any,
) -> Drawing:
    """Draw the layers of a graph; see :func:`cenote.dot.visualize_layers`."""
    if color not in (None, "layer_type"):
        raise NotImplementedError(f"Unknown value color={color}: layers can be colored by 'layer_type'")
    layers, dependencies = graph.layers, graph.dependencies
    sizes = {name: len(layers[name]) for name in dependencies}
    fewest, most = min(sizes.values(), default=0), max(sizes.values(), default=0)
    colors: dict[str, str] = {}
    rows = PictureRows()
    index: dict[Any, int] = {}
    for (name, count), label in zip(sizes.items(), distinct_labels(sizes), strict=True):
        layer = layers[name]
        share = (count - fewest) / (most - fewest) if most > fewest else 0.0
        attributes: dict[str, Any] = {}
        if share:
            attributes["fontsize"] = f"{_FONT_SMALL + share * (_FONT_LARGE - _FONT_SMALL):.1f}"
        if color:
            attributes |= {"style": "filled", "fillcolor": _color_of(type(layer).__name__, colors)}
        attributes |= (data_attributes or {}).get(name, {})
        index[name] = rows.add_node(
            str(name), f"{label}\n{tasks_text(count)}", "group", _tip(name, layer, count), attributes
        )
    for name, needed in dependencies.items():
        for other in sorted(needed, key=str):
            if other in index:
                rows.add_edge(index[other], index[name])
    entries = ("layer types", [(tint, kind) for kind, tint in colors.items()]) if color else None
    graph_attr = {**(graph_attr or {}), **kwargs}
    return rows.drawing(rankdir, graph_attr, node_attr, edge_attr, entries=entries)


def _color_of(kind: str, colors: dict[str, str]) -> str:
    """The color of a type of layers, which is noted for the legend."""
    if kind not in colors:
        left = [color for color in _MORE_COLORS if color not in colors.values()]
        colors[kind] = _TYPE_COLORS.get(kind) or (left[0] if left else _MORE_COLORS[len(colors) % len(_MORE_COLORS)])
    return colors[kind]


def _tip(name: Any, layer: Any, count: int) -> str:
    kind = type(layer).__name__.removesuffix("Layer") or "Layer"
    lines = [str(name), f"{kind} layer, {tasks_text(count)}"]
    notes = getattr(layer, "collection_annotations", None) or {}
    for title, field in (
        ("shape", "shape"),
        ("data type", "dtype"),
        ("chunk size", "chunksize"),
        ("partitions", "npartitions"),
        ("columns", "columns"),
    ):
        if notes.get(field) is not None:
            lines.append(f"{title}: {tooltip(notes[field])}")
    return "\n".join(lines)
