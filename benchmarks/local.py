"""What the local engine costs: Cenote, Dask and a bare Python loop in the same process, in turns.

::

    python benchmarks/local.py                              everything (about a quarter of an hour)
    python benchmarks/local.py get order --repeats 7        two parts
    python benchmarks/local.py --scale 0.1                  smaller graphs, to try it out
    python benchmarks/local.py --write docs/benchmarks.md   puts the tables into the manual

Every figure a task is CPU time of the whole process, all threads; every ratio is the median of ratios taken pair by
pair, with the least and the greatest. Nothing that a user has on is off: the garbage collector runs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import rows_delayed
import rows_graph
import rows_other
from pairs import table, versions
from rows_graph import Row

#: Marks between which a page holds what was measured, each with a name.
BEGIN, END = "<!-- measured: {} -->", "<!-- end: {} -->"


@dataclass(frozen=True)
class Part:
    """A part of the table."""

    head: tuple[str, ...]
    measure: Callable[[int, float], list[Row]]
    title: str


PARTS = {
    "get": Part(rows_graph.HEAD, rows_graph.get, "Reading, ordering and running a graph: `threaded.get`"),
    "sync": Part(rows_graph.HEAD, rows_graph.get_sync, "The same in the calling thread: `get_sync`"),
    "small": Part(rows_graph.HEAD, rows_graph.small, "A small graph"),
    "order": Part(rows_graph.HEAD, rows_graph.order, "`order` alone"),
    "building": Part(rows_graph.HEAD, rows_delayed.building, "Building with `delayed`"),
    "computing": Part(rows_graph.HEAD, rows_delayed.computing, "Computing what `delayed` built"),
    "growth": Part(rows_graph.GROWTH_HEAD, rows_graph.growth, "How the cost a task grows: graphs"),
    "delayed-growth": Part(rows_graph.GROWTH_HEAD, rows_delayed.growth, "How the cost a task grows: `delayed`"),
    "blocks": Part(rows_other.AGAINST_HEAD, rows_other.blocks, "Work that releases the GIL"),
    "sleeps": Part(rows_other.AGAINST_HEAD, rows_other.sleeps, "Waiting"),
    "starts": Part(rows_other.SIMPLE_HEAD, rows_other.starts, "In a fresh process"),
    "memory": Part(rows_other.MEMORY_HEAD, rows_other.memory, "Peak memory that a run adds"),
}


def write(path: Path, text: str, name: str) -> None:
    """Put what was measured between its marks in a page, or at its end."""
    begin, end = BEGIN.format(name), END.format(name)
    page = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2] if rest else "\n"
    path.write_text(f"{before.rstrip()}\n\n{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Measure the parts that the command line names, and print them as they are done."""
    parser = argparse.ArgumentParser(description="Measure Cenote beside Dask and a bare loop.")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the graphs, as a share")
    parser.add_argument("--write", type=Path, default=None, help="the page to put the tables into")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    command = " ".join(["python benchmarks/local.py", *options.parts, f"--repeats {options.repeats}"])
    texts = [f"{versions()}; `{command}`, {time.strftime('%Y-%m-%d')}."]
    print(texts[0], flush=True)
    for name in options.parts or PARTS:
        part = PARTS[name]
        try:
            rows = part.measure(options.repeats, options.scale)
        except (ImportError, AttributeError) as missing:
            print(f"{name}: {missing}", file=sys.stderr)
            continue
        texts.append(f"### {part.title}\n\n{table(part.head, rows)}")
        print(f"\n{texts[-1]}", flush=True)
    if options.write:
        write(options.write, "\n\n".join(texts), "local")


if __name__ == "__main__":
    main()
