"""A cluster of real processes that can be hurt: one scheduler, stock workers, and the time at which what happened.

The scheduler is Cenote's; ``CHAOS_SCHEDULER=dask`` takes Dask's, to see whether a scenario asks too much.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from distributed import Client

SCHEDULER = os.environ.get("CHAOS_SCHEDULER", "cenote")
START_SECONDS = 60
PR_SET_PDEATHSIG = 1
BEGAN = time.monotonic()


def die_with_the_scenario():
    """Ask the kernel to kill this process when the scenario ends, however it does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def say(text):
    """Print what happened, with the seconds since the start."""
    print(f"{time.monotonic() - BEGAN:7.2f} s  {text}", flush=True)


def resident(pid):
    """The resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def family(pid):
    """The scheduler and the Python beside it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [pid, *(int(child) for task in tasks for child in (task / "children").read_text().split())]


class Forked:
    """A process that somebody else started, with the words of ``Popen``."""

    def __init__(self, pid):
        self.pid = pid

    def kill(self):
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        """Return once it is gone."""
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.005)


class Cluster:
    """A scheduler and its workers, each a process in a session of its own; all of them are killed in the end.

    Parameters
    ----------
    host : str
        Where the scheduler listens.
    seconds_max : int
        After so many seconds the scenario has hung: everything that is known is printed, and it fails.
    settings : dict of str to str
        Settings below ``distributed.scheduler``, for the scheduler.
    """

    def __init__(self, host="127.0.0.1", seconds_max=240, **settings):
        self.host, self.seconds_max = host, seconds_max
        self.stack = contextlib.ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        self.processes = {}
        self.environment = {
            **os.environ,
            "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
        }
        self.settings = {f"DASK_DISTRIBUTED__SCHEDULER__{name.upper()}": str(it) for name, it in settings.items()}

    def __enter__(self):
        signal.signal(signal.SIGALRM, self._hung)
        # Whoever is told to end leaves as through an error: the processes are killed on the way out.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        signal.alarm(self.seconds_max)
        file = self.folder / "scheduler.json"
        where = ["--host", self.host, "--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(file)]
        self.nursery = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
            preexec_fn=die_with_the_scenario,
        )
        self.processes["nursery"] = self.nursery
        self.scheduler = self._start("scheduler", [SCHEDULER, "scheduler", *where], self.settings)
        self._wait(file.exists, "the scheduler starts")
        time.sleep(0.05)
        identity = json.loads(file.read_text())
        self.address, self.dashboard = identity["address"], identity["services"]["dashboard"]
        say(f"{SCHEDULER} scheduler at {self.address}")
        return self

    def __exit__(self, kind, *_):
        signal.alarm(0)
        if kind is not None:
            self.report()
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.stack.close()

    def worker(self, name, *flags, nthreads=1, before=()):
        """Start a worker; it joins when it does."""
        where = ["--name", str(name), "--nthreads", str(nthreads), "--local-directory", str(self.folder)]
        rest = ["--no-dashboard", "--memory-limit", "0", "--death-timeout", "30", *flags]
        nanny = [] if "--nanny" in flags else ["--no-nanny"]
        arguments = [self.address, *where, *rest, *nanny]
        if before:
            return self._start(name, ["dask", "worker", *arguments], {}, before)
        print(json.dumps([arguments, str(self.folder / f"{name}.log")]), file=self.nursery.stdin, flush=True)
        process = Forked(int(self.nursery.stdout.readline()))
        self.processes[f"{name}-{process.pid}"] = process
        return process

    def workers(self, count, **options):
        """Start some workers."""
        return {f"worker-{number}": self.worker(f"worker-{number}", **options) for number in range(count)}

    def client(self, **options):
        """A stock client that is connected."""
        return Client(self.address, timeout=30, **options)

    def counts(self):
        """How many tasks, workers and clients there are, as the scheduler's page says."""
        host = self.host if self.host != "0.0.0.0" else "127.0.0.1"
        with urllib.request.urlopen(f"http://{host}:{self.dashboard}/json/counts.json", timeout=10) as page:
            return json.load(page)

    def until(self, done, what, seconds=60):
        """Wait for something, and fail by its name when it does not come."""
        self._wait(done, what, seconds)

    def report(self):
        """What is known, for whoever has to find out why."""
        with contextlib.suppress(OSError):
            print("counts:", self.counts())
        for log in sorted(self.folder.glob("*.log")):
            print(f"---- {log.stem}\n{log.read_text()[-3000:]}")

    def _start(self, name, arguments, environment, before=()):
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment, **environment},
                start_new_session=True,
                preexec_fn=die_with_the_scenario,
            )
        self.processes[f"{name}-{process.pid}"] = process
        return process

    def _wait(self, done, what, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline or self.scheduler.poll() is not None:
                raise AssertionError(f"it did not happen in {seconds} s: {what}")
            time.sleep(0.02)

    def _hung(self, *_):
        say(f"hung for {self.seconds_max} s")
        faulthandler.dump_traceback(all_threads=True)
        self.report()
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        os._exit(1)
