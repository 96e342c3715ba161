"""Compares what a release of Dask and distributed says with what our scheduler understands, before users find out.

::

    early_warning.py                        the release that this Python has
    early_warning.py --cenote PROGRAM       with this program instead of the one beside this Python

Ours is asked what it understands (``cenote protocol``); of the release, the objects are asked: which handlers a
scheduler, a worker, a nanny and a client have, which fields these take, which settings there are, and which flags.
What differs and is meant to stands in ``lists/protocol.known``, with its reason. The exit code is 1 if anything else
differs.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import fnmatch
import functools
import inspect
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import dask
import distributed
import yaml

KNOWN = Path(__file__).parent / "lists" / "protocol.known"
#: Parameters of handlers that are no fields of messages.
NO_FIELDS = {"comm", "self", "args", "kwargs", "extra"}

Fields = set[str] | None
Handlers = dict[str, Fields]


def fields(handler: Callable[..., Any]) -> tuple[Fields, set[str]]:
    """The fields that a handler takes, nothing if it takes any; and those of them that it must have."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    event = inspect.getclosurevars(handler).nonlocals.get("cls") if inspect.isfunction(handler) else None
    if dataclasses.is_dataclass(event):
        members = [each for each in dataclasses.fields(event) if each.init]
        missing = dataclasses.MISSING
        required = {each.name for each in members if each.default is missing and each.default_factory is missing}
        return {each.name for each in members}, required
    parameters = inspect.signature(handler).parameters.values()
    named = {each.name: each for each in parameters if each.name not in NO_FIELDS}
    required = {
        name for name, each in named.items() if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }
    anything = any(each.kind is each.VAR_KEYWORD for each in parameters)
    return (None if anything and not named else set(named)), required


async def objects() -> dict[str, dict[str, Callable[..., Any]]]:
    """The handlers of a scheduler, a worker, a nanny and a client of the release."""
    quiet = {"protocol": "tcp://", "dashboard_address": ":0"}
    async with distributed.Scheduler(host="127.0.0.1", port=0, **quiet) as scheduler:
        async with distributed.Worker(scheduler.address, dashboard_address=":0") as worker:
            async with distributed.Client(scheduler.address, asynchronous=True) as client:
                return {
                    "requests": dict(scheduler.handlers),
                    "streams": dict(scheduler.stream_handlers),
                    "worker-requests": dict(worker.handlers),
                    "to-worker": dict(worker.stream_handlers),
                    "nanny-requests": dict(distributed.Nanny(scheduler.address).handlers),
                    "to-client": dict(client._stream_handlers),
                }


def settings() -> set[str]:
    """The settings that the release has, without those that are names of users."""
    whole = yaml.safe_load((Path(distributed.__file__).parent / "distributed.yaml").read_text(encoding="utf-8"))

    def flat(name: str, value: Any) -> Iterable[str]:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from flat(f"{name}.{key}" if name else key, inner)
        else:
            yield name

    return set(flat("", whole))


def flags() -> set[str]:
    """The flags of ``dask scheduler``."""
    from distributed.cli.dask_scheduler import main

    words = [word for option in main.params for word in (*option.opts, *option.secondary_opts)]
    return {word for word in words if word.startswith("--")}


class Known:
    """The list of what differs and is meant to: a kind and a pattern a line, with the reason."""

    def __init__(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        words = [line.partition("#")[0].split() for line in lines]
        self.patterns = [(kind, pattern) for kind, pattern in filter(None, words)]

    def __contains__(self, difference: tuple[str, str]) -> bool:
        kind, name = difference
        return any(kind == each and fnmatch.fnmatchcase(name, pattern) for each, pattern in self.patterns)


def same(name: str) -> str:
    """A setting's name, of whichever spelling."""
    return name.replace("_", "-")


def differences(ours: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What one side has and the other has not: its kind, its name, and what that means."""
    theirs = asyncio.run(objects())
    understood = {**ours["from_client"], **ours["from_worker"]}
    found: list[tuple[str, str, str]] = []

    def new_and_gone(kind: str, has: Iterable[str], speaks: Iterable[str]) -> None:
        has, speaks = set(has), set(speaks)
        found.extend((kind, name, "new: not understood here") for name in has - speaks)
        found.extend((f"own-{kind}", name, "gone: only spoken here") for name in speaks - has)

    new_and_gone("requests", theirs["requests"], ours["requests"])
    new_and_gone("streams", theirs["streams"], understood)
    new_and_gone("to-worker", theirs["to-worker"], ours["to_worker"])
    new_and_gone("to-client", theirs["to-client"], ours["to_client"])
    new_and_gone("settings", map(same, settings()), map(same, ours["settings"]))
    new_and_gone("flags", flags(), ours["flags"])
    for kind in ("worker-requests", "nanny-requests"):
        found.extend((kind, name, "new: never said here") for name in theirs[kind])
    for kind, spoken in (("requests", ours["requests"]), ("streams", understood)):
        for op in theirs[kind].keys() & spoken.keys():
            takes, _ = fields(theirs[kind][op])
            missing = (takes or set()) - set(spoken[op]) - set(ours["envelope"])
            found.extend((f"{kind}-fields", f"{op}.{name}", "new: passed over here") for name in missing)
    for kind, spoken in (("to-worker", ours["to_worker"]), ("to-client", ours["to_client"])):
        for op in theirs[kind].keys() & spoken.keys():
            takes, required = fields(theirs[kind][op])
            says = set(spoken[op])
            strange = set() if takes is None else says - takes
            found.extend((f"{kind}-fields", f"{op}.{name}", "new: must be said") for name in required - says)
            found.extend((f"{kind}-fields", f"{op}.{name}", "gone: is said, and not expected") for name in strange)
    return found


def main() -> int:
    """Tell what differs."""
    parser = argparse.ArgumentParser(
        description="Compare a release of distributed with what our scheduler understands."
    )
    parser.add_argument("--cenote", default=str(Path(sys.executable).with_name("cenote")), help="our program")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    said = subprocess.run([options.cenote, "protocol"], check=True, capture_output=True, text=True)
    found, known = differences(json.loads(said.stdout)), Known(KNOWN)
    unknown = sorted(each for each in found if each[:2] not in known)
    for kind, name, meaning in unknown:
        print(f"{kind} {name}: {meaning}")
    print(
        f"dask {dask.__version__}, distributed {distributed.__version__}: {len(unknown)} unknown differences, "
        f"{len(found) - len(unknown)} known ones"
    )
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
