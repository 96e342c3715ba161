"""Cenote's scheduler started by other tools, SSHCluster and dask-jobqueue, with the stock workers that they start."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

pytest.importorskip("distributed")

import dask
import distributed

from cenote.distributed import LocalCluster, SchedulerProcess
from cenote.distributed.__main__ import options_of

INSTEAD = f"{sys.executable} -m cenote.distributed"


def is_ours(client) -> bool:
    """Whether the scheduler of a client is another program than Dask's."""
    return client.run_on_scheduler(lambda dask_scheduler: type(dask_scheduler).__module__) != "distributed.scheduler"


class SecureShell(threading.Thread):
    """A server of SSH on this machine that lets in whoever shows one key, and runs what it is told to."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        asyncssh = pytest.importorskip("asyncssh")
        self.asyncssh, self.ready, self.processes = asyncssh, threading.Event(), []
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.trusted = folder / "trusted"
        self.trusted.write_bytes(self.key.export_public_key())

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        server = await self.asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=str(self.trusted),
            process_factory=self.handle,
            encoding=None,
        )
        self.port = server.get_port()
        self.ready.set()
        await self.ended.wait()
        server.close()
        for _, shell in self.processes:
            if shell.returncode is None:
                shell.kill()
            await shell.wait()
        await asyncio.sleep(0.1)  # their pipes are closed by callbacks

    async def handle(self, process):
        """Run a command in a shell, which dies by a signal from the other side, and reads until the connection ends."""
        pipe = asyncio.subprocess.PIPE
        shell = await asyncio.create_subprocess_shell("exec " + process.command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.processes.append((process.command, shell))

        async def pass_on(reader, writer):
            while data := await reader.read(65536):
                writer.write(data)

        async def listen():
            with contextlib.suppress(OSError, self.asyncssh.Error):
                await pass_on(process.stdin, shell.stdin)
                return shell.stdin.close()
            if shell.returncode is None:
                shell.kill()

        listening = asyncio.create_task(listen())
        with contextlib.suppress(OSError):  # nobody may be there to hear it
            await asyncio.gather(pass_on(shell.stdout, process.stdout), pass_on(shell.stderr, process.stderr))
            process.exit(await shell.wait())
        await listening

    def __enter__(self):
        self.start()
        assert self.ready.wait(30)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.join(10)


def test_a_cluster_over_ssh_has_it_as_its_scheduler(tmp_path):
    with SecureShell(tmp_path) as shell:
        options = {"port": shell.port, "known_hosts": None, "client_keys": [shell.key]}
        cluster = distributed.SSHCluster(
            ["127.0.0.1", "127.0.0.1"],
            connect_options=options,
            remote_python=[INSTEAD, sys.executable],
            scheduler_options={"dashboard_address": ":0", "allowed_failures": 0},
            worker_options={"nthreads": 1, "dashboard_address": ":0"},
            worker_class="distributed.Worker",
        )
        with cluster, distributed.Client(cluster) as client:
            assert client.submit(sum, [1, 2, 3]).result(timeout=60) == 6
            [running] = [one for command, one in shell.processes if "distributed.Scheduler" in command]
            assert running.returncode is None
            with open(f"/proc/{running.pid}/cmdline") as line:
                assert "cenote\0scheduler\0--until-input-ends" in line.read()
        deadline = time.monotonic() + 20
        while running.returncode is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert running.returncode is not None, "the scheduler outlives its cluster"


@pytest.fixture
def jobqueue():
    """dask-jobqueue's clusters of local jobs. The package takes Ctrl-C for itself when it is imported."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        return pytest.importorskip("dask_jobqueue.local")
    finally:
        signal.signal(signal.SIGINT, handler)


def test_jobs_of_dask_jobqueue_work_for_it(jobqueue):
    cluster = jobqueue.LocalCluster(
        cores=1,
        processes=1,
        memory="1GB",
        nanny=False,
        worker_extra_args=["--no-dashboard"],
        scheduler_cls=SchedulerProcess,
        scheduler_options={"dashboard_address": ":0"},
    )
    with cluster, distributed.Client(cluster) as client:
        process = cluster.scheduler.process
        cluster.scale(jobs=2)
        client.wait_for_workers(2, timeout=120)
        assert sorted(client.gather(client.map(lambda number: number + 1, range(50)))) == list(range(1, 51))
        cluster.scale(jobs=1)
        deadline = time.monotonic() + 30
        while len(client.scheduler_info()["workers"]) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(client.scheduler_info()["workers"]) == 1
        assert client.submit(os.getpid).result(timeout=60) != os.getpid()
    assert process.wait(20) == 0


def asked(url, body=None):
    """What a page answers, as JSON."""
    headers = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(url, data=body and json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_what_the_operator_of_kubernetes_asks_is_answered():
    routes = [*dask.config.get("distributed.scheduler.http.routes"), "distributed.http.scheduler.api"]
    options = {"processes": False, "n_workers": 3, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.scheduler.http.routes": routes}),
        LocalCluster(**options) as cluster,
        distributed.Client(cluster) as client,
    ):
        # It asks over HTTP first ...
        api = client.dashboard_link.replace("/status", "/api/v1")
        assert asked(f"{api}/adaptive_target")["workers"] == 0
        assert float(asked(f"{api}/check_idle")["idle_since"]) > 0
        [retired] = asked(f"{api}/retire_workers", {"n": 1}).values()
        left = {worker["name"] for worker in client.scheduler_info()["workers"].values()} - {retired["name"]}
        assert len(left) == 2
        # ... and where pages are not served, by the protocol.
        assert client.sync(client.scheduler.adaptive_target) == 0
        assert float(client.sync(client.scheduler.check_idle)) > 0
        [name] = client.sync(client.scheduler.workers_to_close, n=1, attribute="name")
        assert name in left
        client.sync(client.scheduler.retire_workers, names=[name])
        assert client.submit(sum, [1, 2, 3]).result(timeout=20) == 6


def test_a_command_that_starts_dasks_scheduler_starts_ours(tmp_path):
    file = tmp_path / "scheduler.json"
    words = ["-m", "distributed.cli.dask_scheduler", "--port", "0", "--dashboard-address", ":0"]
    command = [*INSTEAD.split(), *words, "--scheduler-file", str(file)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        assert json.loads(file.read_text())["type"] == "Scheduler"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_every_other_command_is_pythons():
    for words, expected in (
        (["-c", "print(6 * 7)"], "42"),
        (["-m", "distributed.cli.dask_spec", "--version"], distributed.__version__),
    ):
        ran = subprocess.run([*INSTEAD.split(), *words], capture_output=True, text=True, timeout=60, check=True)
        assert expected in ran.stdout


def test_the_specification_of_one_scheduler_is_told_from_others():
    assert options_of(["--spec", '{"cls": "distributed.Scheduler", "opts": {"port": 1}}']) == {"port": 1}
    assert options_of(["--spec", '{"cls": "distributed.Nanny", "opts": {}}']) is None
    assert options_of(["--spec", '{"0": {"cls": "distributed.Scheduler"}}']) is None
    assert options_of(["--spec-file", "file.yaml"]) is None
