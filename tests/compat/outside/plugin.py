"""pytest plugin: distributed's own tests, with the scheduler in a process of its own; a line of JSON for each test.

Only three functions of ``distributed.utils_test`` are replaced: the one that makes processes for ``cluster()`` and the
fixtures, and the two that start and end the cluster of ``gen_cluster``. Workers, nannies and clients are stock, and run
where the tests put them.

Environment
-----------
SCHEDULER_CMD, SCHEDULER_ARGS
    The command that starts a scheduler, and what to add to its arguments.
OUTSIDE_WARM
    What runs in an interpreter that has imported Dask already (see ``warm``): what the scheduler starts by ``--python``
    (``executor``), or a stock scheduler (``scheduler``).
OUTSIDE_READS
    How the state of the scheduler is read; see ``stand_in``.
OUTSIDE_RECORD, OUTSIDE_ONLY
    The file of outcomes, and a file with the names of the tests to run.
OUTSIDE_TIMEOUT_S
    How long a test may take if it says nothing itself; twice that is the most it may ask for.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any

import pytest
from distributed import utils_test
from distributed.comm import CommClosedError
from distributed.security import Security
from process import ARGUMENTS, COMMAND, RESERVE, Process
from stand_in import StandIn, wait_for_state
from views import skip
from warm import Warm

RECORD = os.environ.get("OUTSIDE_RECORD", "")
ONLY = os.environ.get("OUTSIDE_ONLY", "")
TIMEOUT_S = float(os.environ.get("OUTSIDE_TIMEOUT_S", "20"))
WHY_CHARACTERS = 600
TRACEBACK_CHARACTERS = 6_000

#: Arguments of a Scheduler that say nothing about what it does.
IRRELEVANT = {"dashboard", "dashboard_address", "transition_counter_max", "validate", "host"}
STOCK = "from distributed.cli.dask_scheduler import main; main()"
LOOPBACK = ("127.0.0.1", "localhost", "tls://127.0.0.1", "tls://localhost")

#: What the running test has used of the scheduler, and the schedulers it has had.
used: set[str] = set()
had: list[Process] = []


def flags(arguments: dict[str, Any], security: Any = None) -> tuple[str, ...]:
    """The command line for the arguments that a test gives to its Scheduler."""
    words: list[str] = []
    security = arguments.pop("security", None) or security
    if security:
        tls = security.get_tls_config_for_role("scheduler")
        words += ["--protocol", "tls"]
        for flag, name in (("--tls-ca-file", "ca_file"), ("--tls-cert", "cert"), ("--tls-key", "key")):
            if tls.get(name):
                words += [flag, tls[name]]
    for name, value in arguments.items():
        if name in ("idle_timeout", "port"):
            words += [f"--{name.replace('_', '-')}", str(value)]
        elif name not in IRRELEVANT and (name, value) not in (("protocol", "tcp"), ("protocol", "tcp://")):
            skip(f"Scheduler({name}=...)")
    return tuple(words)


class MultiprocessingProcess:
    """Looks like the ``multiprocessing.Process`` in which ``cluster()`` would run its scheduler."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.queue, self.count, self.settings = args
        self.flags = flags(dict(kwargs))

    def start(self) -> None:
        with utils_test.config_for_cluster_tests(**self.settings):
            self.outside = RESERVE.take(self.flags)
        had.append(self.outside)
        address = self.outside.address()
        self.pid = self.outside.pid
        for _ in range(self.count):
            self.queue.put(address)

    def kill(self) -> None:
        self.outside.kill()

    terminate = kill

    def join(self, timeout: float | None = None) -> None:
        """Nothing to wait for: it was killed."""

    def close(self) -> None:
        """Nothing to free."""

    def is_alive(self) -> bool:
        return self.outside.is_alive()


class Context:
    """A context of multiprocessing in which the scheduler's process is ours."""

    def __init__(self, stock: Any, run_scheduler: Callable[..., Any]) -> None:
        self.stock, self.run_scheduler = stock, run_scheduler

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stock, name)

    def Process(self, *positional: Any, target: Any = None, args: Any = (), kwargs: Any = None, **more: Any) -> Any:
        if target is self.run_scheduler:
            return MultiprocessingProcess(args, kwargs or {})
        return self.stock.Process(*positional, target=target, args=args, kwargs=kwargs or {}, **more)


async def start_cluster(
    nthreads: list[Any],
    scheduler_addr: str,
    security: Any = None,
    Worker: Any = utils_test.Worker,
    scheduler_kwargs: Any = None,
    worker_kwargs: Any = None,
    timeout: float = 10,
) -> tuple[StandIn, list[Any]]:
    """Start a scheduler outside and workers here, and wait until all of them run."""
    if isinstance(security, dict):
        security = Security(**security)
    if scheduler_addr not in LOOPBACK:
        skip(f"a scheduler at {scheduler_addr}")
    process = RESERVE.take(flags(dict(scheduler_kwargs or {}), security))
    had.append(process)
    workers: list[Any] = []
    try:
        scheduler = StandIn(process, security, used)
        for i, (host, threads, *own) in enumerate(nthreads):
            settings = {**(worker_kwargs or {}), **(own[0] if own else {})}
            workers.append(
                Worker(scheduler.address, nthreads=threads, name=i, security=security, host=host, **settings)
            )
        await asyncio.gather(*workers)
        async with asyncio.timeout(timeout):
            while len(scheduler.ask(op="ncores_running")) < len(nthreads):
                await asyncio.sleep(0.01)
    except BaseException:
        await asyncio.gather(*(worker.close(timeout=1) for worker in workers), return_exceptions=True)
        process.kill()
        raise
    return scheduler, workers


