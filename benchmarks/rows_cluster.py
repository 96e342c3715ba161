"""Rows of the table about the cluster's scheduler, Cenote's beside Dask's."""

from __future__ import annotations

import operator
import random
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from clusters import Cluster, Spent, cluster
from pairs import Ratio, short
from rows_graph import Row

SCHEDULERS = ("cenote", "dask")
Graph = dict[str, Any]


def merge(n: int, name: str) -> tuple[Graph, str]:
    """Calls, and one that takes them all."""
    graph: Graph = {f"{name}-leaf-{i}": (operator.neg, i) for i in range(n)}
    graph[f"{name}-sum"] = (sum, list(graph))
    return graph, f"{name}-sum"


def tree(n: int, name: str) -> tuple[Graph, str]:
    """Leaves, and pairs of pairs above them: about n tasks."""
    level = [f"{name}-leaf-{i}" for i in range((n + 1) // 2)]
    graph: Graph = {key: (operator.neg, i) for i, key in enumerate(level)}
    while len(level) > 1:
        above = [f"{name}-add-{len(level)}-{i}" for i in range(len(level) // 2)]
        graph |= {key: (operator.add, level[2 * i], level[2 * i + 1]) for i, key in enumerate(above)}
        level = above + level[2 * len(above) :]
    return graph, level[0]


def random_layers(n: int, name: str) -> tuple[Graph, str]:
    """Each task needs up to four of the thousand before it; the last needs those that nobody else does."""
    chance = random.Random(7)
    graph: Graph = {}
    keys = [f"{name}-task-{i}" for i in range(n)]
    used: set[str] = set()
    for i, key in enumerate(keys):
        needs = [keys[chance.randrange(max(0, i - 1000), i)] for _ in range(chance.randrange(5))] if i else []
        used.update(needs)
        graph[key] = (sum, needs)
    graph[f"{name}-last"] = (len, [key for key in keys if key not in used])
    return graph, f"{name}-last"


#: Dask's graphs are so much smaller than ours: what a task costs it hardly depends on their size, and it takes long.
DASK_SHARE = 0.1

GRAPHS: dict[str, tuple[Callable[[int, str], tuple[Graph, str]], int]] = {
    "merge": (merge, 100_000),
    "tree": (tree, 2**17),
    "random": (random_layers, 50_000),
}


def run(client: Any, graph: Graph, key: str, timeout: float = 1800) -> None:
    """Compute a key, wait until the scheduler has it, and let go of it. Nothing is fetched."""
    future = client.get(graph, key, sync=False)
    wait_for(client, future, timeout)
    if future.status != "finished":
        raise RuntimeError(f"{key}: {future.status}")
    future.release()


def wait_for(client: Any, futures: Any, timeout: float = 1800) -> None:
    """Wait until the scheduler says that they are done."""
    from distributed import wait

    with client.as_current():
        wait(futures, timeout=timeout)


def connected(stack: ExitStack, made: Cluster) -> Any:
    """A client of Dask's."""
    from distributed import Client

    warnings.filterwarnings("ignore", message="(?s).*Mismatched versions")  # idle workers have none
    return stack.enter_context(Client(made.address, set_as_default=False, timeout=60))


def of(pairs: list[tuple[float, float]]) -> Ratio:
    """How many times the second is of the first."""
    ratios = [theirs / max(ours, 1e-9) for ours, theirs in pairs]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def micro(values: list[float], n: int = 1) -> str:
    """Microseconds a task, the median of seconds for so many."""
    return f"{short(statistics.median(values) / n * 1e6)} µs"


IDLE_HEAD = (
    "graph", "tasks", "workers", "scheduler's CPU a task", "executor's", "Dask's", "Dask / Cenote's scheduler",
    "Dask / Cenote with executor", "tasks/s", "Dask's tasks/s", "target",
)  # fmt: skip


def idle(repeats: int, scale: float) -> list[Row]:
    """The scheduler alone: workers answer at once."""
    rows = []
    for workers in (10, 100, 1000):
        with ExitStack() as stack:
            clusters = {who: stack.enter_context(cluster(who, idle=workers)) for who in SCHEDULERS}
            clients = {who: connected(stack, made) for who, made in clusters.items()}
            for name, (build, size) in GRAPHS.items():
                rows.append(idle_row(name, workers, repeats, (clusters, clients), (build, int(size * scale))))
                print(rows[-1], flush=True)
    return rows


def idle_turn(made: Cluster, client: Any, graph: Graph, key: str) -> tuple[Spent, float]:
    """Runs a graph once. What that has cost, and how many tasks a second there were."""
    made.tally()
    before = made.spent()
    run(client, graph, key)
    time.sleep(0.5)  # until what was let go of is forgotten
    spent, tally = made.spent() - before, made.tally()
    return spent, tally["tasks"] / (tally["last"] - tally["first"])


def idle_row(name: str, workers: int, repeats: int, both: Any, what: Any) -> Row:
    """One graph on one number of workers."""
    (clusters, clients), (build, size) = both, what
    cpu: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    rate: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    executor, count = [], 0
    for turn in range(repeats):
        for who in SCHEDULERS:
            graph, key = build(size if who == "cenote" else int(size * DASK_SHARE), f"{name}-{workers}-{turn}")
            spent, tasks = idle_turn(clusters[who], clients[who], graph, key)
            cpu[who].append(spent.scheduler / len(graph))
            rate[who].append(tasks)
            if who == "cenote":
                executor.append(spent.children / len(graph))
                count = len(graph)
    ours, theirs = cpu["cenote"], cpu["dask"]
    whole = [alone + more for alone, more in zip(ours, executor, strict=True)]
    rates = [f"{statistics.median(rate[who]):,.0f}" for who in SCHEDULERS]
    gains = of(list(zip(ours, theirs, strict=True))), of(list(zip(whole, theirs, strict=True)))
    costs = micro(ours), micro(executor), micro(theirs)
    return (name, f"{count:,}", workers, *costs, *gains, *rates, "≤ 8 µs; ≥ 30; ≥ 250,000/s")


WORK_HEAD = (
    "work", "tasks", "Cenote", "Dask", "Dask / Cenote", "scheduler's CPU a task", "executor's", "Dask's",
    "Dask / Cenote's scheduler, CPU", "with executor", "target",
)  # fmt: skip


def mapped(client: Any, n: int) -> int:
    """`client.map` of a function that does nothing."""
    wait_for(client, client.map(operator.neg, range(n), pure=False))
    return n


def delayed_tree(client: Any, n: int) -> int:
    """A tree of Dask's delayed, by the graph that it makes (building it with Dask's delayed is quadratic)."""
    graph, key = tree(n, f"tree-{time.monotonic_ns()}")
    client.get(graph, key)
    return len(graph)


def array(client: Any, n: int) -> int:
    """A sum over blocks of an array and its transpose."""
    import dask.array as da

    side = max(4, int((n / 8) ** 0.5))
    x = da.random.default_rng(1).random((side * 10, side * 10), chunks=10)
    total = (x + x.T).sum()
    client.compute(total).result()
    return len(total.__dask_graph__())


def frame(client: Any, n: int, method: str = "tasks") -> int:
    """A shuffle and an aggregation."""
    import dask
    import dask.dataframe as dd
    import pandas as pd

    parts = max(4, int((n / 8) ** 0.5))
    data = dd.from_pandas(pd.DataFrame({"a": range(parts * 100), "b": 1}), npartitions=parts)
    with dask.config.set({"dataframe.shuffle.method": method}):
        total = data.shuffle("a").b.sum().optimize()
        client.compute(total).result()
    return len(total.__dask_graph__())


def peer_to_peer(client: Any, n: int) -> int:
    """The same, by a shuffle in which workers send each other rows."""
    return frame(client, n, "p2p")


WORKS = {
    "`client.map`": (mapped, 5_000),
    "tree": (delayed_tree, 5_000),
    "array": (array, 5_000),
    "dataframe": (frame, 2_000),
    "dataframe, P2P": (peer_to_peer, 20_000),
}


def work(repeats: int, scale: float) -> list[Row]:
    """Dask's client and two workers of Dask's, on either scheduler."""
    rows = []
    with ExitStack() as stack:
        clusters = {who: stack.enter_context(cluster(who, workers=2)) for who in SCHEDULERS}
        clients = {who: connected(stack, made) for who, made in clusters.items()}
        for client in clients.values():
            client.wait_for_workers(2, timeout=60)
        for name, (do, size) in WORKS.items():
            wall: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
            cpu: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
            whole: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
            count = 0
            for who in SCHEDULERS:
                do(clients[who], int(size * scale / 10))
            for _ in range(repeats):
                for who in SCHEDULERS:
                    before, began = clusters[who].spent(), time.perf_counter()
                    count = do(clients[who], int(size * scale))
                    wall[who].append(time.perf_counter() - began)
                    time.sleep(0.5)
                    spent = clusters[who].spent() - before
                    cpu[who].append(spent.scheduler)
                    whole[who].append(spent.scheduler + spent.children)
            ours, theirs = cpu["cenote"], cpu["dask"]
            walls = [f"{short(statistics.median(wall[who]))} s" for who in SCHEDULERS]
            gains = of(list(zip(ours, theirs, strict=True))), of(list(zip(whole["cenote"], theirs, strict=True)))
            executor = [both - alone for both, alone in zip(whole["cenote"], ours, strict=True)]
            costs = micro(ours, count), micro(executor, count), micro(theirs, count)
            gain = of(list(zip(wall["cenote"], wall["dask"], strict=True)))
            rows.append((name, f"{count:,}", *walls, gain, *costs, *gains, "≥ 1.3; ≥ 40; ≥ 8"))
            print(rows[-1], flush=True)
    return rows


STEALING_HEAD = (
    "scheduler",
    "graph",
    "tasks",
    "CPU a task, stealing",
    "not stealing",
    "stealing / not",
    "tasks/s",
    "not stealing",
)

#: How work stealing is switched.
STEALING = {"stealing": "True", "not": "False"}


def stealing(repeats: int, scale: float) -> list[Row]:
    """What stealing costs where there is nothing to steal: a hundred idle workers, tiny tasks."""
    rows = []
    for who in SCHEDULERS:
        with ExitStack() as stack:
            settings = {how: {"SCHEDULER__WORK_STEALING": value} for how, value in STEALING.items()}
            clusters = {how: stack.enter_context(cluster(who, idle=100, **it)) for how, it in settings.items()}
            clients = {how: connected(stack, made) for how, made in clusters.items()}
            for name in ("merge", "tree"):
                build, size = GRAPHS[name]
                spent: dict[str, list[float]] = {how: [] for how in STEALING}
                rate: dict[str, list[float]] = {how: [] for how in STEALING}
                count = int(size * scale * (0.5 if who == "cenote" else DASK_SHARE))
                for turn in range(repeats):
                    for how in STEALING:
                        graph, key = build(count, f"{name}-{turn}")
                        cpu, tasks = idle_turn(clusters[how], clients[how], graph, key)
                        spent[how].append(cpu.scheduler / len(graph))
                        rate[how].append(tasks)
                gain = of(list(zip(spent["not"], spent["stealing"], strict=True)))
                rates = [f"{statistics.median(rate[how]):,.0f}" for how in STEALING]
                rows.append((who, name, f"{len(graph):,}", *(micro(spent[how]) for how in STEALING), gain, *rates))
                print(rows[-1], flush=True)
    return rows


LATENCY_HEAD = ("what", "Cenote", "Dask", "Dask / Cenote", "target")


def latency(repeats: int, scale: float) -> list[Row]:
    """One task at a time, from `submit` to its result."""
    taken: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    with ExitStack() as stack:
        clusters = {who: stack.enter_context(cluster(who, workers=1)) for who in SCHEDULERS}
        clients = {who: connected(stack, made) for who, made in clusters.items()}
        for client in clients.values():
            client.wait_for_workers(1, timeout=60)
        for turn in range(max(20, int(200 * repeats * scale))):
            for who, client in clients.items():
                began = time.perf_counter()
                client.submit(operator.neg, turn, pure=False).result()
                if turn >= 10:
                    taken[who].append(time.perf_counter() - began)
    rows = []
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        ours, theirs = (sorted(taken[who])[int(part * len(taken[who]))] for who in SCHEDULERS)
        row = (f"{name} of {len(taken['dask'])}", f"{short(ours * 1e3)} ms", f"{short(theirs * 1e3)} ms")
        rows.append((*row, short(theirs / ours), "> 1"))
    return rows


RECEIPT_HEAD = (
    "scheduler", "tasks", "wall, submit to first task", "CPU of the scheduler", "CPU of the executor",
    "peak of the scheduler", "peak of the executor", "target",
)  # fmt: skip


def receipt(repeats: int, scale: float) -> list[Row]:
    """From a graph's submission to the first task that a worker gets; ten idle workers."""
    rows = []
    for who, size in (("cenote", 100_000), ("dask", 100_000), ("cenote", 1_000_000)):
        with ExitStack() as stack:
            made = stack.enter_context(cluster(who, idle=10))
            client = connected(stack, made)
            run(client, *tree(1000, "warm"))
            made.tally()
            graph, key = tree(int(size * scale), "large")
            made.forget_peaks()
            before, began, submitted = made.spent(), time.time(), time.perf_counter()
            future = client.get(graph, key, sync=False)
            tally = {"tasks": 0.0, "first": 0.0}
            while not tally["tasks"] and time.perf_counter() - submitted < 600:
                time.sleep(0.05)
                spent = made.spent() - before
                tally = made.tally()
            wall = tally["first"] - began
            wait_for(client, future)
            peaks = [f"{peak / 1e6:,.0f} MB" for peak in made.peaks()]
            target = "≤ 2 s, ≤ 1 GB of the scheduler" if size == 1_000_000 else ""
            costs = [f"{short(spent.scheduler)} s", f"{short(spent.children)} s"]
            rows.append((who, f"{len(graph):,}", f"{short(wall)} s", *costs, *peaks, target))
            print(rows[-1], flush=True)
    return rows
