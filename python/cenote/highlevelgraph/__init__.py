"""Graphs made of named layers.

A :class:`HighLevelGraph` is a mapping of keys to tasks like any other graph. Beside that it knows of which layers it
is made and which layer builds on which, so that it can be drawn, culled and annotated a layer at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from cenote import _dask
from cenote.highlevelgraph.layer import Key, Layer, MaterializedLayer, is_layer, tell_dask
from cenote.highlevelgraph.layer_map import LayerMap

__all__ = ["HighLevelGraph", "Layer", "MaterializedLayer", "compute_layer_dependencies", "to_graphviz"]


class HighLevelGraph(Mapping[Key, Any]):
    """A graph made of layers that build on each other.

    Making one out of others (:meth:`from_collections`, :meth:`merge`) copies nothing: it costs the size of what is
    new. The first look at ``layers`` or ``dependencies`` costs the size of the whole graph.

    Parameters
    ----------
    layers : mapping of str to mapping
        The layers by name. A layer is a mapping from keys to tasks.
    dependencies : mapping of str to set of str
        For each layer, the layers it refers to.
    key_dependencies : dict, optional
        For some keys, the keys their tasks refer to, where that is known already.

    Attributes
    ----------
    layers : dict of str to Layer
        The layers by name.
    dependencies : dict of str to set of str
        For each layer, the layers it refers to.

    See Also
    --------
    HighLevelGraph.from_collections : one new layer on top of collections

    Examples
    --------
    >>> from operator import add
    >>> graph = HighLevelGraph(
    ...     {"numbers": {"x": 1, "y": 2}, "add": {"z": (add, "x", "y")}},
    ...     {"numbers": set(), "add": {"numbers"}},
    ... )
    >>> sorted(graph)
    ['x', 'y', 'z']
    >>> sorted(graph.cull(["x"]))
    ['x']
    """

    def __init__(
        self,
        layers: Mapping[str, Mapping[Key, Any]],
        dependencies: Mapping[str, Set[str]],
        key_dependencies: dict[Key, set[Key]] | None = None,
    ) -> None:
        tell_dask()
        own = {name: layer if is_layer(layer) else MaterializedLayer(layer) for name, layer in layers.items()}
        self._share(LayerMap(own), LayerMap(dependencies if type(dependencies) is dict else dict(dependencies)))
        self.key_dependencies = key_dependencies or {}

    def _share(self, layers: LayerMap, dependencies: LayerMap) -> None:
        self._layers = layers
        self._dependencies = dependencies
        self.key_dependencies = {}
        self._flat: dict[Key, Any] | None = None
        self._external_keys: set[Key] | None = None

    @classmethod
    def _shared(cls, layers: LayerMap, dependencies: LayerMap) -> HighLevelGraph:
        made = cls.__new__(cls)
        made._share(layers, dependencies)
        return made

    @property
    def layers(self) -> dict[str, Any]:
        """The layers by name."""
        return self._layers.joined()

    @property
    def dependencies(self) -> dict[str, Any]:
        """For each layer, the layers it refers to."""
        return self._dependencies.joined()

    @property
    def dependents(self) -> dict[str, set[str]]:
        """For each layer, the layers that refer to it."""
        dependents: dict[str, set[str]] = {name: set() for name in self.dependencies}
        for name, others in self.dependencies.items():
            for other in others:
                dependents.setdefault(other, set()).add(name)
        return dependents

    @classmethod
    def from_collections(cls, name: str, layer: Mapping[Key, Any], dependencies: Sequence[Any] = ()) -> HighLevelGraph:
        """One new layer on top of the graphs of collections.

        Parameters
        ----------
        name : str
            The name of the new layer.
        layer : mapping
            Its tasks.
        dependencies : sequence of collections
            What the tasks refer to.

        Raises
        ------
        TypeError
            One of ``dependencies`` is not a collection.

        Examples
        --------
        >>> graph = HighLevelGraph.from_collections("inc-1", {"y": (abs, -1)})
        >>> graph.layers
        {'inc-1': <MaterializedLayer of 1 keys>}
        """
        from cenote.base import is_dask_collection
        from cenote.delayed import Delayed, DelayedGraph

        tell_dask()
        parents: list[tuple[LayerMap, LayerMap]] = []
        below: set[str] = set()
        ours = []
        for collection in {id(collection): collection for collection in dependencies}.values():
            if not is_dask_collection(collection):
                raise TypeError(f"layer {name!r} can build on collections only, got {type(collection).__name__}")
            if type(collection) is Delayed:
                ours.append(collection)
                below.update(collection.__dask_layers__())
                continue
            graph = collection.__dask_graph__()
            if is_high_level(graph):
                below.update(collection.__dask_layers__())
                parents.append(_maps_of(graph))
            else:
                base = _layer_name(collection, graph)
                below.add(base)
                parents.append((LayerMap({base: MaterializedLayer(graph)}), LayerMap({base: set()})))
        if ours:  # all at once, since they may be made of each other
            parents.append(_maps_of(DelayedGraph(*ours)))
        own = layer if is_layer(layer) else MaterializedLayer(layer)
        return cls._shared(
            LayerMap({name: own}, [layers for layers, _ in parents]),
            LayerMap({name: below}, [dependencies for _, dependencies in parents]),
        )

    @classmethod
    def merge(cls, *graphs: Mapping[Key, Any]) -> HighLevelGraph:
        """All layers of several graphs in one.

        Parameters
        ----------
        *graphs : mapping
            Graphs; a plain one becomes a layer.

        Raises
        ------
        TypeError
            One of ``graphs`` is not a mapping.
        """
        from cenote.delayed import DelayedGraph

        tell_dask()
        parents: list[tuple[LayerMap, LayerMap]] = []
        for graph in graphs:
            if is_high_level(graph) or isinstance(graph, DelayedGraph):
                parents.append(_maps_of(graph))
            elif isinstance(graph, Mapping):
                name = str(id(graph))
                parents.append((LayerMap({name: MaterializedLayer(graph)}), LayerMap({name: set()})))
            else:
                raise TypeError(f"only graphs can be merged, got {type(graph).__name__}")
        return cls._shared(
            LayerMap({}, [layers for layers, _ in parents]),
            LayerMap({}, [dependencies for _, dependencies in parents]),
        )

    def __getitem__(self, key: Key) -> Any:
        layers = self.layers
        # a layer often bears the name of its only key, or of what its tuple keys begin with
        for name in (key, key[0] if isinstance(key, tuple) and key else key):
            layer = layers.get(name)  # type: ignore[arg-type]
            if layer is not None and key in layer:
                return layer[key]
        return self.to_dict()[key]

    def __contains__(self, key: object) -> bool:
        return key in self.to_dict()

    def __len__(self) -> int:
        return sum(len(layer) for layer in self.layers.values())

    def __iter__(self) -> Iterator[Key]:
        return iter(self.to_dict())

    def to_dict(self) -> dict[Key, Any]:
        """All tasks of all layers in one dict, made once. Makes the tasks of layers that have not made theirs."""
        if self._flat is None:
            flat: dict[Key, Any] = {}
            for layer in {id(layer): layer for layer in self.layers.values()}.values():
                flat.update(layer.mapping if type(layer) is MaterializedLayer else layer)
            self._flat = flat
        return self._flat

    def keys(self) -> Any:
        """All keys. :meth:`get_all_external_keys` is cheaper, since it makes no tasks."""
        return self.to_dict().keys()

    def values(self) -> Any:
        """All tasks."""
        return self.to_dict().values()

    def items(self) -> Any:
        """All tasks with their keys."""
        return self.to_dict().items()

    def keyset(self) -> set[Key]:
        """All keys, as a set."""
        return set(self.to_dict())

    def get_all_external_keys(self) -> set[Key]:
        """All keys that a layer shows to other layers. Makes no tasks."""
        if self._external_keys is None:
            self._external_keys = set().union(*(layer.get_output_keys() for layer in self.layers.values()))
        return self._external_keys

    def get_all_dependencies(self) -> dict[Key, set[Key]]:
        """For each key, the keys its task refers to. Makes the tasks."""
        all_keys = self.keys()
        if all_keys - self.key_dependencies.keys():
            for layer in self.layers.values():
                for key in layer:
                    if key not in self.key_dependencies:
                        self.key_dependencies[key] = layer.get_dependencies(key, all_keys)
        return self.key_dependencies

    def copy(self) -> HighLevelGraph:
        """Another graph of the same layers, whose dicts can be changed without changing this one's."""
        return HighLevelGraph(dict(self.layers), dict(self.dependencies), self.key_dependencies.copy())

    __copy__ = copy

    def _toposort_layers(self) -> list[str]:
        """The names of the layers, each after those it builds on."""
        waits = {name: len(others) for name, others in self.dependencies.items()}
        dependents = self.dependents
        ready = [name for name, count in waits.items() if not count]
        order = []
        while ready:
            name = ready.pop()
            order.append(name)
            for other in dependents[name]:
                waits[other] -= 1
                if not waits[other]:
                    ready.append(other)
        return order

    def cull(self, keys: Any) -> HighLevelGraph:
        """Only what is needed for some keys. A layer that has not made its tasks is asked to cull itself.

        Parameters
        ----------
        keys : set, or nested list, of hashable
            The keys wanted.

        Returns
        -------
        HighLevelGraph
            Layers with new names, since they are not the layers of that name any more.
        """
        from cenote.highlevelgraph.cull import cull_layers

        layers, dependencies = cull_layers(self, keys)
        return HighLevelGraph(layers, dependencies)

    def cull_layers(self, layers: Iterable[str]) -> HighLevelGraph:
        """Only some layers and those they build on, each as it is. Makes no tasks.

        Parameters
        ----------
        layers : iterable of str
            The names of the layers wanted.
        """
        kept: dict[str, Any] = {}
        dependencies: dict[str, Any] = {}
        work = list(layers)
        while work:
            name = work.pop()
            if name not in kept:
                kept[name] = self.layers[name]
                dependencies[name] = self.dependencies[name]
                work.extend(dependencies[name])
        return HighLevelGraph(kept, dependencies)

    def validate(self) -> None:
        """Check that ``dependencies`` says what the tasks say. Makes the tasks.

        Raises
        ------
        ValueError
            It does not; the message names the layer.
        """
        for name, others in self.dependencies.items():
            if name not in self.layers:
                raise ValueError(f"dependencies[{name!r}] not found in layers")
            for other in others:
                if other not in self.dependencies:
                    raise ValueError(f"{other!r}, a dependency of layer {name!r}, not found in dependencies")
        found = compute_layer_dependencies(self.layers)
        if found.keys() != self.dependencies.keys():
            without = set(found.keys() ^ self.dependencies.keys())
            raise ValueError(f"incorrect dependencies: layers and dependencies differ in {without!r}")
        for name, others in found.items():
            if others != set(self.dependencies[name]):
                raise ValueError(
                    f"incorrect HLG dependencies[{name!r}]: {self.dependencies[name]!r}, but its tasks need {others!r}"
                )

    def visualize(self, filename: str | None = "cenote-hlg.svg", format: str | None = None, **kwargs: Any) -> Any:
        """Draw the layers.

        Parameters
        ----------
        filename : str or None
            Where to write the picture; its ending says the format. None writes nothing.
        format : {'svg', 'png', 'pdf', 'dot'}, optional
            The format, where the ending does not say it.
        **kwargs
            Such as ``color="layer_type"`` and ``rankdir="LR"``; see :mod:`cenote.dot`.
        """
        from cenote import dot

        return dot.visualize_layers(self, filename=filename, format=format, **kwargs)

    def __dask_tokenize__(self) -> Any:
        return ("HighLevelGraph", list(self.layers))

    def __reduce__(self) -> tuple[Any, ...]:
        from cenote._dask_graph import graph_reduced

        return graph_reduced(self)

    def __repr__(self) -> str:
        kind = type(self)
        lines = [
            f"{kind.__name__} with {len(self.layers)} layers.",
            f"<{kind.__module__}.{kind.__name__} at {id(self):#x}>",
        ]
        lines += [f" {index}. {name}" for index, name in enumerate(self._toposort_layers())]
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        from cenote.highlevelgraph.html import graph_html

        return graph_html(self)


