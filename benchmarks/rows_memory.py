"""Rows of the table about the memory that a graph takes in the scheduler, Cenote's beside Dask's."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from clusters import cluster
from pairs import short
from rows_cluster import SCHEDULERS, connected
from rows_graph import Row

#: The array that all tasks share.
SHARED_BYTES = 10_000_000
#: How long a scheduler may take until it gives back what it does not need.
REST_SECONDS = 3


def closures(client: Any, n: int, data: Any) -> Any:
    """Calls of a function that has the array inside."""
    return client.map(lambda i: data[i], range(n), pure=False)


def arguments(client: Any, n: int, data: Any) -> Any:
    """Calls that take the array."""
    return client.map(lambda i, data: data[i], range(n), data=data, pure=False)


def delayed(client: Any, n: int, data: Any) -> Any:
    """Calls of a delayed function that has the array inside."""
    import dask

    item = dask.delayed(lambda i: data[i], pure=False)
    return client.compute([item(i) for i in range(n)])


WORKS: dict[str, Callable[[Any, int, Any], Any]] = {
    "`client.map` of a closure": closures,
    "`client.map`, as an argument": arguments,
    "`delayed` calls of a closure": delayed,
}

MEMORY_HEAD = (
    "tasks that share an array of 10 MB", "tasks", "scheduler grows by", "executor grows by", "together",
    "peaks above the start", "Dask's scheduler grows by", "its peak above the start", "Dask / Cenote", "target",
)  # fmt: skip


def memory(repeats: int, scale: float) -> list[Row]:
    """What a graph leaves in each process, and what it took at most. There are no workers: nothing runs. Once each."""
    rows = []
    n = int(100_000 * scale)
    for name, submit in WORKS.items():
        (ours, peaks), (theirs, dasks) = (taken(who, submit, n) for who in SCHEDULERS)
        together = sum(ours)
        row = (name, f"{n:,}", *map(megabytes, (*ours, together)), " and ".join(map(megabytes, peaks)))
        row += (megabytes(theirs[0]), megabytes(dasks[0]), short(theirs[0] / max(together, 1)))
        rows.append((*row, f"< {megabytes(SHARED_BYTES + 90e6 * scale)}"))
        print(rows[-1], flush=True)
    return rows


def taken(who: str, submit: Callable[[Any, int, Any], Any], n: int) -> tuple[list[int], list[int]]:
    """By how many bytes the scheduler and the processes that it started have grown, and by how many at most."""
    import numpy

    with ExitStack() as stack:
        made = stack.enter_context(cluster(who))
        client = connected(stack, made)
        warm = client.submit(str, 1)
        wait_until_known(client, warm.key)
        time.sleep(REST_SECONDS)
        made.forget_peaks()
        before = made.resident()
        futures = submit(client, n, numpy.random.default_rng(1).random(SHARED_BYTES // 8))
        wait_until_known(client, futures[-1].key)
        time.sleep(REST_SECONDS)
        after, peaks = made.resident(), made.peaks()
        return grown(before, after), grown(before, peaks)


def grown(before: tuple[int, int], after: tuple[int, int]) -> list[int]:
    """The differences."""
    return [late - early for early, late in zip(before, after, strict=True)]


def wait_until_known(client: Any, key: str, timeout: float = 1800) -> None:
    """Return once the scheduler has read the graph of a key."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if client.sync(client.scheduler.get_task_status, keys=[key])[key]:
            return
        time.sleep(0.2)
    raise RuntimeError(f"{key} is not known after {timeout} s")


def megabytes(count: float) -> str:
    """A number of bytes for the table."""
    return f"{count / 1e6:,.0f} MB"
