"""What the clusters work on: 10,000 tasks whose sum is known."""

import time

import dask
from distributed import as_completed

GROUPS = 1_000
LEAVES = 9
TASKS = GROUPS * (LEAVES + 1)
TOTAL = sum(range(1, GROUPS * LEAVES + 1))


def leaf(number, seconds):
    time.sleep(seconds)
    return number + 1


def add(*parts):
    return sum(parts)


def groups(seconds):
    """A thousand sums of nine leaves each, which take some seconds each."""
    leaves = [dask.delayed(leaf, pure=False)(number, seconds) for number in range(GROUPS * LEAVES)]
    return [dask.delayed(add, pure=False)(*leaves[start : start + LEAVES]) for start in range(0, len(leaves), LEAVES)]


def start(client, seconds):
    """The futures of all sums."""
    return client.compute(groups(seconds))


def total(futures):
    """Fetch each sum as it comes, so that a worker that dies takes only what is not fetched; add them up."""
    result = 0
    # With two clients in a process, the loop must be that of the futures' own.
    for future, part in as_completed(futures, with_results=True, loop=futures[0].client.loop):
        result += part
        future.release()
    return result
