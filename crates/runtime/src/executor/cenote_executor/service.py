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
from cenote_executor.function import current_scheduler, dump_cluster_state_to_url, group_workers, run_function
from cenote_executor.graph import materialize
from cenote_executor.plugin import (
    close_plugins,
    hearing,
    preload,
    register_scheduler_plugin,
    tell_plugins,
    unregister_scheduler_plugin,
)
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
        tell_plugins,
        close_plugins,
        preload,
        feed,
        feed_next,
        feed_end,
        dump_cluster_state_to_url,
    )
} | {"workers_to_close": group_workers, "retire_workers": group_workers}

#: Those in which no plugin can come or go.
READING = ("materialize", "plan_shuffle")


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
        operation = request.pop("op")
        messages = OPERATIONS[operation](**request)
        # An expression can be large: it goes as soon as it has been read.
        del request
        for message in messages:
            if buffers := message.pop("buffers", ()):
                message["buffers"] = len(buffers)
            channel.write(message, buffers)
            # It may hold what nobody else does: it goes before the next one is made.
            del message, buffers
        if operation not in READING:
            channel.write({"hearing": hearing(current_scheduler())})
        channel.write({"status": "OK"})
    except Closed:
        raise
    except BaseException as error:
        if not isinstance(error, Exception):
            # Raised in a client, it would end the thread that hears it, and the client would wait for ever.
            error = RuntimeError(
                f"what was to run beside the scheduler ended itself ({error!r}), which ends nothing here"
            )
        channel.write(dict(error_message(error), status="error"))
