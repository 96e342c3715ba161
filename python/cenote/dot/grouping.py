"""Groups of tasks: what a graph is drawn as that is too large to be read task by task."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from cenote._native import dependencies
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
    group_of : dict
        The index of each key's group.
    """

    groups: list[Group]
    edges: dict[tuple[int, int], int]
    group_of: dict[Any, int]


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
    needed = dependencies(graph)
    name_of = {key: _collection(key) for key in needed}
    for key in [name for names in needed.values() for name in names if name not in needed]:
        name_of[key] = _collection(key)
    _lessen(name_of)
    return _grouped(graph, needed, name_of)


def _collection(key: Any) -> str:
    """The name that a key shares with the others of its collection; of a key that stands alone, its leading word."""
    if type(key) is tuple and key and type(key[0]) is str:
        return key[0]
    return str(key_split(key))


def _lessen(name_of: dict[Any, str]) -> None:
    """Make names of groups shorter, then common, until they are few enough."""
    if len(set(name_of.values())) > _GROUPS_MAX:
        prefixes = {name: str(key_split(name)) for name in set(name_of.values())}
        name_of.update((key, prefixes[name]) for key, name in name_of.items())
    sizes = Counter(name_of.values())
    if len(sizes) > _GROUPS_MAX:
        large = {name for name, _ in sizes.most_common(_GROUPS_MAX - 1)}
        rest = f"{len(sizes) - len(large)} others"
        name_of.update((key, rest) for key, name in name_of.items() if name not in large)


def _grouped(graph: Mapping[Any, Any], needed: dict[Any, list[Any]], name_of: dict[Any, str]) -> Grouping:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name_of.values()))}
    group_of = {key: numbers[name] for key, name in name_of.items()}
    sizes = Counter(group_of.values())
    functions: list[dict[str, None]] = [{} for _ in numbers]
    looked_at = [0] * len(numbers)
    edges: defaultdict[tuple[int, int], int] = defaultdict(int)
    for key, value in graph.items():
        group = group_of[key]
        for name in set(needed[key]):
            edges[group_of[name], group] += 1
        if looked_at[group] < _LOOKED_AT_MAX:
            looked_at[group] += 1
            if function := drawn_task(key, value, tuple(needed[key])).function:
                functions[group][function] = None
    groups = [
        Group(name, sizes[number], list(functions[number]), edges[number, number]) for name, number in numbers.items()
    ]
    return Grouping(groups, {pair: count for pair, count in edges.items() if pair[0] != pair[1]}, group_of)
