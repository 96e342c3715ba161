"""Workers are killed in the middle of shuffles from worker to worker: each begins again, and its answer is right."""

import contextlib
import random
import threading
import time

import dask
import dask.array as da
import numpy as np
import pandas as pd
from cluster import Cluster, say

WORKERS = 4
ROUNDS = 3
PARTS, ROWS, KEYS = 16, 500, 40
#: What the tasks of a shuffle are called.
PHASES = ("transfer", "barrier", "shuffle-p2p", "shuffle_p2p", "rechunk-p2p", "p2pshuffle", "hashjoinp2p")


def rows(number):
    """A part of the table, which takes its time, so that there is one to kill in."""
    time.sleep(0.1)
    values = np.arange(number * ROWS, (number + 1) * ROWS)
    return pd.DataFrame({"key": values * 7 % KEYS, "value": values})


def table():
    import dask.dataframe as dd

    meta = pd.DataFrame({"key": [0], "value": [0]})
    return dd.from_map(rows, range(PARTS), meta=meta)


def whole():
    with dask.config.set(scheduler="sync"):
        return table().compute()


def sums(frame):
    return frame.groupby("key").value.sum().sort_index().to_dict()


def shuffle(client, expected):
    found = client.compute(table().shuffle("key", npartitions=12)).result()
    assert sums(found) == sums(expected) and len(found) == len(expected)


def set_index(client, expected):
    indexed = table().set_index("key", divisions=[*range(0, KEYS, 8), KEYS - 1])
    found = client.compute(indexed).result()
    assert found.index.is_monotonic_increasing
    assert sums(found.reset_index()) == sums(expected)


def merge(client, expected):
    import dask.dataframe as dd

    weights = pd.DataFrame({"key": np.arange(KEYS), "weight": np.arange(KEYS) * 3})
    joined = table().merge(dd.from_pandas(weights, npartitions=5), on="key", broadcast=False)
    found = client.compute((joined.value * joined.weight).sum()).result()
    both = expected.merge(weights, on="key")
    assert found == (both.value * both.weight).sum()


def block(block_info=None):
    time.sleep(0.1)
    (first, last), _ = block_info[None]["array-location"]
    return np.arange(first * 400, last * 400, dtype=float).reshape(last - first, 400)


def rechunk(client, _):
    values = np.arange(160_000, dtype=float).reshape(400, 400)
    lines = da.map_blocks(block, chunks=((25,) * 16, (400,)), dtype=float)
    assert np.array_equal(client.compute(lines.rechunk((400, 40)) + 1).result(), values + 1)


def is_shuffling(client):
    keys = [str(key) for keys in client.processing().values() for key in keys]
    return any(phase in key for key in keys for phase in PHASES)


class Killer:
    """Kills one worker or two while a shuffle runs, and puts others in their place."""

    def __init__(self, cluster, client):
        self.cluster, self.client, self.chance = cluster, client, random.Random(1)
        self.workers, self.killed = cluster.workers(WORKERS), 0

    def kill(self, done):
        for _ in range(self.chance.randint(1, 2)):
            while not is_shuffling(self.client):
                if done.wait(0.01):
                    return
            if done.wait(self.chance.uniform(0, 0.8)):
                return
            self.workers.pop(self.chance.choice(sorted(self.workers))).kill()
            number = WORKERS + self.killed
            self.killed += 1
            self.workers[f"worker-{number}"] = self.cluster.worker(f"worker-{number}")

    @contextlib.contextmanager
    def at_work(self):
        done = threading.Event()
        thread = threading.Thread(target=self.kill, args=(done,), daemon=True)
        thread.start()
        yield
        done.set()
        thread.join()


def main():
    dask.config.set({"dataframe.shuffle.method": "p2p", "array.rechunk.method": "p2p"})
    expected = whole()
    with (
        Cluster(seconds_max=500, allowed_failures=1000) as cluster,
        cluster.client() as client,
        cluster.client() as other,
    ):
        killer = Killer(cluster, other)
        client.wait_for_workers(WORKERS, timeout=90)
        for work in (shuffle, set_index, merge, rechunk) * ROUNDS:
            killed, began = killer.killed, time.monotonic()
            with killer.at_work():
                work(client, expected)
            took, killed = time.monotonic() - began, killer.killed - killed
            say(f"{work.__name__}: right after {took:.1f} s and {killed} killed workers")
            cluster.until(lambda: cluster.counts()["workers"] == WORKERS, "the workers are back")
        cluster.until(lambda: cluster.counts()["tasks"] == 0, "all tasks are forgotten")
        assert killer.killed >= 2 * ROUNDS, "too few were killed to say anything"


if __name__ == "__main__":
    main()
