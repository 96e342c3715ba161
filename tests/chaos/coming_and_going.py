"""Four workers come and go while clients do a little of everything; all of it is right, and nothing grows.

It lasts a minute; ``CHAOS_SECONDS=1200`` makes it twenty.
"""

import os
import random
import resource
import threading
import time
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from cluster import SCHEDULER, Cluster, say
from distributed import Lock, Queue, get_client, get_worker
from distributed.client import FutureCancelledError

SECONDS = int(os.environ.get("CHAOS_SECONDS", "60"))
WORKERS = 4
GROWTH_MIB_MAX = 150


def double(number):
    return 2 * number


def add(*parts):
    return sum(parts)


def put(name, number):
    Queue(name, client=get_client()).put(number)
    return number


def count_under_lock(name, number):
    """Nobody else is in here, unless the lease of a worker that was killed has ended."""
    with Lock(name):
        time.sleep(0.001)
        return number, get_worker().address


def many(client, chance):
    numbers = range(chance.randrange(100, 600))
    assert client.gather(client.map(double, numbers, pure=False)) == [2 * number for number in numbers]


def tree(client, chance):
    level = [dask.delayed(double, pure=False)(number) for number in range(128)]
    while len(level) > 1:
        level = [dask.delayed(add, pure=False)(*level[at : at + 2]) for at in range(0, len(level), 2)]
    assert client.compute(level[0]).result() == sum(2 * number for number in range(128))


def array(client, chance):
    values = np.arange(90_000, dtype=float).reshape(300, 300) + chance.randrange(1000)
    cut = da.from_array(values, chunks=60)
    found = client.compute((cut @ cut.T + cut.mean(axis=0)).sum()).result()
    assert np.isclose(found, (values @ values.T + values.mean(axis=0)).sum())


def queue(client, chance):
    name = f"queue-{chance.random()}"
    shared = Queue(name, client=client)
    futures = client.map(lambda number: put(name, number), range(40), pure=False)
    assert client.gather(futures) == list(range(40))
    # What a worker has put before it was killed is put again.
    assert set(shared.get(batch=True)) == set(range(40))
    shared.close()


def lock(client, chance):
    name = f"lock-{chance.random()}"
    done = client.gather(client.map(lambda number: count_under_lock(name, number), range(20), pure=False))
    assert [number for number, _ in done] == list(range(20))


def scatter(client, chance):
    values = np.arange(100_000) + chance.randrange(1000)
    try:
        [there] = client.scatter([values], broadcast=True)
        sums = client.map(lambda values, by: int(values.sum()) * by, [there] * 10, range(10), pure=False)
        assert client.gather(sums) == [int(values.sum()) * by for by in range(10)]
    except (FutureCancelledError, TimeoutError):
        return "lost"  # with its last holder: nobody can compute it again


WORK = (many, tree, array, queue, lock, scatter)


def resident(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def family(pid):
    """The scheduler and the Python beside it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [pid, *(int(child) for task in tasks for child in (task / "children").read_text().split())]


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
        cluster.until(lambda: cluster.counts()["tasks"] == 0, "all tasks are forgotten")
        growth = [resident(pid) - size for pid, size in zip(processes, before, strict=True)]
        say(f"{SCHEDULER} and its Python grew by " + ", ".join(f"{mib:.0f} MiB" for mib in growth))
        assert max(growth) < GROWTH_MIB_MAX


if __name__ == "__main__":
    main()
