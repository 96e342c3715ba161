"""Clusters to be measured: a scheduler, its workers, and what each process has spent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP_SECONDS = 10
ROOT = Path(__file__).resolve().parent.parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"), "release")


@dataclass(frozen=True)
class Spent:
    """CPU seconds of a scheduler's process, and of the processes that it started."""

    scheduler: float
    children: float

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(self.scheduler - earlier.scheduler, self.children - earlier.children)


class Cluster:
    """A running scheduler, with workers of some kind."""

    def __init__(self, port: int, process: subprocess.Popen[Any]) -> None:
        self.address = f"tcp://127.0.0.1:{port}"
        self.process = process
        self.idle: subprocess.Popen[str] | None = None
        #: Seconds that its idle workers took to join.
        self.joined = 0.0

    def spent(self) -> Spent:
        """What has been spent until now."""
        return Spent(_cpu(self.process.pid), sum(map(_cpu, children(self.process.pid))))

    def forget_peaks(self) -> None:
        """Let the peaks of memory begin anew."""
        for pid in (self.process.pid, *children(self.process.pid)):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peaks(self) -> tuple[int, int]:
        """The greatest memory of the scheduler's process, and of those that it started, in bytes."""
        return self._memory("VmHWM:")

    def resident(self) -> tuple[int, int]:
        """The memory of the scheduler's process, and of those that it started, in bytes."""
        return self._memory("VmRSS:")

    def _memory(self, word: str) -> tuple[int, int]:
        return _memory(self.process.pid, word), sum(_memory(pid, word) for pid in children(self.process.pid))

    def tally(self) -> dict[str, float]:
        """What the idle workers have done since they were asked last."""
        return self._tell_idle("")

    def leave(self) -> None:
        """Let all idle workers leave at once."""
        self._tell_idle("leave")

    def _tell_idle(self, line: str) -> dict[str, float]:
        assert self.idle and self.idle.stdin and self.idle.stdout
        self.idle.stdin.write(f"{line}\n")
        self.idle.stdin.flush()
        return json.loads(self.idle.stdout.readline())


@contextlib.contextmanager
def cluster(
    whose: str,
    idle: int = 0,
    workers: int = 0,
    threads: int = 1,
    flags: tuple[str, ...] = (),
    worker_flags: tuple[str, ...] = (),
    pages: int = 0,
    **settings: str,
) -> Iterator[Cluster]:
    """Start a scheduler, ``"cenote"`` or ``"dask"``, with idle workers in Rust or with workers of Dask.

    Flags are those of idle workers, worker flags those of Dask's, pages the port of the scheduler's pages. Settings
    are named as in the environment, behind ``DASK_DISTRIBUTED__``.
    """
    port = free_port()
    environment = {**os.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error", "OMP_NUM_THREADS": "1"}
    environment |= {f"DASK_DISTRIBUTED__{name}": value for name, value in settings.items()}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        where = ["--host", "127.0.0.1", "--port", str(port), "--dashboard-address", f"127.0.0.1:{pages}"]
        command = [*scheduler_program(whose), *where, *([] if pages else ["--no-dashboard"])]
        process = stack.enter_context(running(command, environment, Path(folder, "scheduler.log")))
        wait_for_port(port)
        made = Cluster(port, process)
        if idle:
            stack.enter_context(idle_workers(made, idle, *flags))
        for number in range(workers):
            command = [sys.executable, "-m", "dask", "worker", made.address, "--name", str(number), "--no-nanny"]
            command += ["--nthreads", str(threads), "--no-dashboard", "--local-directory", folder, *worker_flags]
            stack.enter_context(running(command, environment, Path(folder, f"worker-{number}.log")))
        yield made


@contextlib.contextmanager
def idle_workers(made: Cluster, count: int, *flags: str) -> Iterator[None]:
    """Have idle workers join a cluster, all at once. They are ended, as if they died, when they are there no more."""
    command = [str(example("idle_workers")), made.address, str(count), *flags]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "idle.log")
        with running(command, dict(os.environ), log, talks=True) as made.idle:
            assert made.idle and made.idle.stdout
            ready, _, seconds = made.idle.stdout.readline().partition(" ")
            if ready != "ready":
                raise RuntimeError(log.read_text())
            made.joined = float(seconds)
            yield


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], log: Path, talks: bool = False) -> Iterator[Any]:
    """A process that is stopped in the end, whatever happens."""
    with log.open("wb") as output:
        process: subprocess.Popen[Any] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else output,
            stderr=output,
            env=environment,
            text=talks,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def example(name: str) -> Path:
    """A program of the Rust examples, built for release if it is not there."""
    program = RELEASE / "examples" / name
    if not program.exists():
        build("--example", name)
    return program


def build(*what: str) -> None:
    """Build programs for release. Does nothing if they are new."""
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "cenote", *what], cwd=ROOT, check=True)


def scheduler_program(whose: str) -> list[str]:
    """The command of a scheduler, to which its flags are added. Both read graphs with this interpreter."""
    if whose == "cenote":
        return [str(RELEASE / "cenote"), "scheduler", "--python", sys.executable]
    return [sys.executable, "-m", whose, "scheduler"]


def children(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child, *children(child)]
    return found


def _cpu(pid: int) -> float:
    # The clock of another process, as Linux numbers it: all its threads, those that have ended too.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _memory(pid: int, word: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(word)), 0)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, seconds: float = 60) -> None:
    """Return once somebody listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port} after {seconds} s")
