"""The state of a run as callbacks see it: Dask's names, made only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["State"]

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
        self._numbers: set[int] = set()
        self._finished: set[int] = set()
        self._running: set[int] = set()
        self._released: set[int] = set()
        self._dependencies: dict[Any, set[Any]] | None = None
        self._dependents: dict[Any, set[Any]] | None = None
        self._cache = cache
        if cache is not None:
            for number in stepper.needed():
                known, value = stepper.result(number)
                if known:
                    cache[stepper.key(number)] = value

    def start(self, task: int) -> None:
        """Note that a task has been handed out."""
        self._running.add(task)

    def finish(self, task: int, result: Any, released: list[int]) -> None:
        """Note that a task has finished, and whose results went with it."""
        self._running.discard(task)
        self._finished.add(task)
        self._released.update(released)
        if self._cache is not None:
            self._cache[self._stepper.key(task)] = result
            for number in released:
                self._cache.pop(self._stepper.key(number), None)

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
        return self._keys(self._finished)

    def _make_running(self) -> set[Any]:
        return self._keys(self._running)

    def _make_released(self) -> set[Any]:
        return self._keys(self._released)

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

    def _make_waiting(self) -> dict[Any, set[Any]]:
        stepper = self._stepper
        waiting = {}
        for number in stepper.needed():
            if stepper.waiting_for(number):
                needs = stepper.dependencies(number)
                waiting[stepper.key(number)] = {
                    stepper.key(need) for need in needs if need not in self._finished and not stepper.result(need)[0]
                }
        return waiting

    def _make_waiting_data(self) -> dict[Any, set[Any]]:
        finished = self._make_finished()
        released = self._make_released()
        dependents = self._make_dependents()
        return {key: users - finished for key, users in dependents.items() if key not in released}
