"""A scheduler in a process of its own, started by a command line, and everything that makes it die with the tests.

The command gets ``--host 127.0.0.1 --port 0 --scheduler-file PATH`` (and ``--idle-timeout``, and the TLS files, where a
test asks for them), reads Dask's settings from ``DASK_INTERNAL_INHERIT_CONFIG``, and writes ``{"address": ...}`` to
PATH once it listens. What it prints goes to a log that is shown if a test fails.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import dask

COMMAND = shlex.split(os.environ.get("SCHEDULER_CMD", "dask scheduler"))
ARGUMENTS = shlex.split(os.environ.get("SCHEDULER_ARGS", ""))
START_S = 30.0
LOG_BYTES = 4_000

PR_SET_PDEATHSIG = 1


def die_with_the_tests() -> None:
    """Ask the kernel to kill this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A scheduler that runs, or has run."""

    alive: ClassVar[set[Process]] = set()

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="outside-"))
        self.file = self.folder / "scheduler.json"
        self.log = self.folder / "log"
        port = () if "--port" in extra else ("--port", "0")
        words = [*COMMAND, "--host", "127.0.0.1", *port, "--scheduler-file", str(self.file), *ARGUMENTS, *extra]
        own = {
            "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(dask.config.global_config),
            # Whoever unpickles a graph must be able to import the modules of the tests.
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry and os.path.isdir(entry)),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words,
                env=os.environ | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_the_tests,
            )
        self.pid = self.process.pid
        self.last = ""
        Process.alive.add(self)

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def said(self) -> str:
        """The end of what it printed, or had printed when it was killed."""
        with suppress(OSError):
            self.last = self.log.read_bytes()[-LOG_BYTES:].decode(errors="replace")
        return self.last

    def address(self) -> str:
        """Wait until it listens, and tell where."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError, KeyError):
                return json.loads(self.file.read_text())["address"]
            if not self.is_alive():
                break
            time.sleep(0.005)
        raise RuntimeError(f"the scheduler does not start: {shlex.join(COMMAND)}\n{self.said()}")

    def kill(self) -> None:
        """Kill it and all it started, and forget what it wrote."""
        Process.alive.discard(self)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        self.said()
        shutil.rmtree(self.folder, ignore_errors=True)


class Reserve:
    """Keeps one scheduler started ahead for the next test with the same settings: its start costs that test nothing."""

    def __init__(self) -> None:
        self.settings = ""
        self.process: Process | None = None

    def take(self, extra: tuple[str, ...]) -> Process:
        """A scheduler with the settings and arguments of this moment."""
        settings = dask.config.serialize(dask.config.global_config)
        if extra:
            return Process(extra)
        ready, self.process = self.process, None
        if ready is not None and (settings != self.settings or not ready.is_alive()):
            ready.kill()
            ready = None
        taken = ready or Process()
        self.settings, self.process = settings, Process()
        return taken


RESERVE = Reserve()


@atexit.register
def kill_all() -> None:
    """Leave nothing behind."""
    for process in list(Process.alive):
        process.kill()
