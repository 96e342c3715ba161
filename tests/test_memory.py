"""The memory of ``cenote scheduler`` and of the Python process beside it."""

import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("distributed")

import numpy
from distributed import Client

from test_cli import scheduler

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

TASKS = 10_000
#: An array of 10 MB, once; a thousand bytes a task; and what small pieces of memory waste.
GROWTH_BYTES_MAX = 10e6 + 1000 * TASKS + 20e6


def resident(pid):
    """The memory of a process and of its children."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    children = [
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]
    return own + sum(map(resident, children))


def wait_until_known(client, key):
    deadline = time.monotonic() + 120
    while not client.sync(client.scheduler.get_task_status, keys=[key])[key]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["inside the function", "as an argument"])
def test_an_array_that_many_tasks_share_is_kept_once(tmp_path, how):
    data = numpy.random.default_rng(1).random(10_000_000 // 8)
    with (
        scheduler(tmp_path) as (process, identity, _),
        Client(identity["address"], set_as_default=False) as client,
    ):
        warm = client.submit(str, 1)
        wait_until_known(client, warm.key)
        before = resident(process.pid)
        if how == "as an argument":
            futures = client.map(lambda i, data: data[i], range(TASKS), data=data, pure=False)
        else:
            futures = client.map(lambda i: data[i], range(TASKS), pure=False)
        wait_until_known(client, futures[-1].key)
        deadline = time.monotonic() + 60
        while (grown := resident(process.pid) - before) > GROWTH_BYTES_MAX:
            assert time.monotonic() < deadline, f"{grown / 1e6:.0f} MB more"
            time.sleep(0.1)
