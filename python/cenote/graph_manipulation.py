"""Changing graphs that exist: making one part wait for another, or computing it a second time.

Unlike those of :mod:`cenote.optimization`, the graphs made here do not do the same as before.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from typing import Any, Literal

from cenote._portable import PortableFunction
from cenote.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer, is_high_level

__all__ = ("bind", "checkpoint", "clone", "wait_on")

Key = Hashable


class chunks:
    """The functions that are put into graphs."""

    @PortableFunction.of("dask.graph_manipulation:chunks.bind")
    def bind(node: Any, *args: Any, **kwargs: Any) -> Any:
        """Give back ``node``; the other arguments are there to be waited for."""
        return node

    @PortableFunction.of("dask.graph_manipulation:chunks.checkpoint")
    def checkpoint(*args: Any, **kwargs: Any) -> None:
        """Give back nothing; the arguments are there to be waited for."""


def checkpoint(*collections: Any, split_every: float | Literal[False] | None = None) -> Any:
    """A task that waits until collections have been computed.

    Parameters
    ----------
    *collections
        Collections, also inside builtin containers.
    split_every : int >= 2, False or None
        Of how many keys at most one task waits for; more are waited for in a tree. None means 8, False means that
        one task waits for all.

    Returns
    -------
    Delayed
        Its result is None.

    Raises
    ------
    ValueError
        ``split_every`` is less than 2.

    Examples
    --------
    >>> import cenote
    >>> total = cenote.delayed(sum)([1, 2, 3])
    >>> checkpoint(total).compute() is None
    True
    """
    from cenote.base import unpack_collections

    found, _ = unpack_collections(*collections)
    return _checkpoint_of(found, _width(split_every))


def bind(
    children: Any,
    parents: Any,
    *,
    omit: Any = None,
    seed: Hashable | None = None,
    assume_layers: bool = True,
    split_every: float | Literal[False] | None = None,
) -> Any:
    """Make collections wait for others.

    Parameters
    ----------
    children
        A collection, or builtin containers of collections.
    parents
        What to wait for: a collection, or builtin containers of collections.
    omit
        Collections whose tasks are kept as they are. All others that ``children`` are made of are made anew, and
        those right above ``omit`` (or the first ones) wait for ``parents``.
    seed : hashable, optional
        Determines the new keys. By default they differ at every call.
    assume_layers : bool
        Whether the layers of ``omit`` can be recognised by name among the layers of ``children``, which is fast. If
        not, they are recognised by key.
    split_every
        See :func:`checkpoint`.

    Returns
    -------
    Same as ``children``
        Equivalent collections with keys of their own.

    Examples
    --------
    >>> import cenote
    >>> seen = []
    >>> first = cenote.delayed(seen.append)("first")
    >>> then = cenote.delayed(seen.append)("then")
    >>> bind(then, first).compute()
    >>> seen
    ['first', 'then']
    """
    from cenote.base import unpack_collections

    seed = uuid.uuid4().bytes if seed is None else seed
    blocker = None
    if parents is not None:  # None is how clone() says that there is nothing to wait for
        waited, _ = unpack_collections(parents)
        blocker = _checkpoint_of(waited, _width(split_every))
    omitted, _ = unpack_collections(omit)
    omit_layers, omit_keys = _omitted(omitted, assume_layers)
    found, repack = unpack_collections(children)
    return repack([_bind_one(child, blocker, omit_layers, omit_keys, seed) for child in found])[0]


def clone(*collections: Any, omit: Any = None, seed: Hashable | None = None, assume_layers: bool = True) -> Any:
    """Equivalent collections that are computed independently of the given ones.

    Parameters
    ----------
    *collections
        Collections, also inside builtin containers.
    omit, seed, assume_layers
        See :func:`bind`.

    Returns
    -------
    Same as ``collections``
        One alone if one was given.

    Examples
    --------
    >>> import cenote
    >>> x = cenote.delayed(abs)(-1)
    >>> clone(x).key == x.key
    False
    >>> clone(x).compute()
    1
    """
    cloned = bind(collections, parents=None, omit=omit, seed=seed, assume_layers=assume_layers)
    return cloned[0] if len(collections) == 1 else cloned


def wait_on(*collections: Any, split_every: float | Literal[False] | None = None) -> Any:
    """Equivalent collections whose dependents wait until all of them have been computed.

    Parameters
    ----------
    *collections
        Collections, also inside builtin containers.
    split_every
        See :func:`checkpoint`.

    Returns
    -------
    Same as ``collections``
        One alone if one was given.

    Examples
    --------
    >>> import cenote
    >>> x, y = wait_on(cenote.delayed(abs)(-1), cenote.delayed(abs)(-2))
    >>> cenote.compute(x, y)
    (1, 2)
    """
    from cenote.base import unpack_collections

    found, repack = unpack_collections(*collections)
    blocker = _checkpoint_of(found, _width(split_every))
    out = repack([_wait_one(collection, blocker) for collection in found])
    return out[0] if len(collections) == 1 else out


def _width(split_every: float | Literal[False] | None) -> int:
    """How many keys one task may wait for; 0 for any number."""
    if split_every is None:
        return 8
    if split_every is False:
        return 0
    width = int(split_every)
    if width < 2:
        raise ValueError(f"split_every must be False, None, or >= 2, got {split_every!r}")
    return width


def _checkpoint_of(collections: list[Any], width: int) -> Any:
    """A Delayed that waits for collections."""
    from cenote.delayed import delayed
    from cenote.tokenize import tokenize

    parts = [_checkpoint_one(collection, width) for collection in collections]
    if len(parts) == 1:
        return parts[0]
    name = f"checkpoint-{tokenize([part.key for part in parts])}"
    return delayed(chunks.checkpoint, pure=True)(*parts, dask_key_name=name)


def _checkpoint_one(collection: Any, width: int) -> Any:
    from cenote.base import get_collection_names
    from cenote.core import flatten
    from cenote.delayed import Delayed, delayed
    from cenote.tokenize import tokenize

    token = tokenize(collection)
    name = f"checkpoint-{token}"
    if type(collection) is Delayed:
        return delayed(chunks.checkpoint, pure=True)(collection, dask_key_name=name)
    keys = collection.__dask_keys__()
    if len(list(flatten(keys))) < 2:
        layer: Any = {name: (chunks.checkpoint, keys)}
        return Delayed(name, HighLevelGraph.from_collections(name, layer, dependencies=[collection]))
    # a None for each key first, so that no more than Nones travel to the task that waits for all
    graphs: list[HighLevelGraph] = []
    waiting: list[Key] = []
    below: set[str] = set()
    for old_name in sorted(get_collection_names(collection)):
        map_name = f"checkpoint_map-{tokenize(old_name, token)}"
        layer = _map_layer(chunks.checkpoint, old_name, map_name, collection)
        waiting += layer.get_output_keys()
        below.add(map_name)
        graphs.append(HighLevelGraph.from_collections(map_name, layer, dependencies=[collection]))
    tree: dict[Key, Any] = {}
    done = 0
    while width and len(waiting) - done > width:
        key = (name, len(tree))
        tree[key] = (chunks.checkpoint, waiting[done : done + width])
        waiting.append(key)
        done += width
    tree[name] = (chunks.checkpoint, waiting[done:])
    return Delayed(name, HighLevelGraph.merge(*graphs, HighLevelGraph({name: tree}, {name: below})))


def _map_layer(function: Any, old_name: str, new_name: str, collection: Any, blocker: Any = None) -> Any:
    """A layer that calls a function on each key of a collection, with the result of the blocker beside it."""
    from cenote._dask import module
    from cenote.base import get_name_from_key, replace_name_in_key
    from cenote.core import flatten

    if module("blockwise") is not None and _is_blockwise(collection):
        return _blockwise_layer(function, old_name, new_name, collection, blocker)
    waits = () if blocker is None else (blocker.key,)
    return MaterializedLayer(
        {
            replace_name_in_key(key, {old_name: new_name}): (function, key, *waits)
            for key in flatten(collection.__dask_keys__())
            if get_name_from_key(key) == old_name
        }
    )


def _is_blockwise(collection: Any) -> bool:
    """Whether this is one of Dask's collections for which Dask has layers that make their tasks late."""
    from cenote._dask import module

    kinds = (("bag", "Bag"), ("array", "Array"), ("dataframe", "DataFrame"), ("dataframe", "Series"))
    known = (getattr(module(name), kind, None) for name, kind in kinds)
    return isinstance(collection, tuple(kind for kind in known if isinstance(kind, type)))


