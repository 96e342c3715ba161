"""Annotations: what the user noted about tasks, each distinct note once."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Sequence
from typing import Any

Key = Any


class Annotations:
    """Annotations of all tasks, and those of single ones, which come first."""

    def __init__(self, of_all: dict[str, Any], by_type: dict[str, dict[Key, Any]]) -> None:
        self._of_all = of_all
        self._by_type = {name: values for name, values in by_type.items() if values}
        self._alike = not self._by_type and not any(callable(value) for value in of_all.values())
        self._places: dict[Any, int] = {}
        self._fresh: list[dict[str, Any]] = []
        # Values are told apart by their addresses where they have no hash, so they must live.
        self._kept: list[dict[str, Any]] = []

    def of(self, keys: Sequence[Key]) -> dict[str, Any]:
        """The note of each key, 0 for none, and those notes that are new: the first of all has number 1."""
        if self._alike:
            places = array("I", [self._place(self._of_all)]) * len(keys)
        else:
            places = array("I", [self._place(self._note(key)) for key in keys])
        fresh, self._fresh = self._fresh, []
        return {"annotation_of": places.tobytes(), "annotations": fresh}

    def _note(self, key: Key) -> dict[str, Any]:
        note = {name: value(key) if callable(value) else value for name, value in self._of_all.items()}
        for name, values in self._by_type.items():
            if (value := values.get(key)) is not None:
                note[name] = value
        return note

    def _place(self, note: dict[str, Any]) -> int:
        if not note:
            return 0
        mark = tuple((name, type(value), identity(value)) for name, value in note.items())
        place = self._places.get(mark)
        if place is None:
            place = self._places[mark] = len(self._places) + 1
            self._kept.append(note)
            self._fresh.append(understood(note))
        return place


def identity(value: Any) -> Any:
    """What is the same for equal values, or at least for one and the same."""
    return value if isinstance(value, int | float | str) else id(value)


def understood(note: dict[str, Any]) -> dict[str, Any]:
    """What the scheduler understands of a note, and all of it."""
    said: dict[str, Any] = {"all": note}
    for name, value in note.items():
        if name in ("restrictions", "workers"):
            several = isinstance(value, list | tuple | set | frozenset)
            said["workers"] = [str(worker) for worker in (value if several else [value])]
        elif name in ("loose_restrictions", "allow_other_workers"):
            said["allow_other_workers"] = bool(value)
        elif name == "resources":
            if not isinstance(value, dict):
                raise TypeError(f"the annotation resources must be a dictionary, not {value!r}")
            said["resources"] = {str(resource): float(amount) for resource, amount in value.items()}
        elif name == "priority":
            said["priority"] = float(value)
        elif name == "retries":
            said["retries"] = max(operator.index(value), 0)
    return said
