"""The scheduler, as functions and plugins see it that were written for one in Python.

It asks the real one over a connection of its own, as a client would. What it lacks, it names.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from distributed.comm.addressing import parse_host_port
from distributed.core import Server, clean_exception
from distributed.protocol import core
from distributed.security import Security

from cenote_executor.channel import Channel

#: Seconds that the scheduler may take to accept a connection.
CONNECT_TIMEOUT = 10.0


class SocketChannel(Channel):
    """Messages over a socket, which may be encrypted."""

    def __init__(self, connection: socket.socket) -> None:
        self._into = connection.makefile("rb", buffering=0)
        self._all = connection.sendall


def connect(address: str) -> socket.socket:
    """A socket that is connected to an address, encrypted if the address says so."""
    protocol, _, place = address.rpartition("://")
    connection = socket.create_connection(parse_host_port(place), timeout=CONNECT_TIMEOUT)
    try:
        if protocol == "tls":
            context = Security().get_connection_args("scheduler")["ssl_context"]
            connection = context.wrap_socket(connection)
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


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
        raise AttributeError(
            f"this scheduler is not written in Python: it has no {name!r} here. There are address, identity, workers, "
            "tasks, log_event, get_events, upload_file, register_worker_plugin and register_nanny_plugin"
        )

    def ask(self, op: str, **arguments: Any) -> Any:
        """Asks the scheduler."""
        with connect(self.address) as connection:
            channel = SocketChannel(connection)
            token = os.environ.get("CENOTE_TOKEN")
            channel.write({"compression": None, "pickle-protocol": 5} | ({"token": token} if token else {}))
            channel.read()
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

    @property
    def workers(self) -> dict[str, Any]:
        """What its workers say of themselves, by address."""
        return dict(self.identity()["workers"])

    @property
    def tasks(self) -> Tasks:
        """Its tasks."""
        return Tasks(self)

    def log_event(self, topic: str | list[str], msg: Any) -> None:
        """Adds an event to a topic."""
        self.ask("log_event", topic=topic, msg=msg)

    def get_events(self, topic: str | None = None) -> Any:
        """The events of a topic, or of all."""
        return self.ask("events", topic=topic)

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


class Task:
    """A task of the scheduler."""

    def __init__(self, key: Any, state: str) -> None:
        self.key = key
        self.state = state

    def __repr__(self) -> str:
        return f"<Task {self.key!r} {self.state}>"


class Tasks(Mapping[Any, Task]):
    """The tasks of the scheduler at this moment."""

    def __init__(self, scheduler: RemoteScheduler) -> None:
        self._scheduler = scheduler

    def __len__(self) -> int:
        return self._scheduler.ask("task_count")

    def __getitem__(self, key: Any) -> Task:
        state = self._scheduler.ask("get_task_status", keys=[key]).get(key)
        if state is None:
            raise KeyError(key)
        return Task(key, state)

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError("the tasks of this scheduler can be counted and looked up here, not listed")
