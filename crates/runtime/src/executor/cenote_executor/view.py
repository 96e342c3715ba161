"""Views of the scheduler's objects, to be read only: `scheduler.tasks["x"].state`, `scheduler.workers[a].has_what`.

A path says where an object stands: `[("a", "tasks"), ("i", "x"), ("a", "state")]`. The scheduler answers with a tagged
value: `v` a plain value, `r` a reference to an object that has an identity, `d` and `k` a mapping and a counter, `s` a
set, `t` and `l` a tuple and a list, `c` and `o` a method and any other object (both by path), `exc` an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

#: Errors that a path may end in.
ERRORS: dict[str, type[Exception]] = {error.__name__: error for error in (KeyError, IndexError, AttributeError)}

#: What to do instead of what users of a scheduler in Python look for.
ADVICE = {
    "add_policy": ": policies of the memory manager cannot act here; copy or move results from a client (replicate, "
    "rebalance, retire_workers), or use `dask scheduler`",
}

Path = list[tuple[str, Any]]
Read = Callable[[Path], Any]


class View:
    """One object of the scheduler. Two views of the same one are equal."""

    def __init__(self, read: Read, path: Path, identity: Hashable) -> None:
        self.__dict__.update(_read=read, _path=path, _identity=identity)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._read([*self._path, ("a", name)])
        except AttributeError:
            pass
        raise AttributeError(
            f"{self!r} belongs to a scheduler that is not written in Python, and has no {name!r} there"
            + ADVICE.get(name, "")
        )

    def __getitem__(self, key: Any) -> Any:
        return self._read([*self._path, ("i", named(key))])

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r} belongs to a scheduler that is not written in Python: it can only be read here")

    def __call__(self, *_args: Any, **_named: Any) -> Any:
        """Refuse: nothing of the scheduler is called through a view."""
        raise NotImplementedError(
            f"{self!r} belongs to a scheduler that is not written in Python: nothing calls it here"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other._identity == self._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __repr__(self) -> str:
        return f"<{'.'.join(str(step) for _, step in self._path)}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} cannot leave the scheduler's executor: return what it says instead")


class Table(Mapping[Any, Any]):
    """One of the scheduler's tables, as it is whenever it is looked at."""

    def __init__(self, read: Read, name: str, count: Callable[[], int] | None = None) -> None:
        self._read, self._name, self._count = read, name, count

    def _all(self) -> dict[Any, Any]:
        return dict(self._read([("a", self._name)]))

    def __getitem__(self, key: Any) -> View:
        path = [("a", self._name), ("i", named(key))]
        self._read(path)
        return View(self._read, path, (self._name, named(key)))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __len__(self) -> int:
        return self._count() if self._count else len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


def named(value: Any) -> Any:
    """What stands for a value where the scheduler is asked: for a view the name of its object."""
    if isinstance(value, View):
        return value._identity[1]
    if isinstance(value, list | tuple | set):
        return type(value)(named(each) for each in value)
    return value


def seen(answer: Any, read: Read) -> Any:
    """A tagged value as whoever asked sees it."""
    tag, *rest = answer
    if tag == "v":
        return rest[0]
    if tag == "r":
        table, name = rest
        return View(read, [("a", table), ("i", name)], (table, name))
    if tag in ("d", "k"):
        pairs = {seen(key, read): seen(value, read) for key, value in rest[0]}
        return Counter(pairs) if tag == "k" else pairs
    if tag in ("s", "t", "l"):
        return {"s": set, "t": tuple, "l": list}[tag](seen(each, read) for each in rest[0])
    if tag in ("c", "o"):
        path = [(step[0], step[1]) for step in rest[0]]
        return View(read, path, ("path", repr(path)))
    raise ERRORS[rest[0]](*rest[1])
