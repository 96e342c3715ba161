"""Read-only views of a scheduler's objects, as tests see them: ``s.tasks["x"].state``, ``s.workers[a].has_what``.

A path says where an object stands: ``[("a", "tasks"), ("i", "x"), ("a", "state")]`` is ``s.tasks["x"].state``. The
scheduler answers with a tagged value: ``v`` a plain value, ``r`` a reference to an object that has an identity, ``d``
and ``k`` a mapping and a counter, ``s`` a set, ``t`` and ``l`` a tuple and a list, ``c`` and ``o`` a callable and any
other object (both by path), ``exc`` an error to raise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import pytest
from distributed.shuffle._scheduler_plugin import ShuffleSchedulerPlugin

ERRORS = {error.__name__: error for error in (KeyError, IndexError, AttributeError)}

Path = list[tuple[str, Any]]
Read = Callable[[Path], Any]


def skip(what: str) -> None:
    """Skip the test: it needs the scheduler as an object in its own process."""
    pytest.skip(f"needs the scheduler in its own process: {what}")


class View:
    """One object of the scheduler; two views of the same object are equal."""

    def __init__(self, read: Read, path: Path, identity: Hashable) -> None:
        self.__dict__.update(_read=read, _path=path, _identity=identity)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._read([*self._path, ("a", name)])

    def __getitem__(self, key: Any) -> Any:
        return self._read([*self._path, ("i", plain(key))])

    def __setattr__(self, name: str, value: Any) -> None:
        skip(f"sets .{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        skip("calls " + ".".join(str(step) for _, step in self._path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other._identity == self._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"<view of {self._identity}>"


class ShufflePlugin(View):
    """What the scheduler knows of P2P shuffles. Tests ask whether it is Dask's plugin, and then look inside."""

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return ShuffleSchedulerPlugin

    def shuffle_ids(self) -> set[str]:
        """The shuffles that go on."""
        return set(self.active_shuffles)


class Table(Mapping[Any, Any]):
    """A live view of one of the scheduler's tables, such as ``s.tasks``."""

    def __init__(self, read: Read, name: str) -> None:
        self.read, self.name = read, name

    def all(self) -> dict[Any, Any]:
        """The whole table as it is now."""
        return self.read([("a", self.name)])

    def __getitem__(self, key: Any) -> View:
        path = [("a", self.name), ("i", plain(key))]
        self.read(path)
        return View(self.read, path, (self.name, plain(key)))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def __len__(self) -> int:
        return len(self.all())

    def __eq__(self, other: object) -> bool:
        return self.all() == (other.all() if isinstance(other, Table) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.all())


def plain(value: Any) -> Any:
    """What to send for a value that a test hands back: a view becomes the name of its object."""
    if isinstance(value, View):
        return value._identity[1]
    if isinstance(value, (list, tuple, set)):
        return type(value)(plain(each) for each in value)
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    return value


def decoded(answer: Any, read: Read) -> Any:
    """Turn a tagged value into what the test expects to see."""
    tag, rest = answer[0], answer[1:]
    if tag == "v":
        return rest[0]
    if tag == "r":
        table, name = rest
        return View(read, [("a", table), ("i", name)], (table, name))
    if tag in "dk":
        pairs = {decoded(key, read): decoded(value, read) for key, value in rest[0]}
        return Counter(pairs) if tag == "k" else pairs
    if tag in "stl":
        return {"s": set, "t": tuple, "l": list}[tag](decoded(each, read) for each in rest[0])
    if tag in "co":
        path = [tuple(step) for step in rest[0]]
        kind = ShufflePlugin if path[-1] == ("i", "shuffle") else View
        return kind(read, path, ("path", repr(rest[0])))
    raise ERRORS[rest[0]](*rest[1])
