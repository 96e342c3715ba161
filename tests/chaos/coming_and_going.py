"""Four workers come and go while clients do a little of everything; all of it is right, and nothing grows.

It lasts a minute; ``CHAOS_SECONDS=1200`` makes it twenty.
"""

import gc
import os
import random
import threading
import time

from cluster import SCHEDULER, Cluster, family, resident, say
from mixed_work import WORK

SECONDS = int(os.environ.get("CHAOS_SECONDS", "60"))
WORKERS = 4
GROWTH_MIB_MAX = 150


def come_and_go(cluster, client, chance, done):
    """Kill, retire and start workers; one at least stays."""
    workers, names = cluster.workers(WORKERS), WORKERS
    while not done.wait(chance.uniform(1, 4)):
        if len(workers) > 1 and (len(workers) >= WORKERS or chance.random() < 0.5):
            name = chance.choice(sorted(workers))
            victim = workers.pop(name)
            if chance.random() < 0.5:
                victim.kill()
            else:
                client.retire_workers(names=[name])
        else:
            workers[f"worker-{names}"] = cluster.worker(f"worker-{names}")
            names += 1
    return names


def work(client, chance, until, counts, wrong):
    try:
        while time.monotonic() < until:
            task = chance.choice(WORK)
            outcome = task(client, chance)
            counts[task.__name__ if outcome is None else outcome] += 1
    except BaseException as error:
        wrong.append(error)
        raise


def main():
    chance = random.Random(1)
    counts, wrong, done = dict.fromkeys([*(task.__name__ for task in WORK), "lost"], 0), [], threading.Event()
    cluster = Cluster(seconds_max=4 * SECONDS + 240, allowed_failures=1000, locks__lease_validation_interval="1s")
    cluster.environment["DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE_TIMEOUT"] = "5s"
    with cluster, cluster.client() as client, cluster.client() as other:
        mover = threading.Thread(target=come_and_go, args=(cluster, other, random.Random(2), done), daemon=True)
        mover.start()
        client.wait_for_workers(2, timeout=90)
        for task in WORK:
            task(client, chance)
        processes = family(cluster.scheduler.pid)
        before = [resident(pid) for pid in processes]
        until = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=work, args=(user, random.Random(seed), until, counts, wrong), daemon=True)
            for seed, user in enumerate((client, other))
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(min(15, SECONDS / 4))
            sizes = ", ".join(f"{resident(pid):.0f} MiB" for pid in processes)
            say(f"{sum(counts.values())} rounds; {cluster.counts()}; {sizes}")
        done.set()
        mover.join()
        assert not wrong, wrong
        say(f"rounds: {counts}")
        gc.collect()  # futures in the tracebacks of what was lost are the clients' until then
        cluster.until(lambda: cluster.counts()["tasks"] == 0, "all tasks are forgotten")
        growth = [resident(pid) - size for pid, size in zip(processes, before, strict=True)]
        say(f"{SCHEDULER} and its Python grew by " + ", ".join(f"{mib:.0f} MiB" for mib in growth))
        assert max(growth) < GROWTH_MIB_MAX


if __name__ == "__main__":
    main()
