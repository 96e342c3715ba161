"""Writes what a stock client says when it submits a graph: the messages of one named case, to standard output."""

import struct
import sys
from operator import add

import dask
import numpy
from distributed import Client, Future, LocalCluster
from distributed.protocol import core


def main(case: str) -> None:
    said = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster, Client(cluster) as client:
        client._send_to_scheduler = said.append
        futures = CASES[case](client)
        for message in said:
            if message["op"] == "update-graph":
                write(message)
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


class Unreadable:
    def __reduce__(self):
        return int, ("not a number",)


class Deadly:
    def __dask_tokenize__(self):
        return "deadly"

    def __reduce__(self):
        import os

        return os._exit, (7,)


def unreadable(client):
    return client.submit(add, Unreadable(), 1)


def deadly(client):
    return client.submit(add, Deadly(), 1)


def circle(client):
    from dask._expr import LLGExpr
    from dask._task_spec import Task, TaskRef

    graph = {"a": Task("a", abs, TaskRef("b")), "b": Task("b", abs, TaskRef("a"))}
    return client._graph_to_futures(LLGExpr(graph), ["a"], span_metadata={})


CASES = {name: thing for name, thing in list(globals().items()) if callable(thing) and name not in ("main", "write")}

if __name__ == "__main__":
    main(sys.argv[1])
