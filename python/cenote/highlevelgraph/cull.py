"""Culling a graph layer by layer, so that layers that can cull themselves need not make their tasks."""

from __future__ import annotations

from typing import Any

from cenote.highlevelgraph.layer import Key


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
    sorted_layers = graph._toposort_layers()
    order = [*reversed(sorted_layers), *(graph.layers.keys() - set(sorted_layers))]
    kept: dict[str, Any] = {}
    below: dict[str, set[str]] = {}
    asked: dict[str, set[Key]] = {}
    while of_layer:  # once, unless layers refer to each other in ways that their dependencies do not tell
        for name in order:
            here = of_layer.pop(name, None)
            if here is None:
                continue
            asked.setdefault(name, set()).update(here)
            kept[name], dependencies = graph.layers[name].cull(asked[name], all_keys)
            below[name] = set()
            for key in set().union(*dependencies.values()):
                if (other := home.get(key, name)) != name:
                    below[name].add(other)
                    if key not in asked.get(other, ()) and key not in kept.get(other, ()):
                        of_layer.setdefault(other, set()).add(key)
    layers = {f"{name}-{suffix}": layer for name, layer in kept.items()}
    return layers, {f"{name}-{suffix}": {f"{other}-{suffix}" for other in below[name]} for name in kept}
