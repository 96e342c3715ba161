"""The picture of a graph of layers in a notebook, as HTML that is also well-formed XML."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable
from typing import Any

_MATERIALIZED = "#8F8F8F"
_SYMBOLIC = "#F2F2F2"
_CELL = 'style="text-align: left; padding: 2px 12px 2px 0;"'


def graph_html(graph: Any) -> str:
    """A graph of layers: its size, then each layer, from the first to the last.

    Parameters
    ----------
    graph : HighLevelGraph
        The graph.
    """
    layers = graph.layers
    kind = html.escape(type(graph).__name__)
    size = f"{len(layers)} layers and {len(graph.get_all_external_keys())} keys from all layers"
    below = graph.dependencies
    inner = "".join(
        layer._repr_html_(index, str(name), sorted(map(str, below.get(name, ()))))
        for index, name in enumerate(graph._toposort_layers())
        for layer in (layers[name],)
    )
    return (
        f'<div><h3 style="margin-bottom: 0;">{kind}</h3><p style="color: #5D5851; margin: 0 0 12px 0;">{size}</p>'
        f'<div style="margin-left: 8px;">{inner}</div></div>'
    )


def layer_html(layer: Any, index: Any = "", name: str = "", dependencies: Collection[str] = ()) -> str:
    """One layer: its name, and what is known of it behind a triangle to open.

    Parameters
    ----------
    layer : Layer
        The layer.
    index : int or str
        Its place in the graph.
    name : str
        Its name in the graph.
    dependencies : collection of str
        The layers it refers to.
    """
    from cenote.utils import key_split

    shown = key_split(name or getattr(layer, "name", "")) if name or hasattr(layer, "name") else type(layer).__name__
    rows = list(layer.layer_info_dict().items())
    if name:
        rows.append(("name", html.escape(name)))
    if dependencies:
        rows.append(("depends on", html.escape(", ".join(dependencies))))
    colour = _MATERIALIZED if layer.is_materialized() else _SYMBOLIC
    mark = (
        '<span style="display: inline-block; width: 10px; height: 10px; border: 1px solid #8F8F8F; border-radius: 6px; '
        f'background: {colour}; margin-right: 6px;"></span>'
    )
    number = f"{index}. " if index != "" else ""
    title = f"{mark}{html.escape(f'Layer {number}{shown}')}"
    return (
        f'<div><details style="margin: 2px 0;"><summary style="font-weight: bold;">{title}</summary>'
        f'<div style="margin: 4px 0 8px 24px;">{_table(rows)}{_chunks(layer)}</div></details></div>'
    )


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    lines = "".join(f"<tr><th {_CELL}>{html.escape(str(k))}</th><td {_CELL}>{v}</td></tr>" for k, v in rows)
    return f"<table>{lines}</table>"


def _chunks(layer: Any) -> str:
    """The picture that Dask makes of the chunks of one of its arrays."""
    about = layer.collection_annotations or {}
    if about.get("type") != "dask.array.core.Array" or not about.get("chunks"):
        return ""
    from dask.array.svg import svg

    return str(svg(about["chunks"]))
