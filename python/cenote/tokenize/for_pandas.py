"""Normal forms of pandas' tables, columns, indices, arrays and types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cenote.tokenize.builtin import itself
from cenote.tokenize.registry import items, normalize_token


def register() -> None:
    """Register handlers for pandas' types."""
    register_arrays()
    register_types()

    @normalize_token.register(pd.DataFrame)
    def normalize_dataframe(df: Any) -> Any:
        # column by column: how pandas has grouped them in memory does not count
        columns = [df._mgr.iget_values(i) for i in range(df.shape[1])]
        return type(df).__name__, items(columns), normalize_token(df.columns), normalize_token(df.index)

    @normalize_token.register(pd.Series)
    def normalize_series(s: Any) -> Any:
        values = normalize_token(s._values)
        return [type(s).__name__, normalize_token(s.name), s.dtype, values, normalize_token(s.index)]

    @normalize_token.register(pd.RangeIndex)
    def normalize_range_index(index: Any) -> Any:
        return "RangeIndex", index.start, index.stop, index.step, normalize_token(index.name)

    @normalize_token.register(pd.Index)
    def normalize_index(index: Any) -> Any:
        return type(index).__name__, normalize_token(index.name), normalize_token(index._values)

    @normalize_token.register(pd.MultiIndex)
    def normalize_multi_index(index: Any) -> Any:
        return "MultiIndex", items(index.names), items(index.levels), items(index.codes)


def register_arrays() -> None:
    """Columns' values."""

    @normalize_token.register(pd.Categorical)
    def normalize_categorical(array: Any) -> Any:
        return "Categorical", normalize_token(array.codes), normalize_token(array.dtype)

    @normalize_token.register((pd.arrays.DatetimeArray, pd.arrays.PeriodArray, pd.arrays.TimedeltaArray))
    def normalize_times(array: Any) -> Any:
        return type(array).__name__, normalize_token(array.asi8), normalize_token(array.dtype)

    @normalize_token.register(pd.arrays.IntervalArray)
    def normalize_intervals(array: Any) -> Any:
        return "IntervalArray", normalize_token(array.left), normalize_token(array.right), array.closed

    @normalize_token.register(pd.arrays.ArrowExtensionArray)
    def normalize_arrow(array: Any) -> Any:
        import pyarrow as pa

        return (
            type(array).__name__,
            normalize_token(array.dtype),
            normalize_token(pa.chunked_array(array.__arrow_array__())),
        )

    @normalize_token.register(pd.api.extensions.ExtensionArray)
    def normalize_extension(array: Any) -> Any:
        return type(array).__name__, normalize_token(array.dtype), normalize_token(np.asarray(array))


def register_types() -> None:
    """Types of columns, and scalars."""

    @normalize_token.register(pd.api.extensions.ExtensionDtype)
    def normalize_extension_dtype(dtype: Any) -> Any:
        return type(dtype).__name__, dtype.name

    @normalize_token.register(pd.CategoricalDtype)
    def normalize_categorical_dtype(dtype: Any) -> Any:
        return "CategoricalDtype", normalize_token(dtype.categories), dtype.ordered

    normalize_token.register(type(pd.NA), itself)

    @normalize_token.register(pd.offsets.BaseOffset)
    def normalize_offset(offset: Any) -> Any:
        return type(offset).__name__, offset.freqstr
