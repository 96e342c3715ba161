"""Culling a graph layer by layer, so that layers that can cull themselves need not make their tasks."""

from __future__ import annotations

from typing import Any

from cenote._layer import Key


def cull_layers(graph: Any, keys: Any) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """What of a graph of layers is needed for some keys. Linear in the size of the graph.

    Parameters
    ----------
    graph : HighLevelGraph
        The graph.
    keys : set, or nested list, of hashable
        The keys wanted.

    Returns
    -------
    layers : dict of str to Layer
        What is left, under names that tell for which keys.
    dependencies : dict of str to set of str
        For each of them, the layers it refers to.
    """
    from cenote.core import flatten
    from cenote.tokenize import tokenize

    wanted = set(flatten(keys))
    suffix = tokenize(wanted)
    home = {key: name for name, layer in graph.layers.items() for key in layer.get_output_keys()}
    of_layer: dict[str, set[Key]] = {}
    for key in wanted:
        if key in home:
            of_layer.setdefault(home[key], set()).add(key)
    tuples = any(layer.has_legacy_tasks for layer in graph.layers.values())
    all_keys = graph.get_all_external_keys() if tuples else set()
    kept: dict[str, Any] = {}
    for name in reversed(graph._toposort_layers()):
        here = of_layer.pop(name, None)
        if not here:
            continue
        culled, dependencies = graph.layers[name].cull(here, all_keys)
        kept[name] = culled
        for references in dependencies.values():
            for key in references:
                if home.get(key, name) != name:
                    of_layer.setdefault(home[key], set()).add(key)
    layers = {f"{name}-{suffix}": layer for name, layer in kept.items()}
    below = {f"{name}-{suffix}": {f"{o}-{suffix}" for o in graph.dependencies[name] if o in kept} for name in kept}
    return layers, below
