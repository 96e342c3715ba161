"""A cluster of this machine: Cenote's scheduler in a process of its own, and Dask's workers."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import dask
import distributed

from cenote.distributed import shared_token
from cenote.distributed.scheduler_process import SchedulerProcess


class LocalCluster(distributed.LocalCluster):
    """The ``LocalCluster`` of ``distributed`` with Cenote's scheduler inside.

    The scheduler is a process of its own, so that neither the workers nor the programs that ask it to share its time,
    and a program that holds the GIL does not hold up the cluster. It ends with the cluster, and with this process
    however that ends.

    Parameters
    ----------
    *args, **kwargs
        As of ``distributed.LocalCluster``: ``n_workers``, ``threads_per_worker``, ``processes``, ``memory_limit``,
        ``host``, ``scheduler_port``, ``dashboard_address``, ``interface``, ``silence_logs``, ``blocked_handlers``,
        ``scheduler_kwargs`` and others.
    protocol : str, optional
        ``"tcp"`` or ``"tls"``. Workers in threads of this process (``processes=False``) reach the scheduler over TCP as
        well.
    security : distributed.Security or bool, optional
        Certificates; ``True`` makes temporary ones, for which the package ``cryptography`` is needed.
    token : str or bool, optional
        A secret that every process of the cluster says when it connects; ``True`` makes one. It is said by this process
        from now on, and by the workers; see :mod:`cenote.distributed.shared_token`.

    Raises
    ------
    RuntimeError
        The cluster does not start, with the reason.
    NotImplementedError
        Something is asked for that Cenote's scheduler does not have.

    Examples
    --------
    >>> from cenote.distributed import LocalCluster
    >>> with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:  # doctest: +SKIP
    ...     cluster.scale(4)
    """

    scheduler_spec: dict[str, Any]

    def __init__(self, *args: Any, protocol: str | None = None, token: str | bool | None = None, **kwargs: Any) -> None:
        security = kwargs.get("security")
        encrypted = security is True or getattr(security, "require_encryption", False)
        if protocol is None and not encrypted and "://" not in (kwargs.get("host") or ""):
            protocol = "tcp://"  # Dask's own default may be "inproc", which does not leave a process
        #: The secret that whoever connects must say, if there is one.
        self.token = secrets.token_urlsafe() if token is True else token or None
        if self.token:
            shared_token.use(self.token)
            if kwargs.get("processes", True):
                preload = kwargs.get("preload", dask.config.get("distributed.worker.preload"))
                kwargs["preload"] = [*([preload] if isinstance(preload, str) else preload), shared_token.__name__]
                kwargs["env"] = {**(kwargs.get("env") or {}), "CENOTE_TOKEN": self.token}
        self._quiet = bool(kwargs.get("silence_logs", True))
        super().__init__(*args, protocol=protocol, **kwargs)

    async def _start(self) -> None:
        options = {**self.scheduler_spec["options"], "quiet": self._quiet, "token": self.token}
        self.scheduler_spec = {"cls": SchedulerProcess, "options": options}
        await super()._start()

    async def _correct_state_internal(self) -> None:
        await super()._correct_state_internal()
        # Another process tells this one which workers there are, so that the news come a moment after the workers.
        deadline = time.monotonic() + 2
        while not self._are_known() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def get_client(self) -> distributed.Client:
        """Return a client of this cluster: the one that is there, or a new one."""
        from cenote.distributed.client import Client

        try:
            current = Client.current()
        except ValueError:
            return Client(self)
        return current if current.cluster == self else Client(self)

    async def _close(self) -> None:
        await super()._close()
        self.scheduler_info["workers"] = {}  # the news that they have gone may have come too late

    def _are_known(self) -> bool:
        running = [worker for worker in self.workers.values() if worker.status == distributed.Status.running]
        known = self.scheduler_info["workers"]
        return all(getattr(worker, "worker_address", worker.address) in known for worker in running)
