"""Graphs of delayed calls as graphs of layers, for those who expect layers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from cenote import _dask
from cenote._tasks_to_send import TasksToSend

if TYPE_CHECKING:
    from cenote._native import DelayedGraph

_numbers = itertools.count()
"""Numbers for names of layers. The address of an object would not do: another object may get it."""


def by_node(graph: DelayedGraph) -> Any:
    """A layer a node, named by its key: what Dask has.

    Examples
    --------
    >>> from cenote import delayed
    >>> x = delayed(sum)([1, 2], dask_key_name="x")
    >>> list(by_node(x.dask).layers)
    ['x']
    """
    graphs, layer = _classes()
    layers: dict[Any, Any] = {}
    dependencies: dict[Any, set[Any]] = {}
    home: dict[Any, Any] = {}
    for key, task, hints, needed in graph.rows():
        if key is None:
            others, below = _layers_of(task)
            layers.update(others)
            dependencies.update(below)
            home.update((output, name) for name, other in others.items() for output in other.get_output_keys())
        else:
            layers[key] = layer({key: task}, annotations=hints)
            dependencies[key] = {home.get(other, other) for other in needed}
    return graphs(layers, dependencies)


def by_annotations(graph: DelayedGraph) -> Any:
    """A layer for each set of annotations: what a cluster needs, in as few layers as can be.

    Examples
    --------
    >>> from cenote import delayed
    >>> x = delayed(abs)(delayed(sum)([1, 2]))
    >>> len(by_annotations(x.dask).layers)
    1
    """
    graphs, layer = _classes()
    to_dask = _dask.module("_task_spec") is not None
    tasks: dict[Any, Any] = {}
    annotated: dict[Any, Any] = {}
    layers: dict[Any, Any] = {}
    for key, task, hints, _ in graph.rows(sent=to_dask):
        if key is None:
            layers.update(_layers_of(task)[0])
            continue
        group = tuple(sorted((name, id(value)) for name, value in (hints or {}).items()))
        if group not in tasks:
            annotated[group], tasks[group] = hints, TasksToSend(graph) if to_dask else {}
        (tasks[group].sent if to_dask else tasks[group])[key] = task
    for group, members in tasks.items():
        layers[f"delayed-{next(_numbers)}"] = layer(members, annotations=annotated[group])
    # Layers by annotation may need each other both ways, which layers must not: nobody is told.
    return graphs(layers, {name: set() for name in layers})


def _classes() -> tuple[Any, Any]:
    """The classes of layered graphs and of their layers: Dask's where Dask is loaded."""
    module: Any = _dask.module("highlevelgraph")
    if module is None:
        from cenote import highlevelgraph as module
    return module.HighLevelGraph, module.MaterializedLayer


def _layers_of(graph: Any) -> tuple[dict[Any, Any], dict[Any, set[Any]]]:
    """The layers of a graph that was made elsewhere, and their dependencies."""
    if hasattr(graph, "layers"):
        return dict(graph.layers), dict(graph.dependencies)
    name = f"graph-{next(_numbers)}"
    return {name: _classes()[1](dict(graph))}, {name: set()}
