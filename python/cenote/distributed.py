"""Beyond one machine: clusters of ``dask scheduler`` and ``dask worker``.

Whatever the package ``distributed`` offers is offered here under the same name. While a client is open, Cenote's
:func:`~cenote.compute`, :func:`~cenote.persist` and visits of ``Client.compute``, ``Client.persist`` and
``Client.get`` with Cenote's graphs run on its cluster::

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

__all__ = list(_distributed.__all__)


def __getattr__(name: str) -> Any:
    return getattr(_distributed, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_distributed)})
