"""Workers are killed while others steal from them and for them; no task is lost, and no answer is wrong."""

import random
import threading
import time
from collections import Counter

import numpy as np
from cluster import Cluster, say
from mixed_work import slow
from work import total

WORKERS = 4
SECONDS = 30
TASKS = 120
#: Before that the run says nothing.
KILLED_MIN, THEFTS_MIN = 8, 60


def kill_and_replace(cluster, client, workers, chance, done):
    """Kill a worker now and then and start another in its place; the next is not killed before that one is there."""
    while not done.wait(chance.uniform(1, 3)):
        workers.pop(chance.choice(sorted(workers))).kill()
        number = WORKERS + workers.killed
        workers.killed += 1
        workers[f"worker-{number}"] = cluster.worker(f"worker-{number}")
        while not workers.all_there(client) and not done.wait(0.1):
            pass


class Workers(dict):
    """Those that are alive, by name, and how many are dead."""

    killed = 0

    def all_there(self, client):
        """Whether all have joined that are alive."""
        return self.keys() <= {it["name"] for it in client.scheduler_info(n_workers=-1)["workers"].values()}


def at_one_place(client, chance):
    """All of it would like to run where its one large argument is."""
    large = client.submit(np.zeros, 2_000_000, pure=False)
    seconds = [chance.choice((0.0, 0.02, 0.05)) for _ in range(TASKS)]
    return client.map(slow, [large] * TASKS, range(TASKS), seconds, pure=False, priority=chance.choice((0, 5)))


def wished_for(client, chance):
    """All of it is wished to run on one worker, and may run elsewhere."""
    place = chance.choice(sorted(client.scheduler_info(n_workers=-1)["workers"]))
    options = {"workers": [place], "allow_other_workers": True, "pure": False}
    return client.map(slow, [None] * TASKS, range(TASKS), [0.02] * TASKS, **options)


def thefts(stolen):
    """How many tasks were to be moved, whatever became of it."""
    return stolen.total() - stolen["request"]


def main():
    stolen, chance, done, rounds = Counter(), random.Random(1), threading.Event(), 0

    def heard(event):
        _, what = event
        stolen[what[0]] += 1

    with Cluster(allowed_failures=1000) as cluster, cluster.client() as client, cluster.client() as other:
        workers = Workers(cluster.workers(WORKERS))
        client.wait_for_workers(WORKERS, timeout=90)
        client.subscribe_topic("stealing", heard)
        killer = threading.Thread(
            target=kill_and_replace, args=(cluster, other, workers, random.Random(2), done), daemon=True
        )
        killer.start()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until or workers.killed < KILLED_MIN or thefts(stolen) < THEFTS_MIN:
            work = [at_one_place(client, chance), wished_for(client, chance), at_one_place(client, chance)]
            assert total([future for futures in work for future in futures]) == len(work) * sum(range(TASKS))
            rounds += 1
            del work
        done.set()
        killer.join()
        say(f"{rounds * 3 * TASKS:,} tasks through {workers.killed} killed workers; thefts: {dict(stolen)}")
        cluster.until(lambda: cluster.counts()["tasks"] == 0, "all tasks are forgotten")


if __name__ == "__main__":
    main()
