"""The types and protocols by which collections of tasks take part in computing.

Whoever has these methods is a collection: `cenote.compute` runs it, and Dask does too.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, Union, runtime_checkable

CollType = TypeVar("CollType", bound="DaskCollection")
CollType_co = TypeVar("CollType_co", bound="DaskCollection", covariant=True)

PostComputeCallable: TypeAlias = Callable[..., Any]
"""Takes the results of a collection's keys and more arguments, and returns its final value."""

Key: TypeAlias = str | int | float | tuple["Key", ...]
"""A key that means the same on every machine. On one machine any hashable will do."""

Graph: TypeAlias = Mapping[Any, Any]
"""A mapping from keys to tasks or values."""

NestedKeys: TypeAlias = list[Union["Key", "NestedKeys"]]
"""Keys in lists, nested at will."""


class NoDefaultType(enum.Enum):
    """The type of `no_default`."""

    no_default = "NO_DEFAULT"

    def __repr__(self) -> str:
        return "<no_default>"


no_default = NoDefaultType.no_default
"""Stands for "no argument given" where `None` is an argument."""

NoDefault: TypeAlias = Literal[NoDefaultType.no_default]


class SchedulerGetCallable(Protocol):
    """Runs graphs: what `scheduler=` and ``__dask_scheduler__`` name."""

    def __call__(self, dsk: Graph, keys: Sequence[Key] | Key, **kwargs: Any) -> Any:
        """Compute `keys` of the graph `dsk`.

        Parameters
        ----------
        dsk : mapping
        keys : key, or list of keys, nested at will
        **kwargs
            What the caller of ``compute`` gave; unknown ones are ignored.

        Returns
        -------
        The results, nested as `keys`.
        """
        raise NotImplementedError


class PostPersistCallable(Protocol[CollType_co]):
    """Makes a collection anew from computed results."""

    def __call__(self, dsk: Graph, *args: Any, rename: Mapping[str, str] | None = None) -> CollType_co:
        """Return a collection like the one it came from, over another graph.

        Parameters
        ----------
        dsk : mapping
            Has at least the collection's keys.
        *args
            What ``__dask_postpersist__`` gave along.
        rename : mapping, optional
            Names that have changed. Names of other collections are to be ignored.
        """
        raise NotImplementedError


@runtime_checkable
class DaskCollection(Protocol):
    """Something that stands for results not computed yet."""

    @abc.abstractmethod
    def __dask_graph__(self) -> Graph:
        """Return the graph that computes it."""
        raise NotImplementedError

    @abc.abstractmethod
    def __dask_keys__(self) -> NestedKeys:
        """Return the keys of its results, as a list nested at will.

        A key is a non-empty string, or a tuple that begins with one: the collection's name.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def __dask_postcompute__(self) -> tuple[PostComputeCallable, tuple[Any, ...]]:
        """Return a function and more arguments for it: applied to the results, it makes the final value."""
        raise NotImplementedError

    @abc.abstractmethod
    def __dask_postpersist__(self) -> tuple[PostPersistCallable[Any], tuple[Any, ...]]:
        """Return a function and more arguments for it: applied to a graph of results, it makes a like collection."""
        raise NotImplementedError

    @abc.abstractmethod
    def __dask_tokenize__(self) -> Hashable:
        """Return what tells it from others; see `cenote.tokenize`."""
        raise NotImplementedError

    __dask_optimize__: Any
    """A static or class method ``(graph, keys, **kwargs) -> graph``, called once for all collections that share it."""

    __dask_scheduler__: staticmethod
    """The `SchedulerGetCallable` that runs it unless somebody chooses another."""

    @abc.abstractmethod
    def compute(self, **kwargs: Any) -> Any:
        """Compute it and return the value.

        Parameters
        ----------
        scheduler : str, callable or executor, optional
            Who runs the graph.
        optimize_graph : bool
            Whether the graph is optimized first (the default).
        **kwargs
            For the scheduler.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def persist(self: CollType, **kwargs: Any) -> CollType:
        """Compute it and return a collection that holds the results; on a cluster, without waiting for them.

        Parameters
        ----------
        **kwargs
            As for `compute`.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def visualize(
        self, filename: str = "mydask", format: str | None = None, optimize_graph: bool = False, **kwargs: Any
    ) -> Any:
        """Draw the graph.

        Parameters
        ----------
        filename : str or None
            Where to write the picture; none: nowhere.
        format : {'svg', 'png', 'pdf', 'dot'}, optional
            By default what the ending of `filename` says.
        optimize_graph : bool
            Whether to draw the graph as optimized.
        **kwargs
            How to draw it.
        """
        raise NotImplementedError


@runtime_checkable
class HLGDaskCollection(DaskCollection, Protocol):
    """A collection whose graph consists of layers."""

    @abc.abstractmethod
    def __dask_layers__(self) -> Sequence[str]:
        """Return the names of the layers that have its keys."""
        raise NotImplementedError
