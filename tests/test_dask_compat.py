"""The manual's list of what stands where Dask's does: complete, and each line of it tried with a stock client."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")

import distributed
from dask import delayed
from distributed.cli.dask_scheduler import main as dask_scheduler

from cenote.distributed import LocalCluster

PAGE = Path(__file__).parent.parent / "docs" / "dask-compat.md"
VERDICTS = ("works", "differs", "missing")


def listed(title: str) -> dict[str, str]:
    """The verdicts of a section's table, by name."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \| (\w+) \|", section, re.MULTILINE)
    return {name: verdict for names, verdict in rows for name in re.findall(r"`([^`]+)`", names)}


class Plugin(distributed.WorkerPlugin):
    name = "compat"


def tried(client: Any, folder: Path) -> dict[str, Callable[[], Any]]:
    """How each method is tried: what returns something true if the method does what Dask's does."""

    def increment(number: int) -> int:  # in here, so that it travels by value
        return number + 1

    kept = client.submit(increment, 41, key="kept")
    module = folder / "compat_module.py"
    module.write_text("answer = 42\n")

    def answer() -> int:
        import compat_module

        return compat_module.answer

    def spread() -> bool:
        client.replicate([kept])
        return True

    def retried() -> bool:
        failing = client.submit(lambda: 1 / 0, pure=False)
        failing.exception()
        client.retry(failing)
        return isinstance(failing.exception(), ZeroDivisionError)

    def cancelled() -> bool:
        future = client.submit(increment, 1, pure=False)
        client.cancel(future)
        return future.cancelled()

    def unknown() -> bool:
        with pytest.raises(ValueError, match="compat"):
            client.unregister_scheduler_plugin("compat")
        return True

    def published() -> bool:
        client.publish_dataset(compat=kept)
        return True

    def listens() -> bool:
        client.subscribe_topic("compat", lambda event: None)
        return True

    return {
        "amm": lambda: client.amm.running() in (True, False),
        "as_current": lambda: client.as_current() is not None,
        "asynchronous": lambda: client.asynchronous is False,
        "benchmark_hardware": client.benchmark_hardware,
        "call_stack": lambda: client.call_stack() == {},
        "cancel": cancelled,
        "compute": lambda: client.compute(delayed(increment)(1)).result() == 2,
        "current": lambda: distributed.Client.current() is client,
        "dashboard_link": lambda: isinstance(client.dashboard_link, str),
        "dump_cluster_state": lambda: client.dump_cluster_state(str(folder / "dump"), format="yaml") is None,
        "forward_logging": lambda: client.forward_logging() != "",
        "futures_of": lambda: client.futures_of([kept]) == [kept],
        "gather": lambda: client.gather([kept]) == [42],
        "get": lambda: client.get({"compat-x": (increment, 1)}, "compat-x") == 2,
        "get_events": lambda: client.get_events("compat-log")[0][1] == "said",
        "get_dataset": lambda: client.get_dataset("compat").result() == 42,
        "get_executor": lambda: client.get_executor().submit(increment, 1).result() == 2,
        "get_metadata": lambda: client.get_metadata("compat") == 1,
        "get_scheduler_logs": lambda: isinstance(client.get_scheduler_logs(), tuple),
        "get_task_stream": lambda: client.get_task_stream() is not None,
        "get_versions": lambda: set(client.get_versions()) == {"scheduler", "workers", "client"},
        "get_worker_logs": lambda: len(client.get_worker_logs()) == 1,
        "has_what": lambda: "kept" in next(iter(client.has_what().values())),
        "list_datasets": lambda: client.list_datasets() == ("compat",),
        "log_event": lambda: client.log_event("compat-log", "said") is None,
        "loop": lambda: client.loop is not None,
        "map": lambda: client.gather(client.map(increment, range(3))) == [1, 2, 3],
        "nbytes": lambda: client.nbytes()["kept"] > 0,
        "ncores": lambda: list(client.ncores().values()) == [1],
        "normalize_collection": lambda: client.normalize_collection(delayed(increment)(1)) is not None,
        "nthreads": lambda: list(client.nthreads().values()) == [1],
        "persist": lambda: client.persist(delayed(increment)(1)).compute() == 2,
        "processing": lambda: len(client.processing()) == 1,
        "profile": lambda: isinstance(client.profile(), dict),
        "publish_dataset": published,
        "rebalance": lambda: client.rebalance() is None,
        "register_plugin": lambda: client.register_plugin(Plugin()) is not None,
        "register_worker_callbacks": lambda: client.register_worker_callbacks(lambda: None) is not None,
        "replicate": spread,
        "restart": lambda: client.restart(timeout=30) is not False,
        "restart_workers": lambda: client.restart_workers(list(client.nthreads()), timeout=20) is not None,
        "retire_workers": lambda: client.retire_workers([]) == {},
        "retry": retried,
        "run": lambda: list(client.run(increment, 1).values()) == [2],
        "run_on_scheduler": lambda: client.run_on_scheduler(increment, 1) == 2,
        "scatter": lambda: client.scatter(7).result() == 7,
        "scheduler_info": lambda: len(client.scheduler_info()["workers"]) == 1,
        "set_metadata": lambda: client.set_metadata("compat", 1) is None,
        "story": lambda: len(client.story("kept")) > 0,
        "submit": lambda: kept.result() == 42,
        "subscribe_topic": listens,
        "sync": lambda: client.sync(client.scheduler.ncores) != {},
        "unforward_logging": lambda: client.unforward_logging() != "",
        "unpublish_dataset": lambda: client.unpublish_dataset("compat") is None,
        "unregister_worker_plugin": lambda: client.unregister_worker_plugin("compat") is not None,
        "unregister_scheduler_plugin": unknown,
        "unsubscribe_topic": lambda: client.unsubscribe_topic("compat") is None,
        "upload_file": lambda: client.upload_file(str(module)) is not None and client.submit(answer).result() == 42,
        "wait_for_workers": lambda: client.wait_for_workers(1, timeout=20) is None,
        "who_has": lambda: len(client.who_has()["kept"]) == 1,
        "write_scheduler_file": lambda: client.write_scheduler_file(str(folder / "scheduler.json")) is None,
    }


