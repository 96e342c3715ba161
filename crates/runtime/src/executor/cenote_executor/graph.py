"""Graphs: a pickled expression becomes a flat graph of pickled tasks, as a stock scheduler would make it."""

from __future__ import annotations

import gc
import operator
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgpack
from dask._expr import LLGExpr
from dask._task_spec import DataNode, GraphNode, convert_legacy_graph
from dask.utils import parse_timedelta
from distributed.protocol.compression import decompress
from distributed.protocol.serialize import Serialized, merge_and_deserialize

from cenote_executor.annotation import Annotations
from cenote_executor.memory import give_back
from cenote_executor.payload import Payloads

#: Tasks of one message: the scheduler reads it while the next is made.
CHUNK = 4096
#: What is said of a task beside numbers.
DATA_PRODUCER, ACTOR, DATA = 1, 2, 4

Key = Any
Graph = dict[Key, GraphNode]


def materialize(*said: Any, **more: Any) -> Iterator[dict[str, Any]]:
    """Messages that together say what a graph is. No garbage is looked for meanwhile: nearly all that is made lives."""
    messages = graph_messages(*said, **more)
    del said, more
    tasks = 0
    gc.disable()
    try:
        for message in messages:
            tasks = message.get("tasks", tasks)
            yield message
    finally:
        gc.enable()
        del messages
        give_back(tasks)


def graph_messages(
    expr_ser: Serialized,
    keys: set[Key],
    fifo_timeout: str | float = 0.0,
    actors: bool | list[Key] | None = None,
    annotations: dict[str, Any] | None = None,
    **_ignored: Any,
) -> Iterator[dict[str, Any]]:
    """Messages that together say what the graph is.

    First all keys in pieces: those of tasks, then those that tasks need but the graph does not have. Then the tasks in
    pieces, which name keys by their index.
    """
    wanted = set(keys)
    expr = expression(expr_ser)
    del expr_ser
    graph, by_type = flatten(expr, wanted)
    del expr
    index = {key: place for place, key in enumerate(graph)}
    yield {"fifo_timeout": float(parse_timedelta(fifo_timeout)), "tasks": len(graph)}
    yield from pieces(list(graph))
    noted = Annotations(annotations or {}, by_type)
    makers = wanted if actors is True else set(actors or ())
    payloads = Payloads()
    # From the end of a list, a piece can be taken away: what has been said needs no memory any more.
    items = list(graph.items())[::-1]
    del graph
    while items:
        names, nodes = zip(*items[: -CHUNK - 1 : -1], strict=True)
        del items[-CHUNK:]
        message, fresh = links(nodes, index)
        yield from pieces(fresh)
        message["flags"] = bytes(map(flags, nodes))
        if makers:
            made = (ACTOR if key in makers else 0 for key in names)
            message["flags"] = bytes(map(operator.or_, message["flags"], made))
        message.update(noted.of(names))
        message.update(payloads.of(nodes))
        yield message


def expression(expr_ser: Serialized) -> Any:
    """Reads what the client has pickled."""
    try:
        header, frames = expr_ser.header, expr_ser.frames
        if "compression" in header:
            frames = decompress(header, frames)
        return merge_and_deserialize(header, frames)
    except Exception as error:
        raise RuntimeError(
            "Error during deserialization of the task graph: the scheduler's executor cannot read what the client "
            f"has pickled ({type(error).__name__}: {error}). It needs the packages of the client, in the same versions"
        ) from error


def flatten(expr: Any, wanted: set[Key]) -> tuple[Graph, dict[str, dict[Key, Any]]]:
    """The tasks, and the annotations of their layers."""
    legacy = expr.__dask_graph__()
    by_type = {name: dict(values) for name, values in expr.__dask_annotations__().items()}
    graph = convert_legacy_graph(legacy)
    # Other expressions leave out what is not needed themselves.
    return (cull(graph, wanted) if isinstance(expr, LLGExpr) else graph), by_type


def cull(graph: Graph, wanted: set[Key]) -> Graph:
    """The tasks that the wanted keys need."""
    stack, needed = list(wanted), {}
    while stack:
        key = stack.pop()
        if key not in needed and (node := graph.get(key)) is not None:
            needed[key] = node
            stack.extend(node.dependencies)
    return needed


def pieces(keys: list[Key]) -> Iterator[dict[str, bytes]]:
    """Messages that name keys."""
    for start in range(0, len(keys), CHUNK):
        yield {"keys": msgpack.packb(keys[start : start + CHUNK], default=plain)}


def plain(part: Any) -> Any:
    """What a part of a key is on the wire, if msgpack does not know: numbers of NumPy."""
    unpacked = part.item() if callable(getattr(part, "item", None)) else part
    if unpacked is part or not isinstance(unpacked, int | float | str | bytes):
        raise TypeError(f"{part!r} of type {type(part).__name__} cannot be part of a key")
    return unpacked


def links(nodes: Sequence[GraphNode], index: dict[Key, int]) -> tuple[dict[str, Any], list[Key]]:
    """What the tasks need, by the places of keys, and the keys that had none yet: they get the next ones."""
    needs = [node.dependencies for node in nodes]
    fresh: list[Key] = []
    try:
        places = array("I", map(index.__getitem__, chain.from_iterable(needs)))
    except KeyError:
        for key in chain.from_iterable(needs):
            if key not in index:
                index[key] = len(index)
                fresh.append(key)
        places = array("I", map(index.__getitem__, chain.from_iterable(needs)))
    counts = array("I", map(len, needs))
    return {"dependency_counts": counts.tobytes(), "dependencies": places.tobytes()}, fresh


def flags(node: GraphNode) -> int:
    """What is said of a task beside numbers."""
    produces = DATA_PRODUCER if node.data_producer else 0
    return produces | DATA if isinstance(node, DataNode) else produces
