"""Normal forms of Python's own values and containers."""

from __future__ import annotations

import types
from typing import Any

from cenote.tokenize.instances import normalize_reduced
from cenote.tokenize.registry import PLAIN, items, normalize_token


def hash_buffer(buffer: Any) -> str:
    """Return a hash of the memory behind `buffer`, which must be contiguous."""
    import hashlib  # a fifth of the time to import this package, and only arrays need it

    return hashlib.sha256(buffer, usedforsecurity=False).hexdigest()[:32]


def itself(value: Any) -> Any:
    """Return `value`: its `repr` says all."""
    return value


@normalize_token.register((int, float, str, bytes, complex))
def normalize_subclass(value: Any) -> Any:
    """A subclass of a plain type may carry more than its `repr` shows."""
    return value if type(value) in PLAIN else normalize_reduced(value)


@normalize_token.register((tuple, list))
def normalize_sequence(seq: Any) -> Any:
    """Type and items, in order."""
    if type(seq) is not tuple and type(seq) is not list:
        return normalize_reduced(seq)
    if PLAIN.issuperset(map(type, seq)):
        return type(seq).__name__, tuple(seq)
    return type(seq).__name__, items(seq)


@normalize_token.register((set, frozenset))
def normalize_set(s: Any) -> Any:
    """Type and items, in an order that does not depend on hashes of strings."""
    form = (type(s).__name__, tuple(sorted(items(s), key=repr)))
    if type(s) is set or type(s) is frozenset:
        return form
    return normalize_token(type(s)), form, normalize_token(getattr(s, "__dict__", None))


def pairs(mapping: Any) -> tuple[Any, ...]:
    """Return the normal forms of a mapping's items; insertion order does not count."""
    return items(sorted(mapping.items(), key=_by_key))


def _by_key(item: tuple[Any, Any]) -> tuple[str, str]:
    key = item[0]
    if type(key) in PLAIN:
        return str(key), type(key).__name__
    return repr(normalize_token(key)), ""


@normalize_token.register((dict, types.MappingProxyType))
def normalize_dict(d: Any) -> Any:
    """Items, in an order of their own."""
    if type(d) is dict or type(d) is types.MappingProxyType:
        return "dict", pairs(d)
    return normalize_reduced(d)


@normalize_token.register(slice)
def normalize_slice(s: slice) -> Any:
    """Itself, unless it holds more than numbers."""
    bounds = (s.start, s.stop, s.step)
    return s if PLAIN.issuperset(map(type, bounds)) else ("slice", items(bounds))


@normalize_token.register((bytearray, memoryview))
def normalize_buffer(buffer: Any) -> Any:
    """Type and content."""
    if isinstance(buffer, memoryview):
        return "memoryview", buffer.format, buffer.shape, hash_buffer(buffer.tobytes())
    return type(buffer).__name__, hash_buffer(buffer)


@normalize_token.register_lazy("datetime")
def register_datetime() -> None:
    """Dates and times."""
    import datetime

    @normalize_token.register((datetime.date, datetime.timedelta, datetime.timezone))
    def normalize_date(value: Any) -> Any:
        return value if type(value).__module__ == "datetime" else normalize_reduced(value)

    @normalize_token.register((datetime.datetime, datetime.time))
    def normalize_time(value: Any) -> Any:
        if type(value).__module__ != "datetime":
            return normalize_reduced(value)
        if value.tzinfo is None or type(value.tzinfo) is datetime.timezone:
            return value
        return "time", value.replace(tzinfo=None), normalize_token(value.tzinfo)


@normalize_token.register_lazy("decimal")
def register_decimal() -> None:
    """Decimal numbers."""
    import decimal

    normalize_token.register(decimal.Decimal, itself)


@normalize_token.register_lazy("pathlib")
def register_pathlib() -> None:
    """Paths."""
    import pathlib

    normalize_token.register(pathlib.PurePath, itself)
