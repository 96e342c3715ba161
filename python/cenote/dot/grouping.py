"""Groups of tasks: what a graph is drawn as that is too large to be read task by task."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from cenote._native import grouping
from cenote.dot.drawn_graph import drawn_task
from cenote.utils import key_split

# More groups than this cannot be read either.
_GROUPS_MAX = 60

# How many tasks of a group are asked for their functions.
_LOOKED_AT_MAX = 50


class Group(NamedTuple):
    """Tasks that are drawn as one.

    Attributes
    ----------
    name : str
        What their keys have in common.
    tasks : int
        How many there are.
    functions : list of str
        What the first of them call.
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
    group_of : list of int
        The index of each task's group, in the order of the graph.
    """

    groups: list[Group]
    edges: dict[tuple[int, int], int]
    group_of: list[int]


def group_tasks(graph: Mapping[Any, Any]) -> Grouping:
    """Group a graph by collection, or by the leading words of keys where that gives too many groups.

    Parameters
    ----------
    graph : mapping
        Keys and tasks.

    Examples
    --------
    >>> grouping = group_tasks({("x", 0): 1, ("x", 1): 2, "y": (sum, [("x", 0), ("x", 1)])})
    >>> [(group.name, group.tasks) for group in grouping.groups], grouping.edges
    ([('x', 2), ('y', 1)], {(0, 1): 2})
    """
    names, group_of, edges, samples = grouping(graph, key_split, _LOOKED_AT_MAX)
    sizes = Counter(group_of)
    common = _lessened({name: sizes[number] for number, name in enumerate(names)})
    numbers = {name: number for number, name in enumerate(dict.fromkeys(common))}
    number_of = [numbers[name] for name in common]
    if len(numbers) < len(names):
        group_of = [number_of[number] for number in group_of]
        sizes = Counter(group_of)
    linked: defaultdict[tuple[int, int], int] = defaultdict(int)
    for start, end, count in edges:
        linked[number_of[start], number_of[end]] += count
    called: list[list[str]] = [[] for _ in numbers]
    for number, tasks in zip(number_of, samples, strict=True):
        called[number] += [drawn_task(*task).function for task in tasks[: _LOOKED_AT_MAX - len(called[number])]]
    groups = [
        Group(name, sizes[number], list(dict.fromkeys(filter(None, called[number]))), linked.pop((number, number), 0))
        for name, number in numbers.items()
    ]
    return Grouping(groups, dict(linked), group_of)


def _lessened(sizes: dict[str, int]) -> list[str]:
    """Names for groups of these sizes: shorter, then common, until they are few enough."""
    names = list(sizes)
    if len(names) > _GROUPS_MAX:
        names = [str(key_split(name)) for name in names]
    tasks: Counter[str] = Counter()
    for name, size in zip(names, sizes.values(), strict=True):
        tasks[name] += size
    if len(tasks) > _GROUPS_MAX:
        large = {name for name, _ in tasks.most_common(_GROUPS_MAX - 1)}
        rest = f"{len(tasks) - len(large)} others"
        names = [name if name in large else rest for name in names]
    return names
