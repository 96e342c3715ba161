"""The static order of a graph: which task to prefer among those that are ready, so that results die young.

The order itself is found in Rust, by Dask's algorithm. Where a graph is so large and entangled that counting the roots
below every task would take more than linear time, counts beyond a fixed budget of work are estimates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, overload

from cenote import _native

__all__ = ["Order", "OrderInfo", "diagnostics", "ndependencies", "order", "sanitize_dsk"]


class Order(NamedTuple):
    """Where a task stands in the order, and on which critical path: a half less if it runs beside that path."""

    priority: int
    critical_path: float | int


class OrderInfo(NamedTuple):
    """What becomes of a task's result when tasks run one at a time.

    Attributes
    ----------
    order : int
        When the task runs.
    age : int
        For how many steps its result is held.
    num_data_when_run : int
        How many results are held when it runs.
    num_data_when_released : int
        How many results are held when its own is released.
    num_dependencies_freed : int
        How many results are released because it has run.
    """

    order: int
    age: int
    num_data_when_run: int
    num_data_when_released: int
    num_dependencies_freed: int


@overload
def order(
    dsk: Mapping[Any, Any],
    dependencies: Mapping[Any, Collection[Any]] | None = None,
    *,
    return_stats: Literal[True],
) -> dict[Any, Order]: ...


@overload
def order(
    dsk: Mapping[Any, Any],
    dependencies: Mapping[Any, Collection[Any]] | None = None,
    *,
    return_stats: Literal[False] = False,
) -> dict[Any, int]: ...


def order(
    dsk: Mapping[Any, Any],
    dependencies: Mapping[Any, Collection[Any]] | None = None,
    *,
    return_stats: bool = False,
) -> dict[Any, Order] | dict[Any, int]:
    """Give each key its place in the order in which one worker should run the graph.

    Parameters
    ----------
    dsk : mapping
        The graph.
    dependencies : mapping, optional
        Accepted because Dask accepts it, and not looked at: reading them from the graph is cheap.
    return_stats : bool
        Return :class:`Order` instead of the place alone.

    Returns
    -------
    dict
        The place of each key: 0 runs first, and dependencies come before what needs them.

    Raises
    ------
    RuntimeError
        If there is a cycle; the message names its keys.

    Examples
    --------
    >>> def add(x, y):
    ...     return x + y
    >>> order({"a": 1, "b": 2, "c": (abs, "a"), "d": (add, "b", "c")})
    {'a': 0, 'c': 1, 'b': 2, 'd': 3}
    """
    if return_stats:
        return {key: Order(*found) for key, found in _native.order(dsk, return_paths=True).items()}
    return _native.order(dsk)


def diagnostics(
    dsk: Mapping[Any, Any],
    o: Mapping[Any, int] | None = None,
    dependencies: Mapping[Any, Collection[Any]] | None = None,
) -> tuple[dict[Any, OrderInfo], list[int]]:
    """Play through a graph one task at a time, and count the results that are held.

    Parameters
    ----------
    dsk : mapping
        The graph.
    o : mapping, optional
        The order in which to run it, by default that of :func:`order`.
    dependencies : mapping, optional
        The keys that each key needs, if they are known.

    Returns
    -------
    dict
        For each key an :class:`OrderInfo`.
    list of int
        How many results are held before each step: the pressure on memory.

    Examples
    --------
    >>> info, pressure = diagnostics({"a": 1, "b": (abs, "a"), "c": (abs, "b")})
    >>> pressure
    [0, 1, 1]
    >>> info["a"].age
    1
    """
    if dependencies is None:
        dependencies = {key: set(named) for key, named in _native.dependencies(dsk).items()}
    if o is None:
        o = order(dsk)
    holders = {key: 0 for key in dependencies}
    for needs in dependencies.values():
        for key in needs:
            holders[key] = holders.get(key, 0) + 1

    is_kept = {key for key, count in holders.items() if count}
    info: dict[Any, tuple[int, int]] = {}
    released: dict[Any, tuple[int, int]] = {}
    pressure: list[int] = []
    held = 0
    for step, key in enumerate(sorted(dsk, key=o.__getitem__)):
        pressure.append(held)
        freed = 0
        for need in dependencies[key]:
            holders[need] -= 1
            if not holders[need]:
                released[need] = (step - o[need], held)
                freed += 1
        info[key] = (pressure[-1], freed)
        if key not in is_kept:
            released[key] = (0, held)
        held += (key in is_kept) - freed
    result = {
        key: OrderInfo(place, released[key][0], info[key][0], released[key][1], info[key][1])
        for key, place in o.items()
    }
    return result, pressure


def ndependencies(
    dependencies: Mapping[Any, Collection[Any]], dependents: Mapping[Any, Collection[Any]]
) -> tuple[dict[Any, int], dict[Any, int]]:
    """Count the direct dependencies of each key, and all of them by every path, with the key itself.

    Parameters
    ----------
    dependencies, dependents : mapping
        The keys that each key needs, and those that need it.

    Returns
    -------
    dict, dict
        Both counts by key. Keys on a cycle or above one are missing in the second.

    Examples
    --------
    >>> ndependencies({"a": [], "b": ["a"], "c": ["b"]}, {"a": ["b"], "b": ["c"], "c": []})
    ({'a': 0, 'b': 1, 'c': 1}, {'a': 1, 'b': 2, 'c': 3})
    """
    direct = {key: len(needs) for key, needs in dependencies.items()}
    missing = dict(direct)
    totals: dict[Any, int] = {}
    ready = [key for key, count in direct.items() if not count]
    for key in ready:
        totals[key] = 1 + sum(totals[need] for need in dependencies[key])
        for dependent in dependents[key]:
            missing[dependent] -= 1
            if not missing[dependent]:
                ready.append(dependent)
    return direct, totals


def _nothing(*args: Any) -> None:
    """Stand for the function of every task of a sanitized graph."""


def sanitize_dsk(dsk: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a graph of the same shape and keys without functions and data, to show to others.

    Examples
    --------
    >>> sanitized = sanitize_dsk({"a": "secret", "b": (len, "a")})
    >>> sanitized["b"].dependencies
    frozenset({'a'})
    """
    from cenote.task_spec import Task, TaskRef

    dependencies = _native.dependencies(dsk)
    return {key: Task(key, _nothing, *map(TaskRef, dict.fromkeys(needs))) for key, needs in dependencies.items()}