async def end_cluster(scheduler: StandIn, workers: list[Any]) -> None:
    """Close the workers, then kill the scheduler."""

    async def close(worker: Any) -> None:
        with suppress(asyncio.TimeoutError, CommClosedError, EnvironmentError):
            await worker.close()

    await asyncio.gather(*(close(worker) for worker in workers))
    scheduler.end()


def wait_for_state_anywhere(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``wait_for_state`` for workers as it is, and for our stand-in."""

    @functools.wraps(stock)
    async def wait(key: Any, state: Any, where: Any, *, interval: float = 0.01) -> None:
        await (wait_for_state if isinstance(where, StandIn) else stock)(key, state, where, interval=interval)

    return wait


def gen_cluster_with_limit(stock: Callable[..., Any]) -> Callable[..., Any]:
    """``gen_cluster`` with our time limit where a test has none of its own, and twice as much at most."""
    names = list(inspect.signature(stock).parameters)
    defaults = list(stock.__defaults__ or ())
    defaults[names.index("timeout")] = TIMEOUT_S
    stock.__defaults__ = tuple(defaults)

    @functools.wraps(stock)
    def limited(*args: Any, **kwargs: Any) -> Any:
        if "timeout" in kwargs:
            kwargs["timeout"] = min(kwargs["timeout"], 2 * TIMEOUT_S)
        return stock(*args, **kwargs)

    return limited


class Recorder:
    """Writes ``{"test", "outcome", "seconds", "why", "used"}`` when a test ends, and a line when it begins."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")
        self.failures = path.with_suffix(".failures")
        self.phases: dict[str, Any] = {}

    def tell(self, report: pytest.TestReport) -> None:
        """Write down a failure at once, with what the schedulers of the test have printed."""
        with self.failures.open("a", encoding="utf-8") as file:
            file.write(f"==== {report.nodeid} ({report.when})\n{report.longreprtext[-TRACEBACK_CHARACTERS:]}\n")
            for process in had:
                file.write(f"---- scheduler\n{process.said()}\n")

    def write(self, **fields: Any) -> None:
        self.file.write(json.dumps(fields) + "\n")
        self.file.flush()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.phases = {"outcome": "passed", "seconds": 0.0, "why": ""}
        self.write(test=nodeid, outcome="began")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.phases["seconds"] += report.duration
        outcome = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        if outcome != "passed" and self.phases["outcome"] == "passed":
            self.phases |= {"outcome": outcome, "why": reason(report)}
            if outcome == "failed":
                self.tell(report)
        if report.when == "teardown":
            seconds = round(self.phases.pop("seconds"), 2)
            self.write(test=report.nodeid, **self.phases, seconds=seconds, used=sorted(used))


def reason(report: pytest.TestReport) -> str:
    """Why a test did not pass, in a line or two."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2]
    crash = getattr(report.longrepr, "reprcrash", None)
    where = f" [{Path(crash.path).name}:{crash.lineno}]" if crash else ""
    return str(getattr(crash, "message", report.longrepr))[:WHY_CHARACTERS] + where


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # Workers of fixtures are forked from a process that has imported Dask: spawned, they take seconds to start.
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(["distributed", "dask.dataframe", "numpy", "pandas"])
    ensure_running()
    utils_test.get_mp_context = functools.partial(Context, forkserver, utils_test.run_scheduler)
    utils_test.start_cluster, utils_test.end_cluster = start_cluster, end_cluster
    utils_test.wait_for_state = wait_for_state_anywhere(utils_test.wait_for_state)
    utils_test.gen_cluster = gen_cluster_with_limit(utils_test.gen_cluster)
    if use := os.environ.get("OUTSIDE_WARM"):
        config.outside_warm = warm = Warm(Path(tempfile.mkdtemp(prefix="warm-")))
        if use == "executor":
            ARGUMENTS.extend(["--python", str(warm.python)])
        else:
            COMMAND[:] = [str(warm.python), "-c", STOCK]
    if RECORD:
        config.pluginmanager.register(Recorder(Path(RECORD)), "outside_recorder")


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "outside_warm"):
        config.outside_warm.process.kill()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not ONLY:
        return
    only = set(Path(ONLY).read_text(encoding="utf-8").splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in only])
    items[:] = [item for item in items if item.nodeid in only]


def pytest_runtest_setup(item: pytest.Item) -> None:
    used.clear()
    had.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        item.user_properties.append(("cluster", len(had)))
