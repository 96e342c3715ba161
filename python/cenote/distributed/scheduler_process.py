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
import weakref
from collections import deque
from collections.abc import Callable
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
        ``"tcp"`` or ``"tls"``; ``"tls"`` where ``security`` requires encryption.
    dashboard, dashboard_address
        Whether and where pages are served over HTTP.
    security : distributed.Security, optional
        Certificates, also temporary ones, for ``"tls"``.
    token : str, optional
        A secret that whoever connects must say; see :mod:`cenote.distributed.shared_token`.
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
        A keyword or a protocol that Cenote's scheduler has no equal for.
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
        token: str | None = None,
        python: str | None = None,
        quiet: bool = False,
        timeout: float = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.process: subprocess.Popen[bytes] | None = None
        self.quiet = quiet
        self.timeout = timeout
        self._remove_folder: weakref.finalize[..., Any] | None = None
        self._log: threading.Thread | None = None
        self._token = token
        self._security = security
        protocol = (protocol or ("tls" if getattr(security, "require_encryption", False) else "tcp")).removesuffix(
            "://"
        )
        if protocol not in ("tcp", "tls"):
            raise NotImplementedError(
                f"cenote scheduler speaks tcp and tls, not {protocol}: leave protocol out, or use "
                "distributed.LocalCluster"
            )
        self._arguments = ["--protocol", protocol] if protocol == "tls" else []
        self._arguments += ["--port", str(port or 0)]
        if host := _without_protocol(host or ""):
            self._arguments += ["--host", host]
        elif interface is None and (token or protocol == "tls"):
            self._arguments += ["--host", "127.0.0.1"]  # no more than without
        self._arguments += ["--interface", interface] if interface else []
        self._arguments += ["--python", python or sys.executable]
        if dashboard is False or dashboard_address is None:
            self._arguments += ["--no-dashboard", "--dashboard-address", ":0"]
        else:
            self._arguments += ["--dashboard-address", _without_protocol(dashboard_address)]
        self._settings = {
            SETTINGS[name]: value for name, value in kwargs.items() if name in SETTINGS and value is not None
        }
        self._settings |= _tls_settings(security)
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
        folder = tempfile.mkdtemp(prefix="cenote-scheduler-")
        file = Path(folder, "scheduler.json")
        command = [sys.executable, "-m", "cenote", "scheduler", "--until-input-ends", *self._arguments]
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        certificates = _certificates(self._security, folder)
        self.process = subprocess.Popen(
            [*command, "--scheduler-file", str(file), *certificates],
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
        if not certificates:
            self._remove_folder()  # nothing in it is needed any more, and this process may end without a word
        await super().start()

    async def close(self) -> None:
        """End the process: it gets a few seconds to say goodbye to its workers and clients."""
        process, self.process = self.process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            # Threads would do the waiting, were it not that none can be had any more when the interpreter ends.
            if not await _until(lambda: process.poll() is not None, 5):
                process.kill()
                await _until(lambda: process.poll() is not None, 5)
        log, self._log = self._log, None
        if log is not None:
            await _until(lambda: not log.is_alive(), 1)  # its children may hold the other end a moment longer
        if self._remove_folder is not None:
            self._remove_folder()
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
        if self._token:
            environment["CENOTE_TOKEN"] = self._token
        if self.quiet:
            environment.setdefault("CENOTE_LOG", "warning")
        return environment


async def _until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, or so long; return whether it is."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return done()


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


def _tls_settings(security: Any) -> dict[str, Any]:
    """Return what a ``Security`` says beside its files, as settings."""
    if security is None:
        return {}
    versions = {"min": security.tls_min_version, "max": security.tls_max_version}
    settings = {
        f"distributed.comm.tls.{end}-version": {"TLSv1_2": 1.2, "TLSv1_3": 1.3}[version.name]
        for end, version in versions.items()
        if version is not None
    }
    if security.tls_ciphers:
        settings["distributed.comm.tls.ciphers"] = security.tls_ciphers
    return settings | {"distributed.comm.require-encryption": bool(security.require_encryption)}


def _certificates(security: Any, folder: str) -> list[str]:
    """Return the flags for the files of a ``Security``. Texts become files that only their owner can read."""
    flags: list[str] = []
    if security is None:
        return flags
    named = security.get_tls_config_for_role("scheduler")
    for flag, name in (("--tls-ca-file", "ca_file"), ("--tls-cert", "cert"), ("--tls-key", "key")):
        value = named[name]
        if value and "\n" in value:
            file = Path(folder, f"{name}.pem")
            file.touch(mode=0o600)
            file.write_text(value)
            value = str(file)
        flags += [flag, value] if value else []
    return flags


def _without_protocol(address: str) -> str:
    return address.rpartition("://")[2]
