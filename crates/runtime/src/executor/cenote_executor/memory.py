"""Memory: what a large graph took goes back to the system, which the C library would keep for the next one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

#: Graphs of fewer tasks leave little behind: looking for it would cost more than it is worth.
TASKS_MIN = 5000


def trimmer() -> Callable[[int], Any] | None:
    """The function that gives free memory back, where the C library has one."""
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return trim


TRIM = trimmer()


def give_back(tasks: int) -> None:
    """Gives back what a graph of so many tasks took."""
    if TRIM is not None and tasks >= TASKS_MIN:
        TRIM(0)
