"""Fusing reductions: a task and those that only it needs become one task, as long as little parallelism is lost."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cenote import _native, config
from cenote.core import get_dependencies, subs
from cenote.optimization.chains import Renamer, protected
from cenote.task_spec import GraphNode, classes
from cenote.typing import Key
from cenote.utils import key_split


class Default(Enum):
    """Stands for "as configured" where `None` means something else."""

    token = 0

    def __repr__(self) -> str:
        return "<default>"


_default = Default.token


def is_task_object(value: Any) -> bool:
    """Return whether a value of a graph is a task object, ours or Dask's."""
    return isinstance(value, (GraphNode, classes().GraphNode))


def default_fused_keys_renamer(keys: Sequence[Any], max_fused_key_length: int | None = 120) -> Any:
    """Return a key for a fused task: the names of the keys in it, sorted, and the last one; `None` if it has no name.

    Parameters
    ----------
    keys : sequence
        The keys, that of the task which needs the others last.
    max_fused_key_length : int or None
        Longer names are cut, and some digits of their hash put after them.

    Examples
    --------
    >>> default_fused_keys_renamer(["b-1", "a-1", "c-3"])
    'a-b-c-3'
    >>> default_fused_keys_renamer([("b", 0), ("c", 0)])
    ('b-c', 0)
    """
    last = keys[-1]
    is_text = type(last) is str
    if not is_text and not (type(last) is tuple and last and isinstance(last[0], str)):
        return None
    others = {key_split(key) for key in keys[:-1]} - {key_split(last)}
    name = "-".join([*sorted(others), last if is_text else last[0]])
    if max_fused_key_length and len(name) > max_fused_key_length - 5:
        name = f"{name[: max_fused_key_length - 5]}-{f'{hash(name):x}'[:4]}"
    return name if is_text else (name, *last[1:])


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to go."""

    ave_width: float
    max_width: float
    max_height: float
    max_depth_new_edges: float

    @classmethod
    def configured(cls, ave_width: Any, max_width: Any, max_height: Any, max_depth_new_edges: Any) -> Limits:
        """Take what is not given from the configuration, and what that leaves open from the average width."""
        ave_width = _setting("ave-width", ave_width)
        max_width = _setting("max-width", max_width)
        depth = _setting("max-depth-new-edges", max_depth_new_edges)
        return cls(
            ave_width,
            1.5 + ave_width * math.log(ave_width + 1) if max_width is None else max_width,
            _setting("max-height", max_height),
            ave_width * 1.5 if depth is None else depth,
        )


def _setting(name: str, given: Any) -> Any:
    return config.get(f"optimization.fuse.{name}") if given is _default else given


@dataclass(slots=True)
class Part:
    """A task of a reduction, with whatever has been fused into it.

    Attributes
    ----------
    key, task
        The key of the last task in it, and what it does.
    keys : list
        The keys that are in it.
    height, width, tasks : int
        Its size, as if it were a tree.
    fudge : int
        How many tasks to add to it for the parallelism that its edges may have.
    edges : set
        What it needs, by whatever way.
    """

    key: Key
    task: Any
    keys: list[Key]
    edges: set[Key]
    height: int = 1
    width: float = 1
    tasks: int = 1
    fudge: int = 0


@dataclass(slots=True)
class Fusion:
    """A graph that is being fused."""

    dsk: Mapping[Key, Any]
    needs: dict[Key, set[Key]]
    limits: Limits
    result: dict[Key, Any]
    fused: dict[Key, list[Key]] = field(default_factory=dict)

    def reduce(self, top: Key, reducible: set[Key]) -> None:
        """Fuse what can be of a task and the reducible ones below it."""
        tree: dict[Key, list[Key]] = {}
        order = [top]
        for key in order:
            tree[key] = list(self.needs[key] & reducible)
            order.extend(tree[key])
        parts: dict[Key, Part] = {}
        for key in reversed(order):
            below = [parts.pop(child) for child in tree[key]]
            if below:
                parts[key] = self.join(key, below)
            else:
                parts[key] = Part(key, self.dsk[key], [key], set(self.needs[key]))
        self.place(parts[top])

    def join(self, key: Key, below: list[Part]) -> Part:
        """Fuse parts into the task that needs them, or put them into the graph."""
        children = {part.key for part in below}
        child_edges = set().union(*(part.edges for part in below))
        edges = (self.needs[key] - children) | child_edges
        is_closed = len(edges) == len(child_edges)
        height = max(part.height for part in below)
        width = sum(part.width for part in below)
        tasks = sum(part.tasks for part in below)
        fudge = sum(part.fudge for part in below)
        # children that bring edges of their own could have run side by side
        fudge += min(len(below) - 1, max(0, len(child_edges) - max(len(part.edges) for part in below)))
        if child_edges:
            fudge = min(fudge, len(child_edges) - 1)
        if not is_closed:
            fudge += 1

        if self.is_worth_it(below, height, width, (tasks + fudge) / height, is_closed):
            task = self.dsk[key]
            keys: list[Key] = []
            self.needs[key] -= children
            for part in below:
                task = subs(task, part.key, part.task)
                keys += part.keys
                self.needs[key] |= self.needs.pop(part.key)
                del self.result[part.key]
            grows = len(below) > 1 or not is_closed
            return Part(key, task, [*keys, key], edges, height + grows, width, tasks + grows, fudge)

        for part in below:
            self.place(part)
        if len(below) > 1:
            width = min(width, self.limits.max_width)
        if self.limits.ave_width < math.inf:
            fudge = min(fudge, int(self.limits.ave_width - 1))
        return Part(key, self.dsk[key], [key], edges, 1, width, 1, fudge)

    def is_worth_it(self, below: list[Part], height: int, width: float, average: float, is_closed: bool) -> bool:
        """Return whether these parts may be fused into the task that needs them."""
        limits = self.limits
        if average > limits.ave_width or not (is_closed or height < limits.max_depth_new_edges):
            return False
        if len(below) == 1:
            return True
        singles = sum(part.height == 1 for part in below)
        return singles <= limits.ave_width and width <= limits.max_width and height <= limits.max_height

    def place(self, part: Part) -> None:
        """Put a part into the graph as it is."""
        self.result[part.key] = part.task
        if len(part.keys) > 1:
            self.fused[part.key] = part.keys

    def rename(self, renamer: Renamer) -> None:
        """Give fused tasks new keys; the old ones become other names of them."""
        for key, keys in self.fused.items():
            name = renamer(keys)
            if name is not None and name not in self.result:
                self.result[name], self.result[key] = self.result[key], name
                self.needs[name], self.needs[key] = self.needs[key], {name}


def fuse(
    dsk: dict[Key, Any],
    keys: Any = None,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
    ave_width: float | Default = _default,
    max_width: float | Default | None = _default,
    max_height: float | Default = _default,
    max_depth_new_edges: float | Default | None = _default,
    rename_keys: bool | Callable[[list[Key]], Key | None] | Default = _default,
) -> tuple[dict[Key, Any], Any]:
    """Make one task of a task and those that it alone needs, where that costs little parallelism.

    Parameters
    ----------
    dsk : dict
    keys : key, or collection of keys, nested at will, optional
        Keys that must stay.
    dependencies : mapping, optional
        For each key a list of those that it depends on, as often as it names them, as :func:`cull` returns it.
    ave_width : float
        How many tasks for each level of its height a fused task may hold. By default as configured in
        ``optimization.fuse.ave-width``: 1, which fuses chains only; 0 fuses nothing.
    max_width : float or None
        How wide a fused task may be (``optimization.fuse.max-width``). `None`: 1.5 + ave_width log(ave_width + 1).
    max_height : float
        How many levels may be fused (``optimization.fuse.max-height``).
    max_depth_new_edges : float or None
        From which level on no task is fused that brings dependencies of its own
        (``optimization.fuse.max-depth-new-edges``). `None`: 1.5 ave_width.
    rename_keys : bool or callable
        Whether a fused task gets a key made of all its keys (``optimization.fuse.rename-keys``), the old one becoming
        another name of it; or what makes such a key of them, that of the last task last, or returns `None`.

    Returns
    -------
    dict
        The graph with fused tasks. Where ``optimization.fuse.active`` is false, the graph as it was.
    dict of sets
        The keys that each key of it depends on.

    Examples
    --------
    >>> fuse({"a": 1, "b": (abs, "a"), "c": (abs, "b")}, rename_keys=False)
    ({'c': (<built-in function abs>, (<built-in function abs>, 1))}, {'c': set()})
    """
    if config.get("optimization.fuse.active") is False:
        return dsk, dependencies
    limits = Limits.configured(ave_width, max_width, max_height, max_depth_new_edges)
    if not limits.ave_width or not limits.max_height:
        return dsk, dependencies
    renamer: Any = _setting("rename-keys", rename_keys)
    if renamer is True:
        renamer = default_fused_keys_renamer
    elif renamer is not False and not callable(renamer):
        raise TypeError("rename_keys must be a boolean or callable")

    named = _named(dsk, dependencies)
    users: dict[Key, list[Key]] = {}
    for key, names in named.items():
        for name in names:
            users.setdefault(name, []).append(key)
    stay = protected(keys) or set()
    reducible = {
        key
        for key, by in users.items()
        if len(by) == 1 and key not in stay and key in dsk and _is_plain(dsk[key]) and not is_task_object(dsk[by[0]])
    }
    needs = {key: set(names) for key, names in named.items()}
    if not reducible:
        return dsk, needs
    fusion = Fusion(dsk, needs, limits, dsk.copy())
    for top in {users[key][0] for key in reducible} - reducible:
        fusion.reduce(top, reducible)
    if renamer:
        fusion.rename(renamer)
    return fusion.result, needs


def _named(dsk: Mapping[Key, Any], dependencies: Mapping[Key, Iterable[Key]] | None) -> Mapping[Key, Iterable[Key]]:
    """Return the keys that each task names, as often as it names them: sets do not tell that."""
    if dependencies is None:
        return _native.dependencies(dsk)
    return {
        key: names if isinstance(names, list) else get_dependencies(dsk, key, as_list=True)
        for key, names in dependencies.items()
    }


def _is_plain(value: Any) -> bool:
    """Return whether a value may stand inside of a task without being taken for something else."""
    return type(value) is tuple or isinstance(value, numbers.Number | str)
