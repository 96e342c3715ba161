"""A picture with a circle for each function and a box for each piece of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cenote._native import DelayedGraph, Drawing
from cenote.dot.drawn_graph import ALIAS, CALL, MISSING, DrawnTask, drawn_tasks
from cenote.dot.groups import draw_groups
from cenote.dot.labels import call_label, data_label
from cenote.dot.rows import PictureRows

# Above so many tasks a picture of tasks is an unreadable one.
TASKS_MAX = 300

# How much it matters that a function's output stands next to it.
_OUTPUT_WEIGHT = 4


def draw_tasks(
    graph: Mapping[Any, Any],
    data_attributes: Mapping[Any, Mapping[str, Any]] | None = None,
    function_attributes: Mapping[Any, Mapping[str, Any]] | None = None,
    rankdir: str = "BT",
    graph_attr: Mapping[str, Any] | None = None,
    node_attr: Mapping[str, Any] | None = None,
    edge_attr: Mapping[str, Any] | None = None,
    collapse_outputs: bool = False,
    verbose: bool = False,
    limit: int | None = None,
    color: str | None = None,
    cmap: Any = None,
    maxval: float | None = None,
    o: Mapping[Any, Any] | None = None,
    **kwargs: Any,
) -> Drawing:
    """Draw a graph task by task, or in groups if it has more than `limit`; see :func:`cenote.dot.dot_graph`."""
    if graph_attr or kwargs:
        kwargs = {**(graph_attr or {}), **kwargs}
    frame: dict[str, Any] = {"rankdir": rankdir, "graph_attr": kwargs, "node_attr": node_attr, "edge_attr": edge_attr}
    largest = TASKS_MAX if limit is None else limit
    if type(graph) is DelayedGraph and not color and graph.is_larger_than(largest):
        return draw_groups(graph, **frame)  # whose tasks need not be made
    if type(graph) is not dict:
        graph = dict(graph)  # some mappings make their tasks anew at each look
    colors = None
    if color:
        from cenote.dot.coloring import coloring

        colors = coloring(graph, color, order=o, cmap=cmap, maxval=maxval)
        frame["scale"] = colors.legend
    if len(graph) > largest:
        return draw_groups(graph, colors, **frame)
    picture = _TaskPicture(function_attributes or {}, data_attributes or {}, collapse_outputs, verbose)
    if colors:
        picture.function_colors, picture.data_colors = colors.functions, colors.data
    picture.add(drawn_tasks(graph))
    return picture.rows.drawing(**frame)


class _TaskPicture:
    """Nodes and edges in the making."""

    def __init__(
        self,
        function_attributes: Mapping[Any, Mapping[str, Any]],
        data_attributes: Mapping[Any, Mapping[str, Any]],
        collapse_outputs: bool,
        verbose: bool,
    ) -> None:
        self.rows = PictureRows()
        self.function_colors: Mapping[Any, dict[str, str]] = {}
        self.data_colors: Mapping[Any, dict[str, str]] = {}
        self._function_attributes = function_attributes
        self._data_attributes = data_attributes
        self._collapse = collapse_outputs
        self._verbose = verbose
        self._outputs: dict[Any, int] = {}

    def add(self, tasks: list[DrawnTask]) -> None:
        """Add all nodes, then all edges."""
        used = {dependency for task in tasks for dependency in task.dependencies} if self._collapse else None
        ends: list[tuple[int, DrawnTask]] = []
        for task in tasks:
            if task.kind == CALL:
                ends.append((self._add_call(task), task))
            elif used is None or task.dependencies or task.key in used:
                self._outputs[task.key] = self._add_data(task)
                ends.append((self._outputs[task.key], task))
        for end, task in ends:
            for dependency in task.dependencies:
                self.rows.add_edge(self._outputs[dependency], end)

    def _add_call(self, task: DrawnTask) -> int:
        """The circle of a task, and behind it the box of what it returns, unless that is left out."""
        key = task.key
        colors = dict(self.function_colors.get(key, ()))
        value = colors.pop("value", None)
        label = call_label(key, task.function)
        if value is not None:
            label = f"{label}\n{value}"
        attributes = {**colors, **self._function_attributes.get(key, {})}
        id = repr(key) if self._collapse else f"{key!r}()"
        circle = self.rows.add_node(id, label, "circle", f"{task.function}\n{key}", attributes)
        if self._collapse:
            self._outputs[key] = circle
        else:
            self._outputs[key] = self._add_data(task)
            self.rows.add_edge(circle, self._outputs[key], _OUTPUT_WEIGHT)
        return circle

    def _add_data(self, task: DrawnTask) -> int:
        key = task.key
        attributes = {**self.data_colors.get(key, {}), **self._data_attributes.get(key, {})}
        tip = str(key)
        if task.kind == MISSING:
            attributes = {"style": "dashed", **attributes}
            tip += "\nnot in the graph"
        elif task.kind == ALIAS:
            tip += f"\nanother name of {task.dependencies[0]}" if task.dependencies else ""
        return self.rows.add_node(repr(key), data_label(key, self._verbose), "box", tip, attributes)
