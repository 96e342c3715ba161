"""Optimizations that are Dask's under another name."""

from typing import Any

import dask.optimization


def cull(dsk: Any, keys: Any) -> Any:
    return dask.optimization.cull(dsk, keys)


def fuse(dsk: Any, *args: Any, **kwargs: Any) -> Any:
    return dask.optimization.fuse(dsk, *args, **kwargs)
