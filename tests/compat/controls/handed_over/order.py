"""An order that is Dask's order under another name."""

from typing import Any

import dask.order


def order(dsk: Any, **kwargs: Any) -> Any:
    return dask.order.order(dsk, **kwargs)
