"""What it costs to make tasks of a client's expression: the scheduler's executor and a stock scheduler's same step.

::

    python benchmarks/executor.py                     all graphs but the largest
    python benchmarks/executor.py map tree --repeats 5
    python benchmarks/executor.py million             a tree of 10^6 tasks: some minutes and gigabytes

Both read the same message of a Dask client, each in a process of its own, in turns. The step is: read the pickle, make
tasks, leave out what is not needed, find the order, pickle each task. CPU is that of whole processes; for Cenote that
of the executor and that of the program in Rust around it, which decodes what the executor says and finds the order.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from operator import neg
from pathlib import Path
from typing import Any

from clusters import Cluster, example
from pairs import Ratio, short, table, versions
from rows_cluster import merge, random_layers, tree

Said = dict[str, Any]
HEAD = ("graph", "tasks", "executor", "Rust", "both", "Dask", "Dask / Cenote", "peaks", "Dask's peak")


def mapped(client: Any) -> Any:
    return client.map(neg, range(20_000))


def closing(client: Any) -> Any:
    import numpy

    data = numpy.zeros(10 << 17)
    return client.map(lambda place: data[place], range(20_000))


def graph_of(build: Callable[[int, str], tuple[dict[str, Any], str]], size: int) -> Callable[[Any], Any]:
    return lambda client: client.get(*build(size, "graph"), sync=False)


def delayed(client: Any) -> Any:
    import dask

    one = dask.delayed(neg, pure=False)
    two = dask.delayed(max, pure=False)
    level = [one(place) for place in range(10_000)]
    while len(level) > 1:
        level = [two(*level[place : place + 2]) for place in range(0, len(level), 2)]
    return client.compute(level[0])


def array(client: Any) -> Any:
    import dask.array as da

    x = da.random.default_rng(1).random((1000, 1000), chunks=10)
    return client.compute((x + x.T).sum(axis=0).std())


def frame(client: Any) -> Any:
    import dask
    import dask.dataframe as dd
    import pandas as pd

    data = dd.from_pandas(pd.DataFrame({"a": range(6000), "b": 1}), npartitions=60)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        return client.compute(data.shuffle("a").groupby("a").b.sum())


CASES: dict[str, Callable[[Any], Any]] = {
    "map": mapped,
    "closing": closing,
    "tree": graph_of(tree, 2**17),
    "merge": graph_of(merge, 100_000),
    "random": graph_of(random_layers, 50_000),
    "delayed": delayed,
    "array": array,
    "frame": frame,
    "million": graph_of(tree, 1_000_000),
}


def message(case: str, path: Path) -> None:
    """Write what a client says when it submits a graph."""
    from distributed import Client, LocalCluster
    from distributed.protocol import core

    said: list[Said] = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster, Client(cluster) as client:
        client._send_to_scheduler = said.append
        futures = CASES[case](client)
        graph = next(words for words in said if words["op"] == "update-graph")
        frames = [bytes(frame) for frame in core.dumps(graph, context={"compression": False})]
        del futures
    words = (8 * (len(frames) + 1) + sum(map(len, frames)), len(frames), *map(len, frames))
    path.write_bytes(struct.pack(f"<{len(words)}Q", *words) + b"".join(frames))


def stock_step(path: Path) -> int:
    """What a stock scheduler does with such a message, and with its tasks when they are sent to workers."""
    from dask._expr import LLGExpr
    from dask.order import order
    from distributed.protocol import core, pickle
    from distributed.protocol.serialize import deserialize
    from distributed.scheduler import _cull, _materialize_graph

    said = core.loads(frames(path.read_bytes()), deserialize=False)
    wanted = set(said["keys"])
    sent = said.pop("expr_ser")
    expr = deserialize(sent.header, sent.frames)
    del sent
    tasks, _ = _materialize_graph(expr, validate=False)
    if isinstance(expr, LLGExpr):
        tasks = _cull(tasks, wanted)
    del expr
    if not said["internal_priority"]:
        order(tasks)
    for task in tasks.values():
        pickle.dumps(task, buffer_callback=[].append)
    return len(tasks)


def frames(data: bytes) -> list[memoryview]:
    """The frames of a message."""
    _, count = struct.unpack_from("<QQ", data)
    found, start = [], 8 * (count + 2)
    for length in struct.unpack_from(f"<{count}Q", data, 16):
        found.append(memoryview(data)[start : start + length])
        start += length
    return found


def stock_process() -> None:
    """Do the stock step for each line of the input."""
    import distributed.scheduler  # noqa: F401

    print("ready", flush=True)
    for line in sys.stdin:
        print(stock_step(Path(line.strip())), flush=True)


def step(command: list[str], warm: Path, path: Path) -> tuple[float, float, tuple[int, int], int]:
    """CPU of a process and of those that it started, their peaks, and the number of tasks, for one step."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdin and process.stdout
        measured = Cluster(0, process)

        def answer(line: str) -> str:
            assert process.stdin and process.stdout
            print(line, file=process.stdin, flush=True)
            return process.stdout.readline()

        if process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{command[0]} does not start")
        answer(str(warm))
        measured.forget_peaks()
        before = measured.spent()
        count = int(answer(str(path)))
        spent = measured.spent() - before
        return spent.scheduler, spent.children, measured.peaks(), count


def row(case: str, repeats: int, folder: Path, warm: Path) -> tuple[Any, ...]:
    """One line of the table."""
    path = folder / case
    subprocess.run([sys.executable, __file__, "--message", str(path), case], check=True)
    ours = [str(example("read_graph")), sys.executable]
    theirs = [sys.executable, __file__, "--stock"]
    taken: list[tuple[float, float, float]] = []
    for _ in range(repeats):
        rust, executor, peaks, count = step(ours, warm, path)
        stock, _, (their_peak, _), their_count = step(theirs, warm, path)
        if count != their_count:
            raise AssertionError(f"{case}: {count} tasks here, {their_count} there")
        taken.append((executor, rust, stock))
    ratios = [stock / (executor + rust) for executor, rust, stock in taken]
    executor, rust, stock = (statistics.median(part) / count * 1e6 for part in zip(*taken, strict=True))
    costs = (f"{short(cost)} µs" for cost in (executor, rust, executor + rust, stock))
    gain = Ratio(statistics.median(ratios), min(ratios), max(ratios))
    megabytes = [f"{peak / 1e6:,.0f}" for peak in (*peaks[::-1], their_peak)]
    return (case, f"{count:,}", *costs, gain, f"{megabytes[0]} + {megabytes[1]} MB", f"{megabytes[2]} MB")


def main() -> None:
    """Measure the graphs that the command line names."""
    parser = argparse.ArgumentParser(description="Measure the executor beside a stock scheduler's same step.")
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all but the last")
    parser.add_argument("--repeats", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--message", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stock", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stock:
        return stock_process()
    if options.message:
        return message(options.cases[0], options.message)
    print(versions())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, "--message", str(folder / "warm"), "array"], check=True)
        rows = [row(case, options.repeats, folder, folder / "warm") for case in options.cases or list(CASES)[:-1]]
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