def compute_layer_dependencies(layers: Mapping[str, Mapping[Key, Any]]) -> dict[str, set[str]]:
    """For each layer, the layers its tasks refer to.

    Parameters
    ----------
    layers : mapping of str to mapping
        The layers by name.

    Examples
    --------
    >>> compute_layer_dependencies({"a": {"x": 1}, "b": {"y": (abs, "x")}})
    {'a': set(), 'b': {'a'}}
    """
    from cenote.core import keys_in_tasks

    home: dict[Any, str] = {}
    for name, layer in layers.items():
        for key in layer:
            home.setdefault(key, name)
    found: dict[str, set[str]] = {}
    for name, layer in layers.items():
        references = keys_in_tasks(home, list(layer.values()))
        found[name] = {home[key] for key in references if key not in layer}
    return found


def is_high_level(graph: Any) -> bool:
    """Whether this is a graph of layers, ours or Dask's."""
    if isinstance(graph, HighLevelGraph):
        return True
    dask = _dask.module("highlevelgraph")
    return dask is not None and isinstance(graph, dask.HighLevelGraph)


class DotText(str):
    """A picture in the DOT language, with the attributes by which the package graphviz shows such text."""

    __slots__ = ()

    @property
    def source(self) -> str:
        """The text."""
        return str(self)

    @property
    def body(self) -> list[str]:
        """The lines between the braces."""
        return self.splitlines(keepends=True)[1:-1]


