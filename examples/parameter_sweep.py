"""Trying many parameters, some of which fail.

    python examples/parameter_sweep.py

The first sweep stops at the first error, which arrives as itself, with the key of the task that raised it. The second
catches errors in the tasks, so that one bad parameter does not cost the other results.
"""

from __future__ import annotations

import math
import traceback
from dataclasses import dataclass

import cenote

RATES = [0.1, 0.5, 1.0, 1.9, 2.0, 2.5, 30.0]


class Diverged(Exception):
    """The steps of a search grew instead of shrinking."""


@dataclass
class Failure:
    """A parameter that did not work, and why."""

    rate: float
    reason: str


def minimum(rate: float, steps: int = 200) -> float:
    """Search the minimum of (x - 3)² by gradient descent with the given learning rate."""
    x = 10.0
    for _ in range(steps):
        x -= rate * 2 * (x - 3)
        if abs(x) > 1e6:
            raise Diverged(f"x is {x:.3g}: a learning rate of {rate} is too high")
    return x


def careful_minimum(rate: float) -> float | Failure:
    """The minimum, or why there is none."""
    try:
        return minimum(rate)
    except Diverged as error:
        return Failure(rate, str(error))


def best(results: list[float | Failure]) -> float:
    """The result closest to the right one."""
    return min((result for result in results if not isinstance(result, Failure)), key=lambda x: abs(x - 3))


def stops_at_the_first_error() -> None:
    """Without precautions the exception of a task is the exception of the whole."""
    sweep = [cenote.delayed(minimum)(rate, dask_key_name=f"minimum-{rate}") for rate in RATES]
    try:
        cenote.compute(*sweep)
    except Diverged as error:
        print("as it comes:")
        print("    " + "".join(traceback.format_exception(error)).replace("\n", "\n    ").rstrip())
    else:
        raise AssertionError("some of these rates are too high")


def keeps_what_works() -> None:
    """With precautions there is a result for each parameter."""
    sweep = [cenote.delayed(careful_minimum)(rate) for rate in RATES]
    choice = cenote.delayed(best)(sweep)
    results, chosen = cenote.compute(sweep, choice)
    print("with care:")
    for rate, result in zip(RATES, results, strict=True):
        print(f"    rate {rate:>4}: {result.reason if isinstance(result, Failure) else f'{result:.6f}'}")
    assert math.isclose(chosen, 3)
    assert [isinstance(result, Failure) for result in results] == [rate > 1 for rate in RATES]
    print(f"    best: {chosen:.6f}")


if __name__ == "__main__":
    stops_at_the_first_error()
    keeps_what_works()
