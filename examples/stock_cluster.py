"""A small cluster on this machine, for the examples and the tests: stock Dask processes, perhaps with our scheduler.

It runs what an operator would run by hand:

    dask scheduler --port 8786
    dask worker localhost:8786
    dask worker localhost:8786
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 10
IDLE = "300s"  # should this process die without a word, the cluster does not outlive it for long


@contextlib.contextmanager
def stock_cluster(
    workers: int = 2, threads: int = 2, environment: dict[str, str] | None = None, scheduler: str = "dask"
) -> Iterator[str]:
    """Start ``dask scheduler`` and some ``dask worker``, and stop them in the end.

    Parameters
    ----------
    workers, threads : int
        How many workers, and how many threads each.
    environment : dict of str to str, optional
        Environment variables of these processes, beside those of this one.
    scheduler : str, optional
        Whose scheduler: ``"dask"`` or ``"cenote"``.

    Yields
    ------
    str
        The address of the scheduler, such as ``"localhost:43210"``.
    """
    port = free_port()
    variables = {
        **os.environ,
        "DASK_DISTRIBUTED__SCHEDULER__IDLE_TIMEOUT": IDLE,
        "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
        "OMP_NUM_THREADS": "1",  # as under a nanny: threads are the worker's
        **(environment or {}),
    }
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        where = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--dashboard-address", ":0"]
        log = folder / "scheduler.log"
        process = stack.enter_context(_process([scheduler, "scheduler", *where, "--no-jupyter"], log, variables))
        _wait_for_port(port, process, log)
        for number in range(workers):
            worker = ["dask", "worker", f"127.0.0.1:{port}", "--name", f"worker-{number}", "--nthreads", str(threads)]
            worker += ["--no-nanny", "--no-dashboard", "--death-timeout", "60", "--local-directory", str(folder)]
            stack.enter_context(_process(worker, folder / f"worker-{number}.log", variables))
        yield f"localhost:{port}"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _process(arguments: list[str], log: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A module of Python's with its arguments, writing to a log; stopped in the end, whatever happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
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


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once somebody listens; raise with what the process said if nobody ever will."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the scheduler does not listen on port {port} after {START_SECONDS} s:\n{log.read_text()}")
