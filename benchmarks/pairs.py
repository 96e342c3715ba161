"""How is measured: the peers run in the same process, in turns, and their ratios are taken pair by pair."""

from __future__ import annotations

import gc
import math
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Timing:
    """What one run took, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Ratio:
    """The median of ratios that were taken pair by pair, with the least and the greatest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)}–{short(self.high)})"  # noqa: RUF001


def short(number: float) -> str:
    """A number with three digits that mean something."""
    if number == 0 or not math.isfinite(number):
        return str(number)
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:,.{digits}f}"


def timed(function: Callable[[], Any]) -> Timing:
    """Run a function once. What it leaves behind is collected before, not while, the clock runs."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def in_turns(runners: dict[str, Callable[[], Any]], repeats: int, warm: bool = True) -> dict[str, list[Timing]]:
    """Run the peers in turns, once each to warm up and then ``repeats`` times."""
    if warm:
        for runner in runners.values():
            runner()
    timings: dict[str, list[Timing]] = {name: [] for name in runners}
    for _ in range(repeats):
        for name, runner in runners.items():
            timings[name].append(timed(runner))
    return timings


def ratio(above: list[Timing], below: list[Timing], clock: str = "cpu") -> Ratio:
    """How many times longer the one takes than the other."""
    ratios = [getattr(a, clock) / max(getattr(b, clock), 1e-9) for a, b in zip(above, below, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def median(timings: list[Timing], clock: str = "cpu") -> float:
    """The median time in seconds."""
    return statistics.median(getattr(timing, clock) for timing in timings)


def exponent(costs: dict[int, float]) -> float:
    """The power of the size with which a cost grows, fitted to all sizes; 1 is linear."""
    points = [(math.log(size), math.log(cost)) for size, cost in costs.items()]
    x, y = (statistics.fmean(axis) for axis in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A table in Markdown. Raises ``ValueError`` for a row that is not as wide as the head."""
    if odd := [row for row in rows if len(row) != len(head)]:
        raise ValueError(f"{len(head)} columns are {', '.join(head)}, but a row has {len(odd[0])}: {odd[0]}")
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def commit() -> str:
    """The commit of the working tree, marked if it has been changed."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.strip() + (" and changes" if changed else "")


def versions() -> str:
    """What was measured, and on what."""
    import os

    packages = []
    for name in ("cenote", "dask", "numpy"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"{name} (from the source tree)")
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {len(os.sched_getaffinity(0))} CPUs, load {load}; {platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {platform.python_version()} ({python_build()}); {', '.join(packages)}; "
        f"commit {commit()}"
    )


def python_build() -> str:
    """Whether the interpreter was built with profile-guided optimization: it changes every figure of Python code."""
    import sysconfig

    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{'optimized' if optimized else 'not optimized'} build"
