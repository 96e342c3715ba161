"""The scheduler, as functions and plugins see it that were written for one in Python.

It asks the real one over a connection of its own, as a client would. What it lacks, it names.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import socket
import uuid
import warnings
from collections.abc import Callable
from typing import Any

from distributed import cluster_dump
from distributed.core import Server, clean_exception
from distributed.protocol import core
from distributed.scheduler import Scheduler

from cenote_executor.channel import Channel
from cenote_executor.view import Path, Table, seen

#: Where the scheduler answers the executor, in the folder of its files.
SOCKET = "scheduler.socket"

#: Methods of a scheduler in Python that are requests of the protocol, each by its name there.
REQUESTS = {
    name: name
    for name in (
        "adaptive_target",
        "broadcast",
        "check_idle",
        "get_metadata",
        "get_task_status",
        "get_task_stream",
        "rebalance",
        "replicate",
        "restart",
        "restart_workers",
        "retire_workers",
        "set_metadata",
        "set_restrictions",
        "workers_to_close",
    )
} | {
    "get_has_what": "has_what",
    "get_nbytes": "nbytes",
    "get_ncores": "ncores",
    "get_processing": "processing",
    "get_who_has": "who_has",
    "remove_worker": "unregister",
    "stimulus_retry": "retry",
}


class RemoteScheduler:
    """Stands for the scheduler at an address."""

    def __init__(self, address: str, local_directory: str) -> None:
        self.address = address
        #: Where files are put that are uploaded.
        self.local_directory = local_directory
        self.plugins: dict[str, Any] = {}
        #: Whether plugins start again in a new process: what they told others has been told.
        self.silent = False

    def __getattr__(self, name: str) -> Any:
        if name in REQUESTS:
            return self._request(name)
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.read([("a", name)])
        except AttributeError:
            pass
        if name == "monitor":
            raise AttributeError(
                "this scheduler is not written in Python and does not watch itself: there is no performance_report; "
                "get_task_stream(plot='save') and Client.profile(filename=...) write what it would show"
            )
        raise AttributeError(
            f"this scheduler is not written in Python: it has no {name!r} here. There are address, id, identity, "
            "plugins, add_plugin, remove_plugin, log_event, get_events, upload_file, register_worker_plugin, "
            f"register_nanny_plugin, {', '.join(sorted(REQUESTS))}, and to read tasks, workers, clients, task_groups, "
            "task_prefixes, computations, extensions, events and counters"
        )

    def __reduce__(self) -> Any:
        raise TypeError("the scheduler cannot leave its executor: return what it says instead")

    def _request(self, name: str) -> Callable[..., Any]:
        """A method that is a request of the protocol: it waits here if it does in a scheduler in Python."""
        method = getattr(Scheduler, name)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            said = inspect.signature(method).bind(self, *args, **kwargs).arguments
            fields = dict(list(said.items())[1:])
            fields.update(fields.pop("kwargs", {}))
            fields.pop("comm", None)
            if inspect.iscoroutinefunction(method):
                return asyncio.to_thread(self.ask, REQUESTS[name], **fields)
            return self.ask(REQUESTS[name], **fields)

        return call

    def ask(self, op: str, **arguments: Any) -> Any:
        """Asks the scheduler."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.path.join(self.local_directory, SOCKET))
            channel = Channel(connection.fileno(), connection.fileno())
            channel.write({"op": op, "reply": True, **arguments})
            answer = core.loads(channel.read())
        if isinstance(answer, dict) and answer.get("status") == "uncaught-error":
            _, error, trace = clean_exception(**answer)
            raise error.with_traceback(trace)
        return answer

    def identity(self, n_workers: int = -1) -> dict[str, Any]:
        """Who the scheduler is."""
        return self.ask("identity", n_workers=n_workers)

    @property
    def id(self) -> str:
        """Its name."""
        return self.identity(0)["id"]

    def read(self, path: Path) -> Any:
        """What stands at the end of a path in the scheduler at this moment."""
        return seen(self.ask("inspect", path=path), self.read)

    @property
    def workers(self) -> Table:
        """Its workers, by address."""
        return Table(self.read, "workers")

    @property
    def tasks(self) -> Table:
        """Its tasks, by key."""
        return Table(self.read, "tasks", lambda: self.ask("task_count"))

    def add_plugin(self, plugin: Any, *, idempotent: bool = False, name: str | None = None, **_ignored: Any) -> None:
        """Keeps a plugin. It is told what happens as soon as whoever called this has ended."""
        called = name or getattr(plugin, "name", None) or f"{type(plugin).__name__}-{uuid.uuid4()}"
        if called in self.plugins and not idempotent:
            warnings.warn(f"Scheduler already contains a plugin with name {called}; overwriting.", stacklevel=2)
        if not (idempotent and called in self.plugins):
            self.plugins[called] = plugin

    def remove_plugin(self, name: str | None = None) -> None:
        """Forgets a plugin."""
        if self.plugins.pop(str(name), None) is None:
            raise ValueError(f"Could not find plugin {name!r} among the current scheduler plugins")

    def log_event(self, topic: str | list[str], msg: Any) -> None:
        """Adds an event to a topic."""
        self.ask("log_event", topic=topic, msg=msg)

    def get_events(self, topic: str | None = None) -> Any:
        """The events of a topic, or of all."""
        return self.ask("events", topic=topic)

    async def dump_cluster_state_to_url(
        self, url: str, exclude: Any = (), format: str = "msgpack", **storage_options: Any
    ) -> None:
        """Writes what everybody in the cluster knows about itself to a file."""

        async def state() -> Any:
            return await asyncio.to_thread(self.ask, "get_cluster_state", exclude=list(exclude))

        await cluster_dump.write_state(state, url, format, **storage_options)

    async def upload_file(self, filename: str, data: str | bytes, load: bool = True) -> dict[str, Any]:
        """Makes a file importable here."""
        return await Server.upload_file(self, filename, data, load)

    async def register_worker_plugin(self, comm: Any = None, **arguments: Any) -> Any:
        """Gives a plugin to all workers."""
        return await self._register("register_worker_plugin", arguments)

    async def register_nanny_plugin(self, comm: Any = None, **arguments: Any) -> Any:
        """Gives a plugin to all nannies."""
        return await self._register("register_nanny_plugin", arguments)

    async def _register(self, op: str, arguments: dict[str, Any]) -> Any:
        return {} if self.silent else await asyncio.to_thread(self.ask, op, **arguments)
