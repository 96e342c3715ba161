"""Rows of the table about the cluster's scheduler: work that is badly placed, many workers at once, and monitoring."""

from __future__ import annotations

import random
import statistics
import subprocess
import threading
import time
import urllib.request
from contextlib import ExitStack
from typing import Any

from clusters import Cluster, Spent, cluster, example, free_port, idle_workers
from pairs import short
from rows_cluster import DASK_SHARE, SCHEDULERS, Graph, connected, merge, micro, of, run, tree, wait_for
from rows_graph import Row

UNBALANCED_HEAD = (
    "graph", "tasks", "workers", "scheduler's CPU a task", "Dask's", "Dask / Cenote's scheduler", "makespan", "Dask's",
    "Dask / Cenote, makespan", "of all threads busy", "given back", "to Dask's",
    "a message each way, alone", "Dask / that", "target",
)  # fmt: skip
BUSY_WORKERS = 100


#: How long tasks take of which work is made that is badly placed: a tenth of it, and the others at least and less than.
LONG, SHORT = (600, 30, 150), (60, 3, 15)


def unbalanced_layers(n: int, name: str, milliseconds: tuple[int, int, int]) -> tuple[Graph, str, float]:
    """Tasks that take so many milliseconds, and the seconds that all of them take.

    Each needs one of twenty results, the first of them most often, so that a few workers get most tasks, and up to two
    of the thousand before it.
    """
    chance = random.Random(11)
    graph: Graph = {}
    keys: list[str] = []
    used: set[str] = set()
    seconds = 0.0
    longest, least, less = milliseconds
    for i in range(n):
        takes = longest if chance.random() < 0.1 else chance.randrange(least, less)
        key = f"{name}-for-{takes}-{i}"
        needs = [keys[int(20 * chance.random() ** 3)]] if i >= 20 else []
        if i > 1000:
            needs += [keys[chance.randrange(i - 1000, i)] for _ in range(chance.randrange(3))]
        used.update(needs)
        graph[key] = (sum, needs)
        keys.append(key)
        seconds += takes / 1e3
    graph[f"{name}-last"] = (len, [key for key in keys if key not in used])
    return graph, f"{name}-last", seconds


def unbalanced(repeats: int, scale: float) -> list[Row]:
    """Work that is badly placed, so that it has to be stolen: workers of one thread that are as busy as keys say.

    And the same with workers that answer at once, from whom nothing needs to be stolen.
    """
    busy = [unbalanced_row(milliseconds, int(5000 * scale), repeats) for milliseconds in (LONG, SHORT)]
    return [*busy, unbalanced_row(SHORT, int(50_000 * scale), repeats, idle=True)]


def unbalanced_row(milliseconds: tuple[int, int, int], tasks: int, repeats: int, idle: bool = False) -> Row:
    """One row: both schedulers in turn, and what a message to and from a worker costs for each task without any."""
    spent: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    makespans: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    moved: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    alone: list[float] = []
    count, seconds = 0, 0.0
    with ExitStack() as stack:
        flags = () if idle else ("--busy", "1")
        clusters = {who: stack.enter_context(cluster(who, idle=BUSY_WORKERS, flags=flags)) for who in SCHEDULERS}
        clients = {who: connected(stack, made) for who, made in clusters.items()}
        for turn in range(repeats):
            for who, made in clusters.items():
                graph, key, seconds = unbalanced_layers(tasks, f"random-{turn}", milliseconds)
                count = len(graph)
                made.tally()
                before = made.spent()
                run(clients[who], graph, key)
                cost, tally = made.spent() - before, made.tally()
                spent[who].append(cost.scheduler / count)
                makespans[who].append(tally["last"] - tally["first"])
                moved[who].append(tally["given_back"])
            if not idle:
                alone.append(wire_alone(BUSY_WORKERS, count, makespans["cenote"][-1]))
    ours, theirs = (spent[who] for who in SCHEDULERS)
    walls = [f"{short(statistics.median(makespans[who]))} s" for who in SCHEDULERS]
    given = [f"{statistics.median(moved[who]):,.0f}" for who in SCHEDULERS]
    gain = of(list(zip(ours, theirs, strict=True)))
    sooner = of(list(zip(makespans["cenote"], makespans["dask"], strict=True)))
    least = "" if idle else f"{short(seconds / BUSY_WORKERS)} s"
    longest, shortest, _ = milliseconds
    takes = "answered at once" if idle else f"{shortest} to {longest} ms"
    floor = ("", "") if idle else (micro(alone), of(list(zip(alone, theirs, strict=True))))
    figures = (micro(ours), micro(theirs), gain, *walls, sooner, least, *given, *floor)
    return (f"random, unbalanced, {takes}", f"{count:,}", BUSY_WORKERS, *figures, "≥ 40; ≥ 1")


