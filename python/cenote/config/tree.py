"""Nested dictionaries of settings, addressed by dotted names in which hyphens and underscores mean the same."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from cenote._dask import MISSING


def canonical_name(k: str, config: Mapping[str, Any]) -> str:
    """Return the spelling of `k` that `config` has: with hyphens or with underscores, else `k`.

    Examples
    --------
    >>> canonical_name("max_width", {"max-width": 1})
    'max-width'
    """
    try:
        if k in config:
            return k
        other = k.replace("_", "-") if "_" in k else k.replace("-", "_")
        return other if other in config else k
    except TypeError:  # not a container
        return k


def update(
    old: dict[str, Any],
    new: Mapping[str, Any],
    priority: Literal["old", "new", "new-defaults"] = "new",
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Merge nested `new` into `old`, in place, and return it.

    Parameters
    ----------
    old, new : mappings
    priority : {'new', 'old', 'new-defaults'}
        Whose value stays where both have one. ``'new-defaults'`` takes the new one only where the old one is still
        the default.
    defaults : mapping, optional
        The present defaults, for ``'new-defaults'``.

    Examples
    --------
    >>> update({"x": 1, "y": {"a": 2}}, {"x": 3, "y": {"b": 4}})
    {'x': 3, 'y': {'a': 2, 'b': 4}}
    >>> update({"x": 1}, {"x": 3, "z": 5}, priority="old")
    {'x': 1, 'z': 5}
    >>> update({"x": 1, "y": 2}, {"x": 3, "y": 3}, priority="new-defaults", defaults={"x": 1, "y": 1})
    {'x': 3, 'y': 2}
    """
    for name, value in new.items():
        name = canonical_name(name, old)
        if isinstance(value, Mapping):
            if not isinstance(old.get(name), dict):
                old[name] = {}
            inner = defaults.get(name) if defaults else None
            update(old[name], value, priority, inner if isinstance(inner, Mapping) else None)
        elif name not in old or priority == "new":
            old[name] = value
        elif priority == "new-defaults" and defaults and name in defaults and defaults[name] == old[name]:
            old[name] = value
    return old


def merge(*dicts: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings into a new dictionary; later ones win.

    Examples
    --------
    >>> merge({"x": 1, "y": {"a": 2}}, {"y": {"b": 3}})
    {'x': 1, 'y': {'a': 2, 'b': 3}}
    """
    result: dict[str, Any] = {}
    for each in dicts:
        update(result, each)
    return result


def look_up(key: str, config: Any) -> Any:
    """Walk down `config` along the dots of `key`; `MISSING` if the way ends early."""
    if "." not in key and type(config) is dict:
        # Every run of a graph asks for a few settings that nobody has set: no exceptions on that way.
        return config[key] if key in config else config.get(canonical_name(key, config), MISSING)
    for part in key.split("."):
        try:
            config = config[canonical_name(part, config)]
        except (TypeError, IndexError, KeyError):
            return MISSING
    return config


def assign(config: dict[str, Any], key: str, value: Any) -> tuple[dict[str, Any], str, Any]:
    """Set `key`, and return what undoes it: the dictionary and name that changed, and what was there.

    A dictionary given as a value is kept as it is: it may be one that is to be filled, as the ``cache`` of a run.
    """
    *groups, leaf = key.split(".")
    place, undo = config, None
    for group in groups:
        group = canonical_name(group, place)
        if not isinstance(place.get(group), dict):
            undo = undo or (place, group, place.get(group, MISSING))
            place[group] = {}
        place = place[group]
    leaf = canonical_name(leaf, place)
    undo = undo or (place, leaf, place.get(leaf, MISSING))
    place[leaf] = value
    return undo


def expand_environment_variables(config: Any) -> Any:
    """Replace ``$NAME`` in the texts of a nested structure.

    Examples
    --------
    >>> os.environ["COLOUR"] = "blue"
    >>> expand_environment_variables({"x": [1, "$COLOUR"]})
    {'x': [1, 'blue']}
    """
    if isinstance(config, Mapping):
        return {k: expand_environment_variables(v) for k, v in config.items()}
    if isinstance(config, str):
        return os.path.expandvars(config)
    if isinstance(config, list | tuple | set):
        return type(config)(expand_environment_variables(v) for v in config)
    return config