def _blockwise_layer(function: Any, old_name: str, new_name: str, collection: Any, blocker: Any) -> Any:
    from dask._task_spec import List, TaskRef
    from dask.blockwise import blockwise

    numblocks = getattr(collection, "numblocks", None) or (collection.npartitions,)
    indices = tuple(range(len(numblocks)))
    waits = {} if blocker is None else {"_deps": List(TaskRef(blocker.key))}
    blockers = () if blocker is None else (blocker,)
    blocks = {old_name: numblocks}
    return blockwise(function, new_name, indices, old_name, indices, numblocks=blocks, dependencies=blockers, **waits)


def _omitted(collections: list[Any], assume_layers: bool) -> tuple[set[str], set[Key]]:
    """The names of the layers, and the keys, that are not to be made anew."""
    layers: set[str] = set()
    keys: set[Key] = set()
    for collection in collections:
        graph = collection.__dask_graph__()
        if assume_layers and is_high_level(graph):
            layers.update(collection.__dask_layers__())
        else:
            keys.update(graph)
    return layers, keys


def _layered(collection: Any, names: set[str]) -> tuple[Any, set[str]]:
    """The graph of a collection as one of layers, and the layers that hold its keys."""
    from cenote.delayed import DelayedGraph
    from cenote.layered import by_annotations
    from cenote.tokenize import tokenize

    graph = collection.__dask_graph__()
    if isinstance(graph, DelayedGraph):
        layered = by_annotations(graph)
        return layered, set(layered.layers)
    if is_high_level(graph):
        try:
            return graph, set(collection.__dask_layers__())
        except AttributeError:
            return graph, set(names)
    name = next(iter(names)) if len(names) == 1 else tokenize(*sorted(names))
    return HighLevelGraph({name: graph}, {name: set()}), {name}


