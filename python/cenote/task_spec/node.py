"""Nodes of a graph that call nothing: references, other names, and data; and what all nodes share."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

Key = Hashable

no_dependencies: frozenset[Key] = frozenset()
_anonymous = itertools.count()


class TaskRef:
    """A reference to the result of another task, for use among the arguments of a :class:`Task`.

    Parameters
    ----------
    key : hashable
        The key of the task referred to.

    Examples
    --------
    >>> from cenote.task_spec import Task, TaskRef
    >>> Task("y", abs, TaskRef("x"))({"x": -2})
    2
    """

    __slots__ = ("key",)

    def __init__(self, key: Key) -> None:
        self.key = key

    def __str__(self) -> str:
        return str(self.key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskRef) and self.key == other.key

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reduced_for_dask(self) or (type(self), (self.key,))

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return ("TaskRef", self.key)

    def substitute(self, subs: Mapping[Key, Any], key: Key | None = None) -> Any:
        """What stands here once ``subs`` is applied: a reference, or the node that replaces it."""
        if self.key not in subs:
            return self
        new = subs[self.key]
        if isinstance(new, GraphNode):
            return new.substitute({}, key=self.key)
        return new if isinstance(new, TaskRef) else TaskRef(new)


class GraphNode:
    """What a graph of task objects maps its keys to. Immutable; call it with the results it depends on."""

    __slots__ = ("_dependencies", "key")

    key: Any
    _dependencies: frozenset[Key]

    def __call__(self, values: Any = ()) -> Any:
        """Compute this node.

        Parameters
        ----------
        values : mapping
            The result of every key in :attr:`dependencies`.

        Raises
        ------
        RuntimeError
            A dependency has no value.
        """
        raise NotImplementedError

    @property
    def dependencies(self) -> frozenset[Key]:
        """The keys this node refers to."""
        return self._dependencies

    @property
    def data_producer(self) -> bool:
        """Whether this node brings data in, as a file reader does."""
        return False

    @property
    def block_fusion(self) -> bool:
        """Whether the optimizer must leave this node alone."""
        return False

    @property
    def is_coro(self) -> bool:
        """Whether calling this node gives a coroutine."""
        return False

    def ref(self) -> Alias:
        """A reference to this node."""
        return Alias(self.key)

    def copy(self) -> GraphNode:
        """Another node that says the same."""
        raise NotImplementedError

    def substitute(self, subs: Mapping[Key, Any], key: Key | None = None) -> Any:
        """This node with some references changed; itself if nothing changes.

        Parameters
        ----------
        subs : mapping
            From a key to the key, or the node, that takes its place.
        key : hashable, optional
            The key of the new node.
        """
        raise NotImplementedError

    def _verify_values(self, values: Any) -> None:
        missing = [key for key in self._dependencies if key not in values]
        if missing:
            raise RuntimeError(f"not enough arguments for {self.key!r}: missing keys {set(missing)}")

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __copy__(self) -> GraphNode:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reduced_for_dask(self) or super().__reduce_ex__(protocol)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        from cenote.tokenize import tokenize

        return self is other or tokenize(self) == tokenize(other)

    def __hash__(self) -> int:
        from cenote.tokenize import tokenize

        return hash(tokenize(self))


class Alias(GraphNode):
    """Another name for a result.

    Parameters
    ----------
    key : hashable
        The name this node has.
    target : hashable, optional
        The name of the result; ``key`` itself if left out, which makes the node a mere reference.

    Examples
    --------
    >>> Alias("y", "x")({"x": 5})
    5
    """

    __slots__ = ("target",)
    target: Any

    def __init__(self, key: Any, target: Any = None) -> None:
        self.key = key.key if isinstance(key, TaskRef) else key
        if isinstance(target, Alias):
            target = target.target
        elif isinstance(target, TaskRef):
            target = target.key
        self.target = self.key if target is None else target
        self._dependencies = frozenset((self.target,))

    def __call__(self, values: Any = ()) -> Any:
        """The result of the target."""
        self._verify_values(values)
        return values[self.target]

    def copy(self) -> Alias:
        """Another alias of the same."""
        return Alias(self.key, self.target)

    def substitute(self, subs: Mapping[Key, Any], key: Key | None = None) -> Any:
        """See :meth:`GraphNode.substitute`."""
        name = subs.get(self.key, self.key)
        target = subs.get(self.target, self.target)
        if name is self.key and target is self.target:
            return self
        if isinstance(target, (GraphNode, TaskRef)):
            return target.substitute({}, key=key)
        if key is None and isinstance(name, GraphNode):
            raise RuntimeError(f"cannot put {name!r} in place of the key of alias {self.key!r}: give a new key")
        return Alias(name if key is None else key, target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alias) and self.key == other.key and self.target == other.target

    def __hash__(self) -> int:
        return hash((self.key, self.target))

    def __reduce__(self) -> tuple[Any, ...]:
        return Alias, (self.key, self.target)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return ("Alias", self.key, self.target)

    def __repr__(self) -> str:
        return f"Alias({self.key!r})" if self.key == self.target else f"Alias({self.key!r}->{self.target!r})"


class DataNode(GraphNode):
    """A value that is there already. It is never searched for references.

    Parameters
    ----------
    key : hashable
        Its key; ``None`` makes one up.
    value
        The value.

    Examples
    --------
    >>> DataNode("x", ("not", "a", "task"))()
    ('not', 'a', 'task')
    """

    __slots__ = ("typ", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key = (type(value).__name__, next(_anonymous)) if key is None else key
        self.value = value
        self.typ = type(value)
        self._dependencies = no_dependencies

    @property
    def data_producer(self) -> bool:
        """True: data comes from here."""
        return True

    def __call__(self, values: Any = ()) -> Any:
        """The value."""
        return self.value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def copy(self) -> DataNode:
        """Another node with the same value."""
        return DataNode(self.key, self.value)

    def substitute(self, subs: Mapping[Key, Any], key: Key | None = None) -> DataNode:
        """See :meth:`GraphNode.substitute`; a value has no references, so only the key may change."""
        return self if key is None or key == self.key else DataNode(key, self.value)

    def __reduce__(self) -> tuple[Any, ...]:
        return DataNode, (self.key, self.value)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return ("DataNode", self.value)

    def __repr__(self) -> str:
        return f"DataNode({self.value!r})"


def _reduced_for_dask(node: Any) -> tuple[Any, ...] | None:
    from cenote._dask_graph import task_reduced

    return task_reduced(node)