def to_graphviz(graph: HighLevelGraph, **kwargs: Any) -> DotText:
    """The picture of the layers in the DOT language.

    Parameters
    ----------
    graph : HighLevelGraph
        The graph.
    **kwargs
        See :func:`cenote.dot.visualize_layers`.

    Examples
    --------
    >>> print(to_graphviz(HighLevelGraph({"a": {"x": 1}}, {"a": set()})).body[-1].strip().split()[0])
    "a"
    """
    from cenote import dot

    return DotText(dot.layers_to_dot(graph, **kwargs).strip())


def _maps_of(graph: Any) -> tuple[LayerMap, LayerMap]:
    """The two mappings of a graph of layers, to build upon. Those of delayed calls are made when looked at."""
    from cenote.delayed import DelayedGraph

    if isinstance(graph, HighLevelGraph):
        return graph._layers, graph._dependencies
    if isinstance(graph, DelayedGraph):
        from cenote.layered import by_node

        made = functools.cache(lambda: by_node(graph))
        return LayerMap(lambda: made().layers), LayerMap(lambda: made().dependencies)
    return LayerMap(graph.layers), LayerMap(graph.dependencies)


def _layer_name(collection: Any, graph: Any) -> str:
    """A name for the graph of a collection that has no layers. It is the graph that lives on, not the collection."""
    try:
        (name,) = collection.__dask_layers__()
    except (AttributeError, ValueError):
        return str(id(graph))
    return name
