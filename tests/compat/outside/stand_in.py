"""What a test gets in place of the ``Scheduler`` object: the address, the requests, and views of the state.

Methods of the object that are also requests of the protocol are sent as such. Anything else that is read goes through
the inspection request; what would change the object from inside skips the test.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

import cloudpickle
import stock_reader
from distributed.comm import connect, get_address_host_port
from distributed.core import Status, send_recv
from distributed.scheduler import Scheduler
from process import Process
from views import Path, Table, decoded, plain, skip
from wire import Connection

#: How state is read: ``inspect`` asks our scheduler, ``stock`` runs a reader inside a stock one, ``off`` skips.
READS = os.environ.get("OUTSIDE_READS", "inspect")
TABLES = ("tasks", "workers", "clients", "task_groups", "task_prefixes")
PLUGINS = ("a", "plugins")
CLOSE_S = 5.0

#: Methods that are requests of the same name.
REQUESTS = dict.fromkeys(
    """scatter gather broadcast log_event versions rebalance replicate restart restart_workers retire_workers
    get_metadata set_metadata set_restrictions get_task_status get_task_stream get_task_prefix_states adaptive_target
    workers_to_close get_cluster_state dump_cluster_state_to_url benchmark_hardware get_story check_idle identity proxy
    update_data add_keys performance_report register_scheduler_plugin unregister_scheduler_plugin
    register_worker_plugin unregister_worker_plugin register_nanny_plugin unregister_nanny_plugin""".split()
)
REQUESTS = {name: name for name in REQUESTS} | {
    "remove_worker": "unregister",
    "get_ncores": "ncores",
    "get_ncores_running": "ncores_running",
    "get_has_what": "has_what",
    "get_who_has": "who_has",
    "get_processing": "processing",
    "get_nbytes": "nbytes",
    "get_call_stack": "call_stack",
    "get_profile": "profile",
    "get_logs": "logs",
    "get_worker_logs": "worker_logs",
    "get_events": "events",
    "add_resources": "set_resources",
    "stimulus_retry": "retry",
}


@functools.cache
def by_value(function: Callable[..., Any]) -> bytes:
    """The function, pickled whole: the other process cannot import this folder."""
    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(function)
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def arguments(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The fields of the request that stands for a call of a method."""
    parameters = inspect.signature(method).parameters
    fields = inspect.signature(method).bind_partial(None, *args, **kwargs).arguments
    fields.pop(next(iter(parameters)))
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name in fields:
            fields.update(fields.pop(parameter.name))
    fields.pop("comm", None)
    return {name: plain(value) for name, value in fields.items()}


class StandIn:
    """Stands where a test expects the scheduler."""

    def __init__(self, process: Process, security: Any, used: set[str]) -> None:
        address = process.address()
        host, port = get_address_host_port(address)
        context = (security.get_connection_args("client") or {}).get("ssl_context") if security else None
        self.__dict__.update(
            _process=process, _context=context, _connection=None, _closed=False, _used=used,
            address=address, host=host, port=port, ip=host, loop=None,
        )  # fmt: skip

    def ask(self, **message: Any) -> Any:
        """Send a request over this test's own connection and wait for the reply."""
        if self._connection is None:
            self.__dict__["_connection"] = Connection(self.address, self._context)
        return self._connection.ask(**message)

    def read(self, path: Path) -> Any:
        """What stands at the end of a path in the scheduler."""
        self._used.add(f"reads {path[0][1]}")
        if READS == "off":
            skip(f"reads {path[0][1]}")
        if READS == "stock":
            answer = self._run(stock_reader.answer, path)
        else:
            answer = self._inspect(path)
        return decoded(answer, self.read)

    def _inspect(self, path: Path) -> Any:
        """What the scheduler answers, or its process of Python, of what plugins and functions have left there."""
        answer = self.ask(op="inspect", path=path)
        if path == [PLUGINS]:
            tag, own = answer
            return tag, [*own, *self._run(stock_reader.answer, path)[1]]
        if answer[0] == "exc" and (len(path) == 1 or path[0] == PLUGINS):
            return self._run(stock_reader.answer, path)
        return answer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "id":
            return self.ask(op="identity")["id"]
        if name in TABLES:
            return Table(self.read, name)
        if name in REQUESTS:
            return functools.partial(self._request, name)
        if name == "status" and (self._closed or not self._process.is_alive()):
            return Status.closed
        return self.read([("a", name)])

    def __setattr__(self, name: str, value: Any) -> None:
        skip(f"sets s.{name}")

    def validate_state(self, *_: Any, **__: Any) -> None:
        """Walk over the scheduler's invariants, where it lets us."""
        if READS == "stock":
            self._run(stock_reader.validate)

    async def close(self, *_: Any, **__: Any) -> None:
        """Close it as a test would, and wait until it is gone."""
        if self._closed or not self._process.is_alive():
            return
        self.__dict__["_closed"] = True
        try:
            self.ask(op="terminate")
        except OSError:
            pass
        deadline = time.monotonic() + CLOSE_S
        while self._process.is_alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def finished(self) -> None:
        """Wait until the process has ended."""
        while self._process.is_alive():
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Nothing: the process is killed when the test has ended."""

    def end(self) -> None:
        """Kill the process; for the harness alone."""
        if self._connection is not None:
            self._connection.close()
        self._process.kill()

    def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        reply = self.ask(op="run_function", function=by_value(function), args=pickle.dumps(args), kwargs=None)
        if reply["status"] != "OK":
            raise reply["exception"]
        return reply["result"]

    def _request(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        method = getattr(Scheduler, name)
        self._used.add(f"asks {name}")
        message = {"op": REQUESTS[name], **arguments(method, args, kwargs)}
        lists = str(method.__annotations__.get("return", "")).startswith("list[")

        def as_declared(reply: Any) -> Any:  # on the wire every list is a tuple
            return list(reply) if lists and isinstance(reply, tuple) else reply

        async def later() -> Any:
            context = {"ssl_context": self._context} if self._context else {}
            comm = await connect(self.address, **context)
            try:
                return as_declared(await send_recv(comm, **message))
            finally:
                await comm.close()

        return later() if inspect.iscoroutinefunction(method) else as_declared(self.ask(**message))


async def wait_for_state(key: Any, state: Any, scheduler: StandIn, *, interval: float = 0.01) -> None:
    """Wait until a task of the scheduler is in a state, or in one of several."""
    wanted = {state} if isinstance(state, str) else set(state)
    while key not in scheduler.tasks or scheduler.tasks[key].state not in wanted:
        await asyncio.sleep(interval)
