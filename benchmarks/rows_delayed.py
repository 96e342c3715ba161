"""Rows of the table that are about `delayed`: building, computing, growth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pairs import in_turns
from rows_graph import Row, costs_at, growth_row, row
from workloads import add, inc

#: How long Dask may take for one build, in seconds: it is measured at the largest size that it does in this time.
PATIENCE_S = 10.0


def calls(lib: Any, n: int) -> Any:
    """Calls of a delayed function, each for itself."""
    f = lib.delayed(inc)
    return [f(i) for i in range(n)]


def in_list(lib: Any, n: int) -> Any:
    """One call with a list of n delayed."""
    f = lib.delayed(inc)
    return lib.delayed(sum)([f(i) for i in range(n)])


def chain(lib: Any, n: int) -> Any:
    """Each call takes the one before."""
    f = lib.delayed(inc)
    x = f(0)
    for _ in range(n - 1):
        x = f(x)
    return x


def tree(lib: Any, n: int) -> Any:
    """Leaves, and pairs of pairs above them."""
    leaf, node = lib.delayed(inc), lib.delayed(add)
    level = [leaf(i) for i in range(n // 2)]
    while len(level) > 1:
        above = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = above + level[2 * len(above) :]
    return level[0]


def compute_many(lib: Any, n: int) -> Any:
    """n delayed computed by one call."""
    return lib.compute(*calls(lib, n))


BUILDS = {"delayed, calls alone": calls, "delayed, f([N delayed])": in_list, "delayed, chain": chain}
TARGETS = {"delayed, calls alone": "≥ 50; ≤ 0.6 µs"}


def libraries() -> tuple[Any, Any]:
    """Cenote and Dask."""
    import dask

    import cenote

    return cenote, dask


def largest(build: Callable[[int], Any], limit: int) -> int:
    """The largest size, of 1,000 doubled again and again, that takes no longer than our patience."""
    n = 1000
    while n < limit:
        began = time.perf_counter()
        build(n)
        spent = time.perf_counter() - began
        # What is quadratic takes four times as long for twice the size.
        if 4 * spent > PATIENCE_S:
            break
        n *= 2
    return n


def building(repeats: int, scale: float) -> list[Row]:
    """Building alone, at the largest size that Dask does in ten seconds."""
    cenote, dask = libraries()
    rows = []
    for name, build in BUILDS.items():
        limit = int((100_000 if build is calls else 64_000) * scale)
        n = largest(lambda n, build=build: build(dask, n), limit)
        runners = {"cenote": lambda n=n, build=build: build(cenote, n), "dask": lambda n=n, build=build: build(dask, n)}
        rows.append(row(name, n, in_turns(runners, repeats, warm=False), TARGETS.get(name, "≥ 100")))
    return rows


def computing(repeats: int, scale: float) -> list[Row]:
    """Building and computing, end to end."""
    cenote, dask = libraries()
    rows = []
    n = int(4096 * scale)
    works: dict[str, Callable[[Any], Any]] = {
        "delayed, tree, build and compute": lambda lib: tree(lib, 2 * n).compute(),
        "delayed, list, build and compute": lambda lib: in_list(lib, n // 2).compute(),
        "delayed, compute(*many)": lambda lib: compute_many(lib, n // 2),
    }
    sizes = (2 * n, n // 2, n // 2)
    for (name, work), size in zip(works.items(), sizes, strict=True):
        if work(cenote) != work(dask):
            raise AssertionError(f"{name}: the answers differ")
        runners = {"cenote": lambda work=work: work(cenote), "dask": lambda work=work: work(dask)}
        rows.append(row(name, size, in_turns(runners, repeats, warm=False), ""))
    return rows


def growth(repeats: int, scale: float) -> list[Row]:
    """What a call, and what a task, costs at three sizes a decade apart."""
    cenote, _ = libraries()
    sizes = tuple(int(n * scale) for n in (10_000, 100_000, 1_000_000))
    works: dict[str, Callable[[int], Any]] = {
        **{name: lambda n, build=build: build(cenote, n) for name, build in BUILDS.items()},
        "delayed, tree, build and compute": lambda n: tree(cenote, n).compute(),
        "delayed, chain, build and compute": lambda n: chain(cenote, n).compute(),
        "delayed, list, build and compute": lambda n: in_list(cenote, n).compute(),
        "delayed, compute(*many)": lambda n: compute_many(cenote, n),
    }
    return [growth_row(name, costs_at(sizes, work, min(repeats, 3)), None) for name, work in works.items()]
