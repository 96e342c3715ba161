"""Rows of the table that are about graphs written as dicts: `get`, `order`, growth, and small graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pairs import Ratio, Timing, exponent, in_turns, median, ratio, short, timed
from workloads import WORKLOADS, Workload, inc

#: The rows of a table: what, size, Cenote, Dask, bare loop, Dask/Cenote, Cenote/bare, target.
Row = tuple[Any, ...]

HEAD = ("workload", "tasks", "Cenote", "Dask", "bare loop", "Dask / Cenote", "wall", "Cenote / bare", "target")


def micro(timings: list[Timing] | None, n: int) -> str:
    """Microseconds of CPU a task, and of wall time if that tells something else."""
    if timings is None:
        return ""
    cpu, wall = median(timings) / n * 1e6, median(timings, "wall") / n * 1e6
    return f"{short(cpu)} µs" if abs(cpu - wall) <= 0.2 * wall else f"{short(cpu)} µs (wall {short(wall)})"


def row(name: str, n: int, timings: dict[str, list[Timing]], target: str) -> Row:
    """A row of peers that did the same work."""
    ours, theirs, bare = timings["cenote"], timings.get("dask"), timings.get("bare")
    gain: Ratio | str = ratio(theirs, ours) if theirs else ""
    gain_wall: Ratio | str = ratio(theirs, ours, "wall") if theirs else ""
    price: Ratio | str = ratio(ours, bare) if bare else ""
    return (name, f"{n:,}", micro(ours, n), micro(theirs, n), micro(bare, n), gain, gain_wall, price, target)


def runners_of_get(workload: Workload, n: int, peers: tuple[str, ...]) -> tuple[dict[str, Callable[[], Any]], int]:
    """The peers on one graph, checked to give the same answer, and the number of tasks in it."""
    import dask.threaded

    import cenote.threaded

    graph, key = workload.build(n)
    runners = {
        "cenote": lambda: cenote.threaded.get(graph, key),
        "dask": lambda: dask.threaded.get(graph, key),
        "bare": workload.bare(n),
    }
    chosen = {name: runners[name] for name in peers}
    if chosen["cenote"]() != runners["bare"]():
        raise AssertionError(f"{workload.name}: the answers differ")
    return chosen, len(graph)


def get(repeats: int, scale: float) -> list[Row]:
    """`threaded.get`: read the graph, order it, run it."""
    rows = []
    for workload in WORKLOADS:
        runners, n = runners_of_get(workload, int(workload.peer_size * scale), ("cenote", "dask", "bare"))
        rows.append(row(f"get, {workload.name}", n, in_turns(runners, repeats), "≥ 100; ≤ 2.5 of bare"))
    return rows


def get_sync(repeats: int, scale: float) -> list[Row]:
    """The same in the calling thread."""
    import dask.local

    import cenote.local

    rows = []
    for workload in WORKLOADS:
        graph, key = workload.build(int(workload.peer_size * scale))
        runners = {
            "cenote": lambda graph=graph, key=key: cenote.local.get_sync(graph, key),
            "dask": lambda graph=graph, key=key: dask.local.get_sync(graph, key),
        }
        rows.append(row(f"get_sync, {workload.name}", len(graph), in_turns(runners, repeats), ""))
    return rows


def order(repeats: int, scale: float) -> list[Row]:
    """`order` alone."""
    import dask.order

    import cenote.order

    rows = []
    for workload in WORKLOADS:
        graph, _ = workload.build(int(workload.peer_size * scale))
        runners = {
            "cenote": lambda graph=graph: cenote.order.order(graph),
            "dask": lambda graph=graph: dask.order.order(graph),
        }
        rows.append(row(f"order, {workload.name}", len(graph), in_turns(runners, repeats, warm=False), "≥ 50"))
    return rows


def small(repeats: int, scale: float) -> list[Row]:
    """A graph of three tasks, warm: the whole call."""
    import dask.threaded

    import cenote.threaded

    graph = {"x": (inc, 1), "y": (inc, "x"), "z": (inc, "y")}
    calls = max(10, int(1000 * scale))

    def repeated(function: Callable[..., Any]) -> Callable[[], Any]:
        def run() -> None:
            for _ in range(calls):
                function(graph, "z")

        return run

    runners = {"cenote": repeated(cenote.threaded.get), "dask": repeated(dask.threaded.get)}
    name, _, *rest = row("a graph of 3 tasks, a call", calls, in_turns(runners, repeats), "≥ 4")
    return [(name, "3", *rest)]


GROWTH_HEAD = ("workload", "10⁴", "10⁵", "10⁶", "10⁶ / 10⁵", "exponent", "bare loop, exponent", "target")


def growth(repeats: int, scale: float) -> list[Row]:
    """What a task costs at three sizes a decade apart."""
    rows = []
    for workload in WORKLOADS:
        costs: dict[str, dict[int, float]] = {"cenote": {}, "bare": {}}
        for size in (10_000, 100_000, 1_000_000):
            runners, n = runners_of_get(workload, int(size * scale), ("cenote", "bare"))
            for name, timings in in_turns(runners, 3 if size > 100_000 else repeats, warm=False).items():
                costs[name][n] = median(timings)
        rows.append(growth_row(f"get, {workload.name}", costs["cenote"], costs["bare"]))
    return rows


def growth_row(name: str, ours: dict[int, float], bare: dict[int, float] | None, target: str = "≤ 1.2; ≤ 1.05") -> Row:
    """A row of the table of growth."""
    each = [cost / n * 1e6 for n, cost in ours.items()]
    limit = f"{exponent(bare):.2f}" if bare else ""
    cells = (f"{short(cost)} µs" for cost in each)
    return (name, *cells, f"{each[-1] / each[-2]:.2f}", f"{exponent(ours):.2f}", limit, target)


def costs_at(sizes: tuple[int, ...], run: Callable[[int], Any], repeats: int) -> dict[int, float]:
    """The median CPU time of a function at several sizes."""
    return {n: median([timed(lambda n=n: run(n)) for _ in range(repeats)]) for n in sizes}
