"""Amounts of memory and time as people write them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    import datetime

_BYTES = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _BYTES.update(dict.fromkeys((_letter, f"{_letter}b"), 1000**_power))
    _BYTES.update(dict.fromkeys((f"{_letter}i", f"{_letter}ib"), 1024**_power))

_SECONDS = {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "m": 60, "h": 3600, "d": 86400, "w": 604800}
for _name, _value in {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
    "nanosecond": 1e-9,
}.items():
    _SECONDS.update(dict.fromkeys((_name, f"{_name}s"), _value))


def _split(text: str) -> tuple[str, str]:
    """Return the number at the beginning, "1" if there is none, and the unit after it."""
    text = text.replace(" ", "")
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return number or "1", text[len(number) :]


def parse_bytes(s: float | str) -> int:
    """Return an amount of memory in bytes.

    Raises
    ------
    ValueError
        If it is no amount of memory.

    Examples
    --------
    >>> parse_bytes("100 MB"), parse_bytes("1kiB"), parse_bytes("1e6"), parse_bytes(123)
    (100000000, 1024, 1000000, 123)
    """
    if isinstance(s, int | float):
        return int(s)
    number, unit = _split(s)
    if unit.lower() not in _BYTES:
        raise ValueError(f"could not interpret {unit!r} as a byte unit: use B, kB, MB, GB, TB, PB or kiB, MiB, ...")
    try:
        return int(float(number) * _BYTES[unit.lower()])
    except ValueError:
        raise ValueError(f"could not interpret {number!r} as a number") from None


def format_bytes(n: int) -> str:
    """Write an amount of memory.

    Examples
    --------
    >>> format_bytes(1), format_bytes(1234), format_bytes(1234567890)
    ('1 B', '1.21 kiB', '1.15 GiB')
    """
    for power, letter in reversed(list(enumerate("kMGTP", start=1))):
        if n >= 0.9 * 1024**power:
            return f"{n / 1024**power:.2f} {letter}iB"
    return f"{n} B"


@overload
def parse_timedelta(s: None, default: str | Literal[False] = ...) -> None: ...
@overload
def parse_timedelta(s: float | str | datetime.timedelta, default: str | Literal[False] = ...) -> float: ...


def parse_timedelta(s: Any, default: str | Literal[False] = "seconds") -> float | None:
    """Return a time span in seconds.

    Parameters
    ----------
    s : str, number, timedelta or None
    default : str or False
        The unit of a number that has none; `False`: it must have one.

    Raises
    ------
    KeyError
        If the unit is unknown.
    ValueError
        If the unit is missing.

    Examples
    --------
    >>> parse_timedelta("300ms"), parse_timedelta("2 minutes"), parse_timedelta(3), parse_timedelta(3, "ms")
    (0.3, 120, 3, 0.003)
    """
    if s is None:
        return None
    timedelta: Any = getattr(sys.modules.get("datetime"), "timedelta", ())  # not imported, no such object
    if isinstance(s, timedelta):
        return _whole(s.total_seconds())
    number, unit = _split(str(s))
    unit = unit or default  # type: ignore[assignment]
    if unit is False:
        raise ValueError(f"time unit missing in {s!r}: write, for example, '{s}s'")
    if not isinstance(unit, str):
        raise TypeError(f"`default` must be a str or False, not {default!r}")
    if unit.lower() not in _SECONDS:
        raise KeyError(f"Invalid time unit: {unit}. Valid units are: {', '.join(_SECONDS)}")
    return _whole(float(number) * _SECONDS[unit.lower()])


def _whole(number: float) -> float:
    """Return an integer where it makes no difference."""
    return int(number) if int(number) == number else number


def format_time(n: float) -> str:
    """Write a time span given in seconds.

    Examples
    --------
    >>> format_time(0.00123), format_time(1), format_time(1234.5), format_time(12345.6), format_time(1234567.8)
    ('1.23 ms', '1.00 s', '20m 34s', '3hr 25m', '14d 6hr')
    """
    minutes, seconds = divmod(int(n), 60)
    hours, minutes_left = divmod(minutes, 60)
    if n > 48 * 3600:
        return f"{hours // 24}d {hours % 24}hr"
    if n > 2 * 3600:
        return f"{hours}hr {minutes_left}m"
    if n > 10 * 60:
        return f"{minutes}m {seconds}s"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if n >= size:
            return f"{n / size:.2f} {unit}"
    return f"{n * 1e6:.2f} us"
