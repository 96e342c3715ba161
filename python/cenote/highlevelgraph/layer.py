"""A layer: the named part of a high level graph, and the kind of layer that holds its tasks in a mapping."""

from __future__ import annotations

import abc
import html
from collections.abc import Collection, Hashable, Iterator, Mapping, Set
from functools import cached_property
from typing import Any

from cenote import _dask

Key = Hashable


class Layer(Mapping[Key, Any]):
    """A mapping of keys to tasks that may be written shorter than task by task.

    A layer that makes its tasks only when asked is *not materialized*; what is defined here makes them. A kind of
    layer that can do without overrides :meth:`output_keys`, :meth:`cull` and :meth:`clone`.

    Parameters
    ----------
    annotations : mapping, optional
        What a scheduler may want to know of these tasks, such as ``{"priority": 10}``; by default what
        :func:`cenote.annotate` says at the moment. A value may be a function of the key.
    collection_annotations : mapping, optional
        What the picture of the graph says of this layer. Not for the scheduler.
    """

    def __init__(
        self,
        annotations: Mapping[str, Any] | None = None,
        collection_annotations: Mapping[str, Any] | None = None,
    ) -> None:
        tell_dask()
        self.annotations = annotations or _annotations_now() or None
        self.collection_annotations = collection_annotations or _collection_annotations_now()

    @abc.abstractmethod
    def is_materialized(self) -> bool:
        """Whether the tasks have been made."""

    @abc.abstractmethod
    def get_output_keys(self) -> Set[Key]:
        """The keys that other layers may refer to."""

    @cached_property
    def has_legacy_tasks(self) -> bool:
        """Whether some tasks are tuples, in which only the set of all keys tells what is a reference."""
        return not all(is_task(task) for task in self.values())

    def get_dependencies(self, key: Key, all_hlg_keys: Collection[Any]) -> set[Key]:
        """The keys that one task refers to.

        Parameters
        ----------
        key : hashable
            The key of the task.
        all_hlg_keys : collection of hashable
            The keys of the whole graph.
        """
        from cenote.core import keys_in_tasks

        task = self[key]
        return set(task.dependencies) if is_task(task) else set(keys_in_tasks(all_hlg_keys, [task]))

    def cull(self, keys: set[Key], all_hlg_keys: Collection[Any]) -> tuple[Layer, Mapping[Key, set[Key]]]:
        """Only what is needed for some keys.

        Parameters
        ----------
        keys : set of hashable
            The keys wanted; those of other layers are ignored.
        all_hlg_keys : collection of hashable
            The keys of the whole graph.

        Returns
        -------
        layer : Layer
            The smaller layer.
        dependencies : mapping
            From each of its keys to the keys that this task refers to.

        Examples
        --------
        >>> layer = MaterializedLayer({"x": 1, "y": (abs, "x"), "z": 3})
        >>> culled, dependencies = layer.cull({"y"}, layer.keys())
        >>> sorted(culled), dependencies["y"]
        (['x', 'y'], {'x'})
        """
        kept: dict[Key, Any] = {}
        dependencies: dict[Key, set[Key]] = {}
        work = [key for key in keys if key in self]
        while work:
            key = work.pop()
            if key in kept:
                continue
            kept[key] = self[key]
            dependencies[key] = self.get_dependencies(key, all_hlg_keys)
            work.extend(other for other in dependencies[key] if other not in kept and other in self)
        if len(kept) == len(self):
            return self, dependencies
        layer = MaterializedLayer(kept)
        layer.annotations, layer.collection_annotations = self.annotations, self.collection_annotations
        return layer, dependencies

    def clone(self, keys: Set[Key], seed: Hashable, bind_to: Key | None = None) -> tuple[Layer, bool]:
        """The same tasks under other keys.

        Parameters
        ----------
        keys : set of hashable
            The keys to change, here and in references, whichever layer they belong to.
        seed : hashable
            Makes the new keys differ; see :func:`cenote.base.clone_key`.
        bind_to : hashable, optional
            The key of a task that must run first: tasks that refer to none of ``keys`` are made to wait for it.

        Returns
        -------
        layer : Layer
            The new layer.
        bound : bool
            Whether any task waits for ``bind_to``.
        """
        from cenote.highlevelgraph.clone import clone_tasks

        tasks, bound = clone_tasks(self, keys, seed, bind_to)
        layer = MaterializedLayer(tasks)
        layer.annotations, layer.collection_annotations = self.annotations, self.collection_annotations
        return layer, bound

    def layer_info_dict(self) -> dict[str, Any]:
        """What the picture of this layer says, its text safe in HTML."""
        info: dict[str, Any] = {
            "layer_type": type(self).__name__,
            "is_materialized": self.is_materialized(),
            "number of outputs": f"{len(self.get_output_keys())}",
        }
        info.update((name, html.escape(str(value))) for name, value in (self.annotations or {}).items())
        shown = {name: value for name, value in (self.collection_annotations or {}).items() if name != "chunks"}
        info.update((name, html.escape(str(value))) for name, value in shown.items())
        return info

    def __copy__(self) -> Layer:
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.get_output_keys())} keys>"

    def _repr_html_(
        self, layer_index: Any = "", highlevelgraph_key: str = "", dependencies: Collection[str] = ()
    ) -> str:
        from cenote.highlevelgraph.html import layer_html

        return layer_html(self, layer_index, highlevelgraph_key, dependencies)


