"""One pytest at a time, watched: a test that hangs or kills the process costs itself and no other."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
from source import Source

HERE = Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STARTS_MAX = 200
COLLECTION_S = 1200


def adopt_orphans() -> None:
    """Become the parent of whatever our children leave behind, so that it can be killed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_the_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def kill_orphans(known: set[int]) -> None:
    """Kill the children that we did not start ourselves."""
    for child in psutil.Process().children():
        if child.pid not in known:
            kill_tree(child.pid)
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                child.wait(5)


@dataclass
class Pytest:
    """Runs lists of tests of one source, and keeps their outcomes in one file."""

    source: Source
    record: Path
    scheduler: dict[str, str]
    timeout_s: float

    #: Processes that are ours; class-wide, for several may run at once.
    running: ClassVar[set[int]] = set()

    def run(self, tests: list[str]) -> None:
        """Run the tests; start anew behind one that took pytest with it."""
        left = list(tests)
        for _ in range(STARTS_MAX):
            if not left:
                return
            before = self.lines()
            code = self.start(left)
            seen = {line["test"] for line in self.lines()[len(before) :]}
            if not seen & set(left):
                with self.record.open("a", encoding="utf-8") as file:
                    for test in left:
                        file.write(
                            json.dumps(
                                {
                                    "test": test,
                                    "outcome": "absent",
                                    "why": f"was not collected; pytest ends with {code}",
                                }
                            )
                            + "\n"
                        )
                return
            left = [test for test in left if test not in seen]

    def lines(self) -> list[dict[str, str]]:
        """What the file of outcomes holds."""
        text = self.record.read_text(encoding="utf-8") if self.record.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def start(self, tests: list[str]) -> int:
        """Run pytest once, until it ends or is silent for too long, and tell its exit code."""
        with tempfile.TemporaryDirectory(prefix="outside-run-") as scratch:
            only = Path(scratch, "only")
            only.write_text("\n".join(tests), encoding="utf-8")
            log = self.record.with_suffix(".log")
            with log.open("ab") as output:
                process = subprocess.Popen(
                    self.command(tests),
                    cwd=self.source.root,
                    env=self.environment(only, Path(scratch)),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    preexec_fn=die_with_the_parent,
                )
            Pytest.running.add(process.pid)
            try:
                for _ in self.silences(process):
                    kill_tree(process.pid)
            finally:
                kill_tree(process.pid)
                process.wait()
                Pytest.running.discard(process.pid)
                if not Pytest.running:
                    kill_orphans(Pytest.running)
        return process.returncode

    def silences(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Wait until the process ends; yield whenever nothing was recorded for longer than any test may take."""
        size, since = -1, time.monotonic()
        before = self.record.stat().st_size if self.record.exists() else 0
        while process.poll() is None:
            now = self.record.stat().st_size if self.record.exists() else 0
            if now != size:
                size, since = now, time.monotonic()
            if time.monotonic() - since > (COLLECTION_S if now == before else 60 + 6 * self.timeout_s):
                yield
                since = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)

    def command(self, tests: list[str]) -> list[str]:
        """The command that runs the files of these tests."""
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        plugins = ("distributed.utils_test", *self.source.plugins, "plugin")
        return [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir=.", "-q", "--tb=short", "-rN"),
            *("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:legacypath"),
            *(word for plugin in plugins for word in ("-p", plugin)),
            *(f"--timeout={3 * self.timeout_s:.0f}", "--timeout-method=signal", "-W", "ignore"),
            *files,
        ]

    def environment(self, only: Path, scratch: Path) -> dict[str, str]:
        """The environment of pytest, and so of the schedulers, workers and commands that tests start."""
        path = [str(self.source.root), str(HERE)]
        return (
            os.environ
            | self.scheduler
            | {
                # Workers of nannies are forked from a process that has imported Dask: spawned, they start too slowly.
                "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
                "OUTSIDE_RECORD": str(self.record),
                "OUTSIDE_ONLY": str(only),
                "OUTSIDE_TIMEOUT_S": str(self.timeout_s),
                "PYTHONPATH": os.pathsep.join(path),
                "PYTHONPYCACHEPREFIX": str(self.source.root.parent / "pycache"),
                "TMPDIR": str(scratch),
            }
        )
