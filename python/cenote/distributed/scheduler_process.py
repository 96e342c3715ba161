"""``cenote scheduler`` as a process that a cluster of Dask's deployment classes owns."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import dask
from distributed.deploy.spec import ProcessInterface

#: Keywords of ``distributed.Scheduler`` that are settings.
SETTINGS = {
    "allowed_failures": "distributed.scheduler.allowed-failures",
    "blocked_handlers": "distributed.scheduler.blocked-handlers",
    "contact_address": "distributed.scheduler.contact-address",
    "idle_timeout": "distributed.scheduler.idle-timeout",
    "validate": "distributed.scheduler.validate",
    "worker_ttl": "distributed.scheduler.worker-ttl",
}
#: Keywords that mean something only for a scheduler in this process.
WITHOUT_MEANING = frozenset({"loop", "services", "service_kwargs", "http_prefix", "delete_interval", "name"})


class SchedulerProcess(ProcessInterface):
    """A scheduler of Cenote in a process of its own, for ``SpecCluster`` and what is made from it.

    ``SpecCluster(scheduler={"cls": SchedulerProcess, "options": {}}, worker=...)`` has it as its scheduler. The process
    has this one's configuration of Dask, and ends when this one ends, however that happens.

    Parameters
    ----------
    host : str, optional
        Where it listens; ``None`` for this machine only.
    port : int, optional
        0, the default, takes one that is free.
    interface : str, optional
        A network interface to listen on.
    protocol : str, optional
        ``"tcp"``.
    dashboard, dashboard_address
        Whether and where pages are served over HTTP.
    security : distributed.Security, optional
        What asks for encryption is refused.
    python : str, optional
        The Python that reads the clients' graphs; this one unless said otherwise.
    quiet : bool
        Log warnings and errors only, unless the environment says otherwise with ``CENOTE_LOG``.
    timeout : float
        Seconds that it may take to start, 30 unless said otherwise.
    **kwargs
        ``idle_timeout``, ``worker_ttl``, ``allowed_failures``, ``validate``, ``blocked_handlers``, ``contact_address``:
        settings of this scheduler alone.

    Raises
    ------
    NotImplementedError
        A keyword that Cenote's scheduler has no equal for, or encryption.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | str | None = 0,
        interface: str | None = None,
        protocol: str | None = None,
        dashboard: bool | None = None,
        dashboard_address: str | None = ":8787",
        security: Any = None,
        python: str | None = None,
        quiet: bool = False,
        timeout: float = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.process: subprocess.Popen[bytes] | None = None
        self.quiet = quiet
        self.timeout = timeout
        self._folder: str | None = None
        self._log: threading.Thread | None = None
        encrypted = getattr(security, "require_encryption", False) or getattr(security, "tls_scheduler_cert", None)
        if encrypted or (protocol or "tcp").removesuffix("://") != "tcp":
            raise NotImplementedError(
                f"cenote scheduler speaks tcp, not {protocol or 'tls'}: leave security and protocol out, "
                "or use distributed.LocalCluster"
            )
        self._arguments = ["--host", _without_protocol(host)] if host else []
        self._arguments += ["--port", str(port or 0)]
        self._arguments += ["--interface", interface] if interface else []
        self._arguments += ["--python", python or sys.executable]
        if dashboard is False or dashboard_address is None:
            self._arguments += ["--no-dashboard", "--dashboard-address", ":0"]
        else:
            self._arguments += ["--dashboard-address", _without_protocol(dashboard_address)]
        self._settings = {
            SETTINGS[name]: value for name, value in kwargs.items() if name in SETTINGS and value is not None
        }
        refused = sorted(name for name in kwargs if name not in SETTINGS and name not in WITHOUT_MEANING)
        if any(kwargs[name] for name in refused):
            raise NotImplementedError(
                f"cenote scheduler has no {', '.join(refused)}: leave it out, or use distributed.LocalCluster"
            )

    async def start(self) -> None:
        """Start the process, and wait until it listens.

        Raises
        ------
        RuntimeError
            It ended, or took too long.
        """
        self._folder = tempfile.mkdtemp(prefix="cenote-scheduler-")
        file = Path(self._folder, "scheduler.json")
        command = [sys.executable, "-m", "cenote", "scheduler", "--until-input-ends", *self._arguments]
        self.process = subprocess.Popen(
            [*command, "--scheduler-file", str(file)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            start_new_session=True,  # Ctrl-C is for this program, which ends its cluster itself
        )
        said: deque[str] = deque(maxlen=20)
        self._log = threading.Thread(target=_pass_on, args=(self.process.stderr, said), daemon=True)
        self._log.start()
        deadline = time.monotonic() + self.timeout
        while not (identity := _read(file)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                how = "took too long" if self.process.returncode is None else f"ended with {self.process.returncode}"
                await self.close()
                raise RuntimeError(f"cenote scheduler {how}: {''.join(said).strip() or 'it said nothing'}")
            await asyncio.sleep(0.01)
        self.address = identity["address"]
        await super().start()

    async def close(self) -> None:
        """End the process: it gets a few seconds to say goodbye to its workers and clients."""
        process, self.process = self.process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            deadline = time.monotonic() + 5
            while process.poll() is None and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            if process.poll() is None:
                process.kill()
                await asyncio.to_thread(process.wait)
        if self._log is not None:
            await asyncio.to_thread(self._log.join, 1)  # its children may hold the other end a moment longer
            self._log = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        await super().close()

    @property
    def arguments(self) -> list[str]:
        """What follows ``cenote scheduler`` on its command line."""
        return list(self._arguments)

    def environment(self) -> dict[str, str]:
        """The environment of the process: this one's, with this one's configuration and what the keywords set."""
        settings = dask.config.merge(dask.config.global_config)
        with dask.config.set(self._settings, config=settings):
            environment = os.environ | {"DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(settings)}
        if self.quiet:
            environment.setdefault("CENOTE_LOG", "warning")
        return environment


def _read(file: Path) -> dict[str, Any] | None:
    """Return what a scheduler file says, if it is there and whole."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


def _pass_on(lines: IO[bytes] | None, said: deque[str]) -> None:
    """Write what the scheduler logs to where this process writes errors, which may be a notebook."""
    for line in lines or ():
        said.append(line.decode(errors="replace"))
        with suppress(OSError, ValueError, AttributeError):  # nobody may be there to read it
            sys.stderr.write(said[-1])


def _without_protocol(address: str) -> str:
    return address.removeprefix("tcp://")
