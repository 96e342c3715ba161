"""The tutorial: from five numbers to a cluster, every value checked.

    python examples/tutorial.py [FOLDER]

First on the threads of this machine, then on a cluster: a stock ``dask scheduler`` and two stock ``dask worker``
that this script starts and stops itself. Pictures and data go to FOLDER, by default ``build/tutorial``. The second half
needs ``pip install "cenote[distributed]" pandas``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from operator import add
from pathlib import Path
from typing import Any

import pandas
from stock_cluster import stock_cluster

import cenote as dask
from cenote.highlevelgraph import HighLevelGraph
from cenote.optimization import cull, fuse, inline, inline_functions
from cenote.threaded import get

MONTHS = 4
ROWS = 1_000


def inc(x: int) -> int:
    """One more."""
    return x + 1


def double(x: int) -> int:
    """Two more: the tutorial has always called it so."""
    return x + 2


def delayed_functions() -> Any:
    """Ordinary functions, joined into a graph that runs when asked."""
    data = [1, 2, 3, 4, 5]

    output = []
    for x in data:
        a = dask.delayed(inc)(x)
        b = dask.delayed(double)(x)
        c = dask.delayed(add)(a, b)
        output.append(c)
    total = dask.delayed(sum)(output)

    assert total.compute() == 45
    say("delayed functions", f"sum over {data} is {total.compute()}")
    return total


def delayed_decorators() -> Any:
    """The same, with the functions marked where they are written."""

    @dask.delayed
    def inc(x: int) -> int:
        return x + 1

    @dask.delayed
    def double(x: int) -> int:
        return x + 2

    @dask.delayed
    def add(x: int, y: int) -> int:
        return x + y

    total = dask.delayed(sum)([add(inc(x), double(x)) for x in [1, 2, 3, 4, 5]])

    assert total.compute() == 45
    say("delayed as a decorator", f"the same sum is {total.compute()}")
    return total


def graph_by_hand() -> None:
    """A graph is a dict. A task is a tuple of a function and its arguments; keys among them are references."""
    d = {"x": 1, "y": (inc, "x"), "z": (add, "y", 10)}

    assert get(d, "x") == 1
    assert get(d, "z") == 12
    assert tuple(get(d, ["x", "y", "z"])) == (1, 2, 12)
    say("a graph by hand", f"{d['z'][0].__name__}({get(d, 'y')}, 10) is {get(d, 'z')}")

    blocks = {("part", i): (list, (range, 10 * i, 10 * i + 10)) for i in range(3)}
    sums = {("sum", i): (sum, ("part", i)) for i in range(3)}
    graph = {**blocks, **sums, "total": (sum, [("sum", i) for i in range(3)])}
    assert get(graph, "total") == sum(range(30))
    say("keys can be tuples", f"{len(graph)} tasks, the total is {get(graph, 'total')}")


def optimized_by_hand() -> None:
    """The same results from fewer tasks."""
    text = "apple orange apple pear orange pear pear"
    graph = {
        "text": text,
        "words": (str.split, "text"),
        "count": (len, "words"),
        "fruit 1": "apple",
        "fruit 2": "pear",
        "found 1": (str.count, "text", "fruit 1"),
        "found 2": (str.count, "text", "fruit 2"),
        "line 1": ("{} of {}".format, "found 1", "count"),
        "line 2": ("{} of {}".format, "found 2", "count"),
    }
    wanted = ["line 1"]
    expected = get(graph, wanted)
    assert tuple(expected) == ("2 of 7",)

    needed, dependencies = cull(graph, wanted)
    assert set(graph) - set(needed) == {"fruit 2", "found 2", "line 2"}

    inlined = inline(needed, ["fruit 1", "text"], dependencies=dependencies)
    assert inlined["found 1"] == (str.count, text, "apple")

    fewer = inline_functions(inlined, wanted, [str.split, str.count], dependencies=None)
    fewer, dependencies = cull(fewer, wanted)
    assert "found 1" not in fewer

    fused, _ = fuse(fewer, wanted, dependencies)
    for step in (needed, inlined, fewer, fused):
        assert get(step, wanted) == expected
    say("optimized by hand", f"{len(graph)} tasks became {len(fused)}, still {expected[0]!r}")


def write_data(folder: Path) -> list[Path]:
    """Four months of purchases, a CSV file each."""
    rng = random.Random(1)
    files = []
    for month in range(MONTHS):
        file = folder / f"purchases.{month}.csv"
        rows = [(rng.choice(["Alice", "Bob", "Charlie", "Dora"]), rng.randrange(1, 500)) for _ in range(ROWS)]
        file.write_text("name,amount\n" + "".join(f"{name},{amount}\n" for name, amount in rows))
        files.append(file)
    return files


def layers_of_a_table(files: list[Path]) -> HighLevelGraph:
    """A graph made of layers, as dataframe libraries make them: read, add 100 to each amount, keep Alice's."""
    parts = range(len(files))
    layers: dict[str, dict[Any, Any]] = {
        "read-csv": {("read-csv", i): (pandas.read_csv, str(files[i])) for i in parts},
        "add": {("add", i): (lambda part: part.assign(amount=part.amount + 100), ("read-csv", i)) for i in parts},
        "filter": {("filter", i): (lambda part: part[part.name == "Alice"], ("add", i)) for i in parts},
    }
    dependencies: dict[str, set[str]] = {"read-csv": set(), "add": {"read-csv"}, "filter": {"add"}}
    return HighLevelGraph(layers, dependencies)


