"""A worker is stopped with SIGSTOP while it works and holds results: the others do its work; then it wakes up."""

import os
import signal
import time

from cluster import Cluster, say
from work import TASKS, TOTAL, start, total


def main():
    with Cluster(worker_ttl="5s") as cluster, cluster.client() as client:
        workers = cluster.workers(3)
        client.wait_for_workers(3, timeout=90)
        futures = start(client, 0.001)
        cluster.until(lambda: cluster.counts()["memory"] > 5, "results are held")
        victim = workers["worker-1"]
        os.kill(victim.pid, signal.SIGSTOP)
        say(f"a worker stopped; {cluster.counts()}")
        stopped = time.monotonic()
        cluster.until(lambda: cluster.counts()["workers"] == 2, "the silent worker is taken for dead")
        say(f"it was taken for dead after {time.monotonic() - stopped:.1f} s; {cluster.counts()}")
        assert total(futures) == TOTAL
        say(f"{TASKS:,} tasks: {TOTAL:,}")

        os.kill(victim.pid, signal.SIGCONT)
        assert total(start(client, 0)) == TOTAL
        say(f"it woke up, and {TASKS:,} more tasks were right; {cluster.counts()['workers']} workers")


if __name__ == "__main__":
    main()