def _bind_one(child: Any, blocker: Any, omit_layers: set[str], omit_keys: set[Key], seed: Hashable) -> Any:
    from cenote.base import clone_key, get_collection_names

    names = get_collection_names(child)
    if not names:
        return child
    graph, work = _layered(child, names)
    keys = set(graph.get_all_external_keys()) - omit_keys
    for name in omit_layers & graph.layers.keys():
        keys.difference_update(graph.layers[name].get_output_keys())
    layers: dict[str, Any] = {}
    dependencies: dict[str, Any] = {}
    blocker_key, blocker_layers = None, set[str]()
    if blocker is not None:
        blocker_graph, blocker_layers = _layered(blocker, {blocker.key})
        blocker_key = blocker.key
        layers.update(blocker_graph.layers)
        dependencies.update(blocker_graph.dependencies)
    kept: set[str] = set()
    while work:
        name = work.pop()
        new_name = clone_key(name, seed)
        if new_name in layers:
            continue
        below = set(graph.dependencies[name])
        work |= below - omit_layers
        kept |= below & omit_layers
        layers[new_name], is_bound = _clone_layer(graph.layers[name], keys, seed, blocker_key)
        dependencies[new_name] = {clone_key(other, seed) for other in below - omit_layers} | (below & omit_layers)
        if is_bound:
            dependencies[new_name] |= blocker_layers
    while kept:
        name = kept.pop()
        if name not in layers:
            layers[name], dependencies[name] = graph.layers[name], graph.dependencies[name]
            kept |= set(dependencies[name])
    new_names = {name: clone_key(name, seed) for name in names}
    return _rebuilt(child, HighLevelGraph(layers, dependencies), new_names)


def _clone_layer(layer: Any, keys: set[Key], seed: Hashable, bind_to: Key | None) -> tuple[Any, bool]:
    from cenote._dask import module

    kind = getattr(module("highlevelgraph"), "MaterializedLayer", None)
    if type(layer) is kind:  # which would clone task objects with their references unchanged
        return Layer.clone(layer, keys, seed, bind_to)
    return layer.clone(keys=keys, seed=seed, bind_to=bind_to)


def _wait_one(collection: Any, blocker: Any) -> Any:
    from cenote.base import get_collection_names
    from cenote.delayed import Delayed, delayed
    from cenote.tokenize import tokenize

    token = tokenize(collection, blocker.key)
    if type(collection) is Delayed:
        name = f"wait_on-{tokenize(collection.key, token)}"
        return delayed(chunks.bind, pure=True, nout=collection._length)(collection, blocker, dask_key_name=name)
    graphs, new_names = [], {}
    for old_name in sorted(get_collection_names(collection)):
        new_names[old_name] = new_name = f"wait_on-{tokenize(old_name, token)}"
        layer = _map_layer(chunks.bind, old_name, new_name, collection, blocker)
        graphs.append(HighLevelGraph.from_collections(new_name, layer, dependencies=[collection, blocker]))
    return _rebuilt(collection, HighLevelGraph.merge(*graphs), new_names)


def _rebuilt(collection: Any, graph: HighLevelGraph, new_names: dict[str, str]) -> Any:
    """A collection like the given one, on another graph, with other names."""
    from cenote._dask_graph import dask_graph
    from cenote.delayed import Delayed

    if type(collection) is Delayed:
        key = new_names[collection.key]
        home = next(name for name, layer in graph.layers.items() if key in layer)
        return Delayed(key, graph, collection._length, layer=home)
    if not isinstance(old := collection.__dask_graph__(), HighLevelGraph) and is_high_level(old):
        graph = dask_graph(graph)
    rebuild, args = collection.__dask_postpersist__()
    return rebuild(graph, *args, rename=new_names)
