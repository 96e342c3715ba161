"""Normal forms of scipy's sparse arrays."""

from __future__ import annotations

from typing import Any

from cenote.tokenize.instances import normalize_reduced
from cenote.tokenize.registry import items, normalize_token

_PARTS = {
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "coords"),
    "csc": ("data", "indices", "indptr"),
    "csr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"),
    "lil": ("data", "rows"),
}


def register() -> None:
    """Register handlers for scipy's types."""
    from scipy import sparse

    normalize_token.register((sparse.spmatrix, sparse.sparray), normalize_sparse)


def normalize_sparse(x: Any) -> Any:
    """Shape and the arrays it is made of; what it remembers about itself does not count."""
    if x.format == "dok":
        return type(x).__name__, x.shape, normalize_token(x.dtype), normalize_token(dict(x.items()))
    parts = _PARTS.get(x.format)
    if parts is None:
        return normalize_reduced(x)
    return type(x).__name__, x.shape, items(getattr(x, part) for part in parts)
