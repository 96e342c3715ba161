"""Groups of tasks: what a graph is drawn as that is too large to be read task by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from cenote._drawn_graph import DrawnTask, drawn_tasks
from cenote.utils import key_split

# More groups than this cannot be read either.
_GROUPS_MAX = 60


class Group(NamedTuple):
    """Tasks that are drawn as one.

    Attributes
    ----------
    name : str
        What their keys have in common.
    tasks : int
        How many there are.
    functions : list of str
        What they call, the most frequent first.
    inner : int
        How many edges lead from one of them to another.
    """

    name: str
    tasks: int
    functions: list[str]
    inner: int


class Grouping(NamedTuple):
    """A graph of groups.

    Attributes
    ----------
    groups : list of Group
        In the order in which the graph first names them.
    edges : dict
        For each pair of groups that are linked, by index, how many edges of tasks lead from one to the other.
    """

    groups: list[Group]
    edges: dict[tuple[int, int], int]


def group_tasks(graph: Mapping[Any, Any]) -> Grouping:
    """Group a graph by collection, or by the leading words of keys where that gives too many groups.

    Parameters
    ----------
    graph : mapping
        Keys and tasks.
    """
    tasks = drawn_tasks(graph)
    names = [_collection(task.key) for task in tasks]
    if len(set(names)) > _GROUPS_MAX:
        prefixes = {name: str(key_split(name)) for name in set(names)}
        names = [prefixes[name] for name in names]
    if len(set(names)) > _GROUPS_MAX:
        large = {name for name, _ in Counter(names).most_common(_GROUPS_MAX - 1)}
        rest = f"{len(set(names)) - len(large)} others"
        names = [name if name in large else rest for name in names]
    return _grouped(tasks, names)


def _collection(key: Any) -> str:
    """The name that a key shares with the others of its collection; of a key that stands alone, its leading word."""
    if isinstance(key, tuple) and key and isinstance(key[0], str):
        return key[0]
    return str(key_split(key))


def _grouped(tasks: list[DrawnTask], names: list[str]) -> Grouping:
    numbers: dict[str, int] = {}
    group_of = [numbers.setdefault(name, len(numbers)) for name in names]
    index_of = {task.key: group for task, group in zip(tasks, group_of, strict=True)}
    sizes = Counter(group_of)
    functions: list[Counter[str]] = [Counter() for _ in numbers]
    edges: Counter[tuple[int, int]] = Counter()
    for task, group in zip(tasks, group_of, strict=True):
        if task.function:
            functions[group][task.function] += 1
        for dependency in task.dependencies:
            edges[index_of[dependency], group] += 1
    groups = [
        Group(name, sizes[number], [function for function, _ in functions[number].most_common()], edges[number, number])
        for name, number in numbers.items()
    ]
    return Grouping(groups, {pair: count for pair, count in edges.items() if pair[0] != pair[1]})