def wire_alone(connections: int, messages: int, seconds: float) -> float:
    """Seconds of CPU for each message that is read and answered with another, by a process that does nothing else."""
    command = [str(example("wire_alone")), str(connections), str(messages), str(round(seconds * 1e3))]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1e6


CROWD_HEAD = (
    "what",
    "scheduler",
    "workers",
    "tasks",
    "seconds",
    "scheduler's CPU",
    "all tasks done afterwards",
    "target",
)
CROWD = 1000
#: Seconds, and seconds of the scheduler's CPU, by what was done.
Measured = dict[str, list[tuple[float, float]]]


def crowd(repeats: int, scale: float) -> list[Row]:
    """Many workers join at once, and leave at once while each has a hundred tasks."""
    rows = []
    for who in SCHEDULERS:
        tasks = int(100_000 * scale * (1 if who == "cenote" else DASK_SHARE))
        told: Measured = {}
        done = all([crowd_turn(who, tasks, told) for _ in range(repeats)])
        for what, measured in told.items():
            seconds, cpu = (f"{short(statistics.median(values))} s" for values in zip(*measured, strict=True))
            after, count = ("", "") if what == "join" else ("yes" if done else "no", f"{tasks:,}")
            rows.append((what, who, CROWD, count, seconds, cpu, after, "≤ 2 s; no task lost"))
            print(rows[-1], flush=True)
    return rows


def crowd_turn(who: str, tasks: int, told: Measured) -> bool:
    """Workers join, get tasks, and leave; then others do the tasks. Whether all of them were done."""
    # All tasks are to be at workers: none waits in the scheduler.
    with ExitStack() as stack:
        made = stack.enter_context(cluster(who, SCHEDULER__WORKER_SATURATION="inf"))
        client = connected(stack, made)
        with ExitStack() as leaving:
            before = made.spent()
            leaving.enter_context(idle_workers(made, CROWD, "--hold"))
            told.setdefault("join", []).append((made.joined, cost(made, before)))
            graph, key = merge(tasks, "held")
            future = client.get(graph, key, sync=False)
            sent = 0.0
            while sent < tasks:
                time.sleep(0.1)
                sent += made.tally()["tasks"]
            before, began = made.spent(), time.perf_counter()
            made.leave()
            while client.nthreads():
                time.sleep(0.02)
            told.setdefault("leave", []).append((time.perf_counter() - began, cost(made, before)))
        stack.enter_context(idle_workers(made, 10))
        wait_for(client, future)
        return future.status == "finished"


def cost(made: Cluster, before: Spent) -> float:
    """What the scheduler has spent since."""
    return (made.spent() - before).scheduler


SCRAPE_HEAD = (
    "scheduler", "tasks", "a scrape", "the longest", "scheduler's CPU a scrape", "longest answer to another meanwhile",
    "with nobody scraping", "target",
)  # fmt: skip
SCRAPES = 100


def scrape(repeats: int, scale: float) -> list[Row]:
    """The page of metrics, while a great graph is there and somebody else asks the scheduler again and again."""
    rows = []
    for who, size in (("cenote", 1_000_000), ("dask", int(1_000_000 * DASK_SHARE))):
        port = free_port()
        with ExitStack() as stack:
            made = stack.enter_context(cluster(who, idle=10, flags=("--hold",), pages=port))
            client = connected(stack, made)
            graph, key = tree(int(size * scale), "large")
            future = client.get(graph, key, sync=False)
            while not made.tally()["tasks"]:
                time.sleep(0.5)
            time.sleep(2)
            with Asking(client) as alone:
                time.sleep(1)
            before = made.spent()
            taken = scrapes(port, SCRAPES * repeats)
            spent = cost(made, before) / len(taken)
            with Asking(client) as meanwhile:
                scrapes(port, SCRAPES)
            del future
            numbers = (statistics.median(taken), max(taken), spent, max(meanwhile.taken), max(alone.taken))
            told = [f"{short(number * 1e3)} ms" for number in numbers]
            rows.append((who, f"{len(graph):,}", *told, "≤ 50 ms, no pause over 5 ms"))
            print(rows[-1], flush=True)
    return rows


def scrapes(port: int, count: int) -> list[float]:
    """Seconds that each of some scrapes takes, one after another."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read()
        taken.append(time.perf_counter() - began)
    return taken


class Asking:
    """Somebody who asks the scheduler a small question, again and again, and how long each answer took."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.taken: list[float] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        """Ask until it is over."""
        while not self.over.wait(0.002):
            began = time.perf_counter()
            self.client.nthreads()
            self.taken.append(time.perf_counter() - began)

    def __enter__(self) -> Asking:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
