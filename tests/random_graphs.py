"""Random graphs of every kind, from a seed: for the property tests and for the soak.

A graph is made twice from the same seed, once for each engine, because what its tasks return is watched: each result
is a fresh object whose life is known to the graph's `Watch`.
"""

from __future__ import annotations

import hashlib
import random
import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from dask._task_spec import Alias, DataNode, Dict, List, Task, TaskRef

SHAPES = ("flat", "chain", "tree", "layers", "random", "diamonds")
KEYS = ("str", "tuple", "int", "mixed")
FAULTS = ("none", "error", "missing", "dangling", "cycle")

#: Arguments that are no keys of any graph made here.
LITERALS = ("lit", b"bytes", None, 0.5, -3, False, ("lit", 0.25), frozenset({-1}), {"a": -2}, slice(-4, -5), [])


class Boom(Exception):
    """What a task raises that was made to fail. Its argument is the number of the task."""


class Value:
    """A result: it knows what it was made of, and can be watched."""

    __slots__ = ("__weakref__", "digest")

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def __repr__(self) -> str:
        return f"<{self.digest}>"


class Watch:
    """Which results of a graph are alive."""

    def __init__(self) -> None:
        self.references: list[tuple[int, weakref.ref[Value]]] = []
        self.calls: list[int] = []
        self.peak = 0
        self.lock = threading.Lock()

    def made(self, number: int, value: Value) -> Value:
        """Note a new result."""
        with self.lock:
            self.calls.append(number)
            self.references.append((number, weakref.ref(value)))
            self.peak = max(self.peak, len(self.alive()))
        return value

    def alive(self) -> list[int]:
        """The numbers of the tasks whose results are alive."""
        return sorted(number for number, reference in self.references if reference() is not None)


@dataclass(frozen=True)
class Label:
    """The first argument of each task: which one it is. It is no key, for it is neither a string nor a number."""

    number: int
    watch: Watch = field(hash=False, compare=False)
    fails: bool = False


def written(value: Any) -> str:
    """A value as text that tells types and structure, so that two values are the same if their texts are."""
    match value:
        case list() | tuple():
            return f"{type(value).__name__}({', '.join(map(written, value))})"
        case set() | frozenset():
            return f"{type(value).__name__}({', '.join(sorted(map(written, value)))})"
        case dict():
            return f"dict({', '.join(f'{written(k)}: {written(v)}' for k, v in value.items())})"
        case Label():
            return f"#{value.number}"
        case _:
            return repr(value)


def combine(label: Label, *args: Any, **kwargs: Any) -> Value:
    """What every task calls."""
    if label.fails:
        raise Boom(label.number)
    text = f"{label.number}:{written(args)}:{written(kwargs)}"
    return label.watch.made(label.number, Value(hashlib.sha1(text.encode()).hexdigest()[:12]))


def same(value: Any) -> Any:
    """A call inside of a call."""
    return value


@dataclass
class RandomGraph:
    """A graph, what to ask of it, and the watch over its results."""

    dsk: dict[Hashable, Any]
    keys: Any
    watch: Watch
    failing: int | None


