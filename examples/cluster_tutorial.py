"""The tutorial on Cenote's scheduler, with a stock client and stock workers, every value checked.

    python examples/cluster_tutorial.py [dask]

It starts ``cenote scheduler`` and two stock ``dask worker`` as processes, connects a stock ``distributed.Client``, and
runs what people run on a cluster. With the word ``dask`` the scheduler is Dask's, for comparison. Needs
``pip install "cenote[distributed]" numpy pandas pyarrow xarray``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from operator import add
from typing import Any

import dask
import dask.array
import dask.dataframe
import numpy
import pandas
import xarray
from distributed import Client, as_completed, wait
from stock_cluster import stock_cluster

import cenote


def inc(x: int) -> int:
    """One more."""
    return x + 1


def double(x: int) -> int:
    """Two more: the tutorial has always called it so."""
    return x + 2


def delayed(make: Callable[..., Any]) -> str:
    """Ordinary functions, joined into a graph by somebody's ``delayed``."""
    output = [make(add)(make(inc)(x), make(double)(x)) for x in [1, 2, 3, 4, 5]]
    total = make(sum)(output)
    assert total.compute() == 45
    return "the sum is 45"


def delayed_tree(make: Callable[..., Any]) -> str:
    """A thousand numbers, added in pairs."""
    level = [make(inc)(i) for i in range(1024)]
    while len(level) > 1:
        level = [make(add)(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    total = level[0].compute()
    assert total == sum(range(1, 1025))
    return f"2,047 tasks add up to {total:,}"


def arrays() -> str:
    """A reduction over blocks, a product of matrices, and blocks that overlap."""
    x = dask.array.from_array(numpy.arange(1_000_000).reshape(1000, 1000), chunks=250)
    total = int((x + x.T).sum().compute())
    assert total == 2 * sum(range(1_000_000))

    rng = numpy.random.default_rng(1)
    a, b = rng.random((300, 300)), rng.random((300, 300))
    product = (dask.array.from_array(a, chunks=100) @ dask.array.from_array(b, chunks=100)).compute()
    numpy.testing.assert_allclose(product, a @ b)
    return f"a million numbers and their transpose: {total:,}; nine blocks multiplied as numpy does"


def dataframes() -> str:
    """Groups that cross partitions, and a shuffle between the workers."""
    rng = numpy.random.default_rng(2)
    frame = pandas.DataFrame({"name": rng.integers(0, 50, 10_000), "amount": rng.integers(1, 500, 10_000)})
    parts = dask.dataframe.from_pandas(frame, npartitions=8)

    sums = parts.groupby("name").amount.sum().compute().sort_index()
    pandas.testing.assert_series_equal(sums, frame.groupby("name").amount.sum(), check_dtype=False)

    with dask.config.set({"dataframe.shuffle.method": "p2p"}):
        shuffled = parts.shuffle("name")
        lengths = [len(names) for names in dask.compute(*[part.name.unique() for part in shuffled.partitions])]
        joined = parts.merge(sums.rename("total").reset_index(), on="name").compute()
    assert sum(lengths) == frame.name.nunique()
    assert len(joined) == len(frame)
    return f"{len(frame):,} rows in {parts.npartitions} partitions, {len(sums)} groups, shuffled and joined"


def labelled_arrays() -> str:
    """Xarray on blocks."""
    rng = numpy.random.default_rng(3)
    days = pandas.date_range("2025-01-01", periods=365)
    season = 10 * numpy.cos((days.day_of_year.to_numpy() - 200) / 365 * 2 * numpy.pi)
    values = season[:, None] + rng.normal(size=(365, 50))
    whole = xarray.DataArray(values, {"day": days}, ("day", "place"), name="temperature")
    monthly = whole.chunk({"day": 60, "place": 10}).groupby("day.month").mean().mean("place").compute()
    xarray.testing.assert_allclose(monthly, whole.groupby("day.month").mean().mean("place"))
    assert int(monthly.idxmax()) == 7
    return "July is the warmest month"


def futures(client: Client) -> str:
    """Results that stay on the workers until they are asked for."""
    squares = client.map(lambda x: x * x, range(100))
    total = client.submit(sum, squares)
    assert total.result() == sum(x * x for x in range(100))

    seen = sum(future.result() for future in as_completed(client.map(inc, range(20))))
    assert seen == sum(range(1, 21))

    [table] = client.scatter([list(range(10))])
    assert client.submit(len, table).result() == 10
    assert client.gather(client.map(inc, range(5), pure=False)) == [1, 2, 3, 4, 5]
    return f"100 squares add up to {total.result():,}; 20 came as they were completed; a list was scattered"


def errors(client: Client) -> str:
    """An error of a task reaches whoever wants its result, with the line where it happened."""
    failed = client.submit(lambda x: 1 // x, 0)
    after = client.submit(inc, failed)
    wait([failed, after])
    for future in (failed, after):
        assert future.status == "error"
        try:
            future.result()
        except ZeroDivisionError as error:
            names = [failed.key]
            assert error.__traceback__ is not None
        else:
            raise AssertionError("an error was lost")
    return f"{names[0].split('-')[0]} divided by zero, and said so"


def persisted(client: Client) -> str:
    """Work on what is kept on the workers."""
    table = dask.array.ones((1000, 1000), chunks=250).persist()
    wait(table)
    assert float(table.sum().compute()) == 1_000_000
    held = sum(len(keys) for keys in client.has_what().values())
    return f"{held} blocks are held by {len(client.has_what())} workers"


def say(what: str, result: str, seconds: float) -> None:
    """Print what ran."""
    print(f"{what:>28}: {result} ({seconds:.2f} s)", flush=True)


def main() -> None:
    """Start the cluster, run everything, stop the cluster."""
    scheduler = sys.argv[1] if len(sys.argv) > 1 else "cenote"
    with stock_cluster(workers=2, scheduler=scheduler) as address, Client(address) as client:
        client.wait_for_workers(2, timeout=60)
        threads = client.nthreads()
        print(f"{scheduler} scheduler at {address}, {len(threads)} dask workers with {sum(threads.values())} threads")
        steps: list[tuple[str, Callable[[], str]]] = [
            ("Dask's delayed", lambda: delayed(dask.delayed)),
            ("Cenote's delayed", lambda: delayed(cenote.delayed)),
            ("a tree of Dask's delayed", lambda: delayed_tree(dask.delayed)),
            ("a tree of Cenote's delayed", lambda: delayed_tree(cenote.delayed)),
            ("dask.array", arrays),
            ("dask.dataframe", dataframes),
            ("xarray", labelled_arrays),
            ("futures", lambda: futures(client)),
            ("errors", lambda: errors(client)),
            ("persisted", lambda: persisted(client)),
        ]
        for what, step in steps:
            start = time.perf_counter()
            say(what, step(), time.perf_counter() - start)
    print("All of it ran on the cluster, and every value was right.")


if __name__ == "__main__":
    main()
