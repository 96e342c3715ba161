"""Processes of two releases of Dask in one cluster: whoever connects is warned as Dask's own scheduler would warn.

``CENOTE_PREVIOUS`` names the Python that has the previous release; this one has the newest.
"""

from __future__ import annotations

import operator
import os
import shlex
import subprocess
import sys
import sysconfig
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from distributed import Client
from distributed.versions import VersionMismatchWarning

NEWEST = sys.executable
PREVIOUS = os.environ.get("CENOTE_PREVIOUS", "")
OURS = shlex.split(os.environ.get("SCHEDULER_CMD", str(Path(sysconfig.get_path("scripts"), "cenote")) + " scheduler"))
START_S = 60
PLAIN = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", ":0")

pytestmark = pytest.mark.skipif(not PREVIOUS, reason="CENOTE_PREVIOUS names no Python with the previous release")


@contextmanager
def running(words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process, killed in the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def warned(scheduler: list[str], worker: str, folder: Path) -> str:
    """What a client of the newest release is warned of, with a worker of some release at a scheduler."""
    with ExitStack() as stack:
        file = folder / "scheduler.json"
        words = [*scheduler, *PLAIN, "--scheduler-file", str(file)]
        stack.enter_context(running(words, folder / "scheduler.log"))
        wait(file.exists)
        work = [worker, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--no-nanny"]
        stack.enter_context(running([*work, "--no-dashboard"], folder / "worker.log"))
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(1, timeout=START_S)
            assert client.submit(operator.add, 1, 2).result(timeout=START_S) == 3
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            Client(scheduler_file=str(file), set_as_default=False).close()
        return "\n".join(str(each.message) for each in seen if each.category is VersionMismatchWarning)


def wait(condition: object) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + START_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("scheduler", "worker"), [(NEWEST, PREVIOUS), (PREVIOUS, NEWEST)], ids=["worker", "scheduler"])
def test_whoever_is_of_another_release_is_named_as_dask_names_it(tmp_path, scheduler, worker):
    """The scheduler's release is that of the Python that reads its graphs."""
    stock, ours = tmp_path / "stock", tmp_path / "ours"
    stock.mkdir()
    ours.mkdir()
    wanted = warned([scheduler, "-m", "distributed.cli.dask_scheduler"], worker, stock)
    assert "distributed" in wanted and wanted.count("2026") > 1
    heard = warned([*OURS, "--python", scheduler], worker, ours)
    # The addresses of workers differ.
    assert masked(heard) == masked(wanted)


def masked(text: str) -> list[list[str]]:
    """The words of a table's rows, without its rules and the ports of addresses."""
    rows = [line.replace("|", " ").split() for line in text.splitlines()]
    return [[word.partition("tcp://")[0] for word in row] for row in rows if set("".join(row)) - set("+-=")]
