"""Normal forms of numpy's arrays, scalars, types and functions."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from cenote.tokenize.builtin import hash_buffer
from cenote.tokenize.instances import normalize_reduced
from cenote.tokenize.registry import PLAIN, TokenizationError, items, nondeterministic, normalize_token


def register() -> None:
    """Register handlers for numpy's types."""
    normalize_token.register(np.ndarray, normalize_array)
    normalize_token.register(np.ma.MaskedArray, normalize_masked)
    normalize_token.register(np.generic, normalize_scalar)
    normalize_token.register(np.float64, normalize_scalar)
    normalize_token.register(np.complex128, normalize_scalar)
    normalize_token.register(np.bytes_, normalize_scalar)
    normalize_token.register(np.str_, normalize_scalar)
    normalize_token.register(np.dtype, normalize_dtype)
    normalize_token.register(np.ufunc, normalize_ufunc)


def normalize_array(x: Any) -> Any:
    """Content, type and shape; for Fortran-ordered memory also the order."""
    cls = type(x)
    form = (_content(x), normalize_dtype(x.dtype), x.shape)
    return form if cls is np.ndarray or cls is np.memmap else (*form, normalize_token(cls))


def _content(x: Any) -> Any:
    """A hash of the items of an array."""
    x = np.asarray(x)
    if x.dtype.hasobject:
        return _object_content(x.ravel().tolist() if x.dtype == object else [normalize_reduced(x)])
    if x.flags.f_contiguous and not x.flags.c_contiguous:
        return "F", hash_buffer(_as_bytes(x.T))
    return hash_buffer(_as_bytes(np.ascontiguousarray(x)))


def _as_bytes(x: Any) -> Any:
    """The memory of a contiguous array."""
    try:
        return x.reshape(-1).view(np.uint8)
    except (TypeError, ValueError):  # items without a size, such as empty strings
        return x.tobytes()


def _object_content(values: list[Any]) -> Any:
    """A hash of Python objects."""
    if not PLAIN.issuperset(map(type, values)):
        values = list(items(values))
    return hash_buffer(str(values).encode("utf-8", "backslashreplace"))


def normalize_masked(x: Any) -> Any:
    """Content and mask."""
    return (
        "masked",
        normalize_array(np.asarray(x.data)),
        normalize_array(np.ma.getmaskarray(x)),
        normalize_token(x.fill_value),
    )


def normalize_scalar(x: Any) -> Any:
    """Type and bytes."""
    if x.dtype.hasobject:
        return normalize_reduced(x)
    return "scalar", normalize_dtype(x.dtype), x.tobytes()


def normalize_dtype(dtype: Any) -> Any:
    """What tells it from all other types."""
    return dtype.str if dtype.names is None and dtype.subdtype is None and dtype.kind != "V" else repr(dtype)


def normalize_ufunc(func: Any) -> Any:
    """The name under which it can be imported."""
    try:
        return "ufunc", pickle.dumps(func, protocol=4)
    except TokenizationError:
        raise
    except Exception:
        return nondeterministic(
            f"Cannot tokenize the numpy ufunc {func!r}, which cannot be pickled; wrap the Python function instead, "
            "or with Dask use functions of the dask.array.ufunc module instead"
        )
