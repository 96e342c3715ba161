"""A cluster for the tests of one process: a scheduler, two stock workers with nannies, and a stock client.

The scheduler is what ``SCHEDULER_CMD`` starts (see ``outside.process``). A test may hurt the cluster; then it is made
anew.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from distributed import Client
from distributed.client import _set_global_client

from outside.process import Process, die_with_the_tests

WORKERS = 2
THREADS = 2
START_S = 90
#: Our scheduler is told which Python reads graphs; a stock one is that Python.
PYTHON = () if os.environ.get("OUTSIDE_READS") == "stock" else ("--python", sys.executable)
ANSWER_S = 10


class Workers:
    """The command ``dask worker``, with as many workers as a cluster has."""

    def __init__(self, address: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="clustered-"))
        self.log = self.folder / "log"
        words = [sys.executable, "-m", "dask", "worker", address, "--nworkers", str(WORKERS)]
        flags = ["--nthreads", str(THREADS), "--no-dashboard", "--memory-limit", "0", "--death-timeout", "60"]
        path = os.pathsep.join(entry for entry in sys.path if entry and os.path.isdir(entry))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*words, *flags, "--local-directory", str(self.folder)],
                # Tasks of a test are functions of its module.
                env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_the_tests,
            )

    def kill(self) -> None:
        """Kill them and their nannies, and forget what they wrote."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """The processes and the client, which is the default of everything in this process."""

    def __init__(self) -> None:
        atexit.register(self.kill)
        self.start()

    def start(self) -> None:
        """Start everything and wait until the workers are there."""
        self.scheduler = Process(PYTHON)
        address = self.scheduler.address()
        self.workers = Workers(address)
        self.client = Client(address, timeout=START_S)
        self.client.wait_for_workers(WORKERS, timeout=START_S)

    def kill(self) -> None:
        """End everything."""
        with suppress(Exception):
            self.client.close(timeout=1)
        self.workers.kill()
        self.scheduler.kill()

    def renew(self) -> None:
        """Start anew."""
        self.kill()
        self.start()

    def tasks(self) -> int:
        """How many tasks have ended, well or not, as the scheduler says."""
        return self.client.sync(self.client.scheduler.get_task_stream_index, callback_timeout=ANSWER_S)

    def is_idle(self) -> bool:
        """Whether all is as at the start, within a few seconds."""
        deadline = time.monotonic() + ANSWER_S
        with suppress(Exception):
            while time.monotonic() < deadline:
                processing = self.client.sync(self.client.scheduler.processing, callback_timeout=ANSWER_S)
                if len(processing) == WORKERS and not any(processing.values()):
                    return self.client.submit(abs, -1, pure=False).result(timeout=ANSWER_S) == 1
                time.sleep(0.1)
        return False

    def become_default(self) -> bool:
        """Be what everything finds that looks for a client, whatever the last test did; whether it took a new one."""
        closed = self.client.status != "running"
        if closed:
            self.renew()
        _set_global_client(self.client)
        return closed
