"""Fusing chains: tasks that need one other each, which nobody else needs, become one task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cenote import _native
from cenote.core import flatten, subs
from cenote.typing import Key
from cenote.utils import key_split

Renamer = Callable[[list[Key]], Key | None]


def default_fused_linear_keys_renamer(keys: Sequence[Any]) -> Any:
    """Return a key for a chain: the names of all its keys, the first task's first; `None` if they have no names.

    Parameters
    ----------
    keys : sequence
        The keys of the chain, that of the last task first.

    Examples
    --------
    >>> default_fused_linear_keys_renamer(["c-3", "b-2", "a-1"])
    'a-b-c-3'
    >>> default_fused_linear_keys_renamer([("c", 0), ("b", 0)])
    ('b-c', 0)
    """
    last = keys[0]
    names = [key_split(key) for key in keys[:0:-1]]
    if type(last) is str:
        return "-".join([*names, last])
    if type(last) is tuple and last and isinstance(last[0], str):
        return ("-".join([*names, last[0]]), *last[1:])
    return None


def protected(keys: Any) -> set[Key] | None:
    """Return the keys that must stay as a set, or `None` if there is nothing said about it."""
    if keys is None or isinstance(keys, set):
        return keys
    return set(flatten(keys if isinstance(keys, list) else [keys]))


def fuse_linear(
    dsk: Mapping[Key, Any],
    keys: Any = None,
    dependencies: Mapping[Key, Iterable[Key]] | None = None,
    rename_keys: bool | Renamer = True,
) -> tuple[dict[Key, Any], dict[Key, set[Key]]]:
    """Make one task of every chain of tasks.

    Parameters
    ----------
    dsk : mapping
    keys : key, or collection of keys, nested at will, optional
        Keys that must stay.
    dependencies : mapping, optional
        For each key a list of those that it depends on, as often as it names them, as :func:`cull` returns it.
    rename_keys : bool or callable
        Whether a fused task gets a key made of all its keys; or what makes such a key of them, that of the last task
        first, or returns `None`. The last task's key stays, as another name, unless `keys` are given and it is not one
        of them.

    Returns
    -------
    dict
        The graph with fused tasks.
    dict of sets
        The keys that each key of it depends on.

    Examples
    --------
    >>> fuse_linear({"a": 1, "b": (abs, "a"), "c": (abs, "b")}, rename_keys=False)
    ({'c': (<built-in function abs>, (<built-in function abs>, 1))}, {'c': set()})
    """
    stay = protected(keys)
    named = _native.dependencies(dsk) if dependencies is None else dependencies
    needs = {key: set(names) for key, names in named.items()}
    rename: Renamer | None = default_fused_linear_keys_renamer
    if rename_keys is False:
        rename = None
    elif callable(rename_keys):
        rename = rename_keys

    result: dict[Key, Any] = {}
    renamed: dict[Key, Key] = {}
    fused: set[Key] = set()
    for chain in _chains(dsk, named, stay or set()):
        fused.update(chain)
        last = chain[0]
        value = _fuse_chain(dsk, chain, needs)
        name = rename(list(chain)) if rename is not None else None
        if name is None or name in dsk or name in result:
            result[last] = value
        else:
            result[name] = value
            result[last] = renamed[last] = name
            needs[name], needs[last] = needs[last], {name}
    result.update((key, value) for key, value in dsk.items() if key not in fused)
    if renamed:
        _follow_names(result, needs, renamed, stay)
    return result, needs


def _chains(dsk: Mapping[Key, Any], named: Mapping[Key, Iterable[Key]], stay: set[Key]) -> list[list[Key]]:
    """Return the chains of at least two tasks, each from its last task down."""
    times = Counter(name for key in dsk for name in named[key])
    below: dict[Key, Key] = {}
    for key in dsk:
        names = list(named[key])
        if len(names) == 1 and times[names[0]] == 1 and names[0] not in stay:
            below[key] = names[0]
    inner = set(below.values())
    chains = []
    for last in below:
        if last not in inner:
            chain = [last]
            while chain[-1] in below:
                chain.append(below[chain[-1]])
            chains.append(chain)
    return chains


def _fuse_chain(dsk: Mapping[Key, Any], chain: list[Key], needs: dict[Key, set[Key]]) -> Any:
    """Return the one task of a chain, whose key is that of the last; `needs` then tells of no other of them."""
    value = dsk[chain[-1]]
    below = chain[-1]
    for key in reversed(chain[:-1]):
        value = subs(dsk[key], below, value)
        below = key
    needs[chain[0]] = needs[chain[-1]]
    for key in chain[1:]:
        del needs[key]
    return value


def _follow_names(
    result: dict[Key, Any], needs: dict[Key, set[Key]], renamed: Mapping[Key, Key], stay: set[Key] | None
) -> None:
    """Let tasks need fused ones by their new keys, and leave out old keys that nobody asked to keep."""
    for key, names in needs.items():
        for name in names & renamed.keys():
            names.remove(name)
            names.add(renamed[name])
            result[key] = subs(result[key], name, renamed[name])
    if stay is not None:
        for key in renamed.keys() - stay:
            del result[key], needs[key]
