"""Dask's Adaptive asks for workers and lets them go, others are killed: the work of each wave ends, and is right."""

import random
import threading
import time

import dask
from cluster import Cluster, say
from herd import herd, kill_now_and_then
from mixed_work import array, rechunk, slow, tree, unbalanced

WORKERS_MIN, WORKERS_MAX = 1, 5
WAVES, TASKS = 4, 400


def wave(client, chance):
    """More than one worker should do, and a little of everything beside it."""
    numbers = client.map(slow, [None] * TASKS, range(TASKS), [0.05] * TASKS, pure=False)
    for work in (tree, unbalanced, array, rechunk):
        work(client, chance)
    assert client.gather(numbers) == list(range(TASKS))


def main():
    dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"})
    chance, done, most, killed = random.Random(1), threading.Event(), [], []
    limits = {"minimum": WORKERS_MIN, "maximum": WORKERS_MAX}
    with (
        Cluster(seconds_max=500, allowed_failures=1000) as cluster,
        cluster.client() as client,
        herd(cluster, **limits, interval="300ms", wait_count=3, target_duration="2s") as alive,
    ):
        pause = (2, 6)

        def kill():
            killed.append(kill_now_and_then(alive, random.Random(2), pause, done))

        def look():
            while not done.wait(0.2):
                most[-1] = max(most[-1], cluster.counts()["workers"])

        most.append(0)
        threads = [threading.Thread(target=act, daemon=True) for act in (kill, look)]
        for thread in threads:
            thread.start()
        for number in range(WAVES):
            if number:
                most.append(0)
            began = time.monotonic()
            wave(client, chance)
            say(f"wave {number}: right after {time.monotonic() - began:.1f} s with at most {most[-1]} workers")
            cluster.until(lambda: cluster.counts()["tasks"] == 0, "all tasks are forgotten")
            cluster.until(lambda: cluster.counts()["workers"] <= WORKERS_MIN, "the others are let go", 90)
        done.set()
        for thread in threads:
            thread.join()
    say(f"{killed[0]} workers killed; the most at once, wave for wave: {most}")
    assert min(most) > WORKERS_MIN and max(most) >= WORKERS_MAX - 1, "nothing was scaled"
    assert killed[0] >= 2, "too few were killed to say anything"


if __name__ == "__main__":
    main()
