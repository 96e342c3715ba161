"""A year of temperatures in xarray, on Cenote's engine.

    python examples/xarray_on_cenote.py

Needs ``pip install xarray dask``.
"""

from __future__ import annotations

import dask
import numpy
import pandas
import xarray

import cenote.dask  # noqa: F401  makes "cenote" a name that Dask knows


def temperatures() -> xarray.DataArray:
    """Each day of 2025 at 30 by 40 places, warmer in summer and near the equator."""
    rng = numpy.random.default_rng(1)
    days = pandas.date_range("2025-01-01", periods=365)
    latitudes, longitudes = numpy.linspace(0, 58, 30), numpy.arange(40.0)
    season = 10 * numpy.cos((days.day_of_year.to_numpy() - 200) / 365 * 2 * numpy.pi)
    values = 30 - 0.4 * latitudes[None, :, None] + season[:, None, None] + rng.normal(size=(365, 30, 40))
    coordinates = {"day": days, "latitude": latitudes, "longitude": longitudes}
    return xarray.DataArray(values, coordinates, ("day", "latitude", "longitude"), name="temperature")


def main() -> None:
    """Monthly anomalies, computed in blocks and compared with the same without blocks."""
    whole = temperatures()
    blocks = whole.chunk({"day": 60, "latitude": 10})
    with dask.config.set(scheduler="cenote"):
        monthly = blocks.groupby("day.month")
        anomaly = (monthly - monthly.mean("day")).std("day").compute()
        warmest = blocks.mean(("latitude", "longitude")).groupby("day.month").mean().compute()

    expected = (whole.groupby("day.month") - whole.groupby("day.month").mean("day")).std("day")
    xarray.testing.assert_allclose(anomaly, expected)
    assert int(warmest.idxmax()) == 7
    print(f"{whole.size} temperatures; the anomaly is {float(anomaly.mean()):.2f} K on average, July the warmest month")


if __name__ == "__main__":
    main()
