"""Random graphs from several threads, with errors and interrupts, for as long as is asked: memory flat, no hang.

::

    python tests/soak.py                    an hour
    python tests/soak.py --seconds 60

Each thread makes one random graph after another, runs it on the engine, and compares with what Dask makes of it, as
the property tests do; the main thread is interrupted with SIGINT at random moments while it waits. Every graph must end
within a minute, every answer must be right, and the resident memory of the second half must not grow.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import dask.local

import cenote.local
import cenote.threaded

sys.path.insert(0, str(Path(__file__).parent))

from random_graphs import FAULTS, KEYS, SHAPES, Boom, RandomGraph, random_graph, written

#: No graph may take longer than this, in seconds.
PATIENCE_S = 60

#: By how much the resident memory may grow from the second quarter of the time to the last, in bytes.
GROWTH_MAX_BYTES = 16 * 2**20


def resident() -> int:
    """Resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def outcome(get: Any, graph: RandomGraph, **options: Any) -> tuple[str, Any]:
    """The result as text, or what kind of error came and what it names."""
    try:
        return "result", written(get(graph.dsk, graph.keys, **options))
    except Boom as error:
        return "Boom", error.args
    except (KeyError, ValueError, RuntimeError) as error:
        return type(error).__name__, None


class Soak:
    """The threads, what they saw, and the memory over time."""

    def __init__(self, seconds: float, threads: int, seed: int) -> None:
        self.ends = time.monotonic() + seconds
        self.began = time.monotonic()
        self.threads = threads
        self.seed = seed
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.beats: dict[str, float] = {}
        self.memory: list[tuple[float, int]] = []
        self.main_waits = False

    @property
    def over(self) -> bool:
        """Whether the time is up, or something is wrong."""
        return time.monotonic() >= self.ends or bool(self.wrong)

    def one(self, rng: random.Random) -> None:
        """Run one random graph and compare."""
        arguments = (
            rng.randrange(2**30),
            rng.choice(SHAPES),
            rng.choice((1, 3, 10, 30, 100)),
            rng.choice(KEYS),
            rng.choice(FAULTS),
        )
        theirs = outcome(dask.local.get_sync, random_graph(*arguments))
        if arguments[-1] == "cycle":
            theirs = ("RuntimeError", None)
        graph = random_graph(*arguments)
        workers = rng.choice((0, 1, 2, 4, 8))
        if workers:
            ours = outcome(cenote.threaded.get, graph, num_workers=workers)
        else:
            ours = outcome(cenote.local.get_sync, graph)
        self.counts[ours[0]] += 1
        if ours != theirs:
            self.wrong.append(f"random_graph{arguments} with {workers} workers: {ours}, and Dask says {theirs}")

    def work(self, name: str) -> None:
        """What a thread does."""
        rng = random.Random(f"{self.seed}/{name}")
        while not self.over:
            self.beats[name] = time.monotonic()
            self.one(rng)
        self.beats.pop(name, None)

    def work_interrupted(self) -> None:
        """What the main thread does: graphs that sleep a little, and interrupts that fall into them."""
        rng = random.Random(f"{self.seed}/main")
        while not self.over:
            self.beats["main"] = time.monotonic()
            nap = rng.choice((0.0, 0.001, 0.01))
            dsk: dict[Any, Any] = {("nap", i): (time.sleep, nap) for i in range(rng.choice((1, 10, 100)))}
            dsk["all"] = (len, list(dsk))
            try:
                self.main_waits = True
                if cenote.threaded.get(dsk, "all", num_workers=rng.choice((1, 4))) != len(dsk) - 1:
                    self.wrong.append("an interrupted graph gave a wrong answer")
                self.main_waits = False
                self.counts["not interrupted"] += 1
            except KeyboardInterrupt:
                self.main_waits = False
                self.counts["interrupted"] += 1
        self.beats.pop("main", None)

    def interrupt(self) -> None:
        """Send SIGINT now and then while the main thread waits for a graph."""
        rng = random.Random(f"{self.seed}/interrupt")
        while not self.over:
            time.sleep(rng.uniform(0.001, 0.2))
            if self.main_waits:
                self.main_waits = False
                os.kill(os.getpid(), signal.SIGINT)

    def look(self) -> None:
        """Measure memory, and end the process with all its stacks if something hangs."""
        while not self.over:
            time.sleep(min(1.0, max(0.05, (self.ends - self.began) / 200)))
            gc.collect()
            self.memory.append((time.monotonic() - self.began, resident()))
            for name, beat in list(self.beats.items()):
                if time.monotonic() - beat > PATIENCE_S:
                    print(f"{name} has hung for {PATIENCE_S} s", file=sys.stderr)
                    faulthandler.dump_traceback(all_threads=True)
                    os._exit(2)

    def run(self) -> None:
        """Start all threads, work in the main thread too, and wait for all."""
        threads = [threading.Thread(target=self.work, args=(f"thread {i}",)) for i in range(self.threads)]
        threads += [
            threading.Thread(target=self.look, daemon=True),
            threading.Thread(target=self.interrupt, daemon=True),
        ]
        for thread in threads:
            thread.start()
        while not self.over:
            # An interrupt that was sent in the last moment of a graph arrives outside of it.
            try:
                self.work_interrupted()
            except KeyboardInterrupt:
                self.counts["interrupted between graphs"] += 1
        for thread in threads:
            thread.join()

    def growth(self) -> int:
        """By how much resident memory grew from the second quarter of the time to the last."""
        quarter = len(self.memory) // 4
        sizes = [size for _, size in self.memory]
        if not quarter:
            return 0
        return int(statistics.median(sizes[-quarter:]) - statistics.median(sizes[quarter : 2 * quarter]))


def main() -> int:
    """Soak for the time that the command line says, and print a summary."""
    parser = argparse.ArgumentParser(description="Run random graphs from several threads for a long time.")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    soak = Soak(options.seconds, options.threads, options.seed)
    soak.run()
    sizes = [size for _, size in soak.memory] or [resident()]
    grown = soak.growth()
    print(f"{time.monotonic() - soak.began:.0f} s, {options.threads} threads and the main one, seed {options.seed}")
    print("graphs: " + ", ".join(f"{what} {count:,}" for what, count in sorted(soak.counts.items())))
    print(f"resident memory: {min(sizes) / 2**20:.0f} to {max(sizes) / 2**20:.0f} MiB", end=", ")
    print(f"growth from the second quarter to the last {grown / 2**20:+.1f} MiB")
    print(f"threads at the end: {threading.active_count()}")
    for problem in soak.wrong:
        print(f"wrong: {problem}")
    if grown > GROWTH_MAX_BYTES:
        print(f"wrong: memory grew by more than {GROWTH_MAX_BYTES / 2**20:.0f} MiB")
    return 1 if soak.wrong or grown > GROWTH_MAX_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
