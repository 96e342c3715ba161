"""What the cluster's scheduler costs: Cenote's and Dask's in the same run, in turns.

::

    python benchmarks/scheduler.py                              everything (about ten minutes)
    python benchmarks/scheduler.py idle latency --repeats 3     two parts
    python benchmarks/scheduler.py --scale 0.1                  smaller graphs, to try it out
    python benchmarks/scheduler.py --write docs/benchmarks.md   puts the tables into the manual

The client is Dask's. Workers are either Dask's, or a program in Rust that speaks the protocol and says of each task at
once that it is done, or after a while (`crates/runtime/examples/idle_workers`), the same for both schedulers. CPU is
that of whole processes, all threads and system calls, as the kernel counts it; that of Cenote's executor, the Python
process that reads graphs, stands apart. Cenote's scheduler and the idle workers are built for release.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import clusters
import rows_cluster
import rows_crowd
import rows_memory
import rows_shuffle
from local import Part, write
from pairs import table, versions

PARTS = {
    "idle": Part(rows_cluster.IDLE_HEAD, rows_cluster.idle, "The scheduler alone: workers that do nothing"),
    "work": Part(rows_cluster.WORK_HEAD, rows_cluster.work, "Dask's client and two of Dask's workers"),
    "shuffle": Part(rows_shuffle.SHUFFLE_HEAD, rows_shuffle.full_shuffle, "A shuffle that fills the workers' memory"),
    "stealing": Part(rows_cluster.STEALING_HEAD, rows_cluster.stealing, "What stealing costs where nothing is stolen"),
    "unbalanced": Part(rows_crowd.UNBALANCED_HEAD, rows_crowd.unbalanced, "The scheduler alone: work that is stolen"),
    "crowd": Part(rows_crowd.CROWD_HEAD, rows_crowd.crowd, "A thousand workers at once"),
    "scrape": Part(rows_crowd.SCRAPE_HEAD, rows_crowd.scrape, "Reading `/metrics`"),
    "latency": Part(rows_cluster.LATENCY_HEAD, rows_cluster.latency, "From `submit` to the result"),
    "receipt": Part(rows_cluster.RECEIPT_HEAD, rows_cluster.receipt, "From a graph to its first task"),
    "memory": Part(rows_memory.MEMORY_HEAD, rows_memory.memory, "What large values in a graph leave in memory"),
}


def main() -> None:
    """Measure the parts that the command line names, and print them as they are done."""
    parser = argparse.ArgumentParser(description="Measure Cenote's scheduler beside Dask's.")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--repeats", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the graphs, as a share")
    parser.add_argument("--write", type=Path, default=None, help="the page to put the tables into")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    command = " ".join(["python benchmarks/scheduler.py", *options.parts, f"--repeats {options.repeats}"])
    command += "" if options.scale == 1 else f" --scale {options.scale}"
    clusters.build("--bin", "cenote", "--example", "idle_workers", "--example", "wire_alone")
    texts = [f"{versions()}; `{command}`, {time.strftime('%Y-%m-%d')}."]
    print(texts[0], flush=True)
    for name in options.parts or PARTS:
        part = PARTS[name]
        texts.append(f"### {part.title}\n\n{table(part.head, part.measure(options.repeats, options.scale))}")
        print(f"\n{texts[-1]}", flush=True)
    if options.write:
        write(options.write, "\n\n".join(texts), "scheduler")


if __name__ == "__main__":
    main()
