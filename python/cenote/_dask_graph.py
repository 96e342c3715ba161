"""Our graphs said in Dask's words.

A graph that leaves this process may arrive where Cenote is not installed. So where Dask is loaded, our layers and
graphs pickle as Dask's, and the task objects in them become Dask's.
"""

from __future__ import annotations

import copyreg
import operator
from collections.abc import Mapping
from typing import Any

from cenote import _dask
from cenote.task_spec import Alias, DataNode, GraphNode, Task, TaskRef
from cenote.task_spec.containers import Container, Dict
from cenote.task_spec.fold import fold


def task_reduced(node: Any) -> tuple[Any, ...] | None:
    """How a task object of ours pickles where Dask is loaded: as Dask's. None says: as itself."""
    if _dask.module("_task_spec") is None or not type(node).__module__.startswith("cenote."):
        return None
    return operator.itemgetter(0), ((dask_task(node),),)


def layer_reduced(layer: Any) -> tuple[Any, ...]:
    """How a materialized layer of ours pickles: as Dask's where Dask is loaded, else as itself."""
    from cenote.highlevelgraph.layer import MaterializedLayer

    dask = _dask.module("highlevelgraph")
    if dask is None or type(layer) is not MaterializedLayer:
        return copyreg.__newobj__, (type(layer),), dict(layer.__dict__)  # type: ignore[attr-defined]
    return dask.MaterializedLayer, (dask_tasks(layer.mapping), layer.annotations, layer.collection_annotations)


def graph_reduced(graph: Any) -> tuple[Any, ...]:
    """How a graph of layers of ours pickles: as Dask's where Dask is loaded, else as itself."""
    from cenote.highlevelgraph import HighLevelGraph

    dask = _dask.module("highlevelgraph")
    kind = type(graph) if dask is None or type(graph) is not HighLevelGraph else dask.HighLevelGraph
    return kind, (graph.layers, graph.dependencies, graph.key_dependencies)


def dask_graph(graph: Any) -> Any:
    """A graph of layers of ours as Dask's; its layers are shared, not copied.

    Parameters
    ----------
    graph : HighLevelGraph
        Ours, or Dask's, which is given back.
    """
    from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

    from cenote import highlevelgraph

    if not isinstance(graph, highlevelgraph.HighLevelGraph):
        return graph
    layers = {}
    for name, layer in graph.layers.items():
        if isinstance(layer, highlevelgraph.Layer):
            said = MaterializedLayer.__new__(MaterializedLayer)
            said.mapping = dask_tasks(layer)
            said.annotations, said.collection_annotations = layer.annotations, layer.collection_annotations
            layer = said
        layers[name] = layer
    return HighLevelGraph(layers, graph.dependencies, graph.key_dependencies)


def graph_to_send(graph: Any) -> Any:
    """A graph in the words of a client of Dask: a dict, layers of Dask's, or an expression.

    Parameters
    ----------
    graph
        Any graph.
    """
    from cenote._native import DelayedGraph
    from cenote.highlevelgraph import HighLevelGraph
    from cenote.layered import by_annotations

    if isinstance(graph, DelayedGraph):
        return by_annotations(graph)
    if isinstance(graph, HighLevelGraph):
        return dask_graph(graph)
    return dict(graph) if isinstance(graph, Mapping) and not hasattr(graph, "layers") else graph


def dask_tasks(tasks: Mapping[Any, Any]) -> dict[Any, Any]:
    """A mapping of tasks in which every task object is Dask's. Tasks made of tuples stay as they are."""
    return {key: dask_task(task) if isinstance(task, GraphNode) else task for key, task in tasks.items()}


def dask_task(node: Any) -> Any:
    """A task object of ours as Dask's; anything else is given back.

    Parameters
    ----------
    node
        A node or a reference, nested as deep as it may be.
    """
    import dask._task_spec as dask

    def expand(part: Any) -> list[Any] | None:
        return [*part.args, *part.kwargs.values()] if isinstance(part, Task) else None

    def leaf(part: Any) -> Any:
        if isinstance(part, Alias):
            return dask.Alias(part.key, part.target)
        if isinstance(part, DataNode):
            return dask.DataNode(part.key, part.value)
        return dask.TaskRef(part.key) if isinstance(part, TaskRef) else part

    def build(task: Task, new: list[Any]) -> Any:
        if isinstance(task, Dict):
            return dask.Dict(list(zip(new[::2], new[1::2], strict=True)))
        if isinstance(task, Container):
            return getattr(dask, type(task).__name__)(*new)
        count = len(task.args)
        kwargs = dict(zip(task.kwargs, new[count:], strict=True))
        return dask.Task(task.key, task.func, *new[:count], _data_producer=task.data_producer, **kwargs)

    return fold(node, expand, leaf, build)
