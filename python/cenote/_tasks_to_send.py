"""Tasks of delayed calls on their way out of this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cenote._native import DelayedGraph


class TasksToSend(Mapping[Any, Any]):
    """Some tasks of a graph of delayed calls, to be pickled. A dict of Dask's task objects arrives.

    The objects are made there, not here, unless somebody asks for them.

    Parameters
    ----------
    graph : DelayedGraph
        The graph.
    """

    def __init__(self, graph: DelayedGraph) -> None:
        self.graph = graph
        self.sent: dict[Any, Any] = {}
        """By key, what pickles as the task."""

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.sent,)

    def __getitem__(self, key: Any) -> Any:
        if key not in self.sent:
            raise KeyError(key)
        return self.graph[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.sent)

    def __len__(self) -> int:
        return len(self.sent)
