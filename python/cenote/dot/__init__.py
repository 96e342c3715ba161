"""Pictures of graphs, without Graphviz.

Functions are circles, data are boxes, and data flows upwards. Of a graph that is too large to be read task by task,
the picture shows groups of tasks and how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from cenote.dot.layers import draw_layers
from cenote.dot.picture import Picture, save
from cenote.dot.tasks import draw_tasks

__all__ = ["Picture", "dot_graph", "layers_to_dot", "visualize_dsk", "visualize_graph", "visualize_layers"]

_ENGINES = (None, "cenote", "graphviz")

_Filename = str | os.PathLike[str] | None


def dot_graph(
    dsk: Mapping[Any, Any], filename: _Filename = "mydask", format: str | None = None, **kwargs: Any
) -> Picture:
    """Draw a graph, and write the picture to a file.

    Parameters
    ----------
    dsk : mapping
        The graph: keys and tasks.
    filename : str, path or None
        Where the picture is written. If it does not end in a known format, ``.png`` is added. None writes nothing.
    format : {'svg', 'png', 'pdf', 'dot'}, optional
        The format, if the name does not say it. Without a name it is SVG.
    rankdir : {'BT', 'TB', 'LR', 'RL'}
        Where data flows: upwards (the default), downwards, to the right, to the left.
    collapse_outputs : bool
        Whether to leave out the boxes of what functions return.
    verbose : bool
        Whether to write out keys that carry a token.
    limit : int
        Above so many tasks (300 unless given) the picture shows groups of tasks.
    function_attributes, data_attributes : dict
        By key, the attributes of its circle or box, named as in Graphviz: label, shape, color, fillcolor, fontcolor,
        penwidth, style, fontsize, tooltip. Others only go into DOT.
    graph_attr, node_attr, edge_attr : dict
        Attributes of the graph, of all nodes, of all edges.
    **kwargs
        More attributes of the graph, which only go into DOT.

    Returns
    -------
    Picture
        Shown as SVG in a notebook.

    Raises
    ------
    ValueError
        If the format or direction is unknown.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from operator import add
    >>> graph = {"x": 1, "y": (abs, "x"), "z": (add, "y", 10)}
    >>> dot_graph(graph, filename=None, format="svg").svg().count("<circle")
    2
    """
    return save(draw_tasks(dsk, **kwargs), filename, format)


def visualize_graph(
    dsk: Mapping[Any, Any],
    filename: _Filename = "mydask",
    traverse: bool = True,
    optimize_graph: bool = False,
    maxval: float | None = None,
    o: Mapping[Any, Any] | None = None,
    engine: str | None = None,
    limit: int | None = None,
    **kwargs: Any,
) -> Picture:
    """Draw a graph, colored by what the static order does with it if asked for.

    Parameters
    ----------
    dsk : mapping
        The graph: keys and tasks.
    filename : str, path or None
        Where the picture is written; see :func:`dot_graph`.
    traverse, optimize_graph : bool
        Not used here: the graph is drawn as it is.
    maxval : float, optional
        The value that has the last color; the greatest that occurs, if not given.
    o : dict, optional
        The priority of each key; otherwise that of :func:`cenote.order.order`.
    engine : {None, 'cenote', 'graphviz'}
        All mean the same: nothing but Cenote draws.
    limit : int, optional
        Above so many tasks the picture shows groups of tasks.
    color : str, optional
        ``"order"`` (when a task runs), ``"age"`` (how long its result is held), ``"freed"`` (how many results it
        frees), ``"memoryincreases"``, ``"memorydecreases"``, ``"memorypressure"`` (how many results are held),
        ``"critical"``; with ``order-`` before it, labels show the order, too.
    cmap : str or callable, optional
        The color scale: plasma, viridis, RdBu, Blues, Greys, or one of Matplotlib's.
    **kwargs
        As in :func:`dot_graph`.

    Returns
    -------
    Picture
        Shown as SVG in a notebook.

    Raises
    ------
    ValueError
        If the format, direction, engine or color scale is unknown.
    NotImplementedError
        If nothing is known by the name `color`.
    """
    if engine not in _ENGINES:
        raise ValueError(f"Visualization engine {engine} not recognized: leave it out, Cenote draws by itself")
    return dot_graph(dsk, filename=filename, o=o, maxval=maxval, limit=limit, **kwargs)


visualize_dsk = visualize_graph  # Dask's name


def visualize_layers(
    graph: Any, filename: _Filename = "cenote-hlg.svg", format: str | None = None, **kwargs: Any
) -> Picture:
    """Draw the layers of a graph, a box for each, and write the picture to a file.

    Parameters
    ----------
    graph : HighLevelGraph
        The graph.
    filename : str, path or None
        Where the picture is written; see :func:`dot_graph`.
    format : {'svg', 'png', 'pdf', 'dot'}, optional
        The format, if the name does not say it.
    color : {None, 'layer_type'}
        Whether to color layers by their types.
    rankdir, data_attributes, graph_attr, node_attr, edge_attr, **kwargs
        As in :func:`dot_graph`; `data_attributes` is by name of the layer.

    Returns
    -------
    Picture
        Shown as SVG in a notebook.
    """
    return save(draw_layers(graph, **kwargs), filename, format)


def layers_to_dot(graph: Any, **kwargs: Any) -> str:
    """The layers of a graph in the DOT language, for Graphviz and its like.

    Parameters
    ----------
    graph : HighLevelGraph
        The graph.
    **kwargs
        As in :func:`visualize_layers`.
    """
    return draw_layers(graph, **kwargs).dot()