class MaterializedLayer(Layer):
    """A layer whose tasks stand in a mapping.

    Parameters
    ----------
    mapping : mapping
        From keys to tasks; not copied.
    annotations, collection_annotations : mapping, optional
        See :class:`Layer`.

    Raises
    ------
    TypeError
        ``mapping`` is not a mapping.

    Examples
    --------
    >>> dict(MaterializedLayer({"x": 1}))
    {'x': 1}
    """

    def __init__(
        self,
        mapping: Mapping[Key, Any],
        annotations: Mapping[str, Any] | None = None,
        collection_annotations: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(annotations, collection_annotations)
        if not isinstance(mapping, Mapping):
            raise TypeError(f"a layer is made of a mapping from keys to tasks, got {type(mapping).__name__}")
        self.mapping = mapping

    def __contains__(self, key: object) -> bool:
        return key in self.mapping

    def __getitem__(self, key: Key) -> Any:
        return self.mapping[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.mapping)

    def __len__(self) -> int:
        return len(self.mapping)

    def keys(self) -> Any:
        """The keys of the tasks."""
        return self.mapping.keys()

    def values(self) -> Any:
        """The tasks."""
        return self.mapping.values()

    def items(self) -> Any:
        """The tasks with their keys."""
        return self.mapping.items()

    def is_materialized(self) -> bool:
        """True."""
        return True

    def get_output_keys(self) -> Any:
        """All keys."""
        return self.mapping.keys()

    def __reduce__(self) -> tuple[Any, ...]:
        from cenote._dask_graph import layer_reduced

        return layer_reduced(self)


def is_layer(graph: Any) -> bool:
    """Whether this is a layer already, ours or Dask's."""
    if isinstance(graph, Layer):
        return True
    dask = _dask.module("highlevelgraph")
    return dask is not None and isinstance(graph, dask.Layer)


def is_task(task: Any) -> bool:
    """Whether this is a task object, ours or Dask's."""
    from cenote.task_spec import GraphNode

    if isinstance(task, GraphNode):
        return True
    dask = _dask.module("_task_spec")
    return dask is not None and isinstance(task, dask.GraphNode)


def tell_dask() -> None:
    """Let Dask, where it is loaded, take our layers and graphs for what they are."""
    global _told
    dask = _dask.module("highlevelgraph")
    if dask is None or dask is _told or not hasattr(dask, "HighLevelGraph"):
        return
    from cenote.highlevelgraph import HighLevelGraph

    if dask.Layer is not Layer:
        dask.Layer.register(Layer)
        dask.HighLevelGraph.register(HighLevelGraph)
    _told = dask


_told: Any = None


def _annotations_now() -> dict[str, Any]:
    from cenote.base import get_annotations

    return dict(get_annotations())


def _collection_annotations_now() -> dict[str, Any] | None:
    from cenote import config

    found = config.get("collection_annotations", None)
    return dict(found) if found else None
