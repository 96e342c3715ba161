"""Random programs written with `delayed` mean the same with Cenote as with Dask."""

import random
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cenote
from random_graphs import written

dask = pytest.importorskip("dask")
pytest.importorskip("dask.delayed")

Pair = namedtuple("Pair", "first second")


@dataclass(frozen=True)
class Box:
    content: Any


def collect(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def number(x: Any) -> int:
    return sum(map(ord, written(x))) % 1000


def halves(x: Any) -> tuple[int, int]:
    return divmod(number(x), 7)


class Program:
    """Builds the same delayed objects with either library from the same seed."""

    def __init__(self, lib: Any, seed: int, length: int) -> None:
        self.lib = lib
        self.rng = random.Random(seed)
        self.made: list[Any] = [lib.delayed(7), lib.delayed(number, pure=True)("start")]
        for _ in range(length):
            self.made.append(self.step())

    def some(self) -> Any:
        """A delayed made before, or a literal."""
        return self.rng.choice((*self.made[-4:], 3, "text", None, 2.5, (1, 2)))

    def argument(self) -> Any:
        """Something delayed by itself or inside of containers."""
        x, y = self.some(), self.some()
        forms = (x, x, [x, y], (x, [y]), {"a": x, "b": [y]}, Pair(x, y), Box([x]), slice(x, y), [[{"deep": (x,)}], y])
        return self.rng.choice(forms)

    def value(self) -> Any:
        """A delayed integer."""
        return self.lib.delayed(number)(self.argument())

    def step(self) -> Any:
        """One more delayed."""
        match self.rng.randrange(10):
            case 0:
                return self.value() + self.rng.choice((1, self.value()))
            case 1:
                return 100 - self.value() * 2
            case 2:
                first, second = self.lib.delayed(halves, nout=2)(self.some())
                return self.lib.delayed(collect)(second, first)
            case 3:
                return self.lib.delayed([self.some(), self.value(), 5])[self.rng.choice((1, 2, slice(1, None)))]
            case 4:
                return self.value().bit_length()
            case 5:
                return self.value().real
            case 6:
                return self.lib.delayed(collect, traverse=False)([1, "untouched"], key=self.some())
            case 7:
                return self.lib.delayed(collect, pure=True)(self.argument(), self.argument())
            case 8:
                return self.lib.delayed({"all": self.argument()}, name=f"named-{len(self.made)}")
            case _:
                return self.lib.delayed(collect)(self.argument(), *self.made[-2:], more=self.argument())


@settings(deadline=None, max_examples=120, derandomize=True)
@given(seed=st.integers(0, 2**20), length=st.integers(1, 25), several=st.booleans())
def test_a_random_program_computes_what_it_computes_with_dask(seed, length, several):
    theirs, ours = (Program(lib, seed, length).made for lib in (dask, cenote))
    if several:
        nest = random.Random(seed).randrange(len(ours))
        expected = dask.compute([theirs[nest], {"x": theirs[-1]}], *theirs[-3:], 4, scheduler="sync")
        assert written(cenote.compute([ours[nest], {"x": ours[-1]}], *ours[-3:], 4)) == written(expected)
    else:
        assert written(ours[-1].compute()) == written(theirs[-1].compute(scheduler="sync"))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**20), length=st.integers(1, 15))
def test_dask_computes_a_random_program_of_cenote(seed, length):
    theirs, ours = (Program(lib, seed, length).made[-1] for lib in (dask, cenote))
    assert written(dask.compute(ours, scheduler="sync")) == written(dask.compute(theirs, scheduler="sync"))
    assert written(cenote.compute(theirs)) == written(dask.compute(theirs, scheduler="sync"))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**20), length=st.integers(1, 15))
def test_persisted_and_optimized_programs_compute_the_same(seed, length):
    made = Program(cenote, seed, length).made[-1]
    expected = written(made.compute())
    (persisted,) = cenote.persist(made)
    (optimized,) = cenote.optimize(made)
    assert written(persisted.compute()) == written(optimized.compute()) == expected