def check_table(graph: HighLevelGraph, files: list[Path], compute: Callable[..., Any]) -> str:
    """Compute the last layer, and compare with pandas alone."""
    keys = [("filter", i) for i in range(len(files))]
    result = pandas.concat(list(compute(graph, keys)), ignore_index=True)

    everything = pandas.concat([pandas.read_csv(file) for file in files], ignore_index=True)
    everything["amount"] += 100
    expected = everything[everything.name == "Alice"].reset_index(drop=True)
    pandas.testing.assert_frame_equal(result, expected)
    return f"{len(result)} of {len(everything)} purchases are Alice's, {result.amount.sum()} in all"


def on_this_machine(folder: Path) -> None:
    """The first half: the threads of this machine."""
    total = delayed_functions()
    draw(total, folder / "delayed.svg")
    draw(total, folder / "delayed.png")
    draw(total, folder / "delayed-order.pdf", color="order")
    draw(total, folder / "delayed.dot")
    delayed_decorators()
    graph_by_hand()
    optimized_by_hand()

    files = write_data(folder)
    graph = layers_of_a_table(files)
    graph.validate()
    say("a graph of layers", check_table(graph, files, get))
    draw(graph, folder / "layers.svg")
    culled = graph.cull([("filter", 0)])
    assert len(culled) == 3
    say("culled to one month", f"{len(graph)} tasks became {len(culled)}")


def on_a_cluster(folder: Path) -> None:
    """The second half: the same on a cluster, with one line more."""
    from cenote.distributed import Client

    files = sorted(folder.glob("purchases.*.csv"))
    with stock_cluster(workers=2) as address, Client(address) as client:
        client.wait_for_workers(2, timeout=60)
        say(f"Client({address!r})", f"{len(client.nthreads())} workers, {sum(client.nthreads().values())} threads")
        delayed_functions()
        delayed_decorators()
        say("a graph of layers", check_table(layers_of_a_table(files), files, client.get))

        purchases = [dask.delayed(pandas.read_csv)(str(file)) for file in files]
        kept = dask.persist(*purchases)
        sums = dask.compute(*[part.amount.sum() for part in kept])
        assert sum(sums) == sum(pandas.read_csv(file).amount.sum() for file in files)
        say("persisted on the workers", f"{len(kept)} tables, amounts of {sum(sums)} in all")


def draw(what: Any, file: Path, **options: Any) -> None:
    """Draw a picture, and see that it is there."""
    what.visualize(filename=str(file), **options)
    assert file.stat().st_size > 100
    say("picture", str(file))


def say(what: str, result: str) -> None:
    """Print what ran."""
    print(f"{what:>28}: {result}")


def main() -> None:
    """Both halves."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/tutorial").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print("On this machine")
    on_this_machine(folder)
    print("On a cluster of stock Dask processes")
    on_a_cluster(folder)
    print("The whole tutorial ran, and every value was right.")


if __name__ == "__main__":
    main()
