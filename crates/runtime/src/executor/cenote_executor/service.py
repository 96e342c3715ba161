"""The service: answers the scheduler's requests, one after another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import dask
import distributed
from distributed.core import error_message
from distributed.protocol import core
from distributed.versions import get_versions

from cenote_executor.channel import Channel, Closed
from cenote_executor.feed import feed, feed_end, feed_next
from cenote_executor.function import (
    dump_cluster_state_to_url,
    group_workers,
    register_scheduler_plugin,
    run_function,
    unregister_scheduler_plugin,
)
from cenote_executor.graph import materialize
from cenote_executor.shuffle import plan_shuffle

#: What can be asked for: the answer is some messages, and the end.
OPERATIONS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    operation.__name__: operation
    for operation in (
        materialize,
        plan_shuffle,
        run_function,
        register_scheduler_plugin,
        unregister_scheduler_plugin,
        feed,
        feed_next,
        feed_end,
        dump_cluster_state_to_url,
    )
} | {"workers_to_close": group_workers, "retire_workers": group_workers}


def greeting() -> dict[str, Any]:
    """What this process is."""
    return {
        "status": "OK",
        "interpreter": sys.executable,
        "dask": dask.__version__,
        "distributed": distributed.__version__,
        "versions": get_versions(),
    }


def serve(into: int, out: int) -> None:
    """Answers requests until the scheduler closes the channel."""
    channel = Channel(into, out)
    try:
        channel.write(greeting())
        while True:
            answer(channel, channel.read())
    except Closed:
        pass


def answer(channel: Channel, frames: list[memoryview]) -> None:
    """Answers one request, by an error if there is one."""
    # Whatever happens from now on is the request's own fault.
    channel.write({"taken": True})
    try:
        request = core.loads(frames, deserialize=False)
        del frames
        messages = OPERATIONS[request.pop("op")](**request)
        # An expression can be large: it goes as soon as it has been read.
        del request
        for message in messages:
            channel.write(message)
        channel.write({"status": "OK"})
    except Closed:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            error = RuntimeError("the executor was interrupted")
        channel.write(dict(error_message(error), status="error"))
