"""The state of a run as callbacks see it: Dask's names, made only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from cenote import _dask

__all__ = ["State", "TaskObjects"]

_NAMES = (
    "cache",
    "dependencies",
    "dependents",
    "finished",
    "ready",
    "released",
    "running",
    "waiting",
    "waiting_data",
)


class State(Mapping[str, Any]):
    """A run's tasks by what has become of them.

    ``finished``, ``released``, ``running`` are sets of keys, ``ready`` is a list of keys (the next one last),
    ``waiting`` and ``waiting_data`` map keys to sets of keys (dependencies that have not finished, dependents that
    have not), ``dependencies`` and ``dependents`` map keys to sets of keys, ``cache`` maps keys to results. Ask anew
    for a name whenever the present value is wanted.
    """

    def __init__(self, stepper: Any, cache: MutableMapping[Any, Any] | None) -> None:
        self._stepper = stepper
        self._finished: set[Any] = set()
        self._running: set[Any] = set()
        self._released: set[Any] = set()
        self._dependencies: dict[Any, set[Any]] | None = None
        self._dependents: dict[Any, set[Any]] | None = None
        self._to_run = sum(not stepper.result(number)[0] for number in stepper.needed())
        self._cache = cache
        if cache is not None:
            for number in stepper.needed():
                known, value = stepper.result(number)
                if known:
                    cache[stepper.key(number)] = value

    def start(self, key: Any) -> None:
        """Note that a task has been handed out."""
        self._running.add(key)

    def finish(self, key: Any, result: Any, released: list[int]) -> None:
        """Note that a task has finished, and whose results went with it."""
        self._running.discard(key)
        self._finished.add(key)
        gone = [self._stepper.key(number) for number in released]
        self._released.update(gone)
        if self._cache is not None:
            self._cache[key] = result
            for key in gone:
                self._cache.pop(key, None)

    def __getitem__(self, name: str) -> Any:
        if name not in _NAMES:
            raise KeyError(name)
        return getattr(self, f"_make_{name}")()

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)

    def _keys(self, numbers: Any) -> set[Any]:
        return {self._stepper.key(number) for number in numbers}

    def _make_finished(self) -> set[Any]:
        return self._finished

    def _make_running(self) -> set[Any]:
        return self._running

    def _make_released(self) -> set[Any]:
        return self._released

    def _make_ready(self) -> list[Any]:
        return [self._stepper.key(number) for number in self._stepper.ready()]

    def _make_cache(self) -> MutableMapping[Any, Any]:
        if self._cache is not None:
            return self._cache
        results = ((number, self._stepper.result(number)) for number in self._stepper.needed())
        return {self._stepper.key(number): value for number, (known, value) in results if known}

    def _make_dependencies(self) -> dict[Any, set[Any]]:
        if self._dependencies is None:
            stepper = self._stepper
            self._dependencies = {
                stepper.key(number): self._keys(stepper.dependencies(number)) for number in stepper.needed()
            }
        return self._dependencies

    def _make_dependents(self) -> dict[Any, set[Any]]:
        if self._dependents is None:
            dependencies = self._make_dependencies()
            dependents: dict[Any, set[Any]] = {key: set() for key in dependencies}
            for key, needs in dependencies.items():
                for need in needs:
                    dependents[need].add(key)
            self._dependents = dependents
        return self._dependents

    def _make_waiting(self) -> Mapping[Any, set[Any]]:
        return _Waiting(self)

    def _waiting_for(self) -> dict[Any, set[Any]]:
        stepper = self._stepper
        waiting = {}
        for number in stepper.needed():
            if stepper.waiting_for(number):
                needs = [need for need in stepper.dependencies(number) if not stepper.result(need)[0]]
                waiting[stepper.key(number)] = self._keys(needs) - self._finished
        return waiting

    def _waiting_len(self) -> int:
        known = len(self._finished) + len(self._running) + int(self._stepper.ready_len)
        return max(0, self._to_run - known)

    def _make_waiting_data(self) -> dict[Any, set[Any]]:
        dependents = self._make_dependents()
        return {key: users - self._finished for key, users in dependents.items() if key not in self._released}


class _Waiting(Mapping[Any, set[Any]]):
    """The tasks that wait for others. Progress bars ask ten times a second how many there are, and for nothing else."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __len__(self) -> int:
        return self._state._waiting_len()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._state._waiting_for())

    def __getitem__(self, key: Any) -> set[Any]:
        return self._state._waiting_for()[key]

    def __repr__(self) -> str:
        return repr(self._state._waiting_for())


class TaskObjects(Mapping[Any, Any]):
    """A graph as callbacks see it once it runs: where Dask is loaded, every task is one of Dask's task objects."""

    def __init__(self, graph: Mapping[Any, Any]) -> None:
        self._graph = graph
        self._keys: set[Any] | None = None

    def __getitem__(self, key: Any) -> Any:
        convert = getattr(_dask.module("_task_spec"), "convert_legacy_graph", None)
        if convert is None:
            return self._graph[key]
        if self._keys is None:
            self._keys = set(self._graph)
        return convert({key: self._graph[key]}, all_keys=self._keys)[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._graph)

    def __len__(self) -> int:
        return len(self._graph)

    def __contains__(self, key: object) -> bool:
        return key in self._graph