def edges(shape: str, size: int, rng: random.Random) -> list[list[int]]:
    """For each task the tasks before it that it depends on."""
    fan = rng.randint(2, 4)

    def of(i: int) -> list[int]:
        match shape:
            case "flat":
                return list(range(i)) if i == size - 1 else []
            case "chain":
                return [i - 1] if i else []
            case "tree":
                leaves = (size + 1) // 2
                return [] if i < leaves else [j for j in (2 * (i - leaves), 2 * (i - leaves) + 1) if j < i]
            case "layers":
                start = (i // fan - 1) * fan
                return [] if start < 0 else rng.sample(range(start, start + fan), rng.randint(0, fan))
            case "diamonds":
                return [] if i == 0 else [i - 1] if i % 3 else [j for j in (i - 1, i - 2) if j >= 0]
            case _:
                return rng.sample(range(i), min(i, rng.randint(0, 4)))

    return [of(i) for i in range(size)]


def key_of(kind: str, i: int) -> Hashable:
    """The key of the task with a number. Numbers as keys start where no literal is."""
    match kind:
        case "str":
            return f"k-{i}"
        case "tuple":
            return ("t", i, 0)
        case "int":
            return i + 10
        case _:
            return key_of(KEYS[i % 3], i)


class Writer:
    """Writes tasks down in all the ways that a graph may hold them."""

    def __init__(self, rng: random.Random, keys: list[Hashable]) -> None:
        self.rng = rng
        self.keys = keys

    def reference(self, i: int) -> Any:
        """A reference to a task, by a key that is equal to its own."""
        key = self.keys[i]
        return float(key) if isinstance(key, int) and self.rng.random() < 0.2 else key

    def argument(self, i: int) -> Any:
        """A dependency as an argument of a tuple: by itself or inside of something."""
        reference = self.reference(i)
        return self.rng.choice(
            (reference, reference, [reference], (same, reference), [[reference], "lit"], (same, [reference, -7]))
        )

    def legacy(self, label: Label, deps: list[int]) -> Any:
        """A tuple with a function in front."""
        args = [self.argument(i) for i in deps]
        for _ in range(self.rng.randint(0, 2)):
            args.insert(self.rng.randint(0, len(args)), self.rng.choice(LITERALS))
        return (combine, label, *args)

    def object(self, key: Hashable, label: Label, deps: list[int]) -> Task:
        """An object of Dask's."""
        args: list[Any] = [TaskRef(self.keys[i]) for i in deps]
        kwargs: dict[str, Any] = {}
        if args and self.rng.random() < 0.3:
            kwargs["more"] = args.pop()
        if args and self.rng.random() < 0.3:
            args = [List(*args)]
        if args and self.rng.random() < 0.2:
            args = [Dict({"inside": args[0]}), *args[1:]]
        return Task(key, combine, label, *args, self.rng.choice(LITERALS), **kwargs)

    def task(self, label: Label, deps: list[int]) -> Any:
        """Any of the ways that fit the dependencies."""
        key, chance = self.keys[label.number], self.rng.random()
        if not label.fails and len(deps) == 1 and chance < 0.12:
            return self.keys[deps[0]] if chance < 0.06 else Alias(key, self.keys[deps[0]])
        if not label.fails and deps and chance < 0.16:
            return [self.reference(i) for i in deps]
        if not label.fails and not deps and chance < 0.2:
            return self.rng.choice((-1, "lit", None, [], {"a": -1})) if chance < 0.15 else DataNode(key, (1, "k-0"))
        return self.legacy(label, deps) if chance < 0.7 else self.object(key, label, deps)


def requested(rng: random.Random, keys: list[Hashable]) -> Any:
    """A key, a list of keys, or lists in a list; the last task is among them, so that most of the graph is needed."""
    some = [rng.choice(keys) for _ in range(rng.randint(0, 3))]
    return rng.choice((keys[-1], [keys[-1], *some], [[keys[-1]], some, [[*some, keys[-1]]]]))


def random_graph(seed: int, shape: str, size: int, kind: str = "str", fault: str = "none") -> RandomGraph:
    """Make the graph of a seed.

    Parameters
    ----------
    seed
        The same seed, with the same other arguments, makes the same graph.
    shape
        One of `SHAPES`.
    size
        Number of tasks, at least 1.
    kind
        Kind of the keys, one of `KEYS`.
    fault
        What is wrong with the graph, one of `FAULTS`.
    """
    rng = random.Random(f"{seed}/{shape}/{size}/{kind}/{fault}")
    watch = Watch()
    keys = [key_of(kind, i) for i in range(size)]
    deps = edges(shape, size, rng)
    failing = needed(deps, rng) if fault == "error" else None
    writer = Writer(rng, keys)
    dsk = {keys[i]: writer.task(Label(i, watch, i == failing), deps[i]) for i in range(size)}
    wanted = requested(rng, keys)
    spoil = SPOILERS.get(fault)
    if spoil is not None:
        wanted = spoil(dsk, keys, wanted, Label(size, watch))
    order = list(dsk)
    rng.shuffle(order)
    return RandomGraph({key: dsk[key] for key in order}, wanted, watch, failing)


def needed(deps: list[list[int]], rng: random.Random) -> int:
    """A task that the last task needs, or the last task itself."""
    i = len(deps) - 1
    while deps[i] and rng.random() < 0.7:
        i = rng.choice(deps[i])
    return i


def miss(dsk: dict[Hashable, Any], keys: list[Hashable], wanted: Any, label: Label) -> Any:
    """Ask for a key that is not there."""
    return [wanted, "nowhere"]


def dangle(dsk: dict[Hashable, Any], keys: list[Hashable], wanted: Any, label: Label) -> Any:
    """Add a task that refers to a key that is not there."""
    dsk["dangling"] = Task("dangling", combine, label, TaskRef("nowhere"))
    return [wanted, "dangling"]


def close(dsk: dict[Hashable, Any], keys: list[Hashable], wanted: Any, label: Label) -> Any:
    """Add a cycle of three."""
    dsk["c1"] = (combine, label, "c2", keys[0])
    dsk["c2"] = (combine, label, ["c3"])
    dsk["c3"] = Task("c3", combine, label, TaskRef("c1"))
    return [wanted, "c1"]


SPOILERS: dict[str, Callable[[dict[Hashable, Any], list[Hashable], Any, Label], Any]] = {
    "missing": miss,
    "dangling": dangle,
    "cycle": close,
}
