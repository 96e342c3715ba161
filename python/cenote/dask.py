"""Dask's collections on Cenote's engine.

Importing this module makes ``"cenote"`` the name of a scheduler for Dask::

    import cenote.dask
    import dask.array as da

    da.ones((1000, 1000), chunks=100).sum().compute(scheduler="cenote")

or for everything at once, by ``dask.config.set(scheduler="cenote")`` or the environment, ``DASK_SCHEDULER=cenote``.
Arrays, bags, dataframes, xarray and whatever else computes through Dask run on it. Dask's settings (``num_workers``,
``pool``), its callbacks (a ``ProgressBar``, say) and its annotations hold as they do with Dask's own threads, and the
frames of Cenote are left out of tracebacks where Dask's are.
"""

from __future__ import annotations

try:
    import dask
    import dask.base
except ImportError as error:
    raise ImportError(
        f"cenote.dask is Dask's side of Cenote and needs the package {error.name or 'dask'!r}, which is not installed: "
        "run  python -m pip install dask",
        name=error.name,
    ) from error

from cenote.highlevelgraph.layer import tell_dask
from cenote.threaded import get

__all__ = ["get"]

FRAMES = r"[\\\/]cenote[\\\/](?!tests)"
"""What Dask's setting ``admin.traceback.shorten`` is told of our files."""


def register() -> None:
    """Make ``"cenote"`` a scheduler of Dask. Importing this module does it.

    Examples
    --------
    >>> import dask, cenote.dask
    >>> dask.delayed(sum)([1, 2, 3]).compute(scheduler="cenote")
    6
    """
    dask.base.named_schedulers["cenote"] = get
    hidden = dask.config.get("admin.traceback.shorten", None) or []
    if FRAMES not in hidden:
        dask.config.set({"admin.traceback.shorten": [*hidden, FRAMES]})
    tell_dask()


register()
