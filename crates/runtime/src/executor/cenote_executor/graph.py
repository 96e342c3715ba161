"""Graphs: a pickled expression becomes a flat graph of pickled tasks, as a stock scheduler would make it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgpack
from dask._expr import LLGExpr
from dask._task_spec import GraphNode, convert_legacy_graph
from dask.order import order
from dask.utils import parse_timedelta
from distributed.protocol.compression import decompress
from distributed.protocol.serialize import Serialized, merge_and_deserialize

from cenote_executor.annotation import Annotations
from cenote_executor.payload import Payloads

#: Tasks of one message: the scheduler reads it while the next is made.
CHUNK = 4096
#: The place of tasks in the order that the client has given none: before all others.
UNORDERED = -1

Key = Any
Graph = dict[Key, GraphNode]


def materialize(
    expr_ser: Serialized,
    keys: set[Key],
    internal_priority: dict[Key, int] | None = None,
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
    priorities = internal_priority or order(graph)
    index = {key: place for place, key in enumerate(graph)}
    yield {"fifo_timeout": float(parse_timedelta(fifo_timeout)), "tasks": len(graph)}
    yield from pieces(list(graph))
    noted = Annotations(annotations or {}, by_type)
    makers = wanted if actors is True else set(actors or ())
    payloads = Payloads()
    items = iter(graph.items())
    while chunk := list(islice(items, CHUNK)):
        message, fresh = links(chunk, index)
        yield from pieces(list(fresh))
        index.update(fresh)
        message["order"] = array("q", [priorities.get(key, UNORDERED) for key, _ in chunk]).tobytes()
        message["data_producer"] = bytes([node.data_producer for _, node in chunk])
        message["actor"] = bytes([key in makers for key, _ in chunk])
        message.update(noted.of([key for key, _ in chunk]))
        message.update(payloads.of([node for _, node in chunk]))
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


def links(chunk: list[tuple[Key, GraphNode]], index: dict[Key, int]) -> tuple[dict[str, Any], dict[Key, int]]:
    """What the tasks need, as indices, and the keys that have none yet with the next ones."""
    counts, needs = array("I"), array("I")
    fresh: dict[Key, int] = {}
    for _, node in chunk:
        dependencies = node.dependencies
        counts.append(len(dependencies))
        for key in dependencies:
            place = index.get(key)
            if place is None:
                place = fresh.setdefault(key, len(index) + len(fresh))
            needs.append(place)
    return {"dependency_counts": counts.tobytes(), "dependencies": needs.tobytes()}, fresh
