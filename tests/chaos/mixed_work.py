"""A little of everything that clients ask of a cluster, each with an answer that is known beforehand.

A piece of work takes a client and a source of chance. It returns nothing, or what was lost: what nobody can compute
again, and was on a worker that was killed. ``WORK`` needs numpy alone; ``MORE_WORK``
shuffles dataframes and arrays from worker to worker, holds actors, and gives one worker much more than the others.
"""

import operator
import threading
import time

import dask
import dask.array as da
import numpy as np
import pandas as pd
from distributed import Lock, Queue, as_completed, get_client, get_worker, worker_client
from distributed.client import FutureCancelledError

#: Held while collections are made of others and handed to a client. Python 3.11 has one lock for each cached property
#: of a class, and two threads that work out what Dask's dataframes are may hold one each and wait for the other's, for
#: ever, whoever the scheduler is; and Dask's configuration is the whole process's.
BUILDING = threading.Lock()


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
    except (FutureCancelledError, OSError):
        return "lost"  # with its last holder, or on its way: nobody can compute it again


WORK = (many, tree, array, queue, lock, scatter)


def rechunk(client, chance):
    values = np.arange(250_000, dtype=float).reshape(500, 500) + chance.randrange(1000)
    with BUILDING, dask.config.set({"array.rechunk.method": "p2p"}):
        turned = client.compute(da.from_array(values, chunks=(50, 500)).rechunk((500, 50)).sum(axis=0))
    assert np.allclose(turned.result(), values.sum(axis=0))


def frames(chance, rows):
    keys = np.array([chance.randrange(50) for _ in range(rows)])
    left = pd.DataFrame({"key": keys, "value": np.arange(rows)})
    return left, pd.DataFrame({"key": np.arange(50), "weight": np.arange(50) * 3})


def merge(client, chance):
    import dask.dataframe as dd

    left, right = frames(chance, chance.randrange(500, 3000))
    with BUILDING, dask.config.set({"dataframe.shuffle.method": "p2p"}):
        joined = dd.from_pandas(left, npartitions=6).merge(dd.from_pandas(right, npartitions=3), on="key")
        found = client.compute((joined.value * joined.weight).sum())
    expected = left.merge(right, on="key")
    assert found.result() == (expected.value * expected.weight).sum()


def set_index(client, chance):
    import dask.dataframe as dd

    left, _ = frames(chance, chance.randrange(500, 3000))
    with BUILDING, dask.config.set({"dataframe.shuffle.method": "p2p"}):
        indexed = dd.from_pandas(left, npartitions=6).set_index("key", divisions=[0, 10, 20, 30, 49])
        found = client.compute(indexed.value.groupby("key").sum())
    assert found.result().sort_index().to_dict() == left.groupby("key").value.sum().to_dict()


class Account:
    """An actor: what it holds is on one worker, and nowhere else."""

    def __init__(self):
        self.total = 0

    def add(self, number):
        self.total += number
        return self.total


def actor(client, chance):
    try:
        with client.as_current():  # an actor belongs to whichever client is
            future = client.submit(Account, actor=True, pure=False)
            account = future.result()
            totals = [account.add(1).result() for _ in range(20)]
    except Exception as error:
        lost = ("lost", "Worker", "connect", "in <", "closed", "cancelled")
        if isinstance(error, OSError) or any(word in str(error) for word in lost):
            return f"lost actor: {type(error).__name__}"
        raise
    assert totals == list(range(1, 21))


def slow(_, number, seconds):
    time.sleep(seconds)
    return number


def unbalanced(client, chance):
    """All of it would like to run where its one large argument is: idle workers steal it."""
    large = client.submit(np.zeros, 200_000, pure=False)
    numbers = range(60)
    done = client.map(slow, [large] * 60, numbers, [0.02 * (number % 3) for number in numbers], pure=False)
    assert client.gather(done) == list(numbers)


def nested(client, chance):
    """Tasks that submit tasks."""

    def inner(number):
        with worker_client() as own:
            return sum(own.gather(own.map(operator.neg, range(number), pure=False)))

    totals = client.gather(client.map(inner, range(8), pure=False))
    assert totals == [-sum(range(number)) for number in range(8)]


def cancelled(client, chance):
    """Half of it is not wanted any more before it is done."""
    futures = client.map(slow, [None] * 60, range(60), [0.01] * 60, pure=False)
    client.cancel(futures[::2])
    found = {future.result() for future in as_completed(futures[1::2], loop=client.loop)}
    assert found == set(range(1, 60, 2))


MORE_WORK = (*WORK, rechunk, merge, set_index, actor, unbalanced, nested, cancelled)
