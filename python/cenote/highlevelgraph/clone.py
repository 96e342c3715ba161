"""The same tasks under other keys, some of them made to wait for one more task."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from typing import Any

from cenote.highlevelgraph.layer import is_task
from cenote.task_spec import classes
from cenote.task_spec.fold import fold

Key = Hashable


def clone_tasks(
    tasks: Mapping[Key, Any], keys: Set[Key], seed: Hashable, bind_to: Key | None
) -> tuple[dict[Key, Any], bool]:
    """Rename some keys of a mapping of tasks.

    Parameters
    ----------
    tasks : mapping
        The tasks.
    keys : set of hashable
        What to rename, in keys and in references.
    seed : hashable
        Makes the new keys differ.
    bind_to : hashable or None
        A renamed task with no renamed reference is made to wait for this key.

    Returns
    -------
    tasks : dict
        The renamed tasks.
    bound : bool
        Whether any of them waits for ``bind_to``.
    """
    from cenote.base import clone_key

    renamed: dict[Key, Any] = {}
    bound = False
    for key, task in tasks.items():
        if key not in keys:
            renamed[key] = task
            continue
        new_key = clone_key(key, seed)
        if is_task(task):
            new_task, is_leaf = _clone_task(task, new_key, keys, seed)
        else:
            new_task, is_leaf = _clone_tuples(task, keys, seed)
        if bind_to is not None and is_leaf:
            new_task = _bound(new_task, new_key, bind_to)
            bound = True
        renamed[new_key] = new_task
    return renamed, bound


def _clone_task(task: Any, new_key: Key, keys: Set[Key], seed: Hashable) -> tuple[Any, bool]:
    from cenote.base import clone_key

    new_names = {key: clone_key(key, seed) for key in task.dependencies if key in keys}
    if hasattr(task, "target"):
        return type(task)(new_key, new_names.get(task.target, task.target)), not new_names
    return task.substitute(new_names, key=new_key), not new_names


def _clone_tuples(task: Any, keys: Set[Key], seed: Hashable) -> tuple[Any, bool]:
    """Rename references in a task made of tuples, lists and dicts."""
    from cenote.base import clone_key

    is_leaf = True

    def leaf(part: Any) -> Any:
        nonlocal is_leaf
        if is_task(part):
            new_names = {key: clone_key(key, seed) for key in part.dependencies if key in keys}
            is_leaf = is_leaf and not new_names
            return part.substitute(new_names)
        try:
            if part not in keys:
                return part
        except TypeError:
            return part
        is_leaf = False
        return clone_key(part, seed)

    return fold(task, _parts, leaf, _rebuilt), is_leaf


def _parts(part: Any) -> list[Any] | None:
    """What of a task made of tuples can hold references."""
    kind = type(part)
    if kind is tuple and part and callable(part[0]):
        return list(part[1:])
    if kind is list:
        return list(part)
    return list(part.values()) if kind is dict else None


def _rebuilt(part: Any, new: list[Any]) -> Any:
    if type(part) is tuple:
        return (part[0], *new)
    return new if type(part) is list else dict(zip(part, new, strict=True))


def _bound(task: Any, key: Key, bind_to: Key) -> Any:
    """A task that computes the same once ``bind_to`` has been computed."""
    from cenote.graph_manipulation import chunks

    if not is_task(task):
        return (chunks.bind, task, bind_to)
    kinds = classes()
    return kinds.Task(key, chunks.bind, task, kinds.TaskRef(bind_to))
