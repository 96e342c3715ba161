"""Rows of the table about a shuffle that fills the memory of its workers, on Cenote's scheduler beside Dask's."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from typing import Any

from clusters import cluster
from pairs import short
from rows_cluster import SCHEDULERS, connected, of
from rows_graph import Row

WORKERS = 2
#: What each worker may take.
LIMIT_BYTES = 1_000_000_000
#: What the frame takes, as a share of what all workers may take.
FULL = 0.9
ROW_BYTES = 24
PARTITION_ROWS = 1_000_000

SHUFFLE_HEAD = (
    "work", "frame", "partitions", "Cenote", "Dask", "Dask / Cenote", "scheduler's CPU", "executor's", "Dask's",
    "target",
)  # fmt: skip


def frame(partitions: int, rows: int) -> Any:
    """A frame that workers make: an unordered key, and two columns beside it."""
    import dask.dataframe as dd
    import pandas as pd

    def part(number: int) -> Any:
        import numpy as np
        import pandas as pd

        keys = np.random.default_rng(number).integers(0, 1 << 40, rows)
        return pd.DataFrame({"key": keys, "one": keys / 3, "two": 1.0})

    meta = pd.DataFrame({"key": [0], "one": [0.0], "two": [0.0]}).iloc[:0]
    return dd.from_map(part, range(partitions), meta=meta)


def shuffle(client: Any, partitions: int, rows: int) -> None:
    """Brings together what has the same key, and adds all up."""
    import dask

    with dask.config.set({"dataframe.shuffle.method": "p2p"}):
        total = client.compute(frame(partitions, rows).shuffle("key").two.sum()).result()
    if total != partitions * rows:
        raise RuntimeError(f"{total} rows came out of {partitions * rows}")


def full_shuffle(repeats: int, scale: float) -> list[Row]:
    """A P2P shuffle of a frame that hardly fits into the memory of two of Dask's workers."""
    rows = max(1, int(PARTITION_ROWS * scale))
    partitions = int(FULL * WORKERS * LIMIT_BYTES / (PARTITION_ROWS * ROW_BYTES))
    limit = ("--memory-limit", str(LIMIT_BYTES))
    wall: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    alone: dict[str, list[float]] = {who: [] for who in SCHEDULERS}
    executor: list[float] = []
    for turn in range(repeats):
        for who in SCHEDULERS if turn % 2 == 0 else reversed(SCHEDULERS):
            # One cluster at a time: two would not have the machine's memory, disk and CPUs to themselves.
            with ExitStack() as stack:
                made = stack.enter_context(cluster(who, workers=WORKERS, worker_flags=limit))
                client = connected(stack, made)
                client.wait_for_workers(WORKERS, timeout=60)
                shuffle(client, 4, 1000)
                before, began = made.spent(), time.perf_counter()
                shuffle(client, partitions, rows)
                wall[who].append(time.perf_counter() - began)
                spent = made.spent() - before
                alone[who].append(spent.scheduler)
                if who == "cenote":
                    executor.append(spent.children)
    walls = [f"{short(statistics.median(wall[who]))} s" for who in SCHEDULERS]
    gain = of(list(zip(wall["cenote"], wall["dask"], strict=True)))
    costs = [f"{short(statistics.median(each))} s" for each in (alone["cenote"], executor, alone["dask"])]
    size = f"{partitions * rows * ROW_BYTES / 1e9:.2f} GB"
    return [("P2P shuffle", f"{size} on {WORKERS} workers of 1 GB", partitions, *walls, gain, *costs, "≥ 1")]
