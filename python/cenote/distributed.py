"""Beyond one machine: clusters of ``dask scheduler`` and ``dask worker``.

Whatever the package ``distributed`` offers is offered here under the same name. While a client is open (this one or
distributed's own), :func:`cenote.compute` and :func:`cenote.persist` run on its cluster, and so do its methods
``compute``, ``persist`` and ``get``, which take Cenote's objects::

    from cenote.distributed import Client

    client = Client("localhost:8786")
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
from cenote._dask_graph import graph_to_send

__all__ = list(_distributed.__all__)


class Client(_distributed.Client):
    """The client of ``distributed``, whose ``get`` takes every graph that Cenote knows.

    Parameters
    ----------
    *args, **kwargs
        As of ``distributed.Client``; first of all the address of the scheduler, such as ``"localhost:8786"``.
    """

    def get(self, dsk: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute keys of a graph on the cluster.

        Parameters
        ----------
        dsk
            A graph: a dict, layers, the graph of a Delayed, an expression.
        keys : key or nested list of keys
            What to compute.
        *args, **kwargs
            As of ``distributed.Client.get``.
        """
        return super().get(graph_to_send(dsk), keys, *args, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(_distributed, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_distributed)})
