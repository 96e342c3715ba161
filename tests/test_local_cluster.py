"""Clusters of this machine: Cenote's scheduler in a process of its own, and Dask's workers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("distributed")

import distributed
from distributed.diagnostics.plugin import SchedulerPlugin

from cenote import delayed
from cenote.distributed import Client, LocalCluster, SchedulerProcess

SMALL = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}


def ends(pid: int) -> bool:
    """Whether a process is gone within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_a_client_without_an_address_starts_a_cluster_and_ends_it():
    with Client(**SMALL) as client:
        cluster = client.cluster
        assert isinstance(cluster, LocalCluster)
        threads = threading.active_count()
        process = cluster.scheduler.process.pid
        assert process != os.getpid()
        assert client.submit(os.getpid).result() == os.getpid()
        assert delayed(sum)([delayed(abs)(-n) for n in range(5)]).compute() == 10
        assert "workers=1, threads=1" in repr(cluster)
        assert "Scheduler" in cluster.get_logs()
    assert ends(process)
    assert threading.active_count() < threads


def test_a_program_that_just_ends_leaves_neither_process_nor_folder(tmp_path):
    program = """if True:
        from cenote.distributed import LocalCluster
        cluster = LocalCluster(processes=False, n_workers=1, dashboard_address=None)
        print(cluster.scheduler.process.pid)
    """
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert ends(int(done.stdout))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("cenote")]


def test_a_cluster_gives_clients_logs_and_a_last_look():
    with LocalCluster(**SMALL) as cluster:
        client = cluster.get_client()
        assert isinstance(client, Client) and cluster.get_client() is client
        assert client.get({"x": (abs, -3)}, "x") == 3
        assert f"Scheduler at:     {cluster.scheduler_address}" in cluster.get_logs()["Scheduler"]
        client.close()
    cluster.close()
    assert "workers=0, threads=0" in repr(cluster)


def test_a_cluster_grows_and_shrinks():
    with LocalCluster(**SMALL) as cluster, Client(cluster) as client:
        future = client.submit(abs, -7)
        assert future.result() == 7
        cluster.scale(3)
        client.wait_for_workers(3, timeout=20)
        cluster.scale(1)
        deadline = time.monotonic() + 20
        while len(client.scheduler_info()["workers"]) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(client.scheduler_info()["workers"]) == 1
        assert future.result() == 7


@pytest.mark.parametrize("fails", [False, True])
def test_plugins_hear_of_a_task_what_dasks_scheduler_tells_them(fails):
    class Hears(SchedulerPlugin):
        name = "hears"

        def start(self, scheduler):
            self.heard = scheduler.heard = []

        def transition(self, key, start, finish, *args, **more):
            self.heard.append((key, start, finish, more.get("status"), more.get("cause"), sorted(more)))

    def heard(dask_scheduler):
        return dask_scheduler.heard

    told = []
    for Cluster in (LocalCluster, distributed.LocalCluster):
        with Cluster(**SMALL) as cluster, cluster.get_client() as client:
            client.register_plugin(Hears())
            future = client.submit(divmod, 7, 0 if fails else 2, key="x", retries=1)
            distributed.wait(future)
            told.append([it for it in client.run_on_scheduler(heard) if it[1] == "processing"])
    # On the way to be tried again, a task of Dask's scheduler is released first.
    ours, dasks = ([it[3:] for it in heard] for heard in told)
    assert ours == dasks
    assert [it[2:5] for it in told[0]][-1] == (("erred", "error", "x") if fails else ("memory", "OK", None))
    assert len(told[0]) == (2 if fails else 1)


def test_settings_of_the_scheduler_reach_it():
    options = SMALL | {"blocked_handlers": ["publish_list"], "scheduler_kwargs": {"allowed_failures": 0}}
    with Client(**options) as client:
        with pytest.raises(ValueError, match="publish_list"):
            client.list_datasets()
        assert client.submit(abs, -7).result() == 7


def test_the_scheduler_ends_with_the_process_that_started_it():
    program = """if True:
        import asyncio, os, signal
        from cenote.distributed import SchedulerProcess
        async def main():
            scheduler = await SchedulerProcess(dashboard_address=":0")
            print(scheduler.process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert ends(int(done.stdout))


def test_a_scheduler_that_cannot_start_says_why():
    async def start() -> None:
        await SchedulerProcess(host="203.0.113.1")  # an address that no machine has

    with pytest.raises(RuntimeError, match=r"203\.0\.113\.1"):
        asyncio.run(start())


def test_what_the_scheduler_does_not_have_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="plugins"):
        SchedulerProcess(plugins=[object()])
    with pytest.raises(NotImplementedError, match="ws"):
        SchedulerProcess(protocol="ws://")
