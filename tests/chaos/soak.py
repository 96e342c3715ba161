"""An hour of mixed work on workers that come and go: nothing grows, nothing hangs, no answer is wrong.

::

    python tests/chaos/soak.py                    an hour
    python tests/chaos/soak.py --seconds 120 --only merge set_index

Two clients do one piece of work after another (``mixed_work``): graphs, arrays, dataframes and arrays shuffled from
worker to worker, actors, tasks that submit tasks, locks and queues. Two to four stock workers are there, as many as
Dask's ``Adaptive`` finds right, and now and then one of them is killed. Each answer is compared; no piece may take
longer than five minutes; scheduler and executor may not grow from the second quarter of the time to the last.
"""

import argparse
import contextlib
import faulthandler
import gc
import random
import statistics
import threading
import time
from collections import Counter

import dask
from cluster import SCHEDULER, Cluster, family, resident, say
from herd import herd, kill_now_and_then
from mixed_work import MORE_WORK

WORKERS_MIN, WORKERS_MAX = 2, 4
PATIENCE_SECONDS = 300
#: How long nobody is killed.
PAUSE_SECONDS = (15, 60)
#: By how much the scheduler and the Python beside it may grow.
GROWTH_MIB_MAX = {"scheduler": 16, "executor": 32}


class User(threading.Thread):
    """One client that does one piece of work after another."""

    def __init__(self, client, work, seed, until, counts):
        super().__init__(daemon=True)
        self.work = work
        self.client, self.chance, self.until, self.counts = client, random.Random(seed), until, counts
        self.now, self.since, self.error = "", time.monotonic(), None

    def run(self):
        while time.monotonic() < self.until:
            task = self.chance.choice(self.work)
            self.now, self.since = task.__name__, time.monotonic()
            try:
                outcome = task(self.client, self.chance)
            except BaseException as error:
                self.error = error
                say(f"{self.now} failed: {error!r}")
                raise
            self.counts[outcome or self.now] += 1
            if self.chance.random() < 0.05:
                time.sleep(self.chance.uniform(1, 10))  # quiet times, in which Adaptive lets workers go

    def has_hung(self):
        return self.is_alive() and time.monotonic() - self.since > PATIENCE_SECONDS


def sizes(cluster):
    """The memory of the scheduler and of the Python beside it, in MiB."""
    pid, *children = family(cluster.scheduler.pid)
    return {"scheduler": resident(pid), "executor": sum(resident(child) for child in children)}


def growth(samples, what):
    """How much one of the processes has grown from the second quarter of the time to the last, in MiB."""
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return statistics.median(it[what] for it in late) - statistics.median(it[what] for it in early)


def watch(cluster, users, alive, counts, seconds):
    """Look every few seconds at how large the processes are and whether somebody waits in vain."""
    samples = []
    while any(user.is_alive() for user in users):
        for user in users:
            user.join(min(15, seconds / 20))
            assert user.error is None, user.error
            if user.has_hung():
                faulthandler.dump_traceback(all_threads=True)
                raise AssertionError(f"{user.now} has not ended in {PATIENCE_SECONDS} s")
        with contextlib.suppress(FileNotFoundError):  # the executor is being replaced
            samples.append(sizes(cluster))
            memory = ", ".join(f"{what} {mib:.0f} MiB" for what, mib in samples[-1].items())
            say(f"{sum(counts.values())} events; {len(alive)} workers; {cluster.counts()}; {memory}")
    return samples


def soak(seconds, work):
    """Work for so long, and fail if anything was not as it must be."""
    counts, chance, done = Counter(), random.Random(1), threading.Event()
    settings = {"allowed_failures": 1000, "locks__lease_validation_interval": "1s"}
    cluster = Cluster(seconds_max=int(seconds) + 600, **settings)
    cluster.environment["DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE_TIMEOUT"] = "5s"
    dask.config.set({"distributed.deploy.lost-worker-timeout": "1s"})
    with cluster, contextlib.ExitStack() as stack:
        limits = {"minimum": WORKERS_MIN, "maximum": WORKERS_MAX}
        alive = stack.enter_context(herd(cluster, **limits, interval="1s", wait_count=3, target_duration="1s"))
        clients = [stack.enter_context(cluster.client()) for _ in range(2)]
        clients[0].wait_for_workers(WORKERS_MIN, timeout=90)
        until = time.monotonic() + seconds
        users = [User(client, work, seed, until, counts) for seed, client in enumerate(clients)]

        def kill():
            counts["killed"] = kill_now_and_then(alive, chance, PAUSE_SECONDS, done)

        killer = threading.Thread(target=kill, daemon=True)
        for thread in (killer, *users):
            thread.start()
        samples = watch(cluster, users, alive, counts, seconds)
        done.set()
        killer.join()
        say(f"what was done: {dict(sorted(counts.items()))}")
        gc.collect()  # an actor's future is kept in a cycle
        cluster.until(lambda: cluster.counts()["tasks"] == 0, "all tasks are forgotten")
    for what, limit in GROWTH_MIB_MAX.items():
        grown = growth(samples, what)
        say(f"{SCHEDULER}: {what} grew by {grown:.1f} MiB, to {samples[-1][what]:.0f} MiB")
        assert grown < limit, f"{what} grew by {grown:.1f} MiB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3600)
    names = {task.__name__: task for task in MORE_WORK}
    parser.add_argument("--only", nargs="+", choices=names, default=list(names), metavar="WORK")
    options = parser.parse_args()
    soak(options.seconds, [names[name] for name in options.only])
