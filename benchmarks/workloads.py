"""The graphs that are measured, and for each the bare loop that does its work without any engine.

The bare loops are frozen: they are the physical limit against which everything is held, and changing them would change
the meaning of every figure ever published.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

Graph = dict[Hashable, Any]

WORDS = "the task waits for its dependency and the worker waits for the task".split()


def inc(x: int) -> int:
    return x + 1


def add(x: int, y: int) -> int:
    return x + y


def many(*values: int) -> int:
    return len(values)


def load(i: int) -> str:
    return " ".join(WORDS[i % 5 :])


def count(text: str, word: str) -> int:
    return text.count(word)


# ---- Graphs


def flat(n: int) -> tuple[Graph, Hashable]:
    graph: Graph = {("a", i): (inc, i) for i in range(n)}
    graph["total"] = (sum, [("a", i) for i in range(n)])
    return graph, "total"


def chain(n: int) -> tuple[Graph, Hashable]:
    graph: Graph = {("c", 0): (inc, 0)}
    for i in range(1, n):
        graph["c", i] = (inc, ("c", i - 1))
    return graph, ("c", n - 1)


def tree(n: int) -> tuple[Graph, Hashable]:
    width = n // 2
    graph: Graph = {("t", 0, i): (inc, i) for i in range(width)}
    level = 0
    while width > 1:
        for i in range(width // 2):
            graph["t", level + 1, i] = (add, ("t", level, 2 * i), ("t", level, 2 * i + 1))
        if width % 2:
            graph["t", level + 1, width // 2] = (inc, ("t", level, width - 1))
        width = (width + 1) // 2
        level += 1
    return graph, ("t", level, 0)


def layers(n: int) -> list[tuple[Hashable, list[Hashable]]]:
    """The edges of a layered random graph: layers of 100 tasks, each with 0 to 4 dependencies in the layer before."""
    rng = random.Random(0)
    tasks: list[tuple[Hashable, list[Hashable]]] = []
    for i in range(n):
        layer = i // 100
        few = rng.randint(0, 4) if layer else 0
        tasks.append((("r", i), [("r", rng.randrange((layer - 1) * 100, layer * 100)) for _ in range(few)]))
    return tasks


def unused(tasks: list[tuple[Hashable, list[Hashable]]]) -> list[Hashable]:
    """The keys that no task depends on."""
    used = {dependency for _, dependencies in tasks for dependency in dependencies}
    return [key for key, _ in tasks if key not in used]


def random_layers(n: int) -> tuple[Graph, Hashable]:
    tasks = layers(n)
    graph: Graph = {key: (many, *dependencies) for key, dependencies in tasks}
    graph["total"] = (many, *unused(tasks))
    return graph, "total"


def words(n: int) -> tuple[Graph, Hashable]:
    graph: Graph = {}
    for i in range(n // 4):
        graph["load", i] = (load, i)
        for word in ("task", "worker", "the"):
            graph["count", word, i] = (count, ("load", i), word)
    for word in ("task", "worker", "the"):
        graph["sum", word] = (sum, [("count", word, i) for i in range(n // 4)])
    graph["total"] = (sum, [("sum", word) for word in ("task", "worker", "the")])
    return graph, "total"


# ---- The bare loops: they call the same functions and keep the results in a dict


def bare_flat(n: int) -> Any:
    results: dict[Hashable, int] = {}
    for i in range(n):
        results["a", i] = inc(i)
    return sum([results["a", i] for i in range(n)])


def bare_chain(n: int) -> Any:
    results: dict[Hashable, int] = {("c", 0): inc(0)}
    for i in range(1, n):
        results["c", i] = inc(results["c", i - 1])
    return results["c", n - 1]


def bare_tree(n: int) -> Any:
    width = n // 2
    results: dict[Hashable, int] = {}
    for i in range(width):
        results["t", 0, i] = inc(i)
    level = 0
    while width > 1:
        for i in range(width // 2):
            results["t", level + 1, i] = add(results["t", level, 2 * i], results["t", level, 2 * i + 1])
        if width % 2:
            results["t", level + 1, width // 2] = inc(results["t", level, width - 1])
        width = (width + 1) // 2
        level += 1
    return results["t", level, 0]


def bare_random(tasks: list[tuple[Hashable, list[Hashable]]], last: list[Hashable]) -> Any:
    results: dict[Hashable, int] = {}
    for key, dependencies in tasks:
        results[key] = many(*[results[dependency] for dependency in dependencies])
    return many(*[results[key] for key in last])


def bare_words(n: int) -> Any:
    results: dict[Hashable, Any] = {}
    for i in range(n // 4):
        results["load", i] = load(i)
        for word in ("task", "worker", "the"):
            results["count", word, i] = count(results["load", i], word)
    return sum([sum([results["count", word, i] for i in range(n // 4)]) for word in ("task", "worker", "the")])


@dataclass(frozen=True)
class Workload:
    """A graph and its bare loop.

    Parameters
    ----------
    name
        As the table calls it.
    build
        Makes the graph of about n tasks, and the key to ask for.
    bare
        Makes the bare loop of the same size, ready to be called.
    peer_size
        The size at which Dask is measured: where its cost a task still does not grow.
    """

    name: str
    build: Callable[[int], tuple[Graph, Hashable]]
    bare: Callable[[int], Callable[[], Any]]
    peer_size: int = 100_000


def bare_random_of(n: int) -> Callable[[], Any]:
    """The edges are part of the input, so they are made outside of the loop."""
    tasks = layers(n)
    last = unused(tasks)
    return lambda: bare_random(tasks, last)


WORKLOADS = (
    Workload("flat", flat, lambda n: lambda: bare_flat(n)),
    Workload("chain", chain, lambda n: lambda: bare_chain(n)),
    Workload("tree", tree, lambda n: lambda: bare_tree(n)),
    Workload("random", random_layers, bare_random_of, peer_size=10_000),
    Workload("words", words, lambda n: lambda: bare_words(n)),
)
