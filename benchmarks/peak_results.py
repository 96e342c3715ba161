"""How many results live at once, beside Dask: the workloads under which a bad order would fill the memory.

::

    python benchmarks/peak_results.py

With one worker the peak must be Dask's; with more it may be at most Dask's greatest over five runs plus the number of
workers. The exit code says whether that holds.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from pairs import table, versions

Graph = dict[Hashable, Any]


class Block:
    """A result whose life is counted."""

    __slots__ = ("__weakref__",)


class Living:
    """Counts the blocks that are alive, and the most there ever were."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = 0
        self.peak = 0

    def make(self, *_: Any) -> Block:
        """What every task calls: it takes any blocks and makes one. It gives other threads a chance to run."""
        time.sleep(0)
        block = Block()
        weakref.finalize(block, self.died).atexit = False
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
        return block

    def end(self, *_: Any) -> int:
        """A task whose result is no block."""
        time.sleep(0)
        return 0

    def died(self) -> None:
        """A block is gone."""
        with self.lock:
            self.now -= 1


def pairs(living: Living) -> tuple[Graph, Hashable]:
    """Produce, consume, and a sum of what was consumed."""
    graph: Graph = {("load", i): (living.make, i) for i in range(200)}
    graph |= {("use", i): (living.end, ("load", i)) for i in range(200)}
    graph["total"] = (living.end, [("use", i) for i in range(200)])
    return graph, "total"


def overlap(living: Living) -> tuple[Graph, Hashable]:
    """Each block needs its neighbours."""
    n = 14
    graph: Graph = {("load", i, j): (living.make, i) for i in range(n) for j in range(n)}
    for i in range(n):
        for j in range(n):
            near = [("load", a, b) for a in (i - 1, i, i + 1) for b in (j - 1, j, j + 1) if 0 <= a < n and 0 <= b < n]
            graph["map", i, j] = (living.make, near)
            graph["store", i, j] = (living.end, ("map", i, j))
    graph["total"] = (living.end, [("store", i, j) for i in range(n) for j in range(n)])
    return graph, "total"


def tensordot(living: Living) -> tuple[Graph, Hashable]:
    """Products of blocks of two matrices, and their sums."""
    n = 6
    graph: Graph = {}
    for i in range(n):
        for j in range(n):
            graph["a", i, j] = (living.make, i)
            graph["b", i, j] = (living.make, j)
            for k in range(n):
                graph["p", i, j, k] = (living.make, ("a", i, k), ("b", k, j))
            graph["c", i, j] = (living.make, [("p", i, j, k) for k in range(n)])
            graph["store", i, j] = (living.end, ("c", i, j))
    graph["total"] = (living.end, [("store", i, j) for i in range(n) for j in range(n)])
    return graph, "total"


def rechunk(living: Living) -> tuple[Graph, Hashable]:
    """Rows are split, and the pieces are joined to columns."""
    n = 16
    graph: Graph = {("row", i): (living.make, i) for i in range(n)}
    graph |= {("piece", i, j): (living.make, ("row", i)) for i in range(n) for j in range(n)}
    graph |= {("column", j): (living.make, [("piece", i, j) for i in range(n)]) for j in range(n)}
    graph |= {("store", j): (living.end, ("column", j)) for j in range(n)}
    graph["total"] = (living.end, [("store", j) for j in range(n)])
    return graph, "total"


def reduction(living: Living) -> tuple[Graph, Hashable]:
    """A tree of sums of four."""
    graph: Graph = {("load", i): (living.make, i) for i in range(256)}
    level: list[Hashable] = list(graph)
    depth = 0
    while len(level) > 1:
        depth += 1
        above: list[Hashable] = []
        for i in range(0, len(level), 4):
            graph["sum", depth, i] = (living.make, level[i : i + 4])
            above.append(("sum", depth, i))
        level = above
    graph["total"] = (living.end, level[0])
    return graph, "total"


def random_layers(living: Living) -> tuple[Graph, Hashable]:
    """Layers of tasks with up to three dependencies in the layer before."""
    rng = random.Random(0)
    graph: Graph = {("r", 0, i): (living.make, i) for i in range(30)}
    for depth in range(1, 12):
        for i in range(30):
            few = rng.sample(range(30), rng.randint(1, 3))
            graph["r", depth, i] = (living.make, [("r", depth - 1, j) for j in few])
    graph["total"] = (living.end, [("r", 11, i) for i in range(30)])
    return graph, "total"


WORKLOADS: tuple[Callable[[Living], tuple[Graph, Hashable]], ...] = (
    pairs,
    overlap,
    tensordot,
    rechunk,
    reduction,
    random_layers,
)


def peak(get: Callable[..., Any], build: Callable[[Living], tuple[Graph, Hashable]], workers: int) -> int:
    """The most blocks that were alive at once while a graph ran."""
    living = Living()
    graph, key = build(living)
    get(graph, key, num_workers=workers)
    return living.peak


def main() -> int:
    """Print the table; the exit code says whether all limits hold."""
    import dask.threaded

    import cenote.threaded

    parser = argparse.ArgumentParser(description="Count the results that live at once, beside Dask.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", type=Path, default=None, help="the page to put the table into")
    options = parser.parse_args()
    rows, broken = [], 0
    for build in WORKLOADS:
        for workers in (1, 2, 4):
            ours: list[int] = []
            theirs: list[int] = []
            for _ in range(options.runs):
                ours.append(peak(cenote.threaded.get, build, workers))
                theirs.append(peak(dask.threaded.get, build, workers))
            limit = max(theirs) + (workers if workers > 1 else 0)
            broken += max(ours) > limit
            verdict = "holds" if max(ours) <= limit else "BROKEN"
            ours_text, theirs_text = (f"{min(runs)}–{max(runs)}" for runs in (ours, theirs))  # noqa: RUF001
            rows.append((build.__name__, workers, ours_text, theirs_text, limit, verdict))
    text = table(("workload", "workers", "Cenote", "Dask", "limit", ""), rows)
    print(versions(), text, sep="\n\n")
    if options.write:
        import local

        local.write(options.write, text, "peak")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
