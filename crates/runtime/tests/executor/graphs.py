"""Writes what a stock client says when it submits a graph: the messages of one named case, to standard output.

With `order` as second argument it writes the keys in the order that a stock scheduler finds.
"""

import struct
import sys
from collections.abc import Callable
from operator import add
from typing import Any

import dask
import numpy
from distributed import Client, Future, LocalCluster
from distributed.protocol import core


def main(case: str, say: Callable[[dict[str, Any]], None]) -> None:
    said = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster, Client(cluster) as client:
        client._send_to_scheduler = said.append
        futures = CASES[case](client)
        for message in said:
            if message["op"] == "update-graph":
                say(message)
        del futures
    sys.stdout.flush()


def write(message):
    frames = [bytes(frame) for frame in core.dumps(message, context={"compression": False})]
    lengths = [len(frame) for frame in frames]
    words = (8 * (len(frames) + 1) + sum(lengths), len(frames), *lengths)
    sys.stdout.buffer.write(struct.pack(f"<{len(words)}Q", *words) + b"".join(frames))


def maps(client, count=10_000):
    def function(x):
        return x + 1

    return client.map(function, range(count), retries=2, priority=3, workers=["a", 7], resources={"GPU": 1})


def imported(client, count=10_000):
    return client.map(abs, range(count))


def tree(client, count=1024):
    @dask.delayed
    def join(x, y):
        return x + y

    layer = [join(place, 1) for place in range(count)]
    while len(layer) > 1:
        layer = [join(*layer[place : place + 2]) for place in range(0, len(layer), 2)]
    return client.compute(layer[0])


def closes_over(client):
    data = numpy.zeros(10 << 17)
    return client.map(lambda place: data[place], range(100_000))


def takes(client):
    data = numpy.ones(10 << 17)
    return client.compute([dask.delayed(add)(data, place) for place in range(3)], optimize_graph=False)


def outside(client):
    return client.submit(add, Future("elsewhere", client), 1, actor=True, fifo_timeout="2 s")


def submits(client):
    return client.submit(add, 1, 2, key=("x", 1))


def annotated(client):
    with dask.annotate(retries=5, note={1, 2}, priority=lambda key: 4.5):
        first = dask.delayed(add)(1, 2)
    return client.compute(first + 1, optimize_graph=False)


def wide(client, count=300):
    """Keys that only their texts tell apart, data that many need, and a future from elsewhere."""
    from dask._task_spec import DataNode, Task, TaskRef

    tasks = [DataNode("data", 5), Task("first", abs, TaskRef("data")), Task("last", sum, TaskRef("data"))]
    tasks += [Task(("x", place), add, TaskRef("first"), TaskRef("data")) for place in range(count)]
    tasks += [
        Task(("y", place), add, TaskRef(("x", place)), TaskRef(("x", 7 * place % count))) for place in range(count)
    ]
    tasks += [Task(f"z-{place}", add, TaskRef(("y", place)), TaskRef("elsewhere")) for place in range(count)]
    return submitted(client, tasks, "elsewhere")


def woven(client, count=500):
    """Each task needs some of those before it."""
    from random import Random

    from dask._task_spec import Task, TaskRef

    chance = Random(3)

    def needs(place):
        return chance.sample(range(max(0, place - 50), place), min(place, chance.randrange(4)))

    tasks = [Task(f"t{place}", max, *(TaskRef(f"t{need}") for need in needs(place))) for place in range(count)]
    return submitted(client, tasks)


def named(client, count=256):
    """A tree of which every order but one is worse."""
    from dask._task_spec import Task, TaskRef

    tasks = [Task(f"leaf-{place}", abs, place) for place in range(count)]
    level = list(tasks)
    while len(level) > 1:
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [
            Task(("join", len(level), place), add, *(TaskRef(task.key) for task in pair))
            for place, pair in enumerate(pairs)
        ]
        tasks += level
    return submitted(client, tasks)


def submitted(client, tasks, *outside):
    from dask._expr import LLGExpr

    futures = [Future(key, client) for key in outside]
    graph = {task.key: task for task in tasks}
    return futures, client._graph_to_futures(LLGExpr(graph), list(graph), span_metadata={})


def order_of(message):
    """The order that a stock scheduler finds."""
    from dask.order import order
    from distributed.protocol.serialize import deserialize
    from distributed.scheduler import _materialize_graph

    expr = message["expr_ser"]
    graph, _ = _materialize_graph(deserialize(expr.header, expr.frames), validate=False)
    places = order(graph)
    print(*sorted(places, key=places.get), sep="\n")


def rechunks(client):
    import dask.array

    whole = dask.array.ones((8, 8), chunks=(2, 8)).rechunk((8, 2), method="p2p")
    return client.compute(whole, optimize_graph=False)


class Unreadable:
    def __reduce__(self):
        return int, ("not a number",)


class Deadly:
    def __dask_tokenize__(self):
        return "deadly"

    def __reduce__(self):
        import os

        return os._exit, (7,)


class Slow:
    def __reduce__(self):
        import time

        return time.sleep, (120,)


def slow(client):
    return client.submit(add, Slow(), 1, key="slow")


def unreadable(client):
    return client.submit(add, Unreadable(), 1)


def deadly(client):
    return client.submit(add, Deadly(), 1)


def circle(client):
    from dask._expr import LLGExpr
    from dask._task_spec import Task, TaskRef

    graph = {"a": Task("a", abs, TaskRef("b")), "b": Task("b", abs, TaskRef("a"))}
    return client._graph_to_futures(LLGExpr(graph), ["a"], span_metadata={})


CASES = {
    name: thing
    for name, thing in list(globals().items())
    if callable(thing) and name not in ("main", "write", "submitted", "order_of")
}

if __name__ == "__main__":
    main(sys.argv[1], order_of if sys.argv[2:] == ["order"] else write)
