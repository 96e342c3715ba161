"""Make a graph smaller before it runs: leave out what is not needed, put cheap tasks into those that need them.

All of these take and return plain graphs, and change none that they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cenote import _native
from cenote.core import flatten, ishashable, istask, reverse_dict, subs, toposort
from cenote.optimization.chains import default_fused_linear_keys_renamer, fuse_linear
from cenote.optimization.reductions import Default, default_fused_keys_renamer, fuse, is_task_object
from cenote.typing import Key

__all__ = [
    "Default",
    "cull",
    "default_fused_keys_renamer",
    "default_fused_linear_keys_renamer",
    "functions_of",
    "fuse",
    "fuse_linear",
    "inline",
    "inline_functions",
    "unwrap_partial",
]


def cull(dsk: Mapping[Key, Any], keys: Any) -> tuple[dict[Key, Any], dict[Key, list[Key]]]:
    """Leave out of a graph what is not needed for `keys`.

    Parameters
    ----------
    dsk : mapping
    keys : key, or list or set of keys, nested at will

    Returns
    -------
    dict
        The part of the graph that is needed.
    dict of lists
        For each key of it those that it depends on, as often as it names them: what :func:`fuse` wants to know.

    Raises
    ------
    KeyError
        If the graph has no such key.

    Examples
    --------
    >>> cull({"x": 1, "y": (abs, "x"), "z": (abs, "x")}, "z")
    ({'z': (<built-in function abs>, 'x'), 'x': 1}, {'z': ['x'], 'x': []})
    """
    return _native.cull(dsk, list(flatten(keys)) if isinstance(keys, list | set) else [keys])


def inline(
    dsk: Mapping[Key, Any],
    keys: Any = None,
    inline_constants: bool = True,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
) -> dict[Key, Any]:
    """Put tasks into those that need them, in the place of their keys.

    Parameters
    ----------
    dsk : mapping
    keys : key, or collection of keys, optional
        The tasks to put into others.
    inline_constants : bool
        Do so with data and with other names of keys too.
    dependencies : mapping, optional
        The keys that each key depends on, if they are known.

    Returns
    -------
    dict
        A graph with the same keys: what has been put into others is still there, for :func:`cull` to leave out.

    Examples
    --------
    >>> graph = {"x": 1, "y": (abs, "x"), "z": (max, "x", "y")}
    >>> inline(graph)["z"]
    (<built-in function max>, 1, 'y')
    >>> inline(graph, keys="y", inline_constants=False)["z"]
    (<built-in function max>, 'x', (<built-in function abs>, 'x'))
    """
    needs = _dependency_sets(dsk, dependencies)
    chosen = _key_set(keys)
    if inline_constants:
        chosen.update(key for key, value in dsk.items() if _is_constant(dsk, key, value, needs))

    result: dict[Key, Any] = {}
    for key in toposort({key: dsk[key] for key in chosen if key in dsk}, dependencies=needs):
        result[key] = _with_inlined(dsk[key], needs[key] & chosen, result)
    for key, value in dsk.items():
        if key not in result:
            result[key] = _with_inlined(value, needs[key] & chosen, result)
    return result


def _with_inlined(value: Any, names: Iterable[Key], inlined: Mapping[Key, Any]) -> Any:
    for name in names:
        value = subs(value, name, inlined[name])
    return value


def _is_constant(dsk: Mapping[Key, Any], key: Key, value: Any, needs: Mapping[Key, set[Key]]) -> bool:
    """Return whether a value is plain data or another key."""
    return (ishashable(value) and value in dsk) or not (needs[key] or istask(value))


def _dependency_sets(dsk: Mapping[Key, Any], dependencies: Mapping[Key, Iterable[Key]] | None) -> dict[Key, set[Key]]:
    if dependencies is None:
        return {key: set(named) for key, named in _native.dependencies(dsk).items()}
    return {key: set(named) for key, named in dependencies.items()}


def _key_set(keys: Any) -> set[Key]:
    if keys is None:
        return set()
    return set(keys if isinstance(keys, list | set) else [keys])


def inline_functions(
    dsk: dict[Key, Any],
    output: Iterable[Key],
    fast_functions: Collection[Callable[..., Any]] | None = None,
    inline_constants: bool = False,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
) -> dict[Key, Any]:
    """Put calls of cheap functions into the tasks that need them, and leave them out.

    Parameters
    ----------
    dsk : dict
    output : iterable of keys
        Keys that must stay.
    fast_functions : collection of callables
        The functions that are cheaper to call again than to keep the result of.
    inline_constants : bool
        Put data and other names of keys into tasks too; they stay in the graph.
    dependencies : mapping, optional
        The keys that each key depends on, if they are known.

    Examples
    --------
    >>> graph = {"out": (max, "a", "b"), "a": (abs, "x"), "b": (len, "y"), "x": -1, "y": "text"}
    >>> inline_functions(graph, ["out"], [len])["out"]
    (<built-in function max>, 'a', (<built-in function len>, 'y'))
    """
    if not fast_functions:
        return dsk
    output, fast = set(output), set(fast_functions)
    needs = _dependency_sets(dsk, dependencies)
    dependents = reverse_dict(needs)

    def is_cheap(key: Key, task: Any) -> bool:
        if is_task_object(task) or not istask(task) or key in output or not dependents[key]:
            return False
        try:
            return functions_of(task) <= fast and not any(
                is_task_object(dsk[dependent]) for dependent in dependents[key]
            )
        except TypeError:  # a function that cannot be hashed is not one of those
            return False

    cheap = [key for key, task in dsk.items() if is_cheap(key, task)]
    if not cheap:
        return dsk
    result = inline(dsk, cheap, inline_constants=inline_constants, dependencies=needs)
    for key in cheap:
        del result[key]
    return result


def unwrap_partial(func: Any) -> Any:
    """Return the function in `functools.partial` objects and their like, at any depth.

    Examples
    --------
    >>> from functools import partial
    >>> unwrap_partial(partial(partial(max, 1), 2))
    <built-in function max>
    """
    while hasattr(func, "func"):
        func = func.func
    return func


def functions_of(task: Any) -> set[Any]:
    """Return the functions that a task calls, in nested tasks and lists too.

    Examples
    --------
    >>> functions_of((max, (abs, 1), [(abs, 2)])) == {max, abs}
    True
    """
    functions = set()
    work = [task]
    while work:
        item = work.pop()
        if type(item) is list or type(item) is tuple:
            if istask(item):
                functions.add(unwrap_partial(item[0]))
                item = item[1:]
            work.extend(item)
    return functions
