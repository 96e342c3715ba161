"""Rows of the table that are not about cost a task: work that releases the GIL, import, pictures, memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pairs import in_turns, median, ratio, short
from rows_graph import Row

AGAINST_HEAD = ("workload", "Cenote", "peer", "Cenote / peer (wall)", "target")
SIMPLE_HEAD = ("what", "CPU", "wall", "target")


def blocks(repeats: int, scale: float) -> list[Row]:
    """A blocked matrix product on two threads, against an executor that makes the same calls."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    import cenote.threaded

    k, side = 4, int(500 * min(1.0, max(scale, 0.2)))
    rng = np.random.default_rng(0)
    left = {(i, j): rng.random((side, side)) for i in range(k) for j in range(k)}
    right = {(i, j): rng.random((side, side)) for i in range(k) for j in range(k)}

    def total(*parts: Any) -> Any:
        return sum(parts[1:], parts[0])

    graph: dict[Any, Any] = {}
    for i in range(k):
        for j in range(k):
            for m in range(k):
                graph["p", i, j, m] = (np.dot, left[i, m], right[m, j])
            graph["c", i, j] = (total, *(("p", i, j, m) for m in range(k)))
    keys = [("c", i, j) for i in range(k) for j in range(k)]

    with ThreadPoolExecutor(2) as pool:

        def executor() -> Any:
            def product(i: int, j: int, m: int) -> Any:
                return np.dot(left[i, m], right[m, j])

            parts = {(i, j, m): pool.submit(product, i, j, m) for i in range(k) for j in range(k) for m in range(k)}
            sums = [
                pool.submit(total, *(parts[i, j, m].result() for m in range(k))) for i in range(k) for j in range(k)
            ]
            return [future.result() for future in sums]

        runners = {"cenote": lambda: cenote.threaded.get(graph, keys, num_workers=2), "executor": executor}
        timings = in_turns(runners, repeats)
    return [against(f"{k}×{k} blocks of {side}×{side} float64, 2 threads", timings)]  # noqa: RUF001


def sleeps(repeats: int, scale: float) -> list[Row]:
    """A thousand sleeps of a millisecond on eight threads, against an executor."""
    import cenote.threaded

    n = int(1000 * scale)
    graph: dict[Any, Any] = {("s", i): (time.sleep, 0.001) for i in range(n)}
    keys = list(graph)
    with ThreadPoolExecutor(8) as pool:
        runners = {
            "cenote": lambda: cenote.threaded.get(graph, keys, num_workers=8),
            "executor": lambda: list(pool.map(time.sleep, [0.001] * n)),
        }
        timings = in_turns(runners, repeats)
    return [against(f"{n} sleeps of 1 ms, 8 threads", timings)]


def against(name: str, timings: dict[str, list[Any]]) -> Row:
    """A row of wall times against an executor."""
    ours, peer = (f"{short(median(timings[who], 'wall') * 1e3)} ms" for who in ("cenote", "executor"))
    return (name, ours, f"{peer} (ThreadPoolExecutor)", ratio(timings["cenote"], timings["executor"], "wall"), "≤ 1.05")


# ---- In processes of their own


def child(code: str, *words: str) -> Any:
    """Run Python code in a fresh process; it prints JSON."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


IMPORT = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
import cenote
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([cpu, wall, [name for name in ("numpy", "pandas", "dask") if name in sys.modules]]))
"""

PICTURE = """
import json, pathlib, sys, tempfile, time
import cenote
from workloads import add, inc
leaf, node = cenote.delayed(inc), cenote.delayed(add)
level = [leaf(i) for i in range(23)]
while len(level) > 1:
    pairs = len(level) // 2
    level = [node(level[2 * i], level[2 * i + 1]) for i in range(pairs)] + level[2 * pairs:]
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "graph.svg")
    wall, cpu = time.perf_counter(), time.process_time()
    level[0].visualize(filename=str(path))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert path.stat().st_size > 1000
print(json.dumps([cpu, wall, []]))
"""


def milliseconds(seconds: list[float]) -> str:
    """The median, with the least and the greatest."""
    low, middle, high = (short(f(seconds) * 1e3) for f in (min, statistics.median, max))
    return f"{middle} ms ({low}–{high})"  # noqa: RUF001


def starts(repeats: int, scale: float) -> list[Row]:
    """What a fresh process pays once: the import, and the first picture."""
    rows = []
    for name, code, target in (
        ("`import cenote`", IMPORT, "≤ 50 ms; no numpy, pandas, dask"),
        ("first `visualize` to SVG of a delayed tree of 45 tasks", PICTURE, "≤ 20 ms"),
    ):
        child(code)
        runs = [child(code) for _ in range(max(repeats, 5))]
        cpu, wall = (milliseconds([run[clock] for run in runs]) for clock in (0, 1))
        also = f"; also imported: {', '.join(runs[0][2])}" if runs[0][2] else ""
        rows.append((name, cpu, wall + also, target))
    return rows


MEMORY = """
import gc, json, pathlib, sys
import workloads, rows_delayed
what, who, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
lib = __import__(who) if who != "bare" else None
if lib:
    __import__(who + ".threaded")
def resident(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
def now():
    gc.collect()
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    return resident("VmRSS")
if what == "delayed tree":
    before = now()
    if lib:
        rows_delayed.tree(lib, n).compute()
    else:
        workloads.bare_tree(n)
else:
    workload = next(w for w in workloads.WORKLOADS if w.name == what)
    graph, key = workload.build(n)
    before = now()
    if lib:
        lib.threaded.get(graph, key)
    else:
        workload.bare(n)()
print(json.dumps([before, resident("VmHWM")]))
"""


def memory(repeats: int, scale: float) -> list[Row]:
    """Peak memory that a run adds, a task: the difference of two sizes a decade apart."""
    rows = []
    for what in ("flat", "tree", "random", "delayed tree"):
        figures = []
        for who, large in (
            ("cenote", 1_000_000),
            ("dask", 10_000 if what == "random" else 50_000),
            ("bare", 1_000_000),
        ):
            if who == "dask" and what == "delayed tree":
                large = 10_000
            small, large = int(large * scale / 10), int(large * scale)
            (before_small, after_small), (before, after) = (
                child(MEMORY, what, who, str(small)),
                child(MEMORY, what, who, str(large)),
            )
            added = ((after - before) - (after_small - before_small)) / (large - small)
            figures.append(f"{added:,.0f} B")
        rows.append((what, *figures, "≤ 300 B" if what == "delayed tree" else ""))
    return rows


MEMORY_HEAD = ("workload", "Cenote, a task", "Dask, a task", "bare loop, a task", "target")
