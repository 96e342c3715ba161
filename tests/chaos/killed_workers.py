"""Workers are killed with SIGKILL every second while 10,000 tasks run; the sum is right, and nobody is to blame."""

import os
import random
import signal
import threading
import time

from cluster import Cluster, say
from distributed import KilledWorker
from work import TASKS, TOTAL, start, total

WORKERS = 5


def poison(_):
    os.kill(os.getpid(), signal.SIGKILL)


def kill_through_a_run(cluster, client):
    chance = random.Random(1)
    workers = cluster.workers(WORKERS)
    client.wait_for_workers(WORKERS, timeout=90)
    killed, done = [], threading.Event()

    def kill():
        while not done.wait(1):
            name = chance.choice(sorted(workers))
            workers.pop(name).kill()
            killed.append(name)
            name = f"worker-{WORKERS + len(killed)}"
            workers[name] = cluster.worker(name)
            if len(killed) % 10 == 0:
                say(f"{len(killed)} workers killed; {cluster.counts()}")

    began = time.monotonic()
    futures = start(client, 0.002)
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = total(futures)
    done.set()
    killer.join()
    assert result == TOTAL, result
    say(f"{TASKS:,} tasks in {time.monotonic() - began:.1f} s through {len(killed)} killed workers: {result:,}")
    assert len(killed) >= 5, "the run was too short to say anything"


def blame_the_guilty(cluster, client):
    cluster.until(lambda: cluster.counts()["workers"] == WORKERS, "all workers are back")
    good = client.map(abs, range(-50, 0))
    bad = client.submit(poison, 0)
    for number in range(4):
        cluster.worker(f"spare-{number}")
    error = bad.exception(timeout=90)
    assert isinstance(error, KilledWorker), error
    assert client.gather(good) == [abs(number) for number in range(-50, 0)]
    say(f"the task that kills its workers failed, and only that one: {str(error)[:90]!r}")


if __name__ == "__main__":
    with Cluster() as cluster, cluster.client() as client:
        kill_through_a_run(cluster, client)
        blame_the_guilty(cluster, client)
