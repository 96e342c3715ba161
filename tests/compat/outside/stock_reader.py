"""Runs inside a *stock* scheduler, sent there by value: answers as our own scheduler's inspection request does.

With it the same tests can be run on stock Dask, which says which of them say anything about a scheduler in another
process.
"""

from __future__ import annotations

from typing import Any


def answer(path: list[tuple[str, Any]], dask_scheduler: Any = None) -> tuple[Any, ...]:
    """What stands at the end of the path, as a tagged value."""
    import enum
    from collections import deque
    from collections.abc import Mapping

    from distributed import scheduler as stock
    from distributed.collections import HeapSet

    identities = {
        stock.TaskState: ("tasks", "key"),
        stock.WorkerState: ("workers", "address"),
        stock.ClientState: ("clients", "client_key"),
        stock.TaskGroup: ("task_groups", "name"),
        stock.TaskPrefix: ("task_prefixes", "name"),
    }

    def tagged(value: Any, at: list[tuple[str, Any]], depth: int = 0) -> tuple[Any, ...]:
        kind = type(value)
        if value is None or kind in (bool, int, float, str, bytes) or isinstance(value, enum.Enum):
            return "v", value
        if kind in identities:
            table, name = identities[kind]
            return "r", table, getattr(value, name)
        if depth > 5:
            return "o", at
        if isinstance(value, Mapping):
            pairs = [
                (tagged(key, at, depth + 1), tagged(each, [*at, ("i", key)], depth + 1)) for key, each in value.items()
            ]
            return "k" if kind.__name__ == "Counter" else "d", pairs
        if isinstance(value, (set, frozenset, HeapSet)) or kind.__name__ in ("OrderedSet", "WeakSet", "dict_keys"):
            return "s", [tagged(each, at, depth + 1) for each in value]
        if (
            kind is tuple
            or isinstance(value, (list, deque))
            or kind.__name__ in ("dict_values", "SortedKeyList", "SortedSet")
        ):
            tag = "t" if kind is tuple else "l"
            return tag, [tagged(each, [*at, ("i", i)], depth + 1) for i, each in enumerate(value)]
        return "c" if callable(value) else "o", at

    found = dask_scheduler
    try:
        for step, name in path:
            found = getattr(found, name) if step == "a" else found[name]
    except (KeyError, IndexError, AttributeError) as error:
        return "exc", type(error).__name__, error.args
    return tagged(found, path)


def validate(dask_scheduler: Any = None) -> None:
    """Walk over the scheduler's invariants."""
    dask_scheduler.validate_state()
