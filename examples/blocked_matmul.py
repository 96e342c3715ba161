"""A product of two matrices, block by block, on all processors.

    python examples/blocked_matmul.py [SIZE [BLOCK]]

The graph is a dict: one task a pair of blocks, one a sum. numpy lets other threads run while it multiplies, so the
tasks run side by side.
"""

from __future__ import annotations

import functools
import operator
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the tasks are the threads; more would only get in the way

import numpy

from cenote.threaded import get


def blocks_of(name: str, matrix: numpy.ndarray, size: int) -> dict:
    """A matrix cut into blocks: data, under keys such as ``("a", 0, 2)``."""
    count = -(-len(matrix) // size)
    return {
        (name, i, j): matrix[i * size : (i + 1) * size, j * size : (j + 1) * size]
        for i in range(count)
        for j in range(count)
    }


def add_all(parts: list[numpy.ndarray]) -> numpy.ndarray:
    """The sum of some blocks."""
    return functools.reduce(operator.add, parts)


def product(a: numpy.ndarray, b: numpy.ndarray, size: int) -> numpy.ndarray:
    """The product of two square matrices.

    Parameters
    ----------
    a, b : array of shape (n, n)
        The matrices.
    size : int
        How many rows and columns a block has.
    """
    n = range(-(-len(a) // size))
    graph = blocks_of("a", a, size) | blocks_of("b", b, size)
    graph |= {("ab", i, j, k): (operator.matmul, ("a", i, k), ("b", k, j)) for i in n for j in n for k in n}
    graph |= {("c", i, j): (add_all, [("ab", i, j, k) for k in n]) for i in n for j in n}
    return numpy.block([[*row] for row in get(graph, [[("c", i, j) for j in n] for i in n])])


def main() -> None:
    """Multiply two random matrices, and compare with numpy."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    rng = numpy.random.default_rng(1)
    a, b = rng.random((n, n)), rng.random((n, n))

    start = time.perf_counter()
    c = product(a, b, size)
    seconds = time.perf_counter() - start

    assert numpy.allclose(c, a @ b)
    print(f"{n} x {n} in blocks of {size} x {size}: {seconds:.3f} s, as numpy says")


if __name__ == "__main__":
    main()
