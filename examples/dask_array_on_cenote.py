"""Dask's arrays and bags on Cenote's engine.

    python examples/dask_array_on_cenote.py

Importing ``cenote.dask`` is all it takes. Needs ``pip install dask numpy``.
"""

from __future__ import annotations

import dask
import dask.array as da
import dask.bag as db
import numpy

import cenote
import cenote.dask  # makes "cenote" a name that Dask knows


def one_computation() -> None:
    """Name the scheduler where it is computed."""
    x = da.random.default_rng(1).random((2_000, 2_000), chunks=(500, 500))
    y = (x + x.T)[::2, 500:].mean(axis=1)
    result = y.compute(scheduler="cenote")
    assert numpy.allclose(result, y.compute(scheduler="sync"))
    print(f"array: {len(dict(y.dask))} tasks, mean of means {result.mean():.4f}")


def everything() -> None:
    """Or once for all."""
    with dask.config.set(scheduler="cenote"):
        numbers = db.from_sequence(range(1_000), npartitions=20)
        total = numbers.filter(lambda x: x % 3 == 0).map(lambda x: x * x).sum()
        assert total.compute() == sum(x * x for x in range(1_000) if x % 3 == 0)
        print(f"bag: {total.compute()}")


def together() -> None:
    """Functions of Cenote take arrays of Dask; both are computed at once, what they share only once."""
    x = da.arange(1_000, chunks=100)
    span = cenote.delayed(lambda low, high: int(high) - int(low))(x.min(), x.max())
    total, width = cenote.compute(x.sum(), span)
    assert (total, width) == (499_500, 999)
    assert dask.compute(span, x.sum()) == (999, 499_500)

    parts = [cenote.delayed(numpy.full)(3, i) for i in range(4)]
    joined = da.concatenate([da.from_delayed(part, shape=(3,), dtype=int) for part in parts])
    assert joined.compute(scheduler="cenote").tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    print(f"both: total {total}, width {width}, and an array of {joined.size} numbers from delayed functions")


if __name__ == "__main__":
    one_computation()
    everything()
    together()
