"""Tokens: short texts that are equal for equal objects, in this process and in the next.

    object ──normalize_token──► normal form (tuples of plain values) ──repr, md5──► token

A pure call is named after the token of its function and arguments, so that equal calls are one task. Objects are
taken apart by their type: containers, functions and classes by structure, arrays and tables by a hash of their
memory, everything else by what `pickle` would store. Functions and classes that can be imported count by name;
others (lambdas, closures, what is defined in ``__main__``) by what they do, wherever they are written.

Types take part by a method ``__dask_tokenize__`` or by `normalize_token.register`.
"""

from __future__ import annotations

from typing import Any

try:
    from _md5 import md5  # a quarter of the cost of going through OpenSSL
except ImportError:
    from hashlib import md5

from cenote.tokenize import builtin, callables, instances, lazy  # noqa: F401  (they register their types)
from cenote.tokenize.registry import (
    _ENSURE_DETERMINISTIC,
    _SEEN,
    PLAIN,
    TokenizationError,
    items,
    normalize_token,
)

__all__ = ["TokenizationError", "normalize_token", "tokenize"]


def tokenize(*args: Any, ensure_deterministic: bool | None = None, **kwargs: Any) -> str:
    """Return a token for the arguments: 32 hexadecimal digits.

    Parameters
    ----------
    *args, **kwargs
        What to make a token of.
    ensure_deterministic : bool, optional
        Raise instead of giving a random token to what has no other. By default the setting
        ``tokenize.ensure-deterministic`` decides.

    Raises
    ------
    TokenizationError
        If a deterministic token is asked for and impossible.

    Examples
    --------
    >>> tokenize("Hello") == tokenize("Hello")
    True
    >>> tokenize([1, 2]) == tokenize((1, 2))
    False
    >>> tokenize(lambda x: x + 1) == tokenize(lambda x: x + 2)
    False
    """
    if not kwargs:
        for arg in args:
            if type(arg) not in PLAIN:
                break
        else:
            return _digest(args)
    before, _SEEN.depths = _SEEN.depths, {}
    reset = None
    if ensure_deterministic is not None and _ENSURE_DETERMINISTIC.get(None) is None:
        # decides for the calls that it causes as well
        reset = _ENSURE_DETERMINISTIC.set(ensure_deterministic)
    try:
        form: Any = items(args)
        return _digest((form, items(sorted(kwargs.items()))) if kwargs else form)
    finally:
        if reset is not None:
            _ENSURE_DETERMINISTIC.reset(reset)
        _SEEN.depths = before


def _digest(form: Any) -> str:
    """Spell out a normal form and hash it."""
    try:
        text = str(form)
    except ValueError:  # an integer with more digits than Python wants to print
        text = _spell(form)
    return md5(text.encode("utf-8", "backslashreplace"), usedforsecurity=False).hexdigest()


def _spell(form: Any) -> str:
    """Spell out a normal form with integers in hexadecimal."""
    if isinstance(form, tuple | list):
        return f"({', '.join(map(_spell, form))})"
    return hex(form) if type(form) is int else repr(form)
