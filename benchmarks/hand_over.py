"""What handing a graph to a cluster costs the client: Cenote and Dask in the same process, in turns.

::

    python benchmarks/hand_over.py [SIZES...]

Measured is what ``Client.compute`` does with a collection until its bytes are ready to be sent: the expression is made,
optimized and serialized. Building is shown beside it, since Dask makes its task objects then. No cluster is needed.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import dask
from dask._expr import FinalizeCompute
from dask.base import collections_to_expr
from distributed.protocol import serialize, to_serialize
from distributed.utils import nbytes

import cenote
import cenote.dask
from pairs import in_turns, median, ratio, table, versions
from workloads import inc

SIZES = (300, 1_000, 3_000)
REPEATS = 7


def build(library: Any, n: int) -> Any:
    """One call with a list of n others."""
    f = library.delayed(inc)
    return library.delayed(sum)([f(i) for i in range(n)])


def handed_over(collection: Any) -> int:
    """Make the message; its size in bytes."""
    expression = FinalizeCompute(collections_to_expr([collection])).optimize()
    _, frames = serialize(to_serialize(expression), on_error="raise")
    return sum(map(nbytes, frames))


def row(n: int) -> tuple[str, ...]:
    """What one size costs."""
    libraries = {"ours": cenote, "theirs": dask}
    graphs = {name: build(library, n) for name, library in libraries.items()}
    built = in_turns({name: partial(build, library, n) for name, library in libraries.items()}, 3)
    sent = in_turns({name: partial(handed_over, graph) for name, graph in graphs.items()}, REPEATS)
    cells = [f"{median(sent[name]) / n * 1e6:.1f}" for name in libraries]
    cells += [str(ratio(sent["ours"], sent["theirs"]))]
    cells += [f"{handed_over(graph) / n:.0f}" for graph in graphs.values()]
    cells += [f"{median(built[name]) / n * 1e6:.1f}" for name in libraries]
    return (f"{n:,}", *cells)


def main() -> None:
    """Print a row a size."""
    rows = [row(int(size)) for size in sys.argv[1:] or SIZES]
    head = ("tasks", "Cenote µs/task", "Dask µs/task", "ratio", "Cenote bytes/task", "Dask bytes/task")
    print(table((*head, "build Cenote µs/task", "build Dask µs/task"), rows))
    print(f"\n{versions()}")


if __name__ == "__main__":
    main()
