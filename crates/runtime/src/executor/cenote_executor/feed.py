"""Feeds: what is told again and again to somebody who looks on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
from distributed.protocol import pickle
from distributed.utils import key_split

from cenote_executor.function import finished, scheduler_at
from cenote_executor.graph import plain

#: The functions that draw bars.
BARS = {
    f"distributed.diagnostics.progressbar.{bar}.listen.<locals>.setup" for bar in ("ProgressBar", "MultiProgressBar")
}
#: The one that counts all tasks.
COUNTS = "distributed.diagnostics.progress.AllProgress"

_feeds: dict[int, Feed] = {}


def feed(
    scheduler: str,
    local_directory: str,
    number: int,
    setup: bytes | None = None,
    function: bytes | None = None,
    teardown: bytes | None = None,
    **_ignored: Any,
) -> Iterator[dict[str, Any]]:
    """Says what a feed is about: the progress of some keys, that of all, or what a function says."""
    made: Any = pickle.loads(setup) if setup else None
    where = f"{getattr(made, '__module__', '')}.{getattr(made, '__qualname__', '')}"
    if where in BARS:
        yield {"value": progress(made)}
    elif where == COUNTS:
        yield {"value": {"all": True}}
    else:
        stands_for = scheduler_at(scheduler, local_directory)
        _feeds[number] = Feed(stands_for, made, pickle.loads(function), pickle.loads(teardown) if teardown else None)
        yield {"value": {"function": True}}


def progress(setup: Any) -> dict[str, Any]:
    """Which keys a bar is about, and how they are counted."""
    said = inspect.getclosurevars(setup).nonlocals
    group_by = said.get("group_by")
    by = "prefix" if group_by is key_split else group_by
    if by not in (None, "prefix", "spans"):
        raise NotImplementedError("this scheduler groups progress by prefix or by spans only")
    keys = msgpack.packb(list(said["keys"]), default=plain)
    return {"keys": keys, "complete": bool(said["complete"]), "group_by": by}


def feed_next(number: int, **_ignored: Any) -> Iterator[dict[str, Any]]:
    """What a feed says now."""
    if number not in _feeds:
        raise RuntimeError("the executor that knew this feed has died")
    yield {"value": _feeds[number].say()}


def feed_end(number: int, **_ignored: Any) -> Iterator[dict[str, Any]]:
    """Nobody listens to a feed any more."""
    if ended := _feeds.pop(number, None):
        ended.end()
    yield {"value": None}


class Feed:
    """A feed that a function makes."""

    def __init__(
        self,
        scheduler: Any,
        setup: Callable[..., Any] | None,
        function: Callable[..., Any],
        teardown: Callable[..., Any] | None,
    ) -> None:
        self._scheduler, self._function, self._teardown = scheduler, function, teardown
        self._state = finished(setup(scheduler)) if setup else None

    def say(self) -> Any:
        """What the function says."""
        state = () if self._state is None else (self._state,)
        return self._function(self._scheduler, *state)

    def end(self) -> None:
        """Lets the feed clean up."""
        if self._teardown:
            self._teardown(self._scheduler, self._state)
