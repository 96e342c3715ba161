"""Clusters: a scheduler, workers and clients, on this machine and beyond it.

Whatever the package ``distributed`` offers is offered here under the same name. While a client is open (this one or
distributed's own), :func:`cenote.compute` and :func:`cenote.persist` run on its cluster, and so do its methods
``compute``, ``persist`` and ``get``, which take Cenote's objects::

    from cenote.distributed import Client

    client = Client("localhost:8786")  # a cluster that is there
    client = Client()  # or one of this machine: Cenote's scheduler, Dask's workers
    total.compute()

Scheduler and workers need not have Cenote installed: in the graphs that leave this process there are only Dask's
objects and the user's. The rules for which scheduler wins are Dask's: ``scheduler=`` before the setting
``scheduler``, before the client opened last, before the collection's own.

This needs ``pip install "cenote[distributed]"``.
"""

from __future__ import annotations

from typing import Any

try:
    import distributed as _distributed
except ImportError as error:
    raise ImportError(
        f"cenote.distributed needs the package {error.name or 'distributed'!r}, which is not installed: "
        'run  python -m pip install "cenote[distributed]"',
        name=error.name,
    ) from error

from distributed import *  # noqa: F403

import cenote.dask  # noqa: F401  (what arrives from Dask, and what is named "cenote", is then understood)
from cenote.distributed.client import Client
from cenote.distributed.local_cluster import LocalCluster
from cenote.distributed.scheduler_process import SchedulerProcess

__all__ = [*_distributed.__all__, "Client", "LocalCluster", "SchedulerProcess"]


def __getattr__(name: str) -> Any:
    return getattr(_distributed, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_distributed)})