# What must have come before: names without, before and after.
FIRST = (
    "write_scheduler_file",
    "submit",
    "publish_dataset",
    "set_metadata",
    "log_event",
    "register_plugin",
    "subscribe_topic",
    "forward_logging",
)
LAST = ("unforward_logging", "unpublish_dataset", "restart", "restart_workers")
# These begin and end clients, as each test here does.
LIFE = {"start", "close", "shutdown"}


def test_every_method_of_the_client_is_listed_and_does_what_is_said(tmp_path):
    verdicts = listed("The client")
    assert set(verdicts) == {name for name in dir(distributed.Client) if not name.startswith("_")}
    assert set(verdicts.values()) <= set(VERDICTS)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        ways = tried(client, tmp_path)
        assert set(ways) | LIFE == set(verdicts)
        middle = [name for name in ways if name not in FIRST + LAST]
        for name in [*FIRST, *middle, *LAST]:
            if verdicts[name] == "missing":
                with pytest.raises(Exception, match=r"Cenote|not there"):
                    ways[name]()
            else:
                assert ways[name](), name


def test_every_flag_of_the_scheduler_is_listed_and_does_what_is_said():
    verdicts = listed("The scheduler's command")
    flags = {option for parameter in dask_scheduler.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(verdicts) == {flag for flag in flags if flag.startswith("--")}
    command = [sys.executable, "-m", "cenote", "scheduler"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    for flag, verdict in verdicts.items():
        if verdict == "missing":
            value = [] if flag in ("--jupyter", "--show") else ["value"]
            refused = subprocess.run([*command, flag, *value], capture_output=True, text=True, check=False, timeout=20)
            assert (refused.returncode, flag in refused.stderr) == (2, True), refused.stderr
        elif verdict == "works":
            assert flag in shown, flag
