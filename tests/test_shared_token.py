"""A secret that a cluster shares: said by Dask's own clients, workers and nannies, and wanted by the scheduler."""

import asyncio
import os
import shutil
import subprocess
import sys
import time

import pytest

pytest.importorskip("distributed")

from distributed import Client
from distributed.comm import CommClosedError, connect

import cenote.distributed
from cenote.distributed import LocalCluster, shared_token
from refusal import see_refused
from test_cli import QUIET, run, scheduler

SECRET = "a secret of this test"


@pytest.fixture(autouse=True)
def nothing_is_said():
    """Each test begins and ends in a process that says no token."""
    shared_token.use(None)
    yield
    shared_token.use(None)


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(SECRET + "\n")
    return file


def knock(address):
    """Connect and say what can be done, as whoever wants to ask something does."""

    async def ask():
        comm = await connect(address, timeout=5)
        try:
            await comm.write({"op": "identity"})
            return await comm.read()
        finally:
            comm.abort()

    return asyncio.run(ask())


def test_stock_client_nanny_and_worker_say_it_by_a_preload(tmp_path, token_file):
    # A copy of the module stands for one on a machine without Cenote.
    module = shutil.copy(shared_token.__file__, tmp_path / "shared_token.py")
    said = QUIET | {
        "CENOTE_TOKEN_FILE": str(token_file),
        "DASK_DISTRIBUTED__CLIENT__PRELOAD": module,
    }
    program = """
import os, sys
from distributed import Client
with Client(sys.argv[1], timeout=30) as client:
    client.wait_for_workers(1, timeout=60)
    assert client.submit(sum, [1, 2]).result() == 3
    assert client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.workers)) == 1
    assert all(client.run(os.getpid).values())
    print(*client.scheduler_info()["workers"])
"""
    flags = ["--host", "127.0.0.1", "--token-file", str(token_file)]
    with scheduler(tmp_path, *flags) as (_, identity, log):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", identity["address"], "--nthreads", "1"]
        worker = subprocess.Popen([*command, "--preload", module, "--preload-nanny", module], env=said)
        try:
            client = [sys.executable, "-c", program, identity["address"]]
            ran = subprocess.run(client, env=said, capture_output=True, text=True, timeout=120, check=False)
            assert ran.returncode == 0, ran.stderr
            with pytest.raises(CommClosedError):
                knock(ran.stdout.strip())
            shared_token.use(SECRET)
            assert knock(ran.stdout.strip())["type"] == "Worker"
        finally:
            worker.terminate()
            worker.wait(30)
        assert "is not let in" not in log.read_text()


def test_who_does_not_say_it_is_told_and_told_of(tmp_path, token_file):
    with scheduler(tmp_path, "--host", "127.0.0.1", "--token-file", str(token_file)) as (_, identity, log):
        see_refused(identity["address"], RuntimeError, "it says no token", timeout=10)
        shared_token.use("another secret")
        see_refused(identity["address"], RuntimeError, "it says another token", timeout=10)
        worker = subprocess.run(
            [sys.executable, "-m", "distributed.cli.dask_worker", identity["address"], "--no-nanny"],
            env=QUIET,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert worker.returncode != 0 and "it says no token" in worker.stderr
        with cenote.distributed.Client(identity["address"], timeout=30, token=SECRET) as client:
            assert client.scheduler_info()["workers"] == {}
        lines = log.read_text()
        assert "is not let in: it says no token" in lines and "is not let in: it says another token" in lines
        assert "secret" not in lines


def test_with_a_token_all_interfaces_are_open_and_its_file_should_not_be(tmp_path, token_file):
    token_file.chmod(0o644)
    with scheduler(tmp_path, "--token-file", str(token_file)) as (_, _, log):
        deadline = time.monotonic() + 20
        while "it listens on all interfaces" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        said = log.read_text()
        assert "it listens on all interfaces" in said and "nothing is encrypted" in said
        assert f"others can read the token in {token_file}" in said


def test_a_token_that_is_not_there_is_an_error(tmp_path):
    (tmp_path / "empty").touch()
    code, said = run("--token-file", str(tmp_path / "empty"))
    assert (code, "it is empty" in said) == (1, True)
    code, said = run(environment={"CENOTE_TOKEN_FILE": str(tmp_path / "none")})
    assert (code, "CENOTE_TOKEN_FILE" in said) == (1, True)


@pytest.mark.parametrize("processes", [True, False])
def test_a_cluster_of_this_machine_has_a_token(processes):
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(token=True, processes=processes, **options) as cluster, Client(cluster) as client:
        assert cluster.token
        assert client.submit(os.getpid).result() != 0
        secret, address = cluster.token, cluster.scheduler_address
        shared_token.use(None)
        assert "it says no token" in str(knock(address))
        shared_token.use(secret)


def test_a_cluster_of_this_machine_has_certificates():
    pytest.importorskip("cryptography")
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with cenote.distributed.Client(security=True, **options) as client:
        assert client.cluster.scheduler_address.startswith("tls://127.0.0.1:")
        assert client.submit(sum, [1, 2]).result() == 3
        assert all(address.startswith("tls://") for address in client.scheduler_info()["workers"])
